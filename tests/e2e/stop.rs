//! Stopping, and starting where something is in the way.

use crate::support::{Data, log_lines};

#[test]
fn a_graceful_stop_leaves_nothing_to_recover() {
    let data = Data::new();
    let server = data.serve(&["--shards", "2"]);
    server.ok(&["create-basin", "graceful", "--create-stream-on-append"]);
    let input = log_lines(3, 5000);
    server.feed(&["append", "graceful/log"], &input);
    let said = server.terminate();
    assert!(said.contains("nothing is left in the journal"), "{said}");
    let server = data.serve(&["--shards", "1"]);
    assert!(server.says("recovered").contains("clean"), "{}", server.says("recovered"));
    let read = server.ok(&["read", "graceful/log", "--seq-num", "0", "--count", "5000"]);
    assert!(read == input);
}

#[test]
fn a_second_broker_on_the_same_folder_is_refused_and_harms_nothing() {
    let data = Data::new();
    let server = data.serve(&[]);
    server.ok(&["create-basin", "one-owner", "--create-stream-on-append"]);
    server.feed(&["append", "one-owner/s"], b"first\n");
    let refused = crate::support::Server::try_start(&data.data(), &[]).expect_err("the folder is locked");
    assert!(refused.contains("in use"), "{refused}");
    server.feed(&["append", "one-owner/s"], b"second\n");
    assert_eq!(server.ok(&["read", "one-owner/s", "--seq-num", "0", "--count", "2"]), b"first\nsecond\n");
}

#[test]
fn a_memory_store_says_that_nothing_survives_and_keeps_nothing() {
    let data = Data::new();
    let server = data.serve(&["--store", "memory:"]);
    assert!(server.says("durability").contains("survives nothing"), "{}", server.says("durability"));
    server.ok(&["create-basin", "fleeting", "--create-stream-on-append"]);
    server.feed(&["append", "fleeting/s"], b"gone\n");
    assert_eq!(server.ok(&["read", "fleeting/s", "--seq-num", "0", "--count", "1"]), b"gone\n");
    server.terminate();
    let server = data.serve(&["--store", "memory:"]);
    assert!(!server.cli(&["check-tail", "fleeting/s"]).status.success());
}
