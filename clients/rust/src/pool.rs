//! The connections to one server: one per shard, opened when first needed (design.md 5).
//!
//! Every connection works for every stream, so nothing here can be wrong, only slower: a request that arrives over another
//! shard's connection takes a detour inside the server, and its answer tells the way for the next one. The server moves a
//! connection, unseen, to the shard of its first stream request; so a connection has no shard of its own until an answer
//! names one, and then keeps it.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use riverrun_protocol::error::{ErrorCode, Outcome};
use riverrun_protocol::request::{Append, Request};
use riverrun_protocol::response::Response;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::config::ClientConfig;
use crate::connection::Connection;
use crate::error::{Disconnect, Error};
use crate::retry::{Effect, retrying};

/// Which shard a stream lives on, as far as its answers have told. Shared by everything that was made from one handle, and
/// written only when it changes: many tasks look at it for every request.
#[derive(Clone, Debug)]
pub(crate) struct Placement(Arc<AtomicU32>);

const UNKNOWN: u32 = u32::MAX;

impl Default for Placement {
    fn default() -> Self {
        Self(Arc::new(AtomicU32::new(UNKNOWN)))
    }
}

impl Placement {
    pub(crate) fn get(&self) -> Option<u16> {
        u16::try_from(self.0.load(Ordering::Relaxed)).ok()
    }

    fn learn(&self, shard: u16) {
        if self.get() != Some(shard) {
            self.0.store(shard.into(), Ordering::Relaxed);
        }
    }
}

/// The stream's shard, where an answer names it.
fn named_shard(answer: &Response) -> Option<u16> {
    match answer {
        Response::AppendAck(ack) => Some(ack.shard),
        Response::Tail(report) => Some(report.shard),
        _ => None,
    }
}

/// All connections to one address.
#[derive(Debug)]
pub(crate) struct Pool {
    address: String,
    config: Arc<ClientConfig>,
    /// At most one per shard of the server, and one whose shard is not known yet.
    connections: RwLock<Vec<Connection>>,
    /// Held while a connection is being made, so that many waiting calls make one. Carries the latest failure: callers that
    /// waited for that very attempt share its outcome instead of each waiting for a timeout of their own, one after the other.
    dialing: Mutex<Option<(Instant, Error)>>,
}

impl Pool {
    pub(crate) fn new(address: String, config: ClientConfig) -> Self {
        Self { address, config: Arc::new(config), connections: RwLock::default(), dialing: Mutex::default() }
    }

    pub(crate) fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// Makes sure that there is a connection.
    pub(crate) async fn connect(&self) -> Result<(), Error> {
        retrying(self.config.retry, Effect::None, || self.connection(None)).await.map(drop)
    }

    /// The connection for `shard`'s streams, or any if that is not known.
    pub(crate) async fn connection(&self, shard: Option<u16>) -> Result<Connection, Error> {
        if let Some(connection) = self.usable(shard) {
            return Ok(connection);
        }
        let asked = Instant::now();
        let mut failure = self.dialing.lock().await;
        if let Some(connection) = self.usable(shard) {
            return Ok(connection);
        }
        if let Some((at, error)) = &*failure
            && *at >= asked
        {
            return Err(error.clone());
        }
        match Connection::dial(&self.address, &self.config).await {
            Ok(connection) => {
                *failure = None;
                self.keep(shard, &connection);
                Ok(connection)
            }
            Err(error) => {
                *failure = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// An answer over `connection` has named the stream's shard. Whether the connection is the right one for it.
    pub(crate) fn learn(&self, placement: &Placement, connection: &Connection, shard: u16) -> bool {
        placement.learn(shard);
        connection.settle(shard) == shard || connection.hello().shards <= shard
    }

    /// One request and its answer; the wait that the request itself allows comes on top of the request timeout.
    pub(crate) async fn call(
        &self,
        placement: &Placement,
        request: &Request<'_>,
        effect: Effect,
        wait: Duration,
    ) -> Result<Response, Error> {
        let timeout = self.config.request_timeout.saturating_add(wait);
        retrying(self.config.retry, effect, || self.attempt(placement, request, Bytes::new(), timeout)).await
    }

    /// A request to take something away, repeated where it may have been done. `gone` is how a repeat is told that it
    /// was; without doubt about an earlier attempt it means that there was nothing to take away.
    pub(crate) async fn remove(&self, request: &Request<'_>, gone: ErrorCode) -> Result<Response, Error> {
        let (anywhere, timeout) = (Placement::default(), self.config.request_timeout);
        let in_doubt = AtomicBool::new(false);
        let attempt = async || match self.attempt(&anywhere, request, Bytes::new(), timeout).await {
            Err(error) if error.code() == Some(gone) && in_doubt.load(Ordering::Relaxed) => Ok(Response::Done),
            Err(error) => {
                in_doubt.fetch_or(error.outcome() == Outcome::MaybeDone, Ordering::Relaxed);
                Err(error)
            }
            done => done,
        };
        retrying(self.config.retry, Effect::Idempotent, attempt).await
    }

    /// An append; its batch follows the request's other fields by reference.
    pub(crate) async fn append(
        &self,
        placement: &Placement,
        request: Append<'_>,
        batch: &Bytes,
    ) -> Result<Response, Error> {
        let request = Request::Append(request);
        let timeout = self.config.request_timeout;
        retrying(self.config.retry, Effect::Some, || self.attempt(placement, &request, batch.clone(), timeout)).await
    }

    async fn attempt(
        &self,
        placement: &Placement,
        request: &Request<'_>,
        batch: Bytes,
        timeout: Duration,
    ) -> Result<Response, Error> {
        let connection = self.connection(placement.get()).await?;
        let answer = connection.call(request, batch, timeout).await?;
        if let Some(shard) = named_shard(&answer) {
            self.learn(placement, &connection, shard);
        }
        Ok(answer)
    }

    /// In order of preference: the shard's own, one that will become it, and, where no more are to be made, any.
    fn usable(&self, shard: Option<u16>) -> Option<Connection> {
        let connections = self.connections.read().unwrap_or_else(PoisonError::into_inner);
        let find = |fits: &dyn Fn(&Connection) -> bool| {
            connections.iter().find(|connection| connection.is_usable() && fits(connection)).cloned()
        };
        let own = shard.and_then(|shard| find(&|connection| connection.shard() == Some(shard)));
        // A shard that the server does not have (it came back with fewer) is no reason for one more connection.
        let any = |connection: &Connection| shard.is_none_or(|shard| connection.hello().shards <= shard);
        own.or_else(|| find(&|connection| connection.shard().is_none())).or_else(|| find(&any))
    }

    fn keep(&self, shard: Option<u16>, connection: &Connection) {
        if let Some(shard) = shard.filter(|shard| *shard < connection.hello().shards) {
            connection.settle(shard);
        }
        let mut connections = self.connections.write().unwrap_or_else(PoisonError::into_inner);
        connections.retain(Connection::is_usable);
        connections.push(connection.clone());
    }
}

/// An answer of a kind that does not belong to the request. Whatever it was meant to say, the server did get the request.
pub(crate) fn unexpected(answer: &Response, effect: Effect) -> Error {
    let why = format!("{} answers a request that it does not belong to", answer.kind());
    match effect {
        Effect::None => Error::violation(why),
        Effect::Idempotent | Effect::Some => Error::disconnected(true, Disconnect::Violation(why)),
    }
}
