//! Is the server still there? And, while at it, a tick for the sessions' own deadlines.

use std::sync::Arc;
use std::time::Duration;

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
    ///
    /// A ping that stays unanswered while anything else is heard is no reason to end: a server that is full leaves the
    /// socket unread, with the ping in it, for as long as it takes, and goes on answering and pushing meanwhile. What a client
    /// gives up in that time takes no room here (see `Outgoing`).
    pub(super) async fn run(self) -> Disconnect {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pinged: Option<u64> = None;
        loop {
            let now = ticks.tick().await;
            let silence = self.shared.silence();
            if silence >= self.silence_max && !self.shared.registry.is_idle() {
                return Disconnect::Silent(silence);
            }
            let answered = pinged.is_none_or(|id| !self.shared.registry.contains(id));
            if silence >= self.keep_alive_interval && answered {
                pinged = self.ping();
            }
            self.tick_sessions(now);
        }
    }

    /// Makes the server say something. While the answer is outstanding, something is pending, so a dead server is noticed
    /// even by a client that waits for nothing else.
    fn ping(&self) -> Option<u64> {
        let outbox = self.outbox.upgrade()?;
        let id = self.shared.next_id();
        let (answer, _) = oneshot::channel();
        self.shared.registry.insert(id, Slot::call(answer)).ok()?;
        let head = head(id, &Request::Ping(Ping { nonce: id }), 0);
        outbox.send(Outgoing { head, track: Track::None }).ok()?;
        Some(id)
    }

    fn tick_sessions(&self, now: Instant) {
        for (id, session) in self.shared.registry.sessions() {
            if session.on_tick(now) == Next::Ended {
                self.shared.registry.remove(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use riverrun_protocol::frame::{Cut, FrameKind, cut};
    use riverrun_protocol::response::HelloAccepted;

    fn hello() -> HelloAccepted {
        HelloAccepted {
            version: 1,
            features: 0,
            shards: 1,
            shard: 0,
            frame_body_bytes_max: 0,
            batch_bytes_max: 0,
            batch_records_max: 0,
            agent: String::new(),
        }
    }

    /// A watch over a connection on which nothing arrives but what the test says.
    fn watched() -> (Arc<Shared>, mpsc::UnboundedSender<Outgoing>, mpsc::UnboundedReceiver<Outgoing>, Watch) {
        let shared = Arc::new(Shared::new(hello()));
        let (sender, queue) = mpsc::unbounded_channel();
        let watch = Watch::new(shared.clone(), sender.downgrade(), &ClientConfig::default());
        (shared, sender, queue, watch)
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_server_is_pinged_once_and_then_given_up_within_20_s() {
        let (_shared, _sender, mut queue, watch) = watched();
        let started = Instant::now();
        let cause = watch.run().await;
        assert_eq!(cause, Disconnect::Silent(Duration::from_secs(15)));
        assert!(started.elapsed() <= Duration::from_secs(20));
        let ping = queue.try_recv().expect("a ping");
        let Ok(Cut::Complete { header, .. }) = cut(&ping.head) else { panic!("no frame") };
        assert_eq!(FrameKind::from_byte(header.kind), Some(FrameKind::Ping));
        assert!(queue.try_recv().is_err(), "one is enough until something is heard");
    }

    #[tokio::test(start_paused = true)]
    async fn f_a_server_that_reads_nothing_as_it_said_is_not_silent_meanwhile() {
        for (said, silent_at) in [(Duration::from_secs(3), 18), (Duration::MAX, 45)] {
            let (shared, _sender, _queue, watch) = watched();
            let started = Instant::now();
            shared.on_throttled(said);
            assert_eq!(watch.run().await, Disconnect::Silent(Duration::from_secs(15)));
            assert_eq!(started.elapsed(), Duration::from_secs(silent_at), "{said:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_answers_its_pings_is_kept() {
        let (shared, _sender, mut queue, watch) = watched();
        let mut watching = Box::pin(watch.run());
        for _ in 0..10 {
            tokio::select! {
                cause = &mut watching => panic!("{cause}"),
                ping = queue.recv() => {
                    let Ok(Cut::Complete { header, .. }) = cut(&ping.expect("a ping").head) else { panic!("no frame") };
                    shared.registry.remove(header.id);
                    shared.heard();
                }
            }
        }
        assert!(shared.opened.elapsed() >= Duration::from_secs(50), "a ping every five seconds at most");
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_connection_is_not_pinged() {
        let (shared, _sender, mut queue, watch) = watched();
        let mut watching = Box::pin(watch.run());
        for _ in 0..100 {
            tokio::select! {
                cause = &mut watching => panic!("{cause}"),
                () = tokio::time::sleep(Duration::from_secs(1)) => shared.heard(),
            }
        }
        assert!(queue.try_recv().is_err());
    }
}
