//! A connection's wait for its token's rate (`s2-semantics.md` F): inputs of sessions cannot be refused, so those above the rate are
//! not taken before what went before is paid for.

use std::time::Duration;

/// So often it is looked at again whether enough is paid, and whether the peer is still there.
pub const PAUSE_MAX: Duration = Duration::from_secs(3);
/// Whoever could not pay for a single input in this time, because others who share the rate always came first, is told so. Longer
/// than the deepest debt.
pub const PAUSED_MAX: Duration = Duration::from_secs(90);
/// A pause that ends less than this behind the last one that the peer was told of is not told: of many that share a rate, each
/// begins a new one whenever another has paid.
pub const PAUSE_TOLD_MIN: Duration = Duration::from_millis(100);

/// Its own connection's only; a moment is time since the process began.
#[derive(Debug, Default)]
pub struct Pause {
    until: Option<Duration>,
    /// Since when the next input has waited, over any number of pauses.
    since: Option<Duration>,
    /// The latest end of a pause that the peer was told of.
    told_until: Option<Duration>,
}

impl Pause {
    /// Whether nothing is to be taken from the connection.
    pub fn is_on(&self) -> bool {
        self.until.is_some()
    }

    /// The next input waits for a debt that takes this long to pay. Returns when to look again; `None`: it has waited for too long
    /// already.
    pub fn begin(&mut self, now: Duration, debt: Duration) -> Option<Duration> {
        let since = *self.since.get_or_insert(now);
        let is_allowed = now.saturating_sub(since) < PAUSED_MAX;
        self.until = is_allowed.then(|| now + debt.min(PAUSE_MAX));
        self.until
    }

    /// Whoever has waited longest comes first: pauses for one token's rate all end at the same moment, and whoever always came first
    /// would leave nothing to the others.
    pub fn waiting_since(&self) -> Duration {
        self.since.unwrap_or_default()
    }

    /// Whether the peer is to be told of the pause that ends at this moment; it is, then.
    pub fn is_to_be_told(&mut self, until: Duration) -> bool {
        let is_news = self.told_until.is_none_or(|told| until >= told + PAUSE_TOLD_MIN);
        if is_news {
            self.told_until = Some(until);
        }
        is_news
    }

    /// Ends the pause that was to end at this moment; false: it is not the one that is on.
    pub fn end(&mut self, until: Duration) -> bool {
        let is_it = self.until == Some(until);
        if is_it {
            self.until = None;
        }
        is_it
    }

    /// The input that waited is taken.
    pub fn input_taken(&mut self) {
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use riverrun_core::access::DEBT_MAX_NS;

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    /// Begins one pause after the other, as long as it may: how long that was.
    fn waits(pause: &mut Pause, from: Duration) -> Duration {
        let mut now = from;
        while let Some(until) = pause.begin(now, LONG) {
            assert!(until > now && until <= now + PAUSE_MAX, "{until:?} is no pause from {now:?}");
            assert!(pause.is_on() && pause.end(until) && !pause.is_on());
            now = until;
        }
        assert!(!pause.is_on());
        now - from
    }

    #[test]
    fn whoever_never_gets_to_pay_is_told_so_and_not_kept() {
        let waited = waits(&mut Pause::default(), LONG);
        assert!((PAUSED_MAX..PAUSED_MAX + PAUSE_MAX).contains(&waited), "{waited:?}");
        assert!(Duration::from_nanos(DEBT_MAX_NS) < PAUSED_MAX, "whoever owes alone can pay in time");
    }

    #[test]
    fn every_input_that_is_taken_begins_a_new_wait() {
        let mut pause = Pause::default();
        for hour in 1..4 {
            waits(&mut pause, LONG * hour);
            pause.input_taken();
        }
    }

    #[test]
    fn a_short_debt_is_a_short_pause() {
        let debt = Duration::from_millis(20);
        assert_eq!(Pause::default().begin(LONG, debt), Some(LONG + debt));
    }

    #[test]
    fn a_long_pause_is_told_at_once_and_short_ones_in_a_row_now_and_then() {
        let (mut pause, short) = (Pause::default(), Duration::from_millis(1));
        let told = (1..=1000).filter(|n| pause.is_to_be_told(LONG + short * *n)).count();
        assert_eq!(told, 10, "in a second of them");
        assert!(pause.is_to_be_told(LONG + Duration::from_secs(1) + PAUSE_MAX));
    }

    /// Of a connection whose number was given out again, or that was resumed for another reason.
    #[test]
    fn the_end_of_another_pause_ends_nothing() {
        let mut pause = Pause::default();
        let until = pause.begin(LONG, LONG).expect("the first");
        assert!(!pause.end(until + Duration::from_nanos(1)) && pause.is_on());
        assert!(pause.end(until) && !pause.end(until));
    }
}
