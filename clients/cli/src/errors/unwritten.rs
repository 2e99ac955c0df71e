//! Reads that begin where nothing is written yet (416, `s2-semantics.md` C4).

use riverrun_protocol::Position;
use riverrun_protocol::request::ReadStart;

use super::{Failure, Why};
use crate::Globals;
use crate::copy::Plan;
use crate::resume::CommandLine;
use crate::time::show_timestamp;

const BOUNDS: &str = "the bounds (--count, --bytes, --until)";

/// Says where the tail is and which of the ways out fits: waiting for what comes, an earlier start, or `--clamp`.
pub fn explain(globals: &Globals, plan: &Plan, tail: Position, failure: Failure) -> Failure {
    let beyond = match plan.params.start {
        ReadStart::SeqNum(n) => n > tail.seq_num,
        ReadStart::Timestamp(ms) => ms > tail.timestamp,
        ReadStart::TailOffset(_) => false,
    };
    let advice = match (beyond, plan.follows()) {
        // Clamp moves the start to the tail, where a bounded read is refused just the same.
        (true, true) => "add --clamp to start at the tail and wait for what comes".to_owned(),
        _ if tail.seq_num == 0 => {
            let wait = CommandLine::new(globals, "read").word(&plan.uri);
            format!("append something first, or wait for it with `{wait}`")
        }
        (true, false) => format!("start earlier, or add --clamp and leave out {BOUNDS} to wait for what comes"),
        (false, _) => {
            format!("leave out {BOUNDS} to wait for what comes, or start earlier, with --tail-offset or --seq-num")
        }
    };
    Failure { why: Why(why(tail)), advice, ..failure }
}

fn why(tail: Position) -> String {
    match tail.seq_num {
        0 => "nothing was ever written to it".to_owned(),
        n => format!(
            "nothing is written there yet; the tail is {tail}: the next record will be {n}, the last one is of {}",
            show_timestamp(tail.timestamp)
        ),
    }
}
