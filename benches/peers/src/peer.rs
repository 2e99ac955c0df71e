//! What a peer has to offer. A file in `peers` says how it is found and started, and what a batch is to its client; everything that
//! is measured is the same code for all of them.

use std::cell::Cell;
use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::LocalBoxFuture;

use crate::load::{self, Load, Measured};
use crate::process::Process;
use crate::shape::Shape;

#[async_trait(?Send)]
pub trait Peer {
    fn name(&self) -> &'static str;

    /// How it is made durable, and what a batch is to its client. For the report.
    fn about(&self) -> &'static str;

    /// Whether it is there and can be compared; its version.
    fn find(&self) -> Result<String, Missing>;

    /// A server of its own, with its data in `folder`, that syncs before it acknowledges.
    async fn start(&self, folder: &Path) -> miette::Result<Box<dyn Server>>;
}

/// Why a peer is left out, and what to do about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Missing {
    pub why: String,
    pub install: &'static str,
}

impl Missing {
    pub fn not_on_path(binary: &str, install: &'static str) -> Self {
        Self { why: format!("there is no {binary} on PATH"), install }
    }
}

/// Stopped when dropped.
#[async_trait(?Send)]
pub trait Server {
    fn process(&self) -> &Process;

    /// Streams that no other turn has, and one line to each of them.
    async fn lines(&self, turn: u32, shape: &Shape) -> miette::Result<Vec<Box<dyn Line>>>;

    /// Gives back what the turn's streams hold.
    async fn clear(&self, turn: u32, shape: &Shape) -> miette::Result<()>;

    /// Syncs since its start, for a server that counts them itself because no system call shows them.
    async fn syncs(&self) -> miette::Result<Option<u64>> {
        Ok(None)
    }

    /// Loads it. `acked_batches` tells others how far it is.
    async fn load(&self, turn: u32, load: &Load<'_>, acked_batches: &Cell<u64>) -> miette::Result<Measured> {
        let mut lines = self.lines(turn, load.shape).await?;
        load::run(&mut lines, self.process(), load, acked_batches).await
    }
}

/// One producer's way to its stream.
#[async_trait(?Send)]
pub trait Line {
    /// Sends a batch; the ack resolves when all of it is durable.
    async fn send(&mut self, bodies: &[Bytes]) -> miette::Result<Ack>;
}

pub type Ack = LocalBoxFuture<'static, miette::Result<()>>;
