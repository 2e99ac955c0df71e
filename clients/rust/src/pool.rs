//! The connections to one server: one per shard, opened when first needed (design.md 5).
//!
//! Every connection works for every stream, so nothing here can be wrong, only slower: a request that arrives over another
//! shard's connection takes a detour inside the server, and its answer tells the way for the next one.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use riverrun_protocol::request::{Append, Request};
use riverrun_protocol::response::Response;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::config::ClientConfig;
use crate::connection::Connection;
use crate::error::{Disconnect, Error};
use crate::retry::{Effect, retrying};

/// Which shard a stream lives on, as far as its answers have told. Shared by everything that was made from one handle.
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

    pub(crate) fn learn(&self, shard: u16) {
        self.0.store(shard.into(), Ordering::Relaxed);
    }

    fn learn_from(&self, answer: &Response) {
        match answer {
            Response::AppendAck(ack) => self.learn(ack.shard),
            Response::Tail(report) => self.learn(report.shard),
            _ => {}
        }
    }
}

/// All connections to one address.
#[derive(Debug)]
pub(crate) struct Pool {
    address: String,
    config: Arc<ClientConfig>,
    /// By the shard they are used for. At most as many as the server said it has.
    connections: RwLock<BTreeMap<u16, Connection>>,
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

    /// Whether `connection` is the one that `shard`'s streams belong on.
    pub(crate) fn is_home(&self, connection: &Connection, shard: u16) -> bool {
        let connections = self.connections.read().unwrap_or_else(PoisonError::into_inner);
        connection.hello().shards <= shard || connections.get(&shard).is_some_and(|home| home.is_same(connection))
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
        placement.learn_from(&answer);
        Ok(answer)
    }

    fn usable(&self, shard: Option<u16>) -> Option<Connection> {
        let connections = self.connections.read().unwrap_or_else(PoisonError::into_inner);
        let mut usable = connections.iter().filter(|(_, connection)| connection.is_usable());
        let found = match shard {
            // A shard that the server does not have (it came back with fewer) is no reason for one more connection.
            Some(shard) => usable.find(|(slot, c)| **slot == shard || c.hello().shards <= shard),
            None => usable.next(),
        };
        found.map(|(_, connection)| connection.clone())
    }

    fn keep(&self, shard: Option<u16>, connection: &Connection) {
        let hello = connection.hello();
        let slot = shard.filter(|shard| *shard < hello.shards).unwrap_or(hello.shard);
        let mut connections = self.connections.write().unwrap_or_else(PoisonError::into_inner);
        connections.retain(|_, old| old.is_usable());
        connections.insert(slot, connection.clone());
    }
}

/// An answer of a kind that does not belong to the request. Whatever it was meant to say, the server did get the request.
pub(crate) fn unexpected(answer: &Response, effect: Effect) -> Error {
    let why = format!("{} answers a request that it does not belong to", answer.kind());
    match effect {
        Effect::None => Error::violation(why),
        Effect::Some => Error::disconnected(true, Disconnect::Violation(why)),
    }
}
