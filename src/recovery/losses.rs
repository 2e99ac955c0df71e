//! What operators gave up, in this start and in earlier ones: journals, and with them the middle of some streams.

use std::collections::{BTreeMap, HashMap};

use riverrun_core::control::{CutStream, JournalLossRow, LostJournal};
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
}

impl Losses {
    pub fn new(recorded: &BTreeMap<u64, JournalLossRow>) -> Self {
        let mut losses = Self::default();
        for (epoch, row) in recorded {
            row.streams.iter().for_each(|cut| losses.cut(*epoch, *cut));
        }
        losses
    }

    pub fn accept(&mut self, by_epoch: u64, row: JournalLossRow) {
        self.accepted = Some(Accepted { by_epoch, row });
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
    pub fn explain_gap(&mut self, epoch: u64, stream_id: StreamId, ended_at: u64) -> bool {
        let Some(accepted) = &mut self.accepted else { return false };
        if !accepted.row.journals.iter().any(|LostJournal { epoch: lost, .. }| *lost < epoch) {
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
