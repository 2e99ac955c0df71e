//! What operators gave up, in this start and in earlier ones: journals, and with them the middle of some streams.

use std::collections::{BTreeMap, HashMap};

use riverrun_core::control::{CutStream, JournalLossRow, LostJournal, shard_of};
use riverrun_protocol::types::StreamId;

/// Where streams were ended because records before the next ones were lost (`core::control::journal_loss`).
#[derive(Clone, Debug, Default)]
pub struct Losses {
    /// Per stream: the epoch that began without the records, and the first number that was missing.
    cuts: HashMap<StreamId, Vec<(u64, u64)>>,
    /// Given up in this start.
    accepted: Option<Accepted>,
}

#[derive(Clone, Debug)]
struct Accepted {
    /// The epoch that begins.
    by_epoch: u64,
    row: JournalLossRow,
    /// How many shards the older epochs had.
    shards: BTreeMap<u64, u16>,
}

impl Accepted {
    /// Whether it was the journal of the shard that the stream had in that epoch.
    fn held(&self, lost: &LostJournal, placement: u64) -> bool {
        self.shards.get(&lost.epoch).is_some_and(|&shards| shard_of(placement, shards) == lost.shard)
    }
}

impl Losses {
    pub fn new(recorded: &BTreeMap<u64, JournalLossRow>) -> Self {
        let mut losses = Self::default();
        for (epoch, row) in recorded {
            row.streams.iter().for_each(|cut| losses.cut(*epoch, *cut));
        }
        losses
    }

    pub fn accept(&mut self, by_epoch: u64, row: JournalLossRow, shards: BTreeMap<u64, u16>) {
        self.accepted = Some(Accepted { by_epoch, row, shards });
    }

    /// What this start gave up; to be recorded together with the word that this epoch serves: until then nothing is given up.
    pub fn into_row(self) -> Option<JournalLossRow> {
        self.accepted.map(|accepted| accepted.row)
    }

    /// Whether a batch of a journal of `epoch` lies behind a place where its stream was ended since.
    pub fn is_beyond_cut(&self, stream_id: StreamId, epoch: u64, first_seq_num: u64) -> bool {
        let cuts = self.cuts.get(&stream_id).map_or(&[][..], Vec::as_slice);
        cuts.iter().any(|&(by_epoch, ended_at)| epoch < by_epoch && first_seq_num >= ended_at)
    }

    /// A journal of `epoch` goes on beyond the stream's known end. True: that follows from a loss that was accepted in this start,
    /// and the stream ends here. In one epoch a stream has only one journal, so what is missing was in an older one.
    pub fn explain_gap(&mut self, epoch: u64, stream_id: StreamId, placement: u64, ended_at: u64) -> bool {
        let Some(accepted) = &mut self.accepted else { return false };
        if !accepted.row.journals.iter().any(|lost| lost.epoch < epoch && accepted.held(lost, placement)) {
            return false;
        }
        tracing::warn!(%stream_id, ended_at, "ends before records that were found: those between were in a lost journal");
        let cut = CutStream { stream_id, ended_at };
        accepted.row.streams.push(cut);
        let by_epoch = accepted.by_epoch;
        self.cut(by_epoch, cut);
        true
    }

    fn cut(&mut self, by_epoch: u64, CutStream { stream_id, ended_at }: CutStream) {
        self.cuts.entry(stream_id).or_default().push((by_epoch, ended_at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Damage in a stream whose own journals were all found is no part of what the operator gave up.
    #[test]
    fn a_gap_follows_only_from_a_lost_journal_of_the_streams_own_shard() {
        let journals = vec![LostJournal { journal_id: [1; 16], epoch: 3, shard: 0 }];
        let row = JournalLossRow { of_epoch: 4, accepted_at_ms: 0, journals, streams: Vec::new() };
        let mut losses = Losses::default();
        losses.accept(5, row, BTreeMap::from([(3, 2), (4, 2)]));
        let (lost, other) = (StreamId([1; 16]), StreamId([2; 16]));
        assert!(!losses.explain_gap(4, other, 7, 10), "shard 1 of 2");
        assert!(!losses.explain_gap(3, lost, 6, 10), "one journal per epoch");
        assert!(losses.explain_gap(4, lost, 6, 10), "shard 0 of 2");
        assert!(losses.is_beyond_cut(lost, 4, 10) && !losses.is_beyond_cut(lost, 4, 9));
        assert!(!losses.is_beyond_cut(other, 4, 10));
        assert_eq!(losses.into_row().expect("accepted").streams, [CutStream { stream_id: lost, ended_at: 10 }]);
    }
}
