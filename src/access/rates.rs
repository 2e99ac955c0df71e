//! What tokens with a limit have used, over all shards: one instant per limit, moved on by compare-and-swap.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use riverrun_core::access::{Principal, PublicId, admit_cost, charge, cost_ns, debt_ns};
use riverrun_protocol::access::TokenRates;
use riverrun_protocol::batch::BatchHeader;

/// Below this many buckets nobody looks for those that are not needed any more; then at every doubling.
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
    by_token: Mutex<HashMap<PublicId, Arc<Bucket>>>,
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
        let mut by_token = self.by_token.lock().expect("no holder panics");
        if by_token.len() >= BUCKETS_KEPT_MIN && by_token.len().is_power_of_two() {
            by_token.retain(|_, bucket| Arc::strong_count(bucket) > 1 || !bucket.is_full(nanos(now)));
        }
        let bucket = |rates| Arc::new(Bucket { rates, append: AtomicU64::new(0), requests: AtomicU64::new(0) });
        let drawn = grant.rates.iter().map(|r| by_token.entry(r.public_id).or_insert_with(|| bucket(r.rates)).clone());
        Rated(drawn.collect())
    }
}

impl Rated {
    pub fn is_unlimited(&self) -> bool {
        self.0.is_empty()
    }

    /// One request that can be refused, with this many bytes to append.
    ///
    /// # Errors
    /// One of the limits is used up; nothing was taken of any.
    pub fn admit(&self, now: Duration, bytes: u64) -> Result<(), Refusal> {
        let now = nanos(now);
        let costs = || self.0.iter().flat_map(|bucket| bucket.costs(bytes));
        let waits = costs().filter_map(|(bucket, cost)| admit_cost(bucket.load(Ordering::Relaxed), now, cost).err());
        if let Some(wait) = waits.max() {
            return Err(Refusal { retry_after: Duration::from_nanos(wait) });
        }
        // Between the look and the taking another shard may have taken too: by at most one request each, which is paid
        // for later.
        for (bucket, cost) in costs() {
            take(bucket, now, cost);
        }
        Ok(())
    }

    /// One input of a session, which is taken in any case: how long to wait before the next.
    pub fn charge(&self, now: Duration, bytes: u64) -> Duration {
        let now = nanos(now);
        let costs = self.0.iter().flat_map(|bucket| bucket.costs(bytes));
        let debts = costs.map(|(bucket, cost)| debt_ns(take(bucket, now, cost), now));
        Duration::from_nanos(debts.max().unwrap_or(0))
    }
}

fn take(bucket: &AtomicU64, now: u64, cost: u64) -> u64 {
    let before = bucket.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |before| Some(charge(before, now, cost)));
    charge(before.unwrap_or_else(|before| before), now, cost)
}

fn nanos(now: Duration) -> u64 {
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

/// What a batch as sent counts for, by its own word: it is checked only later, and refused if it lies.
pub fn append_bytes(batch: &[u8]) -> u64 {
    let header = BatchHeader::parse(batch);
    header.map_or(batch.len() as u64, |h| u64::from(h.payload_bytes) + 8 * u64::from(h.record_count))
}
