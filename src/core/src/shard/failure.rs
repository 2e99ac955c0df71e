//! The end after which nothing is acknowledged (reliability.md P9, D8): a journal write failed, or a newer epoch took the store.

use riverrun_protocol::error::{ErrorCode, ErrorFrame, Outcome};

use super::acks::AckTo;
use super::{Shard, Turn};
use crate::action::Action;

impl Shard {
    /// Whoever waits for an ack is told that the append may have been done: its bytes may be on the disk. What was not accepted
    /// has certainly no effect.
    pub(super) fn fail_shard(&mut self, turn: &mut Turn<'_>, reason: &str) {
        if std::mem::replace(&mut self.failed, true) {
            return;
        }
        let maybe = ErrorFrame { outcome: Outcome::MaybeDone, ..storage_error(reason) };
        let not_done = ErrorFrame { outcome: Outcome::NotDone, ..storage_error(reason) };
        self.refuse_all_deferred(turn, &not_done);
        self.fail_held_refusals(turn, &not_done);
        self.fail_append_sessions(turn, &maybe, &not_done);
        self.refuse_waiting(turn, &not_done);
        self.fail_accepted(turn, &maybe);
        self.fail_closes(turn, reason);
        turn.actions.push(Action::Fatal { reason: reason.to_owned() });
    }

    /// Single appends that were accepted; those of standard streams may wait for their chunk.
    fn fail_accepted(&mut self, turn: &mut Turn<'_>, error: &ErrorFrame) {
        let mut acks: Vec<_> = self.writer.take_pending().into_iter().map(|append| append.ack).collect();
        for key in self.streams.slab.keys().collect::<Vec<_>>() {
            acks.extend(std::mem::take(&mut self.streams[key].awaiting_store));
        }
        for ack in acks {
            if let AckTo::Request(connection, id) = ack.to {
                self.fail(turn, connection, id, error.clone());
                self.end_request(connection, id);
            }
        }
    }
}

pub(super) fn storage_error(reason: &str) -> ErrorFrame {
    ErrorFrame::new(ErrorCode::Storage, format!("{reason}; the server stops, and what it acknowledged is safe"))
}
