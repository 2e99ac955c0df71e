//! Connections into the broker, one for each call or session that is in progress, and a few that wait for the next call of the same
//! visitor. One that is alive proves that its token is: whoever takes a token away ends its connections. So a call costs no look-up.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use riverrun_protocol::error::{ErrorCode, ErrorFrame, Outcome};
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::inner::{self, Inner};
use super::limits::Places;
use crate::metrics::HttpMetrics;
use crate::metrics::http::Present;
use crate::server::Reception;

/// Who a connection speaks for, and on which shard it began. A token is kept as its hash; `None` is everybody who needs none. The audit
/// stream names the machine a call came from, so nobody uses a connection that began for another's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Whose {
    token: Option<[u8; 32]>,
    address: Option<IpAddr>,
    shard: u16,
}

#[derive(Debug)]
pub struct Pool {
    reception: Reception,
    metrics: HttpMetrics,
    permits: Arc<Semaphore>,
    idle_max: usize,
    idle: Mutex<Idle>,
}

#[derive(Debug, Default)]
struct Idle {
    next: u64,
    by_visitor: HashMap<Whose, VecDeque<(u64, Inner)>>,
    /// Whose was put back when: the oldest goes first. One entry for each that waits.
    oldest_first: BTreeMap<u64, Whose>,
}

/// A connection in use. Dropped, it ends, and with it whatever is in progress on it.
#[derive(Debug)]
pub struct Held {
    pub inner: Inner,
    place: Place,
    whose: Whose,
}

/// The hearing half of one in use: keeps its place.
#[derive(Debug)]
pub struct Hearing {
    pub hearing: inner::Hearing,
    _place: Place,
}

/// One of the calls and sessions that there may be.
#[derive(Debug)]
struct Place {
    _permit: OwnedSemaphorePermit,
    _counted: Present,
}

impl Held {
    /// For a session, whose connection nobody else gets.
    pub fn split(self) -> (inner::Asking, Hearing) {
        (self.inner.asking, Hearing { hearing: self.inner.hearing, _place: self.place })
    }
}

impl Pool {
    pub fn new(reception: Reception, places: Places, metrics: HttpMetrics) -> Self {
        Self {
            reception,
            metrics,
            permits: Arc::new(Semaphore::new(places.inner_max)),
            idle_max: places.idle_max,
            idle: Mutex::default(),
        }
    }

    pub fn reception(&self) -> &Reception {
        &self.reception
    }

    /// A connection for this visitor that has nothing in progress.
    ///
    /// # Errors
    /// `Overloaded`, `Authn`, or what the look-up of the token says: nothing was done.
    pub async fn take(&self, token: &str, address: Option<IpAddr>, shard: u16) -> Result<Held, ErrorFrame> {
        let permit = self.permits.clone().try_acquire_owned().map_err(|_| full())?;
        let place = Place { _permit: permit, _counted: self.metrics.call() };
        let everybody = self.reception.is_open_to(token.as_bytes());
        let token_hash = (!everybody).then(|| Sha256::digest(token.as_bytes()).into());
        let whose = Whose { token: token_hash, address, shard };
        let idle = self.idle().take(whose);
        let inner = match idle {
            Some(inner) => inner,
            None => {
                let from = address.map_or_else(|| "unknown".to_owned(), |address| address.to_string());
                let socket = self.reception.admit(token.as_bytes(), &from, shard).await?;
                Inner::new(socket).map_err(|error| refused(ErrorCode::Unavailable, &error.to_string()))?
            }
        };
        Ok(Held { inner, place, whose })
    }

    /// For the next call: nothing may be in progress on it.
    pub fn put_back(&self, held: Held) {
        if !held.inner.hearing.is_draining() {
            self.idle().put(held.whose, held.inner, self.idle_max);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idle {
    /// The one that was used last; those that have ended meanwhile are dropped.
    fn take(&mut self, whose: Whose) -> Option<Inner> {
        let waiting = self.by_visitor.get_mut(&whose)?;
        let mut found = None;
        while let (None, Some((number, inner))) = (&found, waiting.pop_back()) {
            self.oldest_first.remove(&number);
            found = Some(inner).filter(|inner| inner.hearing.is_silent());
        }
        if waiting.is_empty() {
            self.by_visitor.remove(&whose);
        }
        found
    }

    fn put(&mut self, whose: Whose, inner: Inner, idle_max: usize) {
        self.next += 1;
        self.by_visitor.entry(whose).or_default().push_back((self.next, inner));
        self.oldest_first.insert(self.next, whose);
        while self.oldest_first.len() > idle_max {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let Some((number, whose)) = self.oldest_first.pop_first() else { return };
        let Some(waiting) = self.by_visitor.get_mut(&whose) else { return };
        waiting.retain(|(waits, _)| *waits != number);
        if waiting.is_empty() {
            self.by_visitor.remove(&whose);
        }
    }
}

fn full() -> ErrorFrame {
    refused(ErrorCode::Overloaded, "too many calls and sessions are in progress over HTTP: try again later")
}

fn refused(code: ErrorCode, why: &str) -> ErrorFrame {
    ErrorFrame { outcome: Outcome::NotDone, ..ErrorFrame::new(code, why) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn whose(shard: u16) -> Whose {
        Whose { token: None, address: None, shard }
    }

    /// The broker's end keeps it alive.
    fn connection() -> (UnixStream, Inner) {
        let (broker, ours) = UnixStream::pair().expect("descriptors");
        (broker, Inner::new(ours).expect("a runtime"))
    }

    #[tokio::test]
    async fn one_that_is_used_again_and_again_drives_nobody_else_out() {
        let (quiet, busy) = (connection(), connection());
        let mut idle = Idle::default();
        idle.put(whose(0), quiet.1, 2);
        let mut inner = busy.1;
        for _ in 0..100 {
            idle.put(whose(1), inner, 2);
            inner = idle.take(whose(1)).expect("it waits");
        }
        assert!(idle.take(whose(0)).is_some());
        assert!(idle.oldest_first.is_empty() && idle.by_visitor.is_empty());
    }

    #[tokio::test]
    async fn no_more_wait_than_may_and_the_oldest_goes() {
        let connections: Vec<_> = (0..5).map(|_| connection()).collect();
        let mut idle = Idle::default();
        let (_brokers, inners): (Vec<_>, Vec<_>) = connections.into_iter().unzip();
        inners.into_iter().zip(0..).for_each(|(inner, shard)| idle.put(whose(shard), inner, 3));
        let waits: Vec<bool> = (0..5).map(|shard| idle.take(whose(shard)).is_some()).collect();
        assert_eq!(waits, [false, false, true, true, true]);
    }

    #[tokio::test]
    async fn one_that_has_ended_is_nobody_s() {
        let (broker, inner) = connection();
        let mut idle = Idle::default();
        idle.put(whose(0), inner, 2);
        drop(broker);
        let waiting = &idle.by_visitor[&whose(0)][0].1;
        waiting.hearing.readable().await;
        assert!(idle.take(whose(0)).is_none() && idle.oldest_first.is_empty());
    }
}
