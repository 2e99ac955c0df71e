use proptest::prelude::*;

use super::*;

fn view(record: &Record, seq_num: u64) -> RecordView {
    RecordView {
        seq_num,
        timestamp: record.timestamp.unwrap_or(7),
        headers: record.headers.clone(),
        body: record.body.clone(),
    }
}

fn rendered(format: Format, record: &Record) -> String {
    let mut out = Rendered::default();
    format.render(&view(record, 3), &mut out);
    String::from_utf8(out.data).unwrap() + &out.notes
}

fn parse(format: Format, line: &str) -> Result<Record, LineError> {
    format.parse(Bytes::copy_from_slice(line.as_bytes()))
}

fn cut(input: &[u8], read_bytes: usize) -> Vec<Bytes> {
    let mut cutter = LineCutter::default();
    let mut all = Vec::new();
    for read in input.chunks(read_bytes) {
        all.extend(lines(cutter.push(read)));
    }
    all.extend(lines(cutter.finish()));
    all
}

#[test]
fn j5_every_field_of_a_json_line_is_optional_and_others_are_ignored() {
    for (line, wanted) in [
        ("{}", Record { timestamp: None, headers: vec![], body: Bytes::new() }),
        (r#"{"body":null,"headers":null,"timestamp":null}"#, Record::new("")),
        (r#"{"seq_num":9,"body":"hi"}"#, Record::new("hi")),
        (
            r#"{"timestamp":5,"headers":[["a","1"],["a",""]],"body":"\u00e9"}"#,
            Record {
                timestamp: Some(5),
                headers: vec![("a".into(), "1".into()), ("a".into(), "".into())],
                body: "é".into(),
            },
        ),
    ] {
        assert_eq!(parse(Format::Json, line), Ok(wanted), "{line}");
    }
}

#[test]
fn j5_command_records_travel_as_json() {
    let fence = parse(Format::Json, r#"{"headers":[["","fence"]],"body":"me"}"#).unwrap();
    assert_eq!(fence.headers, vec![(Bytes::new(), "fence".into())]);
    let trim = parse(Format::JsonBase64, r#"{"headers":[["","dHJpbQ=="]],"body":"AAAAAAAAACo="}"#).unwrap();
    assert_eq!(trim.body.as_ref(), 42u64.to_be_bytes());
    insta::assert_snapshot!(rendered(Format::Text, &fence), @r#"new fencing token "me" // 3 @ 7"#);
    insta::assert_snapshot!(rendered(Format::Text, &trim), @"trim to 42 // 3 @ 7");
    insta::assert_snapshot!(rendered(Format::Json, &fence), @r#"{"seq_num":3,"timestamp":7,"headers":[["","fence"]],"body":"me"}"#);
}

#[test]
fn j5_headers_and_body_are_left_out_where_empty() {
    insta::assert_snapshot!(rendered(Format::Json, &Record::new("")), @r#"{"seq_num":3,"timestamp":7}"#);
    insta::assert_snapshot!(rendered(Format::JsonBase64, &Record::new("hi")), @r#"{"seq_num":3,"timestamp":7,"body":"aGk="}"#);
}

#[test]
fn what_is_not_utf8_is_exact_in_text_and_base64_and_replaced_in_json() {
    let record = Record::new(&b"a\xffb\r"[..]);
    let mut out = Rendered::default();
    Format::Text.render(&view(&record, 0), &mut out);
    assert_eq!(out.data, b"a\xffb\r\n");
    insta::assert_snapshot!(rendered(Format::Json, &record), @r#"{"seq_num":3,"timestamp":7,"body":"a�b\r"}"#);
    insta::assert_snapshot!(rendered(Format::JsonBase64, &record), @r#"{"seq_num":3,"timestamp":7,"body":"Yf9iDQ=="}"#);
}

#[test]
fn lines_that_are_no_records_say_why() {
    let why = |format, line: &str| parse(format, line).unwrap_err().to_string();
    insta::assert_snapshot!(why(Format::Json, ""), @"it is not a JSON record: it is empty");
    insta::assert_snapshot!(why(Format::Json, "hello"), @"it is not a JSON record: expected value at column 1");
    insta::assert_snapshot!(why(Format::Json, r#"{"timestamp":-1}"#), @"it is not a JSON record: invalid value: integer `-1`, expected u64 at column 15");
    insta::assert_snapshot!(why(Format::JsonBase64, r#"{"body":"?"}"#), @"the body is not base64: its character 1 is '?'");
    insta::assert_snapshot!(why(Format::JsonBase64, r#"{"headers":[["aGk=","é"]]}"#), @"the value of a header is not base64: its character 1 is 'é'");
    insta::assert_snapshot!(why(Format::JsonBase64, r#"{"body":"aGl="}"#), @"the body is not base64: its character 3 is 'l', which cannot end it");
    insta::assert_snapshot!(why(Format::JsonBase64, r#"{"body":"aGk"}"#), @"the body is not base64: it is not padded with = to a multiple of 4");
    insta::assert_snapshot!(why(Format::JsonBase64, r#"{"body":"aGkhx"}"#), @"the body is not base64: its length is no multiple of 4");
    insta::assert_snapshot!(why(Format::Json, r#"{"headers":[["a","b"],["","c"]]}"#), @"a header's name is empty, which only a command record's single header may be");
    insta::assert_snapshot!(why(Format::Json, r#"{"headers":[["","Fence"]]}"#), @"the command record is not valid: unknown command");
    insta::assert_snapshot!(why(Format::Json, r#"{"headers":[["","trim"]],"body":"42"}"#), @"the command record is not valid: invalid `trim` command: earliest sequence number to trim to was 2 bytes, must be 8");
    insta::assert_snapshot!(why(Format::Text, &"x".repeat((1 << 20) - 7)), @"the record has 1048577 metered bytes; the most is 1048576 (1 MiB), 8 of which each record takes");
}

#[test]
fn a5_a_line_of_exactly_the_limit_is_a_record() {
    assert!(parse(Format::Text, &"x".repeat((1 << 20) - 8)).is_ok());
}

#[test]
fn an_endless_line_is_given_up_at_a_limit() {
    let mut cutter = LineCutter::default();
    assert!(cutter.push(&vec![b'x'; LINE_BYTES_MAX]).is_empty());
    assert_eq!(cutter.check(), Ok(()));
    cutter.push(b"x");
    assert_eq!(cutter.check(), Err(LineError::LineTooLong));
}

#[test]
fn the_aliases_of_j5_name_the_same_formats() {
    use clap::ValueEnum;
    for (text, wanted) in [
        ("text", Format::Text),
        ("", Format::Text),
        ("json", Format::Json),
        ("raw", Format::Json),
        ("json-base64", Format::JsonBase64),
        ("base64", Format::JsonBase64),
        ("json-binsafe", Format::JsonBase64),
    ] {
        assert_eq!(Format::from_str(text, false), Ok(wanted), "{text:?}");
    }
}

fn any_bytes() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn any_record() -> impl Strategy<Value = Record> {
    let name = prop::collection::vec(any::<u8>(), 1..10).prop_map(Bytes::from);
    let headers = prop::collection::vec((name, any_bytes()), 0..4);
    (any::<u64>(), headers, any_bytes()).prop_map(|(timestamp, headers, body)| Record {
        timestamp: Some(timestamp),
        headers,
        body,
    })
}

proptest! {
    /// J5: what `read --format json-base64` prints, `append --format json-base64` takes back as the same record.
    #[test]
    fn base64_brings_back_any_record(record in any_record()) {
        let line = rendered(Format::JsonBase64, &record);
        prop_assert_eq!(parse(Format::JsonBase64, line.trim_end()), Ok(record));
    }

    /// The same for `json`, where all is UTF-8.
    #[test]
    fn json_brings_back_any_utf8_record(name in "\\PC{1,5}", value in ".{0,5}", body in "(?s).{0,20}", timestamp: u64) {
        let headers = vec![(name.into(), value.into())];
        let record = Record { timestamp: Some(timestamp), headers, body: body.into() };
        let line = rendered(Format::Json, &record);
        prop_assert_eq!(line.matches('\n').count(), 1);
        prop_assert_eq!(parse(Format::Json, line.trim_end()), Ok(record));
    }

    /// The promise of `append -i F` then `read`: F again, whatever its bytes and however it was read in pieces, but for
    /// a line feed added where the last line had none.
    #[test]
    fn text_brings_back_any_file(input in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b'\r')], 0..200), read_bytes in 1usize..50) {
        let mut out = Rendered::default();
        for line in cut(&input, read_bytes) {
            Format::Text.render(&view(&Format::Text.parse(line).unwrap(), 0), &mut out);
        }
        let mut wanted = input;
        if wanted.last().is_some_and(|last| *last != b'\n') {
            wanted.push(b'\n');
        }
        prop_assert_eq!(out.data, wanted);
    }
}
