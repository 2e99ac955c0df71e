//! The check, and what it says.

use std::fmt::{self, Write};

use crate::limits::Limits;
use crate::plan::Plan;
use crate::search::{Found, Longest, Search, Which};
use crate::{History, OpId};

/// How many of the operations before a violation are printed.
const PRINTED_BEFORE_MAX: usize = 10;
/// How many of the operations that were open then are printed.
const PRINTED_OPEN_MAX: usize = 40;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order.
    Linearizable {
        /// One such. Not in it: what failed or never returned and left no trace.
        order: Vec<OpId>,
    },
    /// There is none.
    Violation {
        /// The longest beginning of an order that was found. Appends without an answer stand in it where they are needed.
        prefix: Vec<OpId>,
        /// What was under way then, and cannot follow.
        open: Vec<OpId>,
        /// All this for people.
        report: String,
    },
    /// The limits were reached. Not a pass; a read with its records at the end makes it rare.
    Unknown,
}

impl Verdict {
    /// Whether there is an order.
    pub fn is_linearizable(&self) -> bool {
        matches!(self, Verdict::Linearizable { .. })
    }

    /// Whether there is none.
    pub fn is_violation(&self) -> bool {
        matches!(self, Verdict::Violation { .. })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Linearizable { order } => write!(f, "linearizable: an order of {} operations", order.len()),
            Verdict::Violation { report, .. } => f.write_str(report.trim_end()),
            Verdict::Unknown => f.write_str("unknown: too many orders to try within the limits"),
        }
    }
}

/// Is there an order of the operations that explains all answers? Within the default [`Limits`].
pub fn check(history: &History) -> Verdict {
    check_within(history, Limits::default())
}

/// The same within other limits.
pub fn check_within(history: &History, limits: Limits) -> Verdict {
    let plan = Plan::new(history);
    match Search::new(&plan, limits).run() {
        Found::Order(order) => Verdict::Linearizable { order: ids(&plan, &order) },
        Found::GaveUp => Verdict::Unknown,
        Found::None(longest) => Verdict::Violation {
            prefix: ids(&plan, &longest.placed),
            open: ids(&plan, &longest.open),
            report: report(&plan, &longest).expect("writing to a string"),
        },
    }
}

fn ids(plan: &Plan, operations: &[Which]) -> Vec<OpId> {
    operations.iter().map(|which| which.of(plan).id).collect()
}

fn report(plan: &Plan, longest: &Longest) -> Result<String, fmt::Error> {
    let mut out = String::from("not linearizable: no order of the operations explains all answers\n");
    let skipped = longest.placed.len().saturating_sub(PRINTED_BEFORE_MAX);
    writeln!(out, "the longest beginning of one has {} operations; its end:", longest.placed.len())?;
    for which in &longest.placed[skipped..] {
        writeln!(out, "  {}", describe(plan, *which))?;
    }
    let state = &longest.state;
    let token = plan.tokens.name(state.fencing_token);
    writeln!(out, "then tail {}, hash {:016x}, fencing_token {token:?}", state.tail, state.stream_hash)?;
    report_open(plan, longest, &mut out)?;
    Ok(out)
}

fn report_open(plan: &Plan, longest: &Longest, out: &mut String) -> fmt::Result {
    writeln!(out, "open then, and why it cannot follow:")?;
    for which in longest.open.iter().take(PRINTED_OPEN_MAX) {
        let why = match plan.judge(&which.of(plan).step, &longest.state) {
            Err(refusal) => refusal.to_string(),
            Ok(_) => "all that follows was tried".to_owned(),
        };
        writeln!(out, "  {}: {why}", describe(plan, *which))?;
    }
    match longest.open.len().saturating_sub(PRINTED_OPEN_MAX) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more"),
    }
}

fn describe(plan: &Plan, which: Which) -> String {
    let id = which.of(plan).id;
    plan.history.operation(id).map(ToString::to_string).unwrap_or_default()
}
