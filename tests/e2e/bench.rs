//! The load generator against a real broker: what it counts is what was done. Times are not looked at.

use serde_json::Value;

use crate::support::{Data, Server};

fn bench(server: &Server, arguments: &[&str]) -> Value {
    let common = ["--seconds", "1", "--warmup", "0.1", "--drain-seconds", "0", "--verify", "-o", "json"];
    let arguments = [&["bench", "run"], arguments, &common].concat();
    let text = String::from_utf8(server.ok(&arguments)).expect("text");
    serde_json::from_str(text.lines().last().expect("a last line")).expect("one JSON object on the last line")
}

fn count(result: &Value, path: &str) -> u64 {
    result.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("no count {path} in {result}"))
}

#[test]
fn w0_w3_and_w8_count_what_they_did() {
    let data = Data::new();
    let server = data.serve(&["--shards", "2"]);

    let hlog = data.path().join("w0.hlog");
    let w0 = bench(&server, &["W0", "--hlog", hlog.to_str().expect("a path in text")]);
    let records = count(&w0, "/append/records");
    assert!(records > 0);
    assert_eq!((count(&w0, "/append/batches"), count(&w0, "/append/ack_us/count")), (records, records));
    assert!(count(&w0, "/verified_records") >= records, "the warm-up is read back as well");
    assert_eq!(w0.pointer("/limit/fraction"), Some(&Value::Null));
    let hlog = std::fs::read_to_string(&hlog).expect("written");
    assert!(hlog.contains("Tag=ack,") && hlog.contains("Tag=ack_service,"), "{hlog}");

    let w3 = bench(&server, &["w3", "--payload", "random"]);
    let batches = count(&w3, "/append/batches");
    assert!(batches > 0);
    assert_eq!((count(&w3, "/append/records"), count(&w3, "/append/bytes")), (250 * batches, 250_000 * batches));
    assert!(count(&w3, "/server/journal_writes") > 0);

    let w8 = bench(&server, &["W8", "--consumers", "4", "--rate", "2000"]);
    let sent = count(&w8, "/append/records");
    assert_eq!(sent + count(&w8, "/append/unsent_records"), 2000, "one second at 2000 records/s");
    assert_eq!((count(&w8, "/read/records"), count(&w8, "/e2e_us/count")), (4 * sent, 4 * sent));
}

#[test]
fn many_streams_and_catch_up_count_what_they_did() {
    let data = Data::new();
    let server = data.serve(&["--shards", "2"]);
    let w7 = bench(&server, &["W7", "--streams", "50", "--pacing", "constant", "--rate", "500"]);
    assert_eq!(count(&w7, "/append/records") + count(&w7, "/append/unsent_records"), 500);
    assert!(count(&w7, "/verified_records") >= 500);
    let w10 = bench(&server, &["W10", "--mib", "4", "--readers", "1,3", "--chunks-within", "0"]);
    assert!(count(&w10, "/read/bytes") >= 4 << 20);
    assert_eq!(w10.pointer("/extra/rounds").and_then(Value::as_array).map(Vec::len), Some(2));
    let w14 = bench(&server, &["W14", "--streams", "20"]);
    assert_eq!(count(&w14, "/append/records"), 20);
}

#[test]
fn cells_that_are_not_there_say_why() {
    let data = Data::new();
    let server = data.serve(&["--shards", "1"]);
    let why = |cell| String::from_utf8(server.cli(&["bench", "run", cell]).stderr).expect("text");
    assert!(why("W4").contains("acks are durable"), "{}", why("W4"));
    assert!(why("nonsense").contains("bench cells"), "{}", why("nonsense"));
}
