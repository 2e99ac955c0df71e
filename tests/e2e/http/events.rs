//! Server-sent events (`s2-semantics.md` C8, C10).

use serde_json::Value;

use super::client::{Http, Open};
use super::with_basin;
use crate::support::Data;

const RECORDS: &str = "/v1/streams/s/records";

/// One event: its lines by field.
#[derive(Debug, Default)]
struct Event {
    name: String,
    id: String,
    data: String,
}

/// An open stream of events; a chunk may hold several.
struct Events {
    open: Open,
    text: String,
}

impl Events {
    fn open(http: &Http, path: &str) -> Self {
        let open = http.with("accept", "text/event-stream").open("GET", path);
        assert_eq!(open.answer.status, 200);
        assert_eq!(open.answer.header("content-type"), Some("text/event-stream"));
        assert_eq!(open.answer.header("cache-control"), Some("no-cache, no-transform"));
        assert_eq!(open.answer.header("x-accel-buffering"), Some("no"));
        Self { open, text: String::new() }
    }

    fn next(&mut self) -> Option<Event> {
        while !self.text.contains("\n\n") {
            let chunk = self.open.chunk()?;
            self.text.push_str(std::str::from_utf8(&chunk).expect("text"));
        }
        let (event, rest) = self.text.split_once("\n\n").map(|(event, rest)| (event.to_owned(), rest.to_owned()))?;
        self.text = rest;
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("").to_owned();
        Some(Event { name: field("event: "), id: field("id: "), data: field("data: ") })
    }

    fn batch(&mut self) -> (String, Vec<String>) {
        let event = self.next().expect("it goes on");
        assert_eq!(event.name, "batch", "{event:?}");
        let batch: Value = serde_json::from_str(&event.data).expect("JSON");
        let records = batch["records"].as_array().expect("records");
        (event.id, records.iter().map(|record| record["body"].as_str().expect("text").to_owned()).collect())
    }
}

fn append(http: &Http, body: &str) {
    let body = format!(r#"{{"records":[{{"body":"{body}"}}]}}"#);
    assert_eq!(http.json("POST", RECORDS, &body).status, 200);
}

#[test]
fn c10_history_then_a_ping_at_once_then_live() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    append(&http, "one");
    let mut events = Events::open(&http, "/v1/streams/s/records?seq_num=0");
    // Metered bytes of "one": 8 and its own 3 (A4).
    assert_eq!(events.batch(), ("0,1,11".to_owned(), vec!["one".to_owned()]));
    let ping = events.next().expect("it goes on");
    let tail: Value = serde_json::from_str(&ping.data).expect("JSON");
    assert_eq!((ping.name.as_str(), &tail["tail"]["seq_num"]), ("ping", &Value::from(1)));
    append(&http, "two");
    assert_eq!(events.batch(), ("1,2,22".to_owned(), vec!["two".to_owned()]));
}

#[test]
fn c10_a_resumed_read_goes_on_behind_what_it_had() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    ["a", "b", "c", "d"].into_iter().for_each(|body| append(&http, body));
    let resumed = http.with("last-event-id", "1,2,18");
    let mut events = Events::open(&resumed, "/v1/streams/s/records?seq_num=0&count=3");
    assert_eq!(events.batch(), ("2,3,27".to_owned(), vec!["c".to_owned()]));
    let done = events.next().expect("the clean end is said");
    assert_eq!((done.name.as_str(), done.data.as_str()), ("", "[DONE]"));
    assert!(events.next().is_none());
    let refused = http.with("accept", "text/event-stream").with("last-event-id", "1,2").get(RECORDS);
    assert_eq!((refused.status, refused.code().as_str()), (400, "bad_header"));
}

#[test]
fn c10_what_is_known_before_the_first_event_is_an_ordinary_answer() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    append(&http, "x");
    let sse = http.with("accept", "text/event-stream");
    assert_eq!(sse.get("/v1/streams/none/records").code(), "stream_not_found");
    assert_eq!(sse.get("/v1/streams/s/records?seq_num=9").status, 416);
    assert_eq!(sse.get("/v1/streams/s/records?seq_num=1&count=1").status, 416);
}

#[test]
fn c16_a_deleted_stream_ends_its_followers_with_an_error() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    append(&http, "x");
    let mut events = Events::open(&http, "/v1/streams/s/records?seq_num=1");
    assert_eq!(events.next().expect("a ping").name, "ping");
    assert_eq!(http.send("DELETE", "/v1/streams/s", b"").status, 202);
    let last = std::iter::from_fn(|| events.next()).last().expect("something is said");
    assert_eq!(last.name, "error", "{last:?}");
    assert!(last.data.contains("\"code\":\"unavailable\""), "{last:?}");
}

/// Whoever has asked in time may take what it asked for at leisure: a session that is quiet for longer than a socket may be goes on.
#[test]
fn h9_a_session_outlives_the_time_for_a_first_request() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    append(&http, "one");
    let mut events = Events::open(&http, "/v1/streams/s/records?seq_num=1");
    // The first one comes at once, the others 5 to 15 s apart (C10): the third is behind the 10 s.
    for _ in 0..4 {
        assert_eq!(events.next().expect("it goes on").name, "ping");
    }
    append(&http, "two");
    assert_eq!(events.batch().1, vec!["two".to_owned()]);
}
