//! What goes wrong, as its user reads it: what, why, what to do, and the exit code.

use crate::support::model::{Basin, answering, deserted};
use crate::support::{BASIN, Model, run, run_with};

fn complaint(addr: &str, args: &str) -> String {
    run(addr, args).complaint(addr)
}

#[test]
fn no_server() {
    let addr = deserted();
    insta::assert_snapshot!(complaint(&addr, "ls"), @"");
}

#[test]
fn another_protocol_on_the_port() {
    let addr = answering(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    insta::assert_snapshot!(complaint(&addr, "ls"), @"");
    let addr = answering(&[0; 64]);
    insta::assert_snapshot!(complaint(&addr, "ls"), @"");
}

#[test]
fn names_that_do_not_exist() {
    let model = Model::start();
    let basin = Basin { streams: [("logs".to_owned(), Vec::new())].into(), ..Basin::default() };
    model.state().basins.insert(BASIN.to_owned(), basin);
    insta::assert_snapshot!(complaint(&model.addr, "read test-basim/logs"), @"");
    insta::assert_snapshot!(complaint(&model.addr, "check-tail test-basin/lgos"), @"");
    insta::assert_snapshot!(complaint(&model.addr, "ls other-basin"), @"");
    insta::assert_snapshot!(complaint(&model.addr, "create-stream other-basin/logs"), @"");
    let ran = run_with(&model.addr, "append test-basin/payments", b"x\n");
    insta::assert_snapshot!(ran.complaint(&model.addr), @"");
}

#[test]
fn names_that_exist_already() {
    let model = Model::with_basin(BASIN);
    insta::assert_snapshot!(complaint(&model.addr, "create-basin test-basin"), @"");
}

#[test]
fn what_is_no_name() {
    let addr = deserted();
    insta::assert_snapshot!(complaint(&addr, "read http://test-basin/logs"), @"");
    insta::assert_snapshot!(complaint(&addr, "read test-basin"), @"");
    insta::assert_snapshot!(complaint(&addr, "create-basin test-basin/logs"), @"");
    insta::assert_snapshot!(complaint(&addr, "create-basin Test-Basin"), @"");
    insta::assert_snapshot!(complaint(&addr, "read test-basin/logs --until yesterday"), @"");
    insta::assert_snapshot!(complaint(&addr, "ls test-basin/a -p b"), @"");
}

#[test]
fn c4_a_start_that_is_not_written_yet() {
    let model = Model::with_basin(BASIN);
    run_with(&model.addr, "append test-basin/logs", b"a\nb\n");
    insta::assert_snapshot!(complaint(&model.addr, "read test-basin/logs -s 5"), @"");
    insta::assert_snapshot!(complaint(&model.addr, "read test-basin/logs -n 1"), @"");
    insta::assert_snapshot!(complaint(&model.addr, "tail test-basin/empty"), @"");
}

#[test]
fn a_line_that_is_no_record() {
    let model = Model::with_basin(BASIN);
    let ran = run_with(&model.addr, "append test-basin/json --linger 1h --format json", b"{}\n{}\nnot json\n{}\n");
    insta::assert_snapshot!(ran.complaint(&model.addr), @"");
    let mut long = b"first\n".to_vec();
    long.resize(long.len() + (1 << 20), b'x');
    let ran = run_with(&model.addr, "append test-basin/text --linger 1h", &long);
    insta::assert_snapshot!(ran.complaint(&model.addr), @"");
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
    insta::assert_snapshot!(complaint, @"");
}

#[test]
fn files_that_are_not_there() {
    let model = Model::with_basin(BASIN);
    insta::assert_snapshot!(complaint(&model.addr, "append test-basin/logs -i /nowhere/app.log"), @"");
    insta::assert_snapshot!(complaint(&model.addr, "read test-basin/logs -s 0 -o /nowhere/app.log"), @"");
}
