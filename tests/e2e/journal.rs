//! The journal is bounded, and nothing depends on it after a clean stop.

use crate::support::{Data, log_lines};

#[test]
fn its_size_stays_constant_while_ten_times_its_size_is_appended() {
    let data = Data::new();
    let server = data.serve(&["--shards", "1", "--unpublished-bytes-max", "16777216"]);
    server.ok(&["create-basin", "much-appended", "--create-stream-on-append"]);
    let input = log_lines(11, 100_000);
    let (mut appended, mut records) = (0, 0);
    let mut largest = 0;
    while appended < 10 * (16 << 20) {
        server.feed(&["append", "much-appended/log"], &input);
        appended += input.len();
        records += 100_000;
        largest = largest.max(data.journal_bytes());
    }
    // The backlog and what its blocks are padded with lie in six files at most, of which one is being filled. One is kept ready. One is on
    // its way back: a durable block has to say that it is not needed. And while it is, one more may have been made to be ready, which
    // stays: with it there is one ready from then on, and making it stop would write zeros in vain each time.
    assert!(
        largest <= (6 + 1 + 1 + 1) * (4 << 20),
        "the journal grew to {largest} bytes while {appended} were appended"
    );
    server.terminate();
    assert!(data.journal_bytes() <= largest);

    // Deleting it after a clean stop loses nothing.
    std::fs::remove_dir_all(data.data().join("journal")).expect("deleted");
    let server = data.serve(&[]);
    let tail = String::from_utf8(server.ok(&["check-tail", "much-appended/log"])).expect("text");
    assert!(tail.starts_with(&format!("{records} @ ")), "{tail} after {records} records");
    let count = records.to_string();
    let read = server.ok(&["read", "much-appended/log", "--seq-num", "0", "--count", &count]);
    assert_eq!(read.len(), appended);
    assert!(read.chunks(input.len()).all(|chunk| chunk == input));
}

#[test]
fn what_is_stored_is_compressed_at_least_three_to_one() {
    let data = Data::new();
    let server = data.serve(&["--shards", "1"]);
    server.ok(&["create-basin", "compressed", "--create-stream-on-append"]);
    server.feed(&["append", "compressed/log"], &log_lines(5, 50_000));
    server.terminate();
    let mut stored = 0;
    for chunk in data.chunks() {
        let shown = crate::support::riverrun().args(["dump", "chunk"]).arg(&chunk).output().expect("the binary runs");
        assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
        stored += chunk.metadata().expect("a file").len();
    }
    assert!(stored > 0 && stored * 3 <= log_lines(5, 50_000).len() as u64, "{stored} bytes stored");
}

#[test]
fn a_killed_broker_that_published_nothing_recovers_everything_from_it() {
    let data = Data::new();
    let server = data.serve(&["--shards", "2"]);
    server.ok(&["create-basin", "journal-only", "--create-stream-on-append"]);
    let inputs: Vec<Vec<u8>> = (0..8).map(|seed| log_lines(seed + 100, 500)).collect();
    for (n, input) in inputs.iter().enumerate() {
        server.feed(&["append", &format!("journal-only/log-{n}")], input);
    }
    server.kill();
    assert!(data.chunks().is_empty(), "the age of chunks is far above this test's");
    // Killed again before anything is published: both journals are needed.
    for _ in 0..3 {
        let server = data.serve(&["--shards", "3"]);
        for (n, input) in inputs.iter().enumerate() {
            let read = server.ok(&["read", &format!("journal-only/log-{n}"), "--seq-num", "0", "--count", "500"]);
            assert!(read == *input, "log-{n} differs");
        }
        server.kill();
    }
}
