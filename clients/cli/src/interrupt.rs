//! Ctrl-C, and the polite kill, which is treated alike: `timeout 5 riverrun read` also wants to know where it stopped.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::errors::Failure;

/// Listens from its creation on: a signal that comes between two waits is not lost.
#[derive(Debug)]
pub struct Interrupt {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupt {
    pub fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|e| Failure::io("signals cannot be listened for", &e));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Resolves at the next signal. Safe to drop and call again.
    pub async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
