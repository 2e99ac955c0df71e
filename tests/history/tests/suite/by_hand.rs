//! Histories in which every append was answered.

use riverrun_history::{Append, History, Op, OpId, Verdict, check};

use crate::say::{CONDITION_FAILED, REFUSED, Say, acked, append, fails, passes, saw, saw_records, tail};

#[test]
fn nothing_is_linearizable() {
    assert_eq!(check(&History::new()), Verdict::Linearizable { order: vec![] });
}

#[test]
fn one_after_the_other() {
    let mut h = History::new();
    h.done(Op::Read, saw([]));
    h.done(append([1, 2]), acked(2));
    h.done(append([3]), acked(3));
    h.done(Op::Read, saw([1, 2, 3]));
    h.done(Op::CheckTail, tail(3));
    assert_eq!(passes(&h), [0, 1, 2, 3, 4].map(OpId));
}

#[test]
fn concurrent_appends_have_the_order_that_their_tails_say() {
    let mut h = History::new();
    let (first, second) = (h.call(0, append([1])), h.call(1, append([2])));
    let read = h.call(2, Op::Read);
    h.returned(first, acked(2));
    h.returned(second, acked(1));
    h.returned(read, saw([2]));
    assert_eq!(passes(&h), [second, read, first]);
}

#[test]
fn a_read_may_see_an_append_that_is_not_answered_yet() {
    let mut h = History::new();
    let appended = h.call(0, append([1]));
    h.done(Op::Read, saw([1]));
    h.returned(appended, acked(1));
    passes(&h);
}

#[test]
fn a_stale_read() {
    let mut h = History::new();
    h.done(append([1]), acked(1));
    h.done(append([2]), acked(2));
    h.done(Op::Read, saw([1]));
    let report = fails(&h);
    assert!(report.contains("then tail 2"), "{report}");
    assert!(report.contains("op 2 of client 0: read -> tail 1"), "{report}");
    assert!(report.contains("it saw tail 1"), "{report}");
}

#[test]
fn a_stale_tail() {
    let mut h = History::new();
    h.done(append([1]), acked(1));
    h.done(Op::CheckTail, tail(0));
    fails(&h);
}

#[test]
fn two_reads_that_go_back() {
    let mut h = History::new();
    let appended = h.call(0, append([1]));
    h.done(Op::Read, saw([1]));
    h.done(Op::Read, saw([]));
    h.returned(appended, acked(1));
    fails(&h);
}

#[test]
fn an_acknowledged_append_that_is_lost() {
    let mut h = History::new();
    h.done(append([1]), acked(1));
    h.done(append([2]), acked(1));
    h.done(Op::Read, saw([2]));
    fails(&h);
}

#[test]
fn an_append_that_stands_there_twice() {
    let mut h = History::new();
    h.done(append([1]), acked(1));
    h.done(Op::Read, saw([1, 1]));
    fails(&h);
    let mut h = History::new();
    h.done(append([1]), acked(1));
    h.done(Op::Read, saw_records([1, 1]));
    fails(&h);
}

#[test]
fn appends_read_in_another_order() {
    let mut h = History::new();
    h.done(append([1]), acked(1));
    h.done(append([2]), acked(2));
    h.done(Op::Read, saw([2, 1]));
    let Verdict::Violation { prefix, open, report } = check(&h) else { panic!("passed") };
    assert_eq!((prefix, open), (vec![OpId(0)], vec![OpId(1)]));
    assert!(report.contains("and op 2 saw hash"), "{report}");
}

#[test]
fn records_of_a_batch_that_are_apart() {
    let mut h = History::new();
    let (first, second) = (h.call(0, append([1, 2])), h.call(1, append([3])));
    h.returned(first, acked(3));
    h.returned(second, acked(2));
    h.done(Op::Read, saw([1, 3, 2]));
    fails(&h);
}

#[test]
fn a_definite_failure_that_took_effect() {
    let mut h = History::new();
    h.done(append([1]), REFUSED);
    h.done(Op::Read, saw([1]));
    fails(&h);
}

#[test]
fn two_reads_that_differ_about_the_same_tail() {
    let mut h = History::new();
    h.done(append([1]), acked(1));
    h.done(Op::Read, saw([1]));
    h.done(Op::Read, saw([7]));
    let report = fails(&h);
    assert!(report.contains("it saw hash"), "{report}");
}

#[test]
fn acknowledged_under_the_wrong_match_seq_num() {
    let mut h = History::new();
    h.done(append([1]), acked(1));
    h.done(append([2]).match_seq_num(1), acked(2));
    passes(&h);
    h.done(append([3]).match_seq_num(1), acked(3));
    let report = fails(&h);
    assert!(report.contains("its match_seq_num is not the tail"), "{report}");
}

#[test]
fn acknowledged_below_its_own_size() {
    let mut h = History::new();
    h.done(append([1, 2]), acked(1));
    let report = fails(&h);
    assert!(report.contains("acknowledged with tail 1, and would make 2"), "{report}");
}

#[test]
fn of_two_that_ask_for_one_place_one_gets_it() {
    let both = |second| {
        let mut h = History::new();
        let calls = [h.call(0, append([1]).match_seq_num(0)), h.call(1, append([2]).match_seq_num(0))];
        h.returned(calls[0], acked(1));
        h.returned(calls[1], second);
        h
    };
    passes(&both(CONDITION_FAILED));
    passes(&both(REFUSED));
    fails(&both(acked(1)));
    fails(&both(acked(2)));
}

fn fence(token: &str, record: u64) -> Append {
    append([record]).set_fencing_token(token)
}

#[test]
fn a_fenced_append_that_is_acknowledged() {
    let mut h = History::new();
    h.done(fence("a", 1), acked(1));
    h.done(append([2]).fencing_token("a"), acked(2));
    h.done(fence("b", 3).fencing_token("a"), acked(3));
    passes(&h);
    h.done(append([4]).fencing_token("a"), acked(4));
    let report = fails(&h);
    assert!(report.contains("it presented another fencing_token"), "{report}");
    assert!(report.contains("fencing_token \"b\""), "{report}");
}

#[test]
fn appends_without_a_token_pass_every_fence() {
    let mut h = History::new();
    h.done(fence("a", 1), acked(1));
    h.done(append([2]), acked(2));
    passes(&h);
}

#[test]
fn the_empty_token_is_a_condition_and_a_new_streams_token() {
    let mut h = History::new();
    h.done(append([1]).fencing_token(""), acked(1));
    h.done(fence("a", 2), acked(2));
    h.done(fence("", 3).fencing_token("a"), acked(3));
    h.done(append([4]).fencing_token(""), acked(4));
    passes(&h);
    h.done(fence("a", 5), acked(5));
    h.done(append([6]).fencing_token(""), acked(6));
    fails(&h);
}

#[test]
fn a_condition_that_failed_needs_a_moment_at_which_it_did() {
    let mut h = History::new();
    h.done(append([1]), acked(1));
    h.done(append([2]).match_seq_num(0), CONDITION_FAILED);
    h.done(append([2]).fencing_token("a"), CONDITION_FAILED);
    passes(&h);
    h.done(append([2]).match_seq_num(1).fencing_token(""), CONDITION_FAILED);
    let report = fails(&h);
    assert!(report.contains("its conditions hold"), "{report}");
}

#[test]
fn a_definite_failure_needs_no_reason() {
    let mut h = History::new();
    h.done(append([1]).match_seq_num(0), REFUSED);
    h.done(append([1]), REFUSED);
    h.done(Op::Read, saw([]));
    passes(&h);
}

#[test]
fn reads_that_failed_or_never_returned_say_nothing() {
    let mut h = History::new();
    h.done(Op::Read, riverrun_history::Outcome::ReadFailure);
    h.done(Op::CheckTail, riverrun_history::Outcome::CheckTailFailure);
    h.call(1, Op::Read);
    h.done(append([1]), acked(1));
    assert_eq!(passes(&h), [OpId(3)]);
}

#[test]
#[should_panic(expected = "one record at least")]
fn an_append_of_nothing_is_not_recorded() {
    History::new().call(0, append([]));
}

#[test]
#[should_panic(expected = "cannot be answered with")]
fn an_answer_has_to_fit() {
    History::new().done(Op::Read, acked(1));
}
