//! Histories with appends of which nobody heard again.

use riverrun_history::{History, Limits, Op, OpId, Outcome, Verdict, check, check_within, stream_hash};

use crate::say::{CONDITION_FAILED, LOST, Say, acked, append, fails, passes, saw, saw_records, tail};

#[test]
fn it_took_effect_at_once() {
    let mut h = History::new();
    let lost = h.done(append([1]), LOST);
    h.done(Op::Read, saw([1]));
    assert_eq!(passes(&h), [lost, OpId(1)]);
}

#[test]
fn it_appears_late() {
    let mut h = History::new();
    let lost = h.done(append([1]), LOST);
    h.done(append([2]), acked(1));
    h.done(Op::Read, saw([2]));
    h.done(append([3]), acked(3));
    h.done(Op::Read, saw([2, 1, 3]));
    assert_eq!(passes(&h), [OpId(1), OpId(2), lost, OpId(3), OpId(4)]);
}

#[test]
fn it_never_appears() {
    let mut h = History::new();
    h.done(append([1]), LOST);
    h.call(1, append([2]));
    h.done(append([3]), acked(1));
    h.done(Op::Read, saw([3]));
    assert_eq!(passes(&h), [OpId(2), OpId(3)]);
}

#[test]
fn it_does_not_appear_before_its_call() {
    let mut h = History::new();
    h.done(Op::CheckTail, tail(1));
    h.done(append([1]), LOST);
    fails(&h);
}

#[test]
fn it_appears_and_vanishes() {
    let mut h = History::new();
    h.done(append([1]), LOST);
    h.done(Op::Read, saw([1]));
    h.done(Op::Read, saw([]));
    fails(&h);
    let mut h = History::new();
    h.done(append([1]), LOST);
    h.done(Op::Read, saw([1]));
    h.done(append([2]), acked(1));
    h.done(Op::Read, saw_records([2]));
    fails(&h);
}

#[test]
fn the_report_of_a_violation_does_not_place_it_for_nothing() {
    let mut h = History::new();
    let acknowledged = h.done(append([1]), acked(1));
    let lost = h.done(append([2]), LOST);
    let stale = h.done(Op::CheckTail, tail(0));
    let Verdict::Violation { prefix, open, .. } = check(&h) else { panic!("passed") };
    assert_eq!((prefix, open), (vec![acknowledged], vec![stale, lost]));
}

#[test]
fn it_appears_twice() {
    for read in [saw([1, 1]), saw_records([1, 1])] {
        let mut h = History::new();
        h.done(append([1]), LOST);
        h.done(Op::Read, read);
        fails(&h);
    }
}

#[test]
fn half_of_it_appears() {
    for read in [saw([1]), saw_records([1]), saw([2]), saw_records([2])] {
        let mut h = History::new();
        h.done(append([1, 2]), LOST);
        h.done(Op::Read, read);
        fails(&h);
    }
}

#[test]
fn its_conditions_hold_for_it_too() {
    for read in [saw([1, 2]), saw_records([1, 2])] {
        let mut h = History::new();
        h.done(append([1]), acked(1));
        h.done(append([2]).match_seq_num(0), LOST);
        h.done(Op::Read, read);
        fails(&h);
    }
}

#[test]
fn a_condition_may_fail_because_of_it() {
    let mut h = History::new();
    h.done(append([1]), LOST);
    h.done(append([2]).match_seq_num(0), CONDITION_FAILED);
    h.done(Op::Read, saw([1]));
    passes(&h);
}

#[test]
fn a_fence_without_an_answer_may_hold() {
    let mut h = History::new();
    h.done(append([1]).set_fencing_token("a"), LOST);
    h.done(append([2]).fencing_token("a"), acked(2));
    passes(&h);
    h.done(append([3]).fencing_token(""), acked(3));
    fails(&h);
}

/// Fence commands with one token are one record in the eyes of the hash: what the last read says of them stays open.
#[test]
fn equal_records_of_two_appends_stay_open() {
    let fence = || append([9]).set_fencing_token("a");
    let mut h = History::new();
    h.done(fence(), LOST);
    h.done(append([1]).fencing_token("a"), acked(2));
    h.done(fence(), LOST);
    h.done(append([2]), acked(4));
    h.done(Op::Read, saw_records([9, 1, 9, 2]));
    passes(&h);
}

/// The second record says where the batch stands; the first one is another's, too.
#[test]
fn one_record_of_its_own_settles_a_batch() {
    let mut h = History::new();
    h.done(append([9]), acked(1));
    let lost = h.done(append([9, 1]), LOST);
    h.done(Op::Read, saw_records([9, 9, 1]));
    assert_eq!(passes(&h), [OpId(0), lost, OpId(2)]);
}

/// The two make the same state, and what can follow still depends on which one is used up.
#[test]
fn of_two_with_equal_records_the_freer_one_may_be_needed_later() {
    let mut h = History::new();
    let bound = h.done(append([9]).fencing_token(""), LOST);
    let free = h.done(append([9]), LOST);
    h.done(append([1]).set_fencing_token("a"), acked(2));
    h.done(append([2]), acked(4));
    h.done(Op::Read, saw([9, 1, 9, 2]));
    assert_eq!(passes(&h), [bound, OpId(2), free, OpId(3), OpId(4)]);
}

#[test]
fn the_last_read_does_not_settle_what_may_come_behind_it() {
    let mut h = History::new();
    h.done(append([1]), LOST);
    let read = h.call(1, Op::Read);
    h.done(append([2]), acked(2));
    h.returned(read, saw_records([]));
    assert_eq!(passes(&h), [read, OpId(0), OpId(2)]);
}

/// Forty appends without an answer, of which some are there in some order.
fn outage(last_read: Outcome) -> History {
    let mut h = History::new();
    for record in 1..=40 {
        h.done(append([record]), LOST);
    }
    h.done(Op::Read, last_read);
    h
}

fn there() -> Vec<u64> {
    (1..=20).map(|record| record * 7 % 41).collect()
}

#[test]
fn the_records_of_the_last_read_settle_an_outage() {
    passes(&outage(Outcome::ReadRecords { record_hashes: there() }));
    let mut twice = there();
    twice[19] = twice[3];
    fails(&outage(Outcome::ReadRecords { record_hashes: twice }));
}

#[test]
fn too_many_orders_are_no_pass() {
    let limits = Limits { cache_entries_max: 1000, ..Limits::default() };
    let history = outage(Outcome::ReadSuccess { tail: 20, stream_hash: stream_hash(&there()) });
    assert_eq!(check_within(&history, limits), Verdict::Unknown);
    let limits = Limits { steps_max: 1000, ..Limits::default() };
    assert_eq!(check_within(&history, limits), Verdict::Unknown);
}
