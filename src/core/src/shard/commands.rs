//! What command records do to their stream (`s2-semantics.md` B4, B5): fences when their batch gets its numbers, trims when it is
//! stable.

use riverrun_protocol::batch::{Batch, Command};
use riverrun_protocol::types::FencingToken;

use crate::chunk::StreamState;

/// The fencing token in effect.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Fence {
    pub(super) token: FencingToken,
    /// Where the record that set it ends: it may be told when everything below is stable (B9).
    pub(super) set_by: u64,
}

impl Fence {
    /// As a chunk or the catalog has it, which is stable.
    pub(super) fn of(state: &StreamState) -> Self {
        let text = std::str::from_utf8(&state.fencing_token).unwrap_or_default();
        Self { token: FencingToken::new(text).unwrap_or_default(), set_by: 0 }
    }
}

/// What the commands of one batch come to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Effects {
    /// Of several the last one wins.
    pub(super) fence: Option<Fence>,
    /// Clipped to the end of the trim record; 0 = none.
    pub(super) trim_point: u64,
}

impl Effects {
    /// `commands` with the sequence numbers of their records.
    pub(super) fn of<'a>(commands: impl Iterator<Item = (u64, Command<'a>)>) -> Self {
        let mut effects = Self::default();
        for (seq_num, command) in commands {
            let end = seq_num + 1;
            match command {
                // Checked at ingest: a token that is too long does not come here.
                Command::Fence(token) => {
                    effects.fence = FencingToken::new(token).ok().map(|token| Fence { token, set_by: end });
                }
                Command::Trim(earliest) => effects.trim_point = effects.trim_point.max(earliest.min(end)),
            }
        }
        effects
    }

    pub(super) fn of_batch(batch: &Batch) -> Self {
        Self::of(batch.commands())
    }

    /// The state record behind the batch.
    pub(super) fn apply_to(self, state: &mut StreamState) {
        if let Some(fence) = self.fence {
            state.fencing_token = fence.token.as_str().as_bytes().to_vec();
        }
        state.trim_point = state.trim_point.max(self.trim_point);
    }
}
