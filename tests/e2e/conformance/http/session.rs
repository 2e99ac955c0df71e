//! Sessions: one HTTP request each, whose body or whose answer stays open (`s2-semantics.md` B10, C10, C11, H8).

use std::collections::VecDeque;

use prost::Message;
use riverrun_conformance::Said;
use riverrun_protocol::limits::CREDIT_BYTES_MAX;
use riverrun_protocol::request::{OpenReadSession, SessionAppend, StreamRef};
use riverrun_protocol::response::{Response, SessionOpened};
use riverrun_protocol::types::{Position, StreamId};

use super::events::Events;
use super::frames::{Frame, Frames};
use super::visitor::ended;
use super::{Tongue, calls, errors, frames, messages};
use crate::http::client::{Http, Open};

const S2S: &str = "s2s/proto";
const EVENTS: &str = "text/event-stream";

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
    body: Body,
    said: VecDeque<Said>,
    /// A last word was said: behind it a body's end says nothing.
    is_over: bool,
}

/// How an answer is cut.
#[derive(Debug)]
enum Body {
    S2s(Frames, fn(&[u8]) -> Said),
    Events(Events),
}

impl Session {
    pub fn append(http: &Http, target: &StreamRef) -> Self {
        let path = format!("{}/records", calls::stream_path(&target.stream));
        let open = http.with("s2-basin", target.basin.as_str()).with("content-type", S2S).open("POST", &path);
        Self::new(open, S2S, Response::AppendSessionOpened(NOT_SAID), Body::S2s(Frames::default(), append_message))
    }

    pub fn read(http: &Http, tongue: Tongue, read: &OpenReadSession) -> Self {
        assert_eq!(read.credit_bytes, CREDIT_BYTES_MAX, "rows about credit need the binary protocol");
        assert!(!read.takes_pages, "rows about pages need the binary protocol");
        let path = format!("{}/records{}", calls::stream_path(&read.target.stream), calls::read_query(&read.params));
        let http = http.with("s2-basin", read.target.basin.as_str()).with("accept-encoding", "zstd");
        let opened = Response::ReadSessionOpened(NOT_SAID);
        match tongue {
            Tongue::Protobuf => {
                let open = http.with("content-type", S2S).open("GET", &path);
                Self::new(open, S2S, opened, Body::S2s(Frames::default(), read_message))
            }
            Tongue::Json => {
                let open = http.with("accept", EVENTS).with("s2-format", "base64").open("GET", &path);
                Self::new(open, EVENTS, opened, Body::Events(Events::default()))
            }
        }
    }

    /// A refusal is an ordinary answer.
    fn new(open: Open, content_type: &str, opened: Response, body: Body) -> Self {
        let (open, said) = if open.answer.status == 200 {
            assert_eq!(open.answer.header("content-type"), Some(content_type), "C10, H8");
            assert_eq!(open.answer.header("content-encoding"), None, "H6");
            (Some(open), Said::Response(opened))
        } else {
            let answer = open.into_whole().expect("a whole answer");
            (None, Said::Error(errors::of_answer(&answer)))
        };
        Self { open, body, said: [said].into(), is_over: false }
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
            Ok(None) => self.end(self.body.end()),
            Err(error) => self.end(ended(&error)?),
        }
        Some(())
    }

    fn take(&mut self, chunk: &[u8]) {
        self.body.push(chunk);
        while let Some(said) = self.body.next() {
            self.is_over |= matches!(said, Said::Error(_) | Said::Response(Response::SessionEnded));
            self.said.push_back(said);
        }
    }

    fn end(&mut self, said: Said) {
        self.open = None;
        if !self.is_over {
            self.said.push_back(said);
        }
    }
}

impl Body {
    fn push(&mut self, chunk: &[u8]) {
        match self {
            Self::S2s(frames, _) => frames.push(chunk),
            Self::Events(events) => events.push(chunk),
        }
    }

    fn next(&mut self) -> Option<Said> {
        match self {
            Self::S2s(frames, message) => frames.next().map(|frame| match frame {
                Frame::Message(payload) => message(&payload),
                Frame::Terminal { status, body } => Said::Error(errors::of(status, &body)),
            }),
            Self::Events(events) => events.next(),
        }
    }

    /// Of S2S the clean one; events say theirs.
    fn end(&self) -> Said {
        match self {
            Self::S2s(frames, _) => {
                assert!(frames.is_empty(), "H8: a body ends behind a whole frame");
                Said::Response(Response::SessionEnded)
            }
            Self::Events(events) => {
                assert!(events.is_empty(), "C10: a body ends behind a whole event");
                Said::Closed
            }
        }
    }
}

fn append_message(message: &[u8]) -> Said {
    let ack = messages::AppendAck::decode(message).expect("H8: an ack");
    Said::Response(Response::AppendAck(ack.into_ack()))
}

fn read_message(message: &[u8]) -> Said {
    Said::Push(messages::ReadBatch::decode(message).expect("H8: a batch").into_push())
}
