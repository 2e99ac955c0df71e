//! F34, F35.

use super::*;
use crate::plan::found::Found;
use crate::plan::put::{PutFailure, PutOutcome, PutStep, after_put, after_read_back};

#[test]
fn only_created_and_refused_are_verdicts() {
    let text = || "why".to_owned();
    let table = [
        (PutOutcome::Created, PutStep::Stored),
        (PutOutcome::AlreadyExists, PutStep::ReadBack { pause: false }),
        (PutOutcome::Conflict, PutStep::Retry),
        (PutOutcome::Ambiguous(text()), PutStep::ReadBack { pause: true }),
        (PutOutcome::NotDone(text()), PutStep::Retry),
        (PutOutcome::Refused(text()), PutStep::Fatal(PutFailure::Refused(text()))),
    ];
    for (outcome, step) in table {
        assert_eq!(after_put(&outcome), step, "{outcome:?}");
    }
}

fn read_back(object: Option<&Bytes>, damaged_before: bool) -> PutStep {
    after_read_back(&chunk(ID, MINE), Ok(Found::judge(&STORE, ID, object)), damaged_before)
}

#[test]
fn ones_own_object_is_stored() {
    assert_eq!(read_back(Some(&chunk(ID, MINE).to_bytes()), false), PutStep::Stored);
}

#[test]
fn nothing_there_means_put_again() {
    assert_eq!(read_back(None, false), PutStep::Retry);
}

#[test]
fn a_fence_or_another_writers_chunk_is_fatal() {
    assert_eq!(read_back(Some(&fence(6)), false), PutStep::Fatal(PutFailure::Fenced { by_epoch: 6 }));
    assert_eq!(read_back(Some(&chunk(ID, THEIRS).to_bytes()), false), PutStep::Fatal(PutFailure::OtherWriter));
    let reused = Identity { put_id: [9; 16], ..MINE };
    assert_eq!(read_back(Some(&chunk(ID, reused).to_bytes()), false), PutStep::Fatal(PutFailure::OtherWriter));
}

/// F37: refetched once, then believed.
#[test]
fn a_damaged_object_is_read_twice_before_it_is_believed() {
    let object = chunk(ID, MINE).to_bytes();
    let short = object.slice(..object.len() - 1);
    assert_eq!(read_back(Some(&short), false), PutStep::ReadBack { pause: true });
    assert!(matches!(read_back(Some(&short), true), PutStep::Fatal(PutFailure::Damaged(_))));
}

#[test]
fn no_answer_is_no_verdict() {
    let step = after_read_back(&chunk(ID, MINE), Err("time-out".into()), true);
    assert_eq!(step, PutStep::ReadBack { pause: true });
}
