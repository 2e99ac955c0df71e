//! `fence`, `trim`, and appends on conditions (`s2-semantics.md` B3 to B5).

use crate::support::{BASIN, Model, Ran, command, run, run_with};

/// stderr of a command that is done.
fn done(addr: &str, args: &str) -> String {
    let ran = run(addr, args);
    assert_eq!((ran.code, ran.stdout.as_slice()), (Some(0), &b""[..]), "{}", ran.stderr);
    ran.stderr
}

#[test]
fn b4_a_fence_keeps_other_writers_out() {
    let model = Model::with_basin(BASIN);
    let addr = &model.addr;
    assert_eq!(
        done(addr, "fence test-basin/logs leader-1 -m 0"),
        "[FENCED] by 'leader-1' // tail: 1 @ 1771390606217\n"
    );
    assert_eq!(model.state().basins[BASIN].streams["logs"].fencing_token.as_str(), "leader-1");
    let ran = run_with(addr, "append test-basin/logs -f leader-1 --linger 1h", b"a\nb\n");
    assert_eq!(ran.stderr, "[APPENDED] 1..3 // tail: 3 @ 1771390606217\n");
    let fenced = run_with(addr, "append test-basin/logs --fencing-token leader-0", b"c\n");
    insta::assert_snapshot!(fenced.complaint(addr), @r"
    exit 1
    Error:   × appending to test-basin/logs ended in front of line 1
      ╰─▶ the stream's fencing token is `leader-1`
      help: another writer has taken over; leave the stream to it, or take it back with `riverrun --addr 127.0.0.1:5252 fence test-basin/logs TOKEN -f leader-1`
            no line is stored
    ");
    insta::assert_snapshot!(run(addr, "fence test-basin/logs leader-2 -f leader-0").complaint(addr), @r"
    exit 1
    Error:   × test-basin/logs was not fenced
      ╰─▶ the stream's fencing token is `leader-1`
      help: another writer has taken over; leave the stream to it, or take it back with `riverrun --addr 127.0.0.1:5252 fence test-basin/logs TOKEN -f leader-1`
    ");
    assert_eq!(done(addr, "fence test-basin/logs leader-2 -f leader-1").lines().count(), 1);
    let unset = run(addr, "trim test-basin/other 5 -f leader-1");
    insta::assert_snapshot!(unset.complaint(addr), @r"
    exit 1
    Error:   × test-basin/other was not trimmed
      ╰─▶ the stream has no fencing token
      help: leave out -f, or set one with `riverrun --addr 127.0.0.1:5252 fence test-basin/other TOKEN`
    ");
}

#[test]
fn b3_a_number_that_does_not_match_is_told_with_the_next_one() {
    let model = Model::with_basin(BASIN);
    let addr = &model.addr;
    let ran = run_with(addr, "append test-basin/logs -m 0 --linger 1h", b"a\nb\n");
    assert_eq!(ran.stderr, "[APPENDED] 0..2 // tail: 2 @ 1771390606217\n");
    let behind = run_with(addr, "append test-basin/logs --match-seq-num 0", b"c\n");
    insta::assert_snapshot!(behind.complaint(addr), @r"
    exit 1
    Error:   × appending to test-basin/logs ended in front of line 1
      ╰─▶ the next record of the stream gets the number 2
      help: see what there is with `riverrun --addr 127.0.0.1:5252 tail test-basin/logs`; if it may follow that, go on with -m 2
            no line is stored
    ");
    insta::assert_snapshot!(run(addr, "trim test-basin/logs 1 -m 1").complaint(addr), @r"
    exit 1
    Error:   × test-basin/logs was not trimmed
      ╰─▶ the next record of the stream gets the number 2
      help: see what there is with `riverrun --addr 127.0.0.1:5252 tail test-basin/logs`; if it may follow that, go on with -m 2
    ");
}

#[test]
fn i4_an_append_of_many_batches_counts_on_from_its_number() {
    let model = Model::with_basin(BASIN);
    let lines: String = (0..2500).map(|n| format!("{n}\n")).collect();
    let ran = run_with(&model.addr, "append test-basin/logs -m 0 --linger 1h", lines.as_bytes());
    assert_eq!((ran.code, ran.stderr.lines().count()), (Some(0), 3), "{}", ran.stderr);
}

#[test]
fn b5_trim_and_fence_are_records_of_their_own() {
    let model = Model::with_basin(BASIN);
    let addr = &model.addr;
    assert_eq!(done(addr, "trim s2://test-basin/logs 42"), "[TRIMMED] below 42 // tail: 1 @ 1771390606217\n");
    assert_eq!(done(addr, "fence test-basin/logs me").lines().count(), 1);
    let read = run(addr, "read test-basin/logs -s 0 -n 2 --format json-base64").quietly();
    insta::assert_snapshot!(String::from_utf8(read).unwrap(), @r#"
    {"seq_num":0,"timestamp":1771390606217,"headers":[["","dHJpbQ=="]],"body":"AAAAAAAAACo="}
    {"seq_num":1,"timestamp":1771390606217,"headers":[["","ZmVuY2U="]],"body":"bWU="}
    "#);
}

#[test]
fn b4_the_empty_token_is_a_condition_and_clears() {
    let model = Model::with_basin(BASIN);
    let addr = &model.addr;
    let fence = |token: &str, current: &str| -> Ran {
        command(addr, "fence test-basin/logs").args([token, "-f", current]).output().unwrap().into()
    };
    assert_eq!(fence("me", "").code, Some(0), "there was none");
    assert_eq!(fence("me", "").code, Some(1), "there is one by now");
    assert_eq!(fence("", "me").stderr, "[FENCED] by '' // tail: 2 @ 1771390606217\n");
    assert_eq!(model.state().basins[BASIN].streams["logs"].fencing_token.as_str(), "");
}

#[test]
fn b4_a_token_that_is_too_long_is_refused_before_anything_is_sent() {
    let addr = crate::support::model::deserted();
    let ran = run(&addr, &format!("fence test-basin/logs {}", "x".repeat(37)));
    assert!(ran.complaint(&addr).contains("at most 36 bytes"), "{}", ran.stderr);
    assert_eq!(ran.code, Some(2));
}
