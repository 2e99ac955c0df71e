//! What came of all cases.

use std::collections::BTreeMap;

/// How many failures are told one by one.
const FAILURES_SAID: usize = 20;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Outcome {
    /// As if nothing had happened.
    Whole,
    /// By an error that names the place.
    Refused,
    /// Refused where it was hit; everything else is served.
    RefusedInPart,
    /// The documented window: nobody can tell it from a torn write.
    DroppedAboveTheWatermark,
    /// A torn tail, and everything that was acknowledged.
    TornTail,

    WrongBytes(String),
    /// So many records.
    AcknowledgedDropped(u64),
    TornCalledDamage(String),
    Unexpected(String),
}

impl Outcome {
    fn is_failure(&self) -> bool {
        use Outcome::*;
        matches!(self, WrongBytes(_) | AcknowledgedDropped(_) | TornCalledDamage(_) | Unexpected(_))
    }

    fn class(&self) -> &'static str {
        match self {
            Self::Whole => "recovered or served whole",
            Self::Refused => "refused, place named",
            Self::RefusedInPart => "refused in part, place named",
            Self::DroppedAboveTheWatermark => "dropped above the last watermark",
            Self::TornTail => "torn tails, nothing acknowledged lost",
            Self::WrongBytes(_) => "WRONG BYTES SERVED",
            Self::AcknowledgedDropped(_) => "ACKNOWLEDGED RECORDS DROPPED",
            Self::TornCalledDamage(_) => "TORN TAIL CALLED CORRUPTION",
            Self::Unexpected(_) => "UNEXPECTED",
        }
    }
}

#[derive(Clone, Default, Debug)]
pub struct Tally {
    pub cases: u64,
    pub wrong: u64,
    pub records_dropped: u64,
    pub torn_called_damage: u64,
    classes: BTreeMap<&'static str, u64>,
    failures: Vec<String>,
    failed: u64,
}

impl Tally {
    pub fn count(&mut self, outcome: Outcome, place: impl FnOnce() -> String) {
        self.cases += 1;
        *self.classes.entry(outcome.class()).or_default() += 1;
        match &outcome {
            Outcome::WrongBytes(_) => self.wrong += 1,
            Outcome::AcknowledgedDropped(records) => self.records_dropped += records,
            Outcome::TornCalledDamage(_) => self.torn_called_damage += 1,
            _ => {}
        }
        if outcome.is_failure() {
            self.failed += 1;
            if self.failures.len() < FAILURES_SAID {
                self.failures.push(format!("{}: {outcome:?}", place()));
            }
        }
    }

    pub fn add(&mut self, other: Self) {
        self.cases += other.cases;
        self.wrong += other.wrong;
        self.records_dropped += other.records_dropped;
        self.torn_called_damage += other.torn_called_damage;
        self.failed += other.failed;
        self.failures.extend(other.failures);
        other.classes.into_iter().for_each(|(class, count)| *self.classes.entry(class).or_default() += count);
    }

    pub fn print(&self, what: &str) {
        println!("   {what}: {} cases {:?}", self.cases, self.classes);
    }

    pub fn judge(&self) {
        let Self { cases, wrong, records_dropped, torn_called_damage, .. } = self;
        println!(
            "S9 {cases} cases, {wrong} wrong bytes served, {records_dropped} acknowledged records dropped as torn, \
             {torn_called_damage} torn tails called corruption"
        );
        let failures = self.failures.join("\n");
        assert_eq!((*wrong, *records_dropped, *torn_called_damage, self.failed), (0, 0, 0, 0), "\n{failures}");
    }
}
