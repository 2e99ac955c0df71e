//! The task that owns the socket.

use std::sync::Arc;

use bytes::BytesMut;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::Shared;
use super::call::Slot;
use super::inbound::Inlet;
use super::outbox::{Outbox, Outgoing};
use super::watch::Watch;
use crate::error::Disconnect;

/// Reads, writes and watches until one of the three ends; then tells everyone who still waits. `unread` is what the server
/// sent right behind its hello.
pub(super) async fn run(
    mut socket: TcpStream,
    unread: BytesMut,
    shared: Arc<Shared>,
    queue: mpsc::UnboundedReceiver<Outgoing>,
    watch: Watch,
) {
    let mut ending = Ending { shared: shared.clone(), outbox: Outbox::new(queue), cause: Disconnect::Dropped };
    let (mut read_half, mut write_half) = socket.split();
    let mut inlet = Inlet::new(&shared, unread);
    ending.cause = tokio::select! {
        cause = inlet.read_all(&mut read_half) => cause,
        written = ending.outbox.write_all(&mut write_half) => written.err().map_or(Disconnect::Dropped, io_cause),
        cause = watch.run() => cause,
    };
    tracing::debug!(cause = %ending.cause, "connection ended");
}

/// Runs however the task ends, be it by a runtime that shuts down: nobody may wait for a connection that is gone.
struct Ending {
    shared: Arc<Shared>,
    outbox: Outbox,
    cause: Disconnect,
}

impl Drop for Ending {
    fn drop(&mut self) {
        // In this order: whether something was sent is settled first, and told second.
        self.outbox.end();
        for slot in self.shared.registry.close(self.cause.clone()) {
            match slot {
                Slot::Call(waiting) => waiting.on_disconnect(&self.cause),
                Slot::Session(session) => session.on_disconnect(&self.cause),
            }
        }
    }
}

// By value, as `map_or` hands it over.
#[allow(clippy::needless_pass_by_value)]
pub(super) fn io_cause(error: std::io::Error) -> Disconnect {
    Disconnect::Io(error.to_string())
}
