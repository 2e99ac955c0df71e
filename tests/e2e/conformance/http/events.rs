//! Server-sent events (`s2-semantics.md` C8, C10), cut by hand.

use riverrun_conformance::Said;
use riverrun_protocol::response::{Push, Response};
use serde_json::Value;

use super::answers::{field, position};
use super::{errors, records};

/// Text that may hold parts of events, and what the ids of those behind it must count.
#[derive(Debug, Default)]
pub struct Events {
    text: Vec<u8>,
    records: u64,
    metered_bytes: u64,
}

impl Events {
    pub fn push(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
    }

    /// No part of an event is left.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub fn next(&mut self) -> Option<Said> {
        let end = self.text.windows(2).position(|pair| pair == b"\n\n")?;
        let event: Vec<u8> = self.text.drain(..end + 2).collect();
        Some(self.said(std::str::from_utf8(&event).expect("C10: text")))
    }

    fn said(&mut self, event: &str) -> Said {
        let line = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
        let (id, data) = (line("id: "), line("data: ").expect("C10: data"));
        let json = || serde_json::from_str::<Value>(data).expect("C10: JSON");
        match line("event: ") {
            Some("batch") => self.batch(id, &json()),
            Some("ping") => ping(&json()),
            // An event has no status: it is the code's own.
            Some("error") => Said::Error(errors::of_event(data.as_bytes())),
            None if data == "[DONE]" => Said::Response(Response::SessionEnded),
            other => panic!("C10: an event {other:?}: {data}"),
        }
    }

    fn batch(&mut self, id: Option<&str>, json: &Value) -> Said {
        let batch = records::batch(json);
        self.records += batch.records.len() as u64;
        self.metered_bytes += batch.metered_bytes();
        let last = batch.records.last().map(|record| record.seq_num).expect("C6: never an empty batch");
        assert_eq!(id, Some(&*format!("{last},{},{}", self.records, self.metered_bytes)), "C10");
        Said::Push(batch.into_push())
    }
}

fn ping(json: &Value) -> Said {
    assert!(field(json, "timestamp").is_u64(), "C10: {json}");
    Said::Push(Push::Heartbeat { tail: position(field(json, "tail")) })
}
