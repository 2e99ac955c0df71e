//! What tokens with a limit have used, over all shards: one instant per limit, moved on by compare-and-swap.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use riverrun_core::access::{Principal, PublicId, admit_cost, charge, cost_ns, debt_ns};
use riverrun_protocol::access::TokenRates;
use riverrun_protocol::batch::BatchHeader;

/// Below this many buckets nobody looks for those that are not needed any more; then whenever there are twice as many
/// as the last look left.
const BUCKETS_KEPT_MIN: usize = 1024;

/// One token's limits and what was taken of them.
#[derive(Debug)]
struct Bucket {
    rates: TokenRates,
    append: AtomicU64,
    requests: AtomicU64,
}

impl Bucket {
    /// Full again, and so as good as a new one.
    fn is_full(&self, now: u64) -> bool {
        [&self.append, &self.requests].iter().all(|bucket| bucket.load(Ordering::Relaxed) <= now)
    }

    /// Each limit that there is, with what this costs.
    fn costs(&self, bytes: u64) -> impl Iterator<Item = (&AtomicU64, u64)> {
        let append = self.rates.append_bytes_per_sec.map(|rate| (&self.append, cost_ns(bytes, rate)));
        let requests = self.rates.requests_per_sec.map(|rate| (&self.requests, cost_ns(1, rate)));
        append.into_iter().chain(requests).filter(|(_, cost)| *cost > 0)
    }
}

/// All buckets, by token. Bounded by the tokens with a limit that are in use or have not paid yet.
#[derive(Debug, Default)]
pub struct Buckets {
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    by_token: HashMap<PublicId, Arc<Bucket>>,
    sweep_at: usize,
}

impl Default for Kept {
    fn default() -> Self {
        Self { by_token: HashMap::new(), sweep_at: BUCKETS_KEPT_MIN }
    }
}

impl Kept {
    /// Several are added at a time: to wait for one exact number would be to miss it.
    fn sweep(&mut self, now: u64) {
        if self.by_token.len() >= self.sweep_at {
            self.by_token.retain(|_, bucket| Arc::strong_count(bucket) > 1 || !bucket.is_full(now));
            self.sweep_at = (2 * self.by_token.len()).max(BUCKETS_KEPT_MIN);
        }
    }
}

/// The buckets one connection draws from: its token's and its issuers'.
#[derive(Clone, Debug, Default)]
pub struct Rated(Vec<Arc<Bucket>>);

/// Too much was asked for; nothing was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal {
    pub retry_after: Duration,
}

impl Buckets {
    /// A connection that comes back draws from the bucket that it left.
    pub fn of(&self, principal: &Principal, now: Duration) -> Rated {
        let Some(grant) = principal.grant().filter(|grant| !grant.rates.is_empty()) else { return Rated::default() };
        let mut kept = self.kept.lock().expect("no holder panics");
        kept.sweep(nanos(now));
        let bucket = |rates| Arc::new(Bucket { rates, append: AtomicU64::new(0), requests: AtomicU64::new(0) });
        let drawn =
            grant.rates.iter().map(|r| kept.by_token.entry(r.public_id).or_insert_with(|| bucket(r.rates)).clone());
        Rated(drawn.collect())
    }
}

impl Rated {
    pub fn is_unlimited(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is room for one request that can be refused, with this many bytes to append. Takes nothing.
    ///
    /// # Errors
    /// One of the limits is used up.
    pub fn room(&self, now: Duration, bytes: u64) -> Result<(), Refusal> {
        let now = nanos(now);
        let costs = self.0.iter().flat_map(|bucket| bucket.costs(bytes));
        let waits = costs.filter_map(|(bucket, cost)| admit_cost(bucket.load(Ordering::Relaxed), now, cost).err());
        waits.max().map_or(Ok(()), |wait| Err(Refusal { retry_after: Duration::from_nanos(wait) }))
    }

    /// The same for the opening of a session, whose inputs cannot be refused: not while anything is owed.
    ///
    /// # Errors
    /// As [`Rated::room`].
    pub fn room_for_session(&self, now: Duration) -> Result<(), Refusal> {
        match self.debt(now) {
            Duration::ZERO => self.room(now, 0),
            retry_after => Err(Refusal { retry_after }),
        }
    }

    /// How long until nothing is owed any more. Whoever brings what cannot be refused waits that long first: were the
    /// wait behind it, whoever reconnects would not wait at all.
    pub fn debt(&self, now: Duration) -> Duration {
        let now = nanos(now);
        let debts = self.0.iter().flat_map(|bucket| [&bucket.append, &bucket.requests]);
        Duration::from_nanos(debts.map(|bucket| debt_ns(bucket.load(Ordering::Relaxed), now)).max().unwrap_or(0))
    }

    /// One request for which there was room, or one input of a session, which is taken in any case. Between the look
    /// and this another shard may have taken too: by at most one request each, which is paid for later.
    pub fn charge(&self, now: Duration, bytes: u64) {
        let now = nanos(now);
        for (bucket, cost) in self.0.iter().flat_map(|bucket| bucket.costs(bytes)) {
            take(bucket, now, cost);
        }
    }
}

fn take(bucket: &AtomicU64, now: u64, cost: u64) {
    let charged = |before| Some(charge(before, now, cost));
    let _ = bucket.fetch_update(Ordering::Relaxed, Ordering::Relaxed, charged);
}

fn nanos(now: Duration) -> u64 {
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

/// What a batch as sent counts for, by its own word, and at most the bytes that are there: it is checked only later, and
/// refused if it lies.
pub fn append_bytes(batch: &[u8]) -> u64 {
    let claimed =
        BatchHeader::parse(batch).map_or(u64::MAX, |h| u64::from(h.payload_bytes) + 8 * u64::from(h.record_count));
    claimed.min(batch.len() as u64)
}

#[cfg(test)]
mod tests;
