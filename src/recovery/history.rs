//! The epochs before this one, as the catalog tells of them.

use std::collections::BTreeMap;

use riverrun_core::control::{EpochRow, JournalLossRow, ServingRow, keys};
use riverrun_core::stored::StoredError;

use super::RecoveryError;
use crate::catalog::{Catalog, keys_under, scan_all};

#[derive(Clone, Debug, Default)]
pub struct History {
    epochs: BTreeMap<u64, Facts>,
    /// What operators gave up, by the epoch that began without it.
    pub losses: BTreeMap<u64, JournalLossRow>,
}

#[derive(Clone, Debug, Default)]
struct Facts {
    row: Option<EpochRow>,
    serving: Option<ServingRow>,
    closed: bool,
}

/// An epoch that served and did not say goodbye: what it acknowledged may be in its journals alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UncleanEpoch {
    pub number: u64,
    pub row: EpochRow,
    pub serving: ServingRow,
}

impl History {
    pub async fn read(catalog: &dyn Catalog, my_epoch: u64) -> Result<Self, RecoveryError> {
        let mut history = Self::default();
        for (key, value) in scan_all(catalog, keys_under(keys::EPOCH_PREFIX)).await? {
            let Some(key) = keys::parse_epoch(&key) else { continue };
            history.add(key, &value).map_err(|error| RecoveryError::stored("the catalog", error))?;
        }
        history.epochs.retain(|number, _| *number < my_epoch);
        history.losses.retain(|number, _| *number < my_epoch);
        Ok(history)
    }

    fn add(&mut self, key: keys::EpochKey, value: &[u8]) -> Result<(), StoredError> {
        match key {
            keys::EpochKey::Epoch(number) => self.facts(number).row = Some(EpochRow::decode(value)?),
            keys::EpochKey::Serving(number) => self.facts(number).serving = Some(ServingRow::decode(value)?),
            keys::EpochKey::Closed(number) => self.facts(number).closed = true,
            keys::EpochKey::JournalLoss(number) => {
                self.losses.insert(number, JournalLossRow::decode(value)?);
            }
        }
        Ok(())
    }

    fn facts(&mut self, number: u64) -> &mut Facts {
        self.epochs.entry(number).or_default()
    }

    /// Every epoch that may have named chunks, oldest first.
    pub fn registered(&self) -> impl Iterator<Item = (u64, &EpochRow)> {
        self.epochs.iter().filter_map(|(number, facts)| Some((*number, facts.row.as_ref()?)))
    }

    /// The newest epoch that served, unless it closed cleanly. Only its journals count, and those it had inherited itself: an
    /// epoch that began to serve had taken over everything before it, and one that did not begin accepted nothing.
    pub fn unclean(&self) -> Option<UncleanEpoch> {
        let (number, facts) = self.epochs.iter().rev().find(|(_, facts)| facts.serving.is_some())?;
        let (row, serving) = (facts.row.clone()?, facts.serving.clone()?);
        (!facts.closed).then_some(UncleanEpoch { number: *number, row, serving })
    }
}
