//! Ctrl-C, the polite kill, and readers that leave: none is an error, and each tells how to go on.

use std::io::{BufRead, BufReader, Read, Write};

use rustix::process::Signal;

use crate::support::{BASIN, Model, Ran, run_with, signal, start};

fn ended(mut child: std::process::Child) -> Ran {
    drop(child.stdin.take());
    child.wait_with_output().unwrap().into()
}

#[test]
fn a_follower_prints_at_once_and_tells_where_it_stopped() {
    let model = Model::with_basin(BASIN);
    run_with(&model.addr, "append test-basin/logs", b"a\nb\n");
    for sent in [Signal::INT, Signal::TERM] {
        let mut child = start(&model.addr, "read test-basin/logs --tail-offset 2 --format json");
        let mut lines = BufReader::new(child.stdout.as_mut().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        lines.read_line(&mut line).unwrap();
        assert_eq!(line.lines().count(), 2);
        signal(&child, sent);
        let ran = ended(child);
        assert_eq!(ran.code, Some(0));
        let said = ran.stderr.replace(&model.addr, "HERE");
        assert_eq!(
            said,
            "stopped before 2; resume: riverrun --addr HERE read test-basin/logs --seq-num 2 --format json\n"
        );
    }
}

#[test]
fn a_follower_of_what_comes_resumes_where_it_began() {
    let model = Model::with_basin(BASIN);
    run_with(&model.addr, "append test-basin/logs", b"a\n");
    let mut child = start(&model.addr, "tail test-basin/logs -n 1 -f");
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    run_with(&model.addr, "append test-basin/logs", b"live\n");
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, "a\nlive\n");
    signal(&child, Signal::INT);
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.starts_with("stopped before 2; resume: "), "{said}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_growing_input_is_appended_as_it_comes_and_an_interrupt_loses_nothing() {
    let model = Model::with_basin(BASIN);
    let mut child = start(&model.addr, "append test-basin/logs");
    // Open to the end: whoever writes it has not finished.
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"one\ntwo\nunfinished").unwrap();
    model.wait_for_records(BASIN, "logs", 2);
    signal(&child, Signal::INT);
    let ran: Ran = child.wait_with_output().unwrap().into();
    drop(stdin);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let said = ran.stderr.lines().last().unwrap().replace(&model.addr, "HERE");
    assert_eq!(
        said,
        "stopped: lines 1 to 2 are stored, the last one as 1; resume: ... | tail -n +3 | riverrun --addr HERE append test-basin/logs"
    );
}

/// Ctrl-C in a shell ends the program in front of the pipe as well: end of input and interrupt come in any order, and the first
/// interrupt always waits for what was sent.
#[test]
fn an_interrupt_at_the_end_of_the_input_leaves_nothing_in_doubt() {
    for _ in 0..20 {
        let model = Model::with_basin(BASIN);
        let mut child = start(&model.addr, "append test-basin/logs");
        child.stdin.as_mut().unwrap().write_all(b"one\ntwo\nlast").unwrap();
        model.wait_for_records(BASIN, "logs", 2);
        signal(&child, Signal::INT);
        let ran = ended(child);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
}

#[test]
fn a_reader_that_leaves_is_not_an_error() {
    let model = Model::with_basin(BASIN);
    let input = "0123456789\n".repeat(50_000);
    run_with(&model.addr, "append test-basin/logs", input.as_bytes());
    for args in ["read test-basin/logs -s 0", "read test-basin/logs -s 0 -n 50000"] {
        let mut child = start(&model.addr, args);
        drop(child.stdout.take());
        let ran: Ran = ended(child);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{args}");
    }
}
