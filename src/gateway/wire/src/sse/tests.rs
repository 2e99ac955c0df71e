use http::header::{HeaderMap, HeaderValue};
use riverrun_protocol::batch::Record;
use riverrun_protocol::request::{ReadParams, ReadStart};

use super::*;
use crate::batch::testing::read_batch;
use crate::query::ReadQuery;

fn written(put: impl FnOnce(&mut BytesMut)) -> String {
    let mut out = BytesMut::new();
    put(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

#[test]
fn c10_batches_count_on() {
    let mut counters = EventCounters::default();
    let (first, second) =
        (read_batch(&[(4, &[Record::new("a\nb")])]), read_batch(&[(5, &[Record::new(""), Record::trim(0)])]));
    let text = written(|out| put_batch(out, &first, RecordFormat::Raw, &mut counters).unwrap());
    let expected =
        "event: batch\nid: 4,1,11\ndata: {\"records\":[{\"seq_num\":4,\"timestamp\":4,\"body\":\"a\\nb\"}]}\n\n";
    assert_eq!(text, expected);
    let text = written(|out| put_batch(out, &second, RecordFormat::Base64, &mut counters).unwrap());
    assert!(text.starts_with("event: batch\nid: 6,3,41\ndata: {\"records\":[{\"seq_num\":5,"), "{text}");
    assert!(text.contains(r#""headers":[["","dHJpbQ=="]]"#) && text.ends_with("]}\n\n"), "{text}");
    assert_eq!(counters, EventCounters { records: 3, bytes: 41 });
}

#[test]
fn c10_a_batch_without_records_is_no_event() {
    let tail = Position { seq_num: 1, timestamp: 2 };
    let text =
        written(|out| put_batch(out, &ReadBatch::heartbeat(tail), RecordFormat::Raw, &mut Default::default()).unwrap());
    assert_eq!(text, "");
}

#[test]
fn c10_other_events() {
    let tail = Position { seq_num: 1, timestamp: 2 };
    let ping = "event: ping\ndata: {\"timestamp\":77,\"tail\":{\"seq_num\":1,\"timestamp\":2}}\n\n";
    assert_eq!(written(|out| put_ping(out, 77, tail)), ping);
    let error = "event: error\ndata: {\"code\":\"invalid\",\"message\":\"a\\nb\"}\n\n";
    assert_eq!(written(|out| put_error(out, &HttpError::invalid("a\nb"))), error);
    assert_eq!(written(put_done), "data: [DONE]\n\n");
}

fn last(value: &str) -> Result<Option<LastEventId>, HttpError> {
    let mut headers = HeaderMap::new();
    headers.insert("last-event-id", HeaderValue::from_bytes(value.as_bytes()).unwrap());
    LastEventId::from_headers(&headers)
}

#[test]
fn c10_ids_are_three_unsigned_decimals() {
    assert_eq!(last("1,2,3"), Ok(Some(LastEventId { seq_num: 1, records: 2, bytes: 3 })));
    assert_eq!(LastEventId::from_headers(&HeaderMap::new()), Ok(None));
    for bad in
        ["", "1", "1,2", "1,2,3,4", "1,2,", "a,2,3", "-1,2,3", "+1,2,3", "1, 2,3", "18446744073709551616,0,0", "\u{e4}"]
    {
        assert_eq!(last(bad).unwrap_err().code(), Some("bad_header"), "{bad}");
    }
}

fn resume(id: &str, query: &str) -> Result<ReadParams, HttpError> {
    last(id).unwrap().unwrap().resume(&ReadQuery::parse(query)?)
}

#[test]
fn c10_what_a_resumption_changes() {
    let expected = ReadParams {
        start: ReadStart::SeqNum(10),
        clamp: true,
        count: Some(8),
        bytes: Some(0),
        until: Some(5),
        wait_secs: Some(6),
    };
    let query = "timestamp=7&clamp=true&count=10&bytes=20&until=5&wait=6";
    assert_eq!(resume("9,2,30", query), Ok(expected));
    assert_eq!(resume("18446744073709551615,0,0", ""), Ok(ReadParams::new(ReadStart::SeqNum(u64::MAX))));
    assert_eq!(resume("9,2,30", "seq_num=1&tail_offset=1").unwrap_err().code(), Some("invalid"));
    assert_eq!(resume("9,2,30", "seq_num=x").unwrap_err().code(), Some("bad_query"));
}

#[test]
fn c10_counters_go_on_from_the_header() {
    let counters = EventCounters::new(last("9,2,30").unwrap());
    assert_eq!(counters, EventCounters { records: 2, bytes: 30 });
    assert_eq!(EventCounters::new(None), EventCounters::default());
}
