//! A graceful stop: nothing new, everything accepted acknowledged, everything published, then one last block that says so.

use riverrun_protocol::error::{ErrorCode, ErrorFrame};

use super::{Shard, Turn};
use crate::action::Action;

impl Shard {
    /// The clients are told by the driver, which knows every connection and each once.
    ///
    /// Appends that were received but not accepted are refused, which is certain and quick: accepting them may need room that
    /// only an unreachable store could make.
    pub(super) fn on_drain_requested(&mut self, turn: &mut Turn<'_>) {
        if std::mem::replace(&mut self.draining, true) {
            return;
        }
        self.refuse_all_deferred(turn, &draining_error());
        self.refuse_waiting(turn, &draining_error());
        self.fail_readers(turn, |is_session| !is_session);
    }

    /// Read sessions go on to the end, so that followers see what is acknowledged until then; an error, not a clean end, tells
    /// them that the stream goes on elsewhere or later.
    pub(super) fn finish_drain(&mut self, turn: &mut Turn<'_>) {
        if !self.draining || self.drained || !self.writer.is_idle() || !self.lanes.is_empty() {
            return;
        }
        if let Some(journal) = self.writer.journal()
            && journal.final_watermark_due(self.backlog.needed_from(journal.next_number()))
        {
            return self.write_watermark(turn);
        }
        self.drained = true;
        self.fail_readers(turn, |_| true);
        turn.actions.push(Action::Drained);
    }

    fn fail_readers(&mut self, turn: &mut Turn<'_>, which: impl Fn(bool) -> bool) {
        for key in self.readers.keys().collect::<Vec<_>>() {
            if which(self.readers[key].is_session()) {
                self.fail_reader(turn, key, draining_error());
            }
        }
    }
}

pub(super) fn draining_error() -> ErrorFrame {
    ErrorFrame::new(ErrorCode::Draining, "the server is stopping; reconnect and try again")
}
