//! When to try again, and after how long (reliability.md D22, F52).
//!
//! A call that changes nothing is repeated after any passing failure. A call that changes something is repeated only after a
//! failure of the class `NotDone`: what may have been done is never repeated behind the caller's back. Between the two
//! are calls that change something and may be done twice all the same (`s2-semantics.md` E4): they are repeated after
//! any passing failure, but what may have been done stays in doubt until a repeat is answered.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use riverrun_protocol::error::ErrorCode;
use riverrun_protocol::types::RequestToken;

use crate::config::RetryPolicy;
use crate::deadline::FAR;
use crate::error::{Error, NotDone};

/// Whether doing a call twice differs from doing it once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    /// Reading, listing, asking.
    None,
    /// Creating with a request token, ensuring, reconfiguring, deleting: the second time finds the work done.
    Idempotent,
    /// Appending, creating without a request token, issuing.
    Some,
}

impl Effect {
    pub(crate) fn of_creation(request_token: Option<&RequestToken>) -> Self {
        if request_token.is_some() { Self::Idempotent } else { Self::Some }
    }

    /// A call's failure as its caller is told. `doubt` is an earlier attempt's that may have been done: that the last
    /// one was not says nothing about the first.
    fn judge(self, error: Error, doubt: Option<Error>) -> Error {
        match doubt {
            _ if self == Self::None => error.without_effect(),
            Some(doubt) if !settles(&error) => doubt,
            _ => error,
        }
    }

    /// Whether a call of this kind that ended in `error` may be sent once more.
    pub(crate) fn allows_retry(self, error: &Error) -> bool {
        error.is_transient() && (self != Self::Some || matches!(error, Error::NotDone(_)))
    }
}

/// Answers to a repeated call that tell of the attempts before it too: had one of them been done, the repeat would have
/// found its own work instead.
fn settles(error: &Error) -> bool {
    matches!(error.code(), Some(ErrorCode::AlreadyExists | ErrorCode::Invalid | ErrorCode::Unsupported))
}

/// Counts attempts and draws the waits between them.
#[derive(Debug)]
pub(crate) struct Backoff {
    policy: RetryPolicy,
    failures: u32,
    rng: StdRng,
}

impl Backoff {
    pub(crate) fn new(policy: RetryPolicy) -> Self {
        // The standard library's per-instance hash keys are random: enough to keep clients out of step, and no dependency.
        Self::seeded(policy, RandomState::new().hash_one(0_u8))
    }

    pub(crate) fn seeded(policy: RetryPolicy, seed: u64) -> Self {
        Self { policy, failures: 0, rng: StdRng::seed_from_u64(seed) }
    }

    /// The wait before the next attempt; `None` once all attempts are used up.
    pub(crate) fn after_failure(&mut self, retry_after: Option<Duration>) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= self.policy.attempts {
            return None;
        }
        let ceiling = self.ceiling();
        let jittered = ceiling.mul_f64(self.rng.random_range(0.0..=1.0));
        // On top, not at least: the clients that were told the same moment must not all come at it.
        Some(jittered.saturating_add(retry_after.unwrap_or_default()))
    }

    /// Progress was made: the next failure is a first one again.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    fn ceiling(&self) -> Duration {
        let doublings = (self.failures - 1).min(31);
        self.policy.backoff_base.saturating_mul(1 << doublings).min(self.policy.backoff_max).min(FAR)
    }
}

/// Runs `attempt` until it succeeds, fails in a way that `effect` does not allow to repeat, or the policy is used up; then
/// the last failure is the answer. Where there is no effect, nothing is in doubt.
pub(crate) async fn retrying<T, F>(
    policy: RetryPolicy,
    effect: Effect,
    mut attempt: impl FnMut() -> F,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut backoff = Backoff::new(policy);
    let mut doubt = None;
    loop {
        let error = match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if matches!(error, Error::MaybeDone(_)) {
            doubt.get_or_insert_with(|| error.clone());
        }
        let wait = if effect.allows_retry(&error) { backoff.after_failure(error.retry_after()) } else { None };
        let Some(wait) = wait else { return Err(effect.judge(error, doubt)) };
        tracing::debug!(%error, ?wait, "trying again");
        tokio::time::sleep(wait).await;
    }
}

/// Whether an append that ended in `error` is known to be without effect and may be sent again as it is: the rule by which
/// the producer resumes. `Poisoned` counts, since an input behind a failed one is discarded by the server (after a refusal
/// without effect; `s2-semantics.md` B10) or was never sent.
pub(crate) fn may_resend(error: &Error) -> bool {
    match error {
        Error::NotDone(NotDone::Poisoned { .. }) => true,
        Error::NotDone(cause) => cause.is_transient(),
        Error::MaybeDone(_) | Error::Terminal(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Disconnect;
    use riverrun_protocol::error::{ErrorFrame, Outcome};

    const POLICY: RetryPolicy =
        RetryPolicy { attempts: 6, backoff_base: Duration::from_millis(100), backoff_max: Duration::from_millis(500) };

    fn waits(seed: u64, retry_after: Option<Duration>) -> Vec<Duration> {
        let mut backoff = Backoff::seeded(POLICY, seed);
        std::iter::from_fn(|| backoff.after_failure(retry_after)).collect()
    }

    #[test]
    fn d22_jitter_stays_under_the_doubling_ceiling_and_uses_all_of_it() {
        let ceilings = [100, 200, 400, 500, 500].map(Duration::from_millis);
        let mut longest = [Duration::ZERO; 5];
        let mut shortest = [Duration::MAX; 5];
        for seed in 0..1000 {
            let waits = waits(seed, None);
            assert_eq!(waits.len(), 5, "six attempts have five waits between them");
            for (n, wait) in waits.into_iter().enumerate() {
                assert!(wait <= ceilings[n], "seed {seed}, wait {n}: {wait:?}");
                longest[n] = longest[n].max(wait);
                shortest[n] = shortest[n].min(wait);
            }
        }
        for n in 0..5 {
            assert!(longest[n] > ceilings[n].mul_f64(0.95), "wait {n} never came near its ceiling: {:?}", longest[n]);
            assert!(shortest[n] < ceilings[n].mul_f64(0.05), "wait {n} never came near zero: {:?}", shortest[n]);
        }
    }

    #[test]
    fn d22_the_server_s_retry_after_is_a_lower_bound_with_the_jitter_on_top() {
        let asked = Duration::from_secs(5);
        let jittered = waits(7, None);
        assert!(jittered.iter().any(|wait| *wait > Duration::ZERO));
        assert_eq!(waits(7, Some(asked)), jittered.into_iter().map(|wait| asked + wait).collect::<Vec<_>>());
    }

    #[test]
    fn no_limit_is_no_panic() {
        let policy = RetryPolicy { attempts: 1000, backoff_base: Duration::MAX, backoff_max: Duration::MAX };
        let mut backoff = Backoff::seeded(policy, 1);
        while let Some(wait) = backoff.after_failure(Some(Duration::MAX)) {
            assert_eq!(wait, Duration::MAX);
        }
    }

    #[test]
    fn one_seed_one_sequence() {
        assert_eq!(waits(42, None), waits(42, None));
        assert_ne!(waits(42, None), waits(43, None));
    }

    #[test]
    fn progress_starts_the_count_anew() {
        let mut backoff = Backoff::seeded(RetryPolicy { attempts: 2, ..POLICY }, 1);
        assert!(backoff.after_failure(None).is_some());
        backoff.reset();
        assert!(backoff.after_failure(None).is_some());
        assert!(backoff.after_failure(None).is_none());
    }

    #[test]
    fn huge_attempt_counts_do_not_overflow() {
        let mut backoff = Backoff::seeded(RetryPolicy { attempts: u32::MAX, ..POLICY }, 1);
        for _ in 0..100 {
            assert!(backoff.after_failure(None).expect("attempts are left") <= POLICY.backoff_max);
        }
    }

    #[test]
    fn d4_a_repeat_that_was_not_done_leaves_the_first_attempt_in_doubt() {
        let ambiguous = Error::disconnected(true, Disconnect::Closed);
        let unsent = Error::disconnected(false, Disconnect::Closed);
        let judged = |error: &Error, doubt: Option<&Error>| Effect::Idempotent.judge(error.clone(), doubt.cloned());
        assert_eq!(judged(&unsent, Some(&ambiguous)), ambiguous);
        assert_eq!(judged(&unsent, None), unsent);
        let exists = ErrorFrame::new(ErrorCode::AlreadyExists, "another's");
        let exists = Error::answered(&exists);
        assert_eq!(judged(&exists, Some(&ambiguous)), exists, "ours would have been recognized by its request token");
        assert_eq!(Effect::None.judge(ambiguous.clone(), Some(ambiguous)).outcome(), Outcome::NotDone);
    }

    #[test]
    fn f52_what_may_have_been_done_is_never_repeated_if_it_has_an_effect() {
        let ambiguous = Error::disconnected(true, Disconnect::Closed);
        let unsent = Error::disconnected(false, Disconnect::Closed);
        assert!(!Effect::Some.allows_retry(&ambiguous));
        assert!(Effect::None.allows_retry(&ambiguous));
        assert!(Effect::Idempotent.allows_retry(&ambiguous));
        assert!(Effect::Some.allows_retry(&unsent));
        assert!(!may_resend(&ambiguous));
        assert!(may_resend(&unsent));
        assert!(may_resend(&Error::poisoned(&ambiguous)));
    }
}
