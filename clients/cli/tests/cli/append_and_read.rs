//! What was appended is what is read, byte for byte, in every format; acks and data keep to their streams.

use crate::support::{BASIN, Model, model, run, run_with};

/// Bytes from a seed: lines of any length and any content.
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    (0..bytes).map(|_| if next() < 8 { b'\n' } else { next() }).collect()
}

#[test]
fn j2_each_batch_is_acknowledged_on_stderr_in_s2_s_form() {
    let model = Model::with_basin(BASIN);
    let ran = run_with(&model.addr, "append test-basin/logs --linger 1h", b"one\ntwo\nthree\n");
    assert_eq!((ran.code, ran.stdout.as_slice()), (Some(0), &b""[..]));
    assert_eq!(ran.stderr, "[APPENDED] 0..3 // tail: 3 @ 1771390606217\n");
}

#[test]
fn j5_text_comes_back_byte_for_byte() {
    let model = Model::with_basin(BASIN);
    let seed = 42;
    let mut input = noise(seed, 300_000);
    input.extend_from_slice(b"\r\nlast line\r\n");
    assert_eq!(run_with(&model.addr, "append test-basin/noise", &input).code, Some(0));
    let lines = input.iter().filter(|b| **b == b'\n').count();
    let output = run(&model.addr, &format!("read test-basin/noise --seq-num 0 --count {lines}")).quietly();
    assert!(output == input, "seed {seed}: {} bytes came back of {}", output.len(), input.len());
}

#[test]
fn files_are_read_and_appended_to() {
    let model = Model::with_basin(BASIN);
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    std::fs::write(&from, "a\nb\nno line feed at the end").unwrap();
    let ran = run(&model.addr, &format!("append test-basin/files --linger 1h -i {}", from.display()));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), "[APPENDED] 0..3 // tail: 3 @ 1771390606217\n"));
    for args in ["--seq-num 0 -n 1", "--seq-num 1 -n 5"] {
        run(&model.addr, &format!("read test-basin/files {args} -o {}", to.display())).quietly();
    }
    assert_eq!(std::fs::read_to_string(&to).unwrap(), "a\nb\nno line feed at the end\n");
}

#[test]
fn j5_json_comes_back_with_headers_and_times() {
    let model = Model::with_basin(BASIN);
    let input = b"{\"timestamp\":5,\"headers\":[[\"k\",\"v\"]],\"body\":\"hi\"}\n{\"timestamp\":6}\n";
    assert_eq!(run_with(&model.addr, "append test-basin/json --format raw", input).code, Some(0));
    let output = run(&model.addr, "read test-basin/json -s 0 -n 2 --format json").quietly();
    insta::assert_snapshot!(String::from_utf8(output).unwrap(), @r#"
    {"seq_num":0,"timestamp":5,"headers":[["k","v"]],"body":"hi"}
    {"seq_num":1,"timestamp":6}
    "#);
    let base64 = run(&model.addr, "read test-basin/json -s 0 -n 2 --format json-base64").quietly();
    assert_eq!(run_with(&model.addr, "append test-basin/copy --format base64", &base64).code, Some(0));
    assert_eq!(run(&model.addr, "read test-basin/copy -s 0 -n 2 --format json-binsafe").quietly(), base64);
}

#[test]
fn c1_reads_start_and_end_where_they_are_told_to() {
    let model = Model::with_basin(BASIN);
    let lines: String = (0..20).map(|n| format!("{{\"timestamp\":{},\"body\":\"{n}\"}}\n", 1000 + n)).collect();
    run_with(&model.addr, "append test-basin/n --format json", lines.as_bytes());
    for (args, first, end) in [
        ("--seq-num 3 --count 4", 3, 7),
        ("--tail-offset 2 --count 10", 18, 20),
        ("--timestamp 1005 --until 1008", 5, 8),
        ("--timestamp 1970-01-01T00:00:01.005Z --until 1970-01-01T00:00:01.008Z", 5, 8),
        // Longer ago than 1970: from the first record on. Any later start would lie behind `until`, which is refused.
        ("--ago 100000d --until 1002", 0, 2),
        ("-s 18 -n 100", 18, 20),
    ] {
        let args = format!("read test-basin/n {args}");
        let wanted: String = (first..end).map(|n| format!("{n}\n")).collect();
        assert_eq!(String::from_utf8(run(&model.addr, &args).quietly()).unwrap(), wanted, "{args}");
    }
    assert_eq!(run(&model.addr, "tail test-basin/n -n 2").quietly(), b"18\n19\n");
}

#[test]
fn j1_c1_s2_s_uris_and_times_select_what_they_say() {
    let model = Model::with_basin("my-basin");
    let lines: String = (0..5).map(|n| format!("{{\"timestamp\":{},\"body\":\"{n}\"}}\n", 1000 + n)).collect();
    run_with(&model.addr, "append s2://my-basin/prod/logs --format json", lines.as_bytes());
    for (args, wanted) in [
        ("--timestamp 1001 --until 1003", "1\n2\n"),
        ("--timestamp 1970-01-01T00:00:01.003Z --until 1970-01-01T00:00:02Z", "3\n4\n"),
        ("--ago 100000d --until 1001", "0\n"),
    ] {
        let output = run(&model.addr, &format!("read s2://my-basin/prod/logs {args}")).quietly();
        assert_eq!(String::from_utf8(output).unwrap(), wanted, "{args}");
    }
}

#[test]
fn many_short_lines_fill_batches() {
    let model = Model::with_basin(BASIN);
    let input: String = (0..10_000).map(|n| format!("{n}\n")).collect();
    let ran = run_with(&model.addr, "append test-basin/many --linger 1h", input.as_bytes());
    assert_eq!((ran.code, ran.stderr.lines().count()), (Some(0), 10));
    let state = model.state();
    let bodies = model::bodies(&state.basins[BASIN].streams["many"].batches);
    assert!(bodies.iter().enumerate().all(|(n, body)| body == n.to_string().as_bytes()));
}
