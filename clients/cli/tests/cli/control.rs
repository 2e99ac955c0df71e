//! Creating, listing, asking.

use crate::support::model::Stream;
use crate::support::{BASIN, Model, run, run_with};

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn j3_what_is_created_is_listed() {
    let model = Model::start();
    let ran = run(&model.addr, "create-basin s2://basin-one");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), "Basin created\n"));
    run(&model.addr, "create-basin basin-two --create-stream-on-append");
    let ran = run(&model.addr, "create-stream basin-one/a/b");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), "Stream created\n"));
    run_with(&model.addr, "append basin-two/auto", b"x\n");
    assert_eq!(text(run(&model.addr, "ls").quietly()), "basin-one\nbasin-two\n");
    assert_eq!(text(run(&model.addr, "list-basins -p basin-t").quietly()), "basin-two\n");
    let line = "s2://basin-one/a/b 2026-02-18T04:56:46.217Z\n";
    assert_eq!(text(run(&model.addr, "ls basin-one").quietly()), line);
    assert_eq!(text(run(&model.addr, "list-streams s2://basin-one/a/").quietly()), line);
    assert_eq!(text(run(&model.addr, "ls basin-one/b").quietly()), "");
    assert_eq!(text(run(&model.addr, "check-tail basin-two/auto").quietly()), "1 @ 1771390606217\n");
}

#[test]
fn e3_long_listings_come_whole_unless_told_otherwise() {
    let model = Model::with_basin(BASIN);
    let names = (0..1500).map(|n| (format!("s{n:04}"), Stream::default()));
    model.state().basins.get_mut(BASIN).unwrap().streams.extend(names);
    let count = |args: &str| text(run(&model.addr, args).quietly()).lines().count();
    assert_eq!(count("ls test-basin"), 1500);
    assert_eq!(count("ls test-basin -n 1200"), 1200);
    assert_eq!(count("ls test-basin --no-auto-paginate"), 1000);
    assert_eq!(count("ls test-basin --start-after s1497"), 2);
}

#[test]
fn ping_and_status_answer() {
    let model = Model::start();
    let pings = text(run(&model.addr, "ping -c 3 -i 0s").quietly());
    assert_eq!(pings.lines().filter(|line| line.starts_with("pong ")).count(), 3);
    assert!(pings.lines().last().unwrap().starts_with("3 round trips to "), "{pings}");
    assert!(text(run(&model.addr, "status").quietly()).contains("store         memory:\n"));
    let stages = text(run(&model.addr, "status --stages").quietly());
    assert!(stages.lines().nth(1).unwrap().starts_with("ack_send           0"), "{stages}");
    let json = run(&model.addr, "status -o json").quietly();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!((&json["level"], &json["counters"]["appends"]), (&"memory".into(), &3.into()));
}
