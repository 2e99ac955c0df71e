//! Who waits for which id.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::response::{Push, Response};
use tokio::time::Instant;

use super::call::Slot;
use crate::error::Disconnect;

/// A frame from the server, parsed.
#[derive(Debug)]
pub(crate) enum Inbound {
    Response(Response),
    Push {
        push: Push,
        /// Of its frame: what records cost in credit.
        body_bytes: u64,
    },
    Error(ErrorFrame),
}

/// Whether a session expects more frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    More,
    Ended,
}

/// The receiving end of a session. Called by the connection's task, which must never wait: an implementation stores and
/// wakes.
pub(crate) trait Session: Debug + Send + Sync {
    /// A frame with the session's id.
    ///
    /// # Errors
    /// What rule of the protocol it breaks. The whole connection ends, and every session hears of it by `on_disconnect`.
    fn on_frame(&self, frame: Inbound) -> Result<Next, String>;

    /// The connection is gone: nothing will be written or received any more.
    fn on_disconnect(&self, cause: &Disconnect);

    /// The server reads nothing from the connection until then: whoever waits for an answer to what was sent goes on waiting.
    fn on_throttled(&self, _until: Instant) {}

    /// About once a second.
    fn on_tick(&self, now: Instant) -> Next;
}

/// The ids in progress, or why the connection is gone.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Open(HashMap<u64, Slot>),
    Gone(Disconnect),
}

impl Default for State {
    fn default() -> Self {
        Self::Open(HashMap::new())
    }
}

impl Registry {
    pub(super) fn is_open(&self) -> bool {
        matches!(*self.lock(), State::Open(_))
    }

    /// Whether nobody waits for anything.
    pub(super) fn is_idle(&self) -> bool {
        matches!(&*self.lock(), State::Open(slots) if slots.is_empty())
    }

    pub(super) fn contains(&self, id: u64) -> bool {
        matches!(&*self.lock(), State::Open(slots) if slots.contains_key(&id))
    }

    /// # Errors
    /// Why the connection is gone.
    pub(super) fn insert(&self, id: u64, slot: Slot) -> Result<(), Disconnect> {
        match &mut *self.lock() {
            State::Open(slots) => {
                slots.insert(id, slot);
                Ok(())
            }
            State::Gone(cause) => Err(cause.clone()),
        }
    }

    pub(super) fn remove(&self, id: u64) -> Option<Slot> {
        match &mut *self.lock() {
            State::Open(slots) => slots.remove(&id),
            State::Gone(_) => None,
        }
    }

    /// A call is taken out, since it gets one frame only; a session stays.
    pub(super) fn receiver(&self, id: u64) -> Option<Slot> {
        let State::Open(slots) = &mut *self.lock() else { return None };
        match slots.get(&id)? {
            Slot::Session(session) => Some(Slot::Session(session.clone())),
            Slot::Call(_) => slots.remove(&id),
        }
    }

    pub(super) fn sessions(&self) -> Vec<(u64, Arc<dyn Session>)> {
        let State::Open(slots) = &*self.lock() else { return Vec::new() };
        slots
            .iter()
            .filter_map(|(id, slot)| match slot {
                Slot::Session(session) => Some((*id, session.clone())),
                Slot::Call(_) => None,
            })
            .collect()
    }

    /// Ends it: nobody can register any more. Returns whoever is still waiting.
    pub(super) fn close(&self, cause: Disconnect) -> Vec<Slot> {
        match std::mem::replace(&mut *self.lock(), State::Gone(cause)) {
            State::Open(slots) => slots.into_values().collect(),
            State::Gone(_) => Vec::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock; if it did, the map would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
