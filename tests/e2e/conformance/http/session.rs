//! Sessions over S2S: one HTTP request each, whose body stays open (`s2-semantics.md` B10, C11, H8).

use std::collections::VecDeque;

use prost::Message;
use riverrun_conformance::Said;
use riverrun_protocol::limits::CREDIT_BYTES_MAX;
use riverrun_protocol::request::{OpenReadSession, SessionAppend, StreamRef};
use riverrun_protocol::response::{Push, Response, SessionOpened};
use riverrun_protocol::types::{Position, StreamId};

use super::frames::{Frame, Frames};
use super::visitor::ended;
use super::{calls, errors, frames, messages};
use crate::http::client::{Http, Open};

/// HTTP does not say where the stream ends when a session opens: no row can take this for an answer.
const NOT_SAID: SessionOpened = SessionOpened {
    stream_id: StreamId([0xff; 16]),
    shard: u16::MAX,
    tail: Position { seq_num: u64::MAX, timestamp: u64::MAX },
};

#[derive(Debug)]
pub struct Session {
    /// `None` where it was refused, and behind its end.
    open: Option<Open>,
    message: fn(&[u8]) -> Said,
    frames: Frames,
    said: VecDeque<Said>,
    /// A last word was said: behind it a body's end says nothing.
    has_failed: bool,
}

impl Session {
    pub fn append(http: &Http, target: &StreamRef) -> Self {
        let path = format!("{}/records", calls::stream_path(&target.stream));
        let open = s2s(http, target).open("POST", &path);
        Self::new(open, Response::AppendSessionOpened(NOT_SAID), append_message)
    }

    pub fn read(http: &Http, open: &OpenReadSession) -> Self {
        assert_eq!(open.credit_bytes, CREDIT_BYTES_MAX, "rows about credit need the binary protocol");
        assert!(!open.takes_pages, "rows about pages need the binary protocol");
        let path = format!("{}/records{}", calls::stream_path(&open.target.stream), calls::read_query(&open.params));
        let open = s2s(http, &open.target).with("accept-encoding", "zstd").open("GET", &path);
        Self::new(open, Response::ReadSessionOpened(NOT_SAID), read_message)
    }

    /// A refusal is an ordinary answer.
    fn new(open: Open, opened: Response, message: fn(&[u8]) -> Said) -> Self {
        let (open, said) = if open.answer.status == 200 {
            assert_eq!(open.answer.header("content-type"), Some("s2s/proto"), "H8");
            (Some(open), Said::Response(opened))
        } else {
            let answer = open.into_whole().expect("a whole answer");
            (None, Said::Error(errors::of_answer(&answer)))
        };
        Self { open, message, frames: Frames::default(), said: [said].into(), has_failed: false }
    }

    /// A server that has closed has said why; that is what the row will hear.
    pub fn input(&mut self, append: &SessionAppend<'_>) {
        let input = messages::AppendInput::new(&append.conditions, append.batch);
        let frame = frames::regular(&input.encode_to_vec());
        let _ = self.open.as_mut().map(|open| open.try_send_chunk(&frame));
    }

    pub fn end_inputs(&mut self) {
        self.open.as_mut().expect("it is open").end_body();
    }

    pub fn next(&mut self) -> Option<Said> {
        while self.said.is_empty() {
            self.receive()?;
        }
        self.said.pop_front()
    }

    pub fn heard(&mut self) -> Option<Said> {
        while self.said.is_empty() && self.open.as_ref()?.has_more() {
            self.receive()?;
        }
        self.said.pop_front()
    }

    /// `None` if nothing comes any more.
    fn receive(&mut self) -> Option<()> {
        match self.open.as_mut()?.next_chunk() {
            Ok(Some(chunk)) => self.take(&chunk),
            Ok(None) => {
                assert!(self.frames.is_empty(), "H8: a body ends behind a whole frame");
                self.end(Said::Response(Response::SessionEnded));
            }
            Err(error) => self.end(ended(&error)?),
        }
        Some(())
    }

    fn take(&mut self, chunk: &[u8]) {
        self.frames.push(chunk);
        while let Some(frame) = self.frames.next() {
            let said = match frame {
                Frame::Message(message) => (self.message)(&message),
                Frame::Terminal { status, body } => {
                    self.has_failed = true;
                    Said::Error(errors::of(status, &body))
                }
            };
            self.said.push_back(said);
        }
    }

    fn end(&mut self, said: Said) {
        self.open = None;
        if !self.has_failed {
            self.said.push_back(said);
        }
    }
}

fn s2s(http: &Http, target: &StreamRef) -> Http {
    http.with("s2-basin", target.basin.as_str()).with("content-type", "s2s/proto")
}

fn append_message(message: &[u8]) -> Said {
    let ack = messages::AppendAck::decode(message).expect("H8: an ack");
    Said::Response(Response::AppendAck(ack.into_ack()))
}

/// A heartbeat is a batch of nothing but a tail (`s2-semantics.md` C8).
fn read_message(message: &[u8]) -> Said {
    let batch = messages::ReadBatch::decode(message).expect("H8: a batch");
    match batch.tail().filter(|_| batch.records.is_empty()) {
        Some(tail) => Said::Push(Push::Heartbeat { tail }),
        None => Said::Push(Push::Records(batch.into_batches())),
    }
}
