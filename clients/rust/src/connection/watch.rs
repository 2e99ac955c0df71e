//! Is the server still there? And, while at it, a tick for the sessions' own deadlines.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use riverrun_protocol::request::{Ping, Request};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::call::Slot;
use super::outbox::{Outgoing, Track};
use super::registry::Next;
use super::{Shared, head};
use crate::config::ClientConfig;
use crate::error::Disconnect;

const TICK: Duration = Duration::from_secs(1);

pub(super) struct Watch {
    shared: Arc<Shared>,
    /// Weak, so that watching keeps no connection alive.
    outbox: mpsc::WeakUnboundedSender<Outgoing>,
    keep_alive_interval: Duration,
    silence_max: Duration,
}

impl Watch {
    pub(super) fn new(shared: Arc<Shared>, outbox: mpsc::WeakUnboundedSender<Outgoing>, config: &ClientConfig) -> Self {
        let ClientConfig { keep_alive_interval, silence_max, .. } = *config;
        Self { shared, outbox, keep_alive_interval, silence_max }
    }

    /// Ends when the server has been silent for too long although something was pending.
    pub(super) async fn run(self) -> Disconnect {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pinged = None;
        loop {
            let now = ticks.tick().await;
            let silence = self.shared.silence();
            if silence >= self.silence_max && !self.shared.registry.is_idle() {
                return Disconnect::Silent(silence);
            }
            if silence >= self.keep_alive_interval && pinged.is_none_or(|at: Instant| now - at > silence) {
                pinged = Some(now);
                self.ping();
            }
            self.tick_sessions(now);
        }
    }

    /// Makes the server say something. While the answer is outstanding, something is pending, so a dead server is noticed
    /// even by a client that waits for nothing else.
    fn ping(&self) {
        let Some(outbox) = self.outbox.upgrade() else { return };
        let id = self.shared.next_id();
        let (answer, _) = oneshot::channel();
        if self.shared.registry.insert(id, Slot::call(answer)).is_ok() {
            let head = head(id, &Request::Ping(Ping { nonce: id }), 0);
            let _ = outbox.send(Outgoing { head, batch: Bytes::new(), track: Track::None });
        }
    }

    fn tick_sessions(&self, now: Instant) {
        for (id, session) in self.shared.registry.sessions() {
            if session.on_tick(now) == Next::Ended {
                self.shared.registry.remove(id);
            }
        }
    }
}
