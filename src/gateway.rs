//! The HTTP side: S2's REST, SSE and S2S on a second port, so that S2's own clients work unchanged (`s2-semantics.md` H).
//!
//! ```text
//! listener        sockets, both versions of HTTP, limits
//!   router        host and origin, method and path -> one handler each
//!     call        headers, body, token -> a connection into the broker
//!       inner     the binary protocol over a pair of sockets: admission, rates, audit, back-pressure are those of every connection
//! ```
//! It adds no semantics: a request becomes the `Request` that a client of the binary protocol would send, an answer the bytes that
//! S2's clients expect (crate `riverrun-gateway-wire`). It runs on threads of its own, which hold no core's thread up.

mod access_tokens;
mod answer;
mod append_session;
mod basins;
mod body_room;
mod call;
mod cors;
mod host;
mod inner;
mod limits;
mod listener;
mod locations;
mod pool;
mod probes;
mod read_session;
mod records;
mod router;
mod session;
mod streams;
mod tickets;
mod tls;
mod visits;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use riverrun_protocol::types::LocationName;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::memory_bytes;
use crate::metrics::Metrics;
use crate::server::Reception;
use crate::server::room::descriptors;
use body_room::BodyRoom;
use limits::{BODIES_BYTES_MAX, Places};
use pool::Pool;
use tickets::Tickets;

pub use cors::Origin;
pub use tls::{Tls, TlsError, TlsFiles, own as own_certificate};

/// Threads of the HTTP side.
const THREADS: usize = 2;

/// What the HTTP side is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What follows the basin in a host's name, where there is such a name (`s2-semantics.md` H1).
    pub zone: Option<String>,
    /// Only visitors with a token come in.
    pub is_guarded: bool,
    /// Where all basins are.
    pub location: LocationName,
    /// Pages of these may use it; no others.
    pub origins: Vec<Origin>,
}

/// Where the HTTP side listens, and what it shows of itself there.
#[derive(Debug)]
pub struct Front {
    pub listener: std::net::TcpListener,
    /// `None`: in the clear.
    pub tls: Option<Tls>,
}

/// What every handler sees.
#[derive(Debug)]
pub struct App {
    pool: Pool,
    bodies: BodyRoom,
    tickets: Tickets,
    settings: Settings,
    metrics: Metrics,
    /// Cancelled once no new work is taken.
    stop: CancellationToken,
}

/// The running HTTP side.
#[derive(Debug)]
pub struct Gateway {
    addr: SocketAddr,
    is_encrypted: bool,
    stop: CancellationToken,
    connections: TaskTracker,
    /// `None` once stopped.
    runtime: Option<Runtime>,
}

impl Gateway {
    /// Begins to serve.
    ///
    /// # Errors
    /// No threads, or the listener cannot be used.
    pub fn start(front: Front, reception: Reception, settings: Settings, metrics: Metrics) -> io::Result<Self> {
        let Front { listener, tls } = front;
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(THREADS).thread_name("http").enable_all().build()?;
        let addr = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let (stop, connections) = (CancellationToken::new(), TaskTracker::new());
        let places = Places::new(descriptors(), memory_bytes().unwrap_or(u64::MAX));
        let pool = Pool::new(reception, places, metrics.http().clone());
        let (bodies, tickets) = (BodyRoom::new(BODIES_BYTES_MAX), Tickets::default());
        let app = Arc::new(App { pool, bodies, tickets, settings, metrics, stop: stop.clone() });
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let tls = tls.map(Arc::new);
        let is_encrypted = tls.is_some();
        if let Some(tls) = tls.clone() {
            let stop = stop.clone();
            runtime.spawn(async move { stop.run_until_cancelled(tls.follow_files()).await });
        }
        runtime.spawn(listener::accept(listener, places.sockets_max, app, tls, connections.clone(), stop.clone()));
        Ok(Self { addr, is_encrypted, stop, connections, runtime: Some(runtime) })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// No connection is accepted any more, and those that are here end with what they have in progress.
    pub fn drain(&self) {
        self.stop.cancel();
    }

    /// Waits for the last connection, but not for ever: sessions have been told.
    pub fn end(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        self.connections.close();
        let last = self.connections.wait();
        let is_over = runtime.block_on(async { tokio::time::timeout(limits::STOP_DEADLINE, last).await });
        if is_over.is_err() {
            tracing::info!(connections = self.connections.len(), "HTTP clients that have not gone are cut off");
        }
        runtime.shutdown_background();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
