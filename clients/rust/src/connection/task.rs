//! The task that owns the socket.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::Shared;
use super::call::Slot;
use super::inbound::Inlet;
use super::outbox::{Outbox, Outgoing};
use super::watch::Watch;
use crate::error::Disconnect;

/// How long the server may take to close its side behind a client that is gone.
const FAREWELL_MAX: Duration = Duration::from_secs(5);

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
        cause = write_all(&mut ending.outbox, &mut write_half) => cause,
        cause = watch.run() => cause,
    };
    tracing::debug!(cause = %ending.cause, "connection ended");
}

/// Once the last handle is gone and everything is written, only the sending side is closed at first: closing a socket with
/// answers still unread in it makes the kernel send a reset, and that can overtake and destroy what was written last.
async fn write_all(outbox: &mut Outbox, socket: &mut (impl AsyncWrite + Unpin)) -> Disconnect {
    let written = async {
        outbox.write_all(socket).await?;
        socket.shutdown().await
    };
    match written.await {
        Ok(()) => sleep(FAREWELL_MAX).await,
        Err(error) => return io_cause(error),
    }
    Disconnect::Dropped
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
