//! The task that owns the socket.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

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
    let (read_half, write_half) = socket.split();
    serve(read_half, write_half, unread, shared, queue, watch).await;
}

async fn serve(
    mut read_half: impl AsyncRead + Unpin,
    mut write_half: impl AsyncWrite + Unpin,
    unread: BytesMut,
    shared: Arc<Shared>,
    queue: mpsc::UnboundedReceiver<Outgoing>,
    watch: Watch,
) {
    let mut ending = Ending { shared: shared.clone(), outbox: Outbox::new(queue), cause: Disconnect::Dropped };
    let mut inlet = Inlet::new(&shared, unread);
    // Reading comes first: what has arrived counts before a write that fails, and before a watch whose tick is late because
    // the whole process was suspended.
    ending.cause = tokio::select! {
        biased;
        cause = inlet.read_all(&mut read_half) => cause,
        written = write_all(&mut ending.outbox, &mut write_half) => match written {
            Ok(()) => Disconnect::Dropped,
            Err(error) => hear_out(&mut inlet, &mut read_half, &shared, io_cause(error)).await,
        },
        cause = watch.run() => cause,
    };
    tracing::debug!(cause = %ending.cause, "connection ended");
}

/// Once the last handle is gone and everything is written, only the sending side is closed at first: closing a socket with
/// answers still unread in it makes the kernel send a reset, and that can overtake and destroy what was written last.
async fn write_all(outbox: &mut Outbox, socket: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    outbox.write_all(socket).await?;
    socket.shutdown().await?;
    sleep(FAREWELL_MAX).await;
    Ok(())
}

/// A socket that takes nothing more may still bring acks that were on their way, without which their appends would be in
/// doubt for nothing. Meanwhile the connection is kept out of use. What the server said on leaving explains more than the
/// write that failed because it had left.
async fn hear_out(
    inlet: &mut Inlet<'_>,
    read_half: &mut (impl AsyncRead + Unpin),
    shared: &Shared,
    failure: Disconnect,
) -> Disconnect {
    shared.draining.store(true, Ordering::Relaxed);
    match timeout(FAREWELL_MAX, inlet.read_all(read_half)).await {
        Ok(said @ (Disconnect::Refused(_) | Disconnect::Violation(_))) => said,
        _ => failure,
    }
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
pub(super) fn io_cause(error: io::Error) -> Disconnect {
    Disconnect::Io(error.to_string())
}

#[cfg(test)]
mod tests;
