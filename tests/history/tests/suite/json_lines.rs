//! S2's form, line by line.

use riverrun_history::{FormatError, History, Op, OpId, Outcome};

use crate::say::{CONDITION_FAILED, LOST, Say, acked, append, fails, passes, saw, saw_records};

#[test]
fn lines_are_s2s() {
    let mut h = History::new();
    let appended = h.call(2, append([7]).match_seq_num(0).fencing_token("a").set_fencing_token("b"));
    h.returned(appended, acked(1));
    h.done(Op::Read, Outcome::ReadFailure);
    h.done(Op::CheckTail, Outcome::CheckTailSuccess { tail: 1 });
    let expected = [
        r#"{"event":{"Start":{"Append":{"num_records":1,"record_hashes":[7],"set_fencing_token":"b","fencing_token":"a","match_seq_num":0}}},"client_id":2,"op_id":0}"#,
        r#"{"event":{"Finish":{"AppendSuccess":{"tail":1}}},"client_id":2,"op_id":0}"#,
        r#"{"event":{"Start":"Read"},"client_id":0,"op_id":1}"#,
        r#"{"event":{"Finish":"ReadFailure"},"client_id":0,"op_id":1}"#,
        r#"{"event":{"Start":"CheckTail"},"client_id":0,"op_id":2}"#,
        r#"{"event":{"Finish":{"CheckTailSuccess":{"tail":1}}},"client_id":0,"op_id":2}"#,
    ];
    assert_eq!(h.to_json_lines().lines().collect::<Vec<_>>(), expected);
    assert_eq!(History::from_json_lines(&h.to_json_lines()).expect("our own"), h);
}

#[test]
fn what_s2_does_not_know_stands_in_fields_it_passes_over() {
    let mut h = History::new();
    h.done(append([7]).match_seq_num(3), CONDITION_FAILED);
    h.done(Op::Read, saw_records([]));
    let lines = h.to_json_lines();
    let line = |at: usize| lines.lines().nth(at).expect("a line");
    assert_eq!(
        line(1),
        r#"{"event":{"Finish":"AppendDefiniteFailure"},"client_id":0,"op_id":0,"condition_failed":true}"#
    );
    assert_eq!(
        line(3),
        r#"{"event":{"Finish":{"ReadSuccess":{"tail":0,"stream_hash":0,"record_hashes":[]}}},"client_id":0,"op_id":1}"#
    );
    assert_eq!(History::from_json_lines(&lines).expect("our own"), h);
}

/// For S2's model an append has taken effect when it is answered, if ever. One of which nobody knows may do so later.
#[test]
fn what_nobody_knows_is_answered_at_the_end() {
    let mut h = History::new();
    h.done(append([1]), LOST);
    h.call(1, append([2]));
    h.done(Op::Read, saw([]));
    let lines = h.to_json_lines();
    let lost = r#"{"event":{"Finish":"AppendIndefiniteFailure"},"#;
    let last: Vec<&str> = lines.lines().skip(4).collect();
    assert!(last.len() == 2 && last.iter().all(|line| line.starts_with(lost)), "{lines}");
}

#[test]
fn names_of_operations_are_kept() {
    let mut h = History::from_json_lines(
        "{\"event\":{\"Start\":\"Read\"},\"client_id\":1,\"op_id\":12}\n\n\
         {\"event\":{\"Start\":\"CheckTail\"},\"client_id\":2,\"op_id\":5}\n",
    )
    .expect("a history");
    assert_eq!(h.operations().iter().map(|operation| operation.id).collect::<Vec<_>>(), [OpId(12), OpId(5)]);
    assert_eq!(h.call(0, Op::Read), OpId(13));
}

/// The histories of the tests of S2's own model, with its verdicts.
#[test]
fn s2s_cases_have_s2s_verdicts() {
    let (batch1, batch2) = ([11, 22, 33, 44], [55, 66, 77, 88, 99]);
    let then = |outcome: Outcome, read: Outcome| {
        let mut h = History::new();
        h.done(append(batch1), acked(4));
        h.done(Op::Read, saw(batch1));
        h.done(Op::CheckTail, Outcome::CheckTailSuccess { tail: 4 });
        h.done(append(batch2), outcome);
        h.done(Op::Read, read);
        History::from_json_lines(&h.to_json_lines()).expect("our own")
    };
    let both = saw([11, 22, 33, 44, 55, 66, 77, 88, 99]);
    passes(&then(Outcome::AppendDefiniteFailure, saw(batch1)));
    fails(&then(Outcome::AppendDefiniteFailure, both.clone()));
    passes(&then(LOST, both));
    passes(&then(LOST, saw(batch1)));
    fails(&then(acked(9), saw([98, 99, 33, 44, 55, 66, 77, 88, 99])));
}

#[test]
fn what_is_no_history_is_refused_by_line() {
    let start = |op: &str| format!("{{\"event\":{{\"Start\":{op}}},\"client_id\":0,\"op_id\":0}}\n");
    let finish = |outcome: &str| format!("{{\"event\":{{\"Finish\":{outcome}}},\"client_id\":0,\"op_id\":0}}\n");
    let append = |count: u64, hashes: &str| {
        start(&format!("{{\"Append\":{{\"num_records\":{count},\"record_hashes\":{hashes}}}}}"))
    };
    let read = start("\"Read\"");
    let refused = |text: String| History::from_json_lines(&text).expect_err("no history");

    assert!(matches!(refused("{".to_owned()), FormatError::Json { line: 1, .. }));
    assert!(matches!(refused(start("\"Trim\"")), FormatError::Json { line: 1, .. }));
    assert!(matches!(refused(append(2, "[1]")), FormatError::RecordCount { line: 1, num_records: 2, hashes: 1 }));
    assert!(matches!(refused(append(0, "[]")), FormatError::EmptyAppend { line: 1 }));
    assert!(matches!(refused(format!("{read}{read}")), FormatError::StartedTwice { line: 2, .. }));
    assert!(matches!(refused(finish("\"ReadFailure\"")), FormatError::NotUnderWay { line: 1, .. }));
    let twice = finish("\"ReadFailure\"").repeat(2);
    assert!(matches!(refused(format!("{read}{twice}")), FormatError::NotUnderWay { line: 3, .. }));
    let other = finish("\"CheckTailFailure\"");
    assert!(matches!(refused(format!("{read}{other}")), FormatError::OtherKind { line: 2, .. }));
    let lies = finish("{\"ReadSuccess\":{\"tail\":2,\"stream_hash\":0,\"record_hashes\":[1]}}");
    assert!(matches!(refused(format!("{read}{lies}")), FormatError::ReadRecords { line: 2 }));
}
