//! The generic cell rate: a bucket is one instant, the one by which everything taken so far would have been earned. One
//! second's worth may be taken at once. All in nanoseconds since any fixed instant, saturating.

/// How far ahead of the clock a bucket may be.
pub const BURST_NS: u64 = 1_000_000_000;

/// What `units` cost at this rate.
pub fn cost_ns(units: u64, per_sec: u64) -> u64 {
    units.saturating_mul(BURST_NS) / per_sec.max(1)
}

/// Takes in any case: the bucket afterwards.
pub fn charge(bucket: u64, now: u64, cost: u64) -> u64 {
    bucket.max(now).saturating_add(cost)
}

/// How long whoever has taken too much has to wait.
pub fn debt_ns(bucket: u64, now: u64) -> u64 {
    bucket.saturating_sub(now).saturating_sub(BURST_NS)
}

/// Takes if there is enough: the bucket afterwards. What costs more than a whole burst is let through by a bucket that
/// is full, or it never would be.
///
/// # Errors
/// How long it takes until there is enough.
pub fn admit_cost(bucket: u64, now: u64, cost: u64) -> Result<u64, u64> {
    let after = charge(bucket, now, cost);
    if bucket <= now || debt_ns(after, now) == 0 {
        return Ok(after);
    }
    Err(debt_ns(after, now).min(bucket - now))
}
