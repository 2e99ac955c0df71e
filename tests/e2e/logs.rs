//! Logs go in and come out byte for byte: at once, after a restart, and with other numbers of shards.

use std::path::PathBuf;

use crate::support::{Data, Server, log_lines};

/// Name, bytes. Real logs where `RIVERRUN_TEST_LOGS` names a folder of them, and generated ones always.
fn logs(folder: &std::path::Path) -> Vec<(String, PathBuf, Vec<u8>)> {
    let mut logs: Vec<(String, PathBuf, Vec<u8>)> = (1..=3u64)
        .map(|seed| {
            let path = folder.join(format!("generated-{seed}.log"));
            let bytes = log_lines(seed, 2000);
            std::fs::write(&path, &bytes).expect("written");
            (format!("generated-{seed}"), path, bytes)
        })
        .collect();
    if let Some(real) = std::env::var_os("RIVERRUN_TEST_LOGS") {
        let entries = std::fs::read_dir(&real).expect("RIVERRUN_TEST_LOGS is a folder");
        let mut paths: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
        paths.retain(|p| p.extension().is_some_and(|e| e == "log"));
        paths.sort();
        logs.extend(paths.into_iter().map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let bytes = std::fs::read(&path).expect("readable");
            (name, path, bytes)
        }));
    }
    logs
}

fn lines(bytes: &[u8]) -> usize {
    bytes.split(|b| *b == b'\n').count() - usize::from(bytes.ends_with(b"\n"))
}

/// The line end that splits records is not part of them, so a last line without one gets one.
fn with_last_line_end(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if !bytes.ends_with(b"\n") {
        bytes.push(b'\n');
    }
    bytes
}

fn read_back(server: &Server, name: &str, bytes: &[u8]) {
    let count = lines(bytes).to_string();
    let read = server.ok(&["read", &format!("real-logs/{name}"), "--seq-num", "0", "--count", &count]);
    assert!(read == with_last_line_end(bytes), "{name} differs: {} bytes read, {} expected", read.len(), bytes.len());
}

#[test]
fn every_log_comes_back_byte_for_byte_whatever_the_number_of_shards() {
    let data = Data::new();
    let logs = logs(data.path());
    let mut server = data.serve(&["--shards", "1"]);
    server.ok(&["create-basin", "real-logs", "--create-stream-on-append"]);
    for (name, path, bytes) in &logs {
        server.ok(&["append", &format!("real-logs/{name}"), "-i", path.to_str().expect("UTF-8")]);
        read_back(&server, name, bytes);
    }
    for shards in ["1", "2", "3", "1"] {
        server.terminate();
        server = data.serve(&["--shards", shards]);
        logs.iter().for_each(|(name, _, bytes)| read_back(&server, name, bytes));
    }
}

#[test]
fn windows_by_time_equal_a_filter_of_the_full_read() {
    let data = Data::new();
    let server = data.serve(&[]);
    server.ok(&["create-basin", "time-windows", "--create-stream-on-append"]);
    let mut input = Vec::new();
    for n in 0..3000u64 {
        // Timestamps in the past, several records sharing each.
        input.extend_from_slice(format!("{{\"timestamp\":{},\"body\":\"{n}\"}}\n", 1_000_000 + n / 3).as_bytes());
    }
    server.feed(&["append", "time-windows/s", "--format", "json"], &input);
    let all = server.ok(&["read", "time-windows/s", "--seq-num", "0", "--count", "3000", "--format", "json"]);
    let all: Vec<(u64, String)> = String::from_utf8(all).expect("JSON").lines().map(parse).collect();
    assert_eq!(all.len(), 3000);
    for (from, until) in [(1_000_000, 1_000_001), (1_000_100, 1_000_200), (0, 1_000_500), (1_000_999, 2_000_000)] {
        let expected: String =
            all.iter().filter(|(t, _)| (from..until).contains(t)).map(|(_, body)| format!("{body}\n")).collect();
        let (from, until) = (from.to_string(), until.to_string());
        let window = server.ok(&["read", "time-windows/s", "--timestamp", &from, "--until", &until]);
        assert_eq!(String::from_utf8(window).expect("text"), expected, "{from}..{until}");
    }
}

fn parse(line: &str) -> (u64, String) {
    let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let timestamp = value["timestamp"].as_u64().expect("a timestamp");
    (timestamp, value["body"].as_str().expect("a body").to_owned())
}
