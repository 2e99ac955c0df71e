//! Deleting: it begins at once, is marked in listings, and keeps the name (`s2-semantics.md` E6).

use crate::support::{BASIN, Model, run, run_with};

#[test]
fn e6_what_is_being_deleted_is_marked_and_keeps_its_name() {
    let model = Model::with_basin(BASIN);
    let addr = &model.addr;
    for stream in ["logs", "metrics"] {
        run(addr, &format!("create-stream test-basin/{stream}"));
    }
    for _ in 0..2 {
        let ran = run(addr, "delete-stream s2://test-basin/logs");
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), "Stream is being deleted\n"));
    }
    insta::assert_snapshot!(String::from_utf8(run(addr, "ls test-basin").quietly()).unwrap(), @r"
    s2://test-basin/logs 2026-02-18T04:56:46.217Z (being deleted)
    s2://test-basin/metrics 2026-02-18T04:56:46.217Z
    ");
    insta::assert_snapshot!(run(addr, "create-stream test-basin/logs").complaint(addr), @r"
    exit 1
    Error:   × the stream test-basin/logs was not created
      ╰─▶ stream deletion pending
      help: wait until the deletion is done, or use another name
    ");
    insta::assert_snapshot!(run_with(addr, "append test-basin/logs", b"x\n").complaint(addr), @r"
    exit 1
    Error:   × nothing was appended to test-basin/logs
      ╰─▶ stream deletion pending
      help: wait until the deletion is done, or use another name
    ");
    let ran = run(addr, "delete-basin test-basin");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), "Basin is being deleted\n"));
    assert_eq!(run(addr, "ls").quietly(), b"test-basin (being deleted)\n");
    insta::assert_snapshot!(run(addr, "create-basin test-basin").complaint(addr), @r"
    exit 1
    Error:   × the basin test-basin was not created
      ╰─▶ basin `test-basin` is being deleted
      help: wait until the deletion is done, or use another name
    ");
}

#[test]
fn e6_what_is_not_there_cannot_be_deleted() {
    let model = Model::with_basin(BASIN);
    run(&model.addr, "create-stream test-basin/logs");
    let complaint = |args: &str| run(&model.addr, args).complaint(&model.addr);
    insta::assert_snapshot!(complaint("delete-stream test-basin/lgos"), @r"
    exit 1
    Error:   × the stream test-basin/lgos was not deleted
      ╰─▶ the basin test-basin has no stream `lgos`
      help: did you mean test-basin/logs?
    ");
    insta::assert_snapshot!(complaint("delete-basin test-basim"), @r"
    exit 1
    Error:   × the basin test-basim was not deleted
      ╰─▶ there is no basin `test-basim`
      help: did you mean test-basin?
    ");
    insta::assert_snapshot!(complaint("delete-basin zzzzzzzz"), @r"
    exit 1
    Error:   × the basin zzzzzzzz was not deleted
      ╰─▶ there is no basin `zzzzzzzz`
      help: see what there is with `riverrun --addr 127.0.0.1:5252 ls`
    ");
}
