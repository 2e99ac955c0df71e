//! The generic cell rate: a bucket is one instant, the one by which everything taken so far would have been earned. One
//! second's worth may be taken at once. All in nanoseconds since any fixed instant, saturating.

/// How far ahead of the clock a bucket may be.
pub const BURST_NS: u64 = 1_000_000_000;

/// How much a bucket may owe, or large batches at a low rate would lock out everybody who shares it for
/// days. A rate so low that one batch costs more lets one such batch through a minute.
pub const DEBT_MAX_NS: u64 = 60 * BURST_NS;

/// What `units` cost at this rate.
pub fn cost_ns(units: u64, per_sec: u64) -> u64 {
    units.saturating_mul(BURST_NS) / per_sec.max(1)
}

/// Takes in any case: the bucket afterwards, at most [`DEBT_MAX_NS`] in debt.
pub fn charge(bucket: u64, now: u64, cost: u64) -> u64 {
    let deepest = now.saturating_add(BURST_NS + DEBT_MAX_NS);
    // One that is deeper already, because another core's clock is ahead, is not let off.
    bucket.max(now).saturating_add(cost).min(deepest.max(bucket))
}

/// How long whoever has taken too much has to wait.
pub fn debt_ns(bucket: u64, now: u64) -> u64 {
    bucket.saturating_sub(now).saturating_sub(BURST_NS)
}

/// Takes if there is enough: the bucket afterwards. What costs more than a whole burst is let through by a bucket that
/// is not in debt, and charged in full: were it to wait for a full one, a trickle of small calls could keep it waiting
/// for ever.
///
/// # Errors
/// How long it takes until there is enough.
pub fn admit_cost(bucket: u64, now: u64, cost: u64) -> Result<u64, u64> {
    let wait = if cost > BURST_NS { debt_ns(bucket, now) } else { debt_ns(bucket.max(now).saturating_add(cost), now) };
    match wait {
        0 => Ok(charge(bucket, now, cost)),
        wait => Err(wait),
    }
}
