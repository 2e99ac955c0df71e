//! A broker: one thread per core with its ring, connections and shard; the tokio side; journal files; starting and stopping.
//!
//! Start is plain code from top to bottom ([`Broker::start`]): probe the ring, take the store and the journals, recover, say in
//! the catalog that this epoch serves, listen. Stop is the same backwards.

mod audit_writer;
mod clock;
mod collector;
mod connection;
mod failure;
mod gone;
mod inherited;
mod internal;
pub mod journal_files;
mod journal_source;
mod large_frame;
pub(crate) mod listener;
mod location;
mod mail;
mod mailbox;
mod output;
mod ownership;
mod pause;
mod process;
mod reception;
mod requests;
pub(crate) mod room;
mod send_marks;
#[doc(hidden)]
pub mod shard_calls;
mod shared;
mod side;
mod snapshot;
#[doc(hidden)]
pub mod sorting;
mod start;
mod steady_clock;
mod stop;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;

use tokio::runtime::Runtime;

pub(crate) use clock::Clock;
pub(crate) use reception::Reception;
pub use shared::Facts;
pub use start::StartError;

use crate::config::Config;
use crate::gateway::Gateway;
use failure::Failure;
use mail::Mail;
use mailbox::Postbox;
use ownership::Ownership;
use shared::Shared;

/// A broker that serves. Stop it with [`Broker::stop`]; dropping it instead is like a crash: nothing acknowledged is lost,
/// and the next start recovers it from the journal.
///
/// For tests of your own, in process:
///
/// ```no_run
/// use riverrun::{Broker, Config};
///
/// let folder = tempfile::tempdir()?;
/// let broker = Broker::start(Config { data: folder.path().to_owned(), ..Config::default() })?;
/// println!("connect to {}", broker.addr());
/// broker.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Broker {
    addr: SocketAddr,
    facts: Facts,
    recovered: String,
    shared: Arc<Shared>,
    shards: Vec<Postbox>,
    threads: Vec<JoinHandle<()>>,
    /// `None` without a journal, and once shut down.
    journal_helper: Option<JoinHandle<()>>,
    drained: Receiver<u16>,
    failure: Failure,
    ownership: Ownership,
    /// Where HTTP is off, `None`.
    gateway: Option<Gateway>,
    /// `None` once shut down.
    runtime: Option<Runtime>,
}

impl Broker {
    /// Starts a broker and returns when it serves. Blocks; not to be called from async code.
    ///
    /// # Errors
    /// Whatever is in the way, with what to do about it ([`StartError::what_to_do`]).
    pub fn start(config: Config) -> Result<Self, StartError> {
        start::start(config)
    }

    /// Where it listens: the port is known even if 0 was asked for.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where it listens for HTTP, if it does.
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.gateway.as_ref().map(Gateway::addr)
    }

    /// `http` or `https`.
    pub fn http_scheme(&self) -> &'static str {
        if self.gateway.as_ref().is_some_and(Gateway::is_encrypted) { "https" } else { "http" }
    }

    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What recovery found, for people.
    pub fn recovered(&self) -> &str {
        &self.recovered
    }

    /// Waits until the broker cannot go on, and tells why. From then on nothing is acknowledged.
    pub async fn failed(&self) -> String {
        self.failure.happened().await
    }

    /// Stops gracefully: answers what was accepted, tells clients, publishes what is in the journal only, closes the epoch.
    ///
    /// # Errors
    /// The broker failed meanwhile. What was acknowledged is in the journal.
    pub fn stop(mut self) -> Result<(), String> {
        stop::stop(&mut self)
    }
}

impl Broker {
    /// Behind the shards, so that nothing touches the data folder any more: its owner may take it away.
    fn end_journal_helper(&mut self) {
        self.shared.end_journal_helper();
        if let Some(helper) = self.journal_helper.take() {
            let _ = helper.join();
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.shards.iter().for_each(|shard| shard.post(Mail::Stop));
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
        self.end_journal_helper();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
