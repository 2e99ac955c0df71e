//! Refused conditions that nobody may hear of yet (`s2-semantics.md` B9): a refusal tells what the stream holds, and until that
//! is stable a crash could make it a lie. Then the client hears of the crash instead.

use std::collections::BTreeMap;

use riverrun_protocol::error::ErrorFrame;

use super::acks::AckTo;
use super::conditions::Refusal;
use super::connection::ConnectionKey;
use super::stream::StreamKey;
use super::{Shard, Turn};

/// By stream and by the number below which everything must be stable; then in order of arrival. Each is a single append or the
/// last input of a session, in progress on its connection: there are never more than connections may have of these.
#[derive(Debug, Default)]
pub(super) struct HeldRefusals {
    held: BTreeMap<(StreamKey, u64, u64), Held>,
    arrived: u64,
}

#[derive(Debug)]
struct Held {
    connection: ConnectionKey,
    to: AckTo,
    error: ErrorFrame,
}

impl HeldRefusals {
    fn add(&mut self, stream: StreamKey, revealed_to: u64, held: Held) {
        self.arrived += 1;
        self.held.insert((stream, revealed_to, self.arrived), held);
    }

    /// The next one of this stream that speaks of nothing at or above `stable`.
    fn pop_due(&mut self, stream: StreamKey, stable: u64) -> Option<Held> {
        let (key, _) = self.held.range((stream, 0, 0)..=(stream, stable, u64::MAX)).next()?;
        let key = *key;
        self.held.remove(&key)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    pub(super) fn drop_of(&mut self, connection: ConnectionKey) {
        self.held.retain(|_, held| held.connection != connection);
    }
}

impl Shard {
    /// The batch has no effect, and whoever sent it hears so when what the refusal reveals is stable. A session is poisoned at
    /// once.
    pub(super) fn refuse_revealing(
        &mut self,
        turn: &mut Turn<'_>,
        stream: StreamKey,
        connection: ConnectionKey,
        to: AckTo,
        refusal: Refusal,
    ) {
        let Refusal { error, revealed_to } = refusal;
        if let AckTo::Session(session) = to {
            self.poison(session, error.clone());
        }
        if revealed_to <= self.streams[stream].stable.seq_num {
            return self.refuse_append(turn, connection, to, error);
        }
        self.held_refusals.add(stream, revealed_to, Held { connection, to, error });
    }

    /// More of the stream is stable, and its acks are out.
    pub(super) fn release_refusals(&mut self, turn: &mut Turn<'_>, stream: StreamKey) {
        if self.held_refusals.is_empty() {
            return;
        }
        let stable = self.streams[stream].stable.seq_num;
        while let Some(held) = self.held_refusals.pop_due(stream, stable) {
            self.refuse_append(turn, held.connection, held.to, held.error);
        }
    }

    /// After a failure: what they would have revealed may be lost.
    pub(super) fn fail_held_refusals(&mut self, turn: &mut Turn<'_>, error: &ErrorFrame) {
        for held in std::mem::take(&mut self.held_refusals.held).into_values() {
            if let AckTo::Session(session) = held.to {
                self.poison(session, error.clone());
            }
            self.refuse_append(turn, held.connection, held.to, error.clone());
        }
    }
}
