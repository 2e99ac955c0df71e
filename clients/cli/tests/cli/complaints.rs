//! What goes wrong, as its user reads it: what, why, what to do, and the exit code.

use crate::support::model::{Basin, Stream, answering, deserted};
use crate::support::{BASIN, Model, run, run_with};

fn complaint(addr: &str, args: &str) -> String {
    run(addr, args).complaint(addr)
}

#[test]
fn no_server() {
    let addr = deserted();
    insta::assert_snapshot!(complaint(&addr, "ls"), @r"
    exit 1
    Error:   × there is no connection to a server
      ╰─▶ 127.0.0.1:5252: Connection refused (os error 111)
      help: start one in another terminal with `riverrun serve --listen 127.0.0.1:5252`, or name another with --addr or RIVERRUN_ADDR
    ");
}

#[test]
fn another_protocol_on_the_port() {
    let addr = answering(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    insta::assert_snapshot!(complaint(&addr, "ls"), @r"
    exit 1
    Error:   × there is no connection to a server
      ╰─▶ this is no Riverrun server, it answers in HTTP
      help: check the address, given by --addr or RIVERRUN_ADDR as HOST:PORT, and that a Riverrun server of a version that fits listens there
    ");
    let addr = answering(&[0; 64]);
    insta::assert_snapshot!(complaint(&addr, "ls"), @r"
    exit 1
    Error:   × there is no connection to a server
      ╰─▶ kind 0x00 is no response that this version knows at byte 0
      help: check the address, given by --addr or RIVERRUN_ADDR as HOST:PORT, and that a Riverrun server of a version that fits listens there
    ");
}

#[test]
fn names_that_do_not_exist() {
    let model = Model::start();
    let basin = Basin { streams: [("logs".to_owned(), Stream::default())].into(), ..Basin::default() };
    model.state().basins.insert(BASIN.to_owned(), basin);
    insta::assert_snapshot!(complaint(&model.addr, "read test-basim/logs"), @r"
    exit 1
    Error:   × test-basim/logs cannot be read
      ╰─▶ there is no basin `test-basim`
      help: did you mean test-basin? Or create it with `riverrun --addr 127.0.0.1:5252 create-basin test-basim --create-stream-on-append`
    ");
    insta::assert_snapshot!(complaint(&model.addr, "check-tail test-basin/lgos"), @r"
    exit 1
    Error:   × the tail of test-basin/lgos is not known
      ╰─▶ the basin test-basin has no stream `lgos`
      help: did you mean test-basin/logs? Or create it with `riverrun --addr 127.0.0.1:5252 create-stream test-basin/lgos`
    ");
    insta::assert_snapshot!(complaint(&model.addr, "ls xxxxxxxx"), @r"
    exit 1
    Error:   × the streams of xxxxxxxx could not be listed
      ╰─▶ there is no basin `xxxxxxxx`
      help: create it with `riverrun --addr 127.0.0.1:5252 create-basin xxxxxxxx --create-stream-on-append`, or see what there is with `riverrun --addr 127.0.0.1:5252 ls`
    ");
    insta::assert_snapshot!(complaint(&model.addr, "create-stream xxxxxxxx/logs"), @r"
    exit 1
    Error:   × the stream xxxxxxxx/logs was not created
      ╰─▶ there is no basin `xxxxxxxx`
      help: create it with `riverrun --addr 127.0.0.1:5252 create-basin xxxxxxxx --create-stream-on-append`, or see what there is with `riverrun --addr 127.0.0.1:5252 ls`
    ");
    let ran = run_with(&model.addr, "append test-basin/payments", b"x\n");
    insta::assert_snapshot!(ran.complaint(&model.addr), @r"
    exit 1
    Error:   × nothing was appended to test-basin/payments
      ╰─▶ the basin test-basin has no stream `payments`
      help: create it with `riverrun --addr 127.0.0.1:5252 create-stream test-basin/payments`, or see what there is with `riverrun --addr 127.0.0.1:5252 ls test-basin`
    ");
}

#[test]
fn names_that_exist_already() {
    let model = Model::with_basin(BASIN);
    insta::assert_snapshot!(complaint(&model.addr, "create-basin test-basin"), @r"
    exit 1
    Error:   × the basin test-basin was not created
      ╰─▶ there is one of this name
      help: use it as it is, or choose another name
    ");
}

#[test]
fn what_is_no_name() {
    let addr = deserted();
    insta::assert_snapshot!(complaint(&addr, "read http://test-basin/logs"), @r"
    exit 2
    error: invalid value 'http://test-basin/logs' for '<BASIN/STREAM>': the scheme `http://` is not known here; write basin/stream or s2://basin/stream

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(complaint(&addr, "read test-basin"), @r"
    exit 2
    error: invalid value 'test-basin' for '<BASIN/STREAM>': this names the basin `test-basin` and no stream; write test-basin/STREAM

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(complaint(&addr, "create-basin test-basin/logs"), @r"
    exit 2
    error: invalid value 'test-basin/logs' for '<BASIN>': a basin is wanted here, and this names the stream `logs` in it; write test-basin alone

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(complaint(&addr, "create-basin Test-Basin"), @r"
    exit 2
    error: invalid value 'Test-Basin' for '<BASIN>': there can be no basin `Test-Basin`; a basin name consists of a-z, 0-9 and -, not 'T'

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(complaint(&addr, "read test-basin/logs --until yesterday"), @r"
    exit 2
    error: invalid value 'yesterday' for '--until <TIME>': timestamp format is invalid; write milliseconds since 1970 (1771390606217) or RFC 3339 (2026-02-18T04:56:46Z)

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(complaint(&addr, "read test-basin/logs --ago yesterday"), @r"
    exit 2
    error: invalid value 'yesterday' for '--ago <DURATION>': expected number at 0; write it like 5ms, 90s, 15m, 1h 30m or 2d

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(complaint(&addr, "append test-basin/logs --linger 2days"), @r"
    exit 2
    error: invalid value '2days' for '--linger <DURATION>': the most is 1day

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(complaint(&addr, "read test-basin/logs --timestamp 2026-02-18T00:00:00Z --until 1771286400000"), @r"
    exit 2
    Error:   × test-basin/logs cannot be read
      ╰─▶ it would start at 2026-02-18T00:00:00.000Z, which is not earlier than --until, 2026-02-17T00:00:00.000Z
      help: start earlier, with --timestamp or --ago, or leave out --until
    ");
    insta::assert_snapshot!(complaint(&addr, "ls test-basin/a -p b"), @r"
    exit 2
    Error:   × nothing was listed
      ╰─▶ there are two prefixes, `a` behind the basin and `b` in --prefix
      help: leave one of them away
    ");
}

#[test]
fn c4_a_start_that_is_not_written_yet() {
    let model = Model::with_basin(BASIN);
    run_with(&model.addr, "append test-basin/logs", b"a\nb\n");
    insta::assert_snapshot!(complaint(&model.addr, "read test-basin/logs -s 5"), @r"
    exit 1
    Error:   × test-basin/logs cannot be read
      ╰─▶ nothing is written there yet; the tail is 2 @ 1771390606217: the next record will be 2, the last one is of 2026-02-18T04:56:46.217Z
      help: add --clamp to start at the tail and wait for what comes
    ");
    insta::assert_snapshot!(complaint(&model.addr, "read test-basin/logs -n 1"), @r"
    exit 1
    Error:   × test-basin/logs cannot be read
      ╰─▶ nothing is written there yet; the tail is 2 @ 1771390606217: the next record will be 2, the last one is of 2026-02-18T04:56:46.217Z
      help: leave out the bounds (--count, --bytes, --until) to wait for what comes, or start earlier, with --tail-offset or --seq-num
    ");
    insta::assert_snapshot!(complaint(&model.addr, "tail test-basin/empty"), @r"
    exit 1
    Error:   × test-basin/empty cannot be read
      ╰─▶ nothing was ever written to it
      help: append something first, or wait for it with `riverrun --addr 127.0.0.1:5252 read test-basin/empty`
    ");
}

#[test]
fn a_line_that_is_no_record() {
    let model = Model::with_basin(BASIN);
    let ran = run_with(&model.addr, "append test-basin/json --linger 1h --format json", b"{}\n{}\nnot json\n{}\n");
    insta::assert_snapshot!(ran.complaint(&model.addr), @r"
    exit 1
    [APPENDED] 0..2 // tail: 2 @ 1771390606217
    Error:   × line 3 of stdin is no record
      ╰─▶ it is not a JSON record: expected ident at column 2
      help: lines 1 to 2 are stored, nothing behind was sent; mend the line, then go on with
            ... | tail -n +3 | riverrun --addr 127.0.0.1:5252 append test-basin/json --format json --linger 1h
    ");
    let mut long = b"first\n".to_vec();
    long.resize(long.len() + (1 << 20), b'x');
    let ran = run_with(&model.addr, "append test-basin/text --linger 1h", &long);
    insta::assert_snapshot!(ran.complaint(&model.addr), @r"
    exit 1
    [APPENDED] 0..1 // tail: 1 @ 1771390606217
    Error:   × line 2 of stdin is no record
      ╰─▶ the record has 1048584 metered bytes; the most is 1048576 (1 MiB), 8 of which each record takes
      help: line 1 is stored, nothing behind was sent; mend the line, then go on with
            ... | tail -n +2 | riverrun --addr 127.0.0.1:5252 append test-basin/text --linger 1h
    ");
    assert_eq!(run(&model.addr, "check-tail test-basin/text").quietly(), b"1 @ 1771390606217\n");
}

#[test]
fn d4_an_outcome_that_nobody_knows() {
    let model = Model::with_basin(BASIN);
    model.state().inputs_until_cut = Some(2);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.log");
    std::fs::write(&file, (0..2500).map(|n| format!("{n}\n")).collect::<String>()).unwrap();
    let ran = run(&model.addr, &format!("append test-basin/logs --linger 1h -i {}", file.display()));
    let complaint = ran.complaint(&model.addr).replace(&file.display().to_string(), "app.log");
    insta::assert_snapshot!(complaint, @r"
    exit 3
    [APPENDED] 0..1000 // tail: 1000 @ 1771390606217
    [APPENDED] 1000..2000 // tail: 2000 @ 1771390606217
    Error:   × lines 2001 to 2500 may or may not have been appended to test-basin/logs
      ╰─▶ the server closed the connection before the answer came
      help: lines 1 to 2000 are stored; see whether more of the input is:
            riverrun --addr 127.0.0.1:5252 read test-basin/logs --seq-num 2000 --count 500
            If not, go on with
            tail -n +2001 app.log | riverrun --addr 127.0.0.1:5252 append test-basin/logs --linger 1h
    ");
}

#[test]
fn files_that_are_not_there() {
    let model = Model::with_basin(BASIN);
    insta::assert_snapshot!(complaint(&model.addr, "append test-basin/logs -i /nowhere/app.log"), @r"
    exit 1
    Error:   × nothing was appended to test-basin/logs: /nowhere/app.log cannot be read
      ╰─▶ No such file or directory (os error 2)
      help: check the path
    ");
    insta::assert_snapshot!(complaint(&model.addr, "read test-basin/logs -s 0 -o /nowhere/app.log"), @r"
    exit 1
    Error:   × /nowhere/app.log cannot be written
      ╰─▶ No such file or directory (os error 2)
      help: check the path
    ");
}
