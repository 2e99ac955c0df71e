//! Connections whose sockets take nothing (reliability.md F47, S14).
//!
//! A session is a cursor, and waits. But what it was given last is held in memory until the socket takes it, with the pages that it
//! lies in: up to a mebibyte each, and nothing else bounds how many there are. So all of it together shares one limit with the pages
//! that are loaded for readers. Where that leaves no room for another load, those go that hold most and have taken nothing for a
//! while: a client that reads 200 KiB/s is never among them, and one that comes back resumes where it was.

use std::cmp::Reverse;
use std::time::Duration;

use super::{Shard, Turn};
use crate::action::Action;
use crate::limits::{LOADED_BYTES_SHORT, OUTPUT_STALL_BYTES_MIN, OUTPUT_STALL_LOOK_PAUSE, OUTPUT_STALL_MAX};

impl Shard {
    /// Bytes of loaded pages, and of frames that no socket has taken yet.
    pub(super) fn held_for_readers(&self) -> usize {
        self.loaded_bytes + self.output_bytes as usize
    }

    pub(super) fn close_stalled(&mut self, turn: &mut Turn<'_>) {
        if self.look_for_stalled_at().is_none_or(|at| at > self.now) {
            return;
        }
        self.stalled_look_at = self.now + OUTPUT_STALL_LOOK_PAUSE;
        let since = self.now.saturating_sub(OUTPUT_STALL_MAX);
        // An ack or a heartbeat that nobody took is not worth a connection.
        let stalled = self.connections.stalled_since(since).filter(|c| c.output_bytes >= OUTPUT_STALL_BYTES_MIN);
        let mut stalled: Vec<_> = stalled.map(|c| (c.output_bytes, c.id)).collect();
        stalled.sort_unstable_by_key(|(bytes, _)| Reverse(*bytes));
        let mut excess = self.held_for_readers().saturating_sub(LOADED_BYTES_SHORT) as u64;
        for (bytes, connection) in stalled {
            if excess == 0 {
                return;
            }
            excess = excess.saturating_sub(bytes);
            self.counters.stalled_closed += 1;
            turn.actions.push(Action::CloseConnection { connection });
        }
    }

    /// `None` while there is room.
    pub(super) fn look_for_stalled_at(&self) -> Option<Duration> {
        (self.held_for_readers() > LOADED_BYTES_SHORT).then_some(self.stalled_look_at)
    }
}
