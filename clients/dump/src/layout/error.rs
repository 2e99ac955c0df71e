//! The one frame that says no.

use riverrun_protocol::{ErrorCode, Outcome};

use super::{options, position};
use crate::field::Show;
use crate::walk::{Uint, Walk, Walked};

pub fn error<W: Walk>(w: &mut W) -> Walked {
    let there = options(w, &["tail", "fencing_token", "seq_num"])?;
    w.uint(Uint::new("code", 2, Show::Named(code)))?;
    w.uint(Uint::new("outcome", 1, Show::Named(outcome)))?;
    w.quiet("reserved", 1)?;
    w.quiet("retry_after_ms", 4)?;
    if there & 1 == 1 {
        position(w, "tail")?;
    }
    if there & 2 == 2 {
        w.text_or_empty("fencing_token", 1)?;
    }
    if there & 4 == 4 {
        w.plain("seq_num", 8)?;
    }
    w.text_or_empty("message", 2).map(drop)
}

fn code(value: u64) -> Option<&'static str> {
    ErrorCode::ALL.iter().find(|code| **code as u64 == value).map(|code| code.name())
}

fn outcome(value: u64) -> Option<&'static str> {
    let all = [Outcome::NotDone, Outcome::MaybeDone, Outcome::Terminal];
    all.iter().find(|outcome| **outcome as u64 == value).map(|outcome| outcome.name())
}
