//! Old records go to clients as they are stored, and come out as they went in (docs/PROTOCOL.md, Pages).

use crate::support::{Data, counter, log_lines};

const LINES: usize = 60_000;

#[test]
fn history_is_read_back_from_pages_that_the_broker_does_not_open() {
    let data = Data::new();
    let server = data.serve(&["--shards", "2"]);
    server.ok(&["create-basin", "old-records", "--create-stream-on-append"]);
    let input = log_lines(17, LINES);
    assert!(server.feed(&["append", "old-records/log"], &input).status.success());
    // What is stopped is published, and nothing of it is in the next one's memory.
    server.terminate();
    let server = data.serve(&["--shards", "2"]);
    let all = LINES.to_string();
    let whole = server.ok(&["read", "old-records/log", "--seq-num", "0", "--count", &all]);
    assert!(whole == input, "{} bytes of {}, or others", whole.len(), input.len());
    let (pages, records) = (counter(&server, "read_pages"), counter(&server, "read_records"));
    println!("{pages} pages, {records} records");
    assert!(pages >= 10, "of {} MiB: {pages} pages", input.len() >> 20);
    assert_eq!(records, LINES as u64);
    let some = server.ok(&["read", "old-records/log", "--seq-num", "12345", "--count", "1000"]);
    let expected: Vec<&[u8]> = input.split_inclusive(|byte| *byte == b'\n').skip(12345).take(1000).collect();
    assert!(some == expected.concat(), "a part of it, cut where it was asked for");
    assert_eq!(counter(&server, "read_pages"), pages, "what has to be cut is opened by the broker");
}
