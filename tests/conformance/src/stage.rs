//! What rows stand on: fresh names, requests in one line, failures that say what was expected.

use std::fmt::Debug;
use std::time::Duration;

use riverrun_protocol::error::{ErrorCode, ErrorFrame, Outcome};
use riverrun_protocol::frame::FrameKind;
use riverrun_protocol::request::{Request, StreamRef};
use riverrun_protocol::response::Response;
use riverrun_protocol::types::{BasinName, StreamName};

use crate::door::{Door, Link, Said};

pub use data::Got;

pub(crate) mod control;
pub(crate) mod data;
mod session;
pub(crate) mod tokens;

/// Steps in which something that happens behind an answer must have happened.
const STEPS_MAX: usize = 600;
const STEP: Duration = Duration::from_millis(100);

/// One row's view of a door.
pub struct Stage<'a> {
    door: &'a mut dyn Door,
    /// Whose words are sent now.
    link: Link,
    last_id: u64,
    last_name: u64,
    tag: String,
}

impl<'a> Stage<'a> {
    /// Comes in with the root token, where tokens are asked for.
    pub fn new(door: &'a mut dyn Door, tag: &str) -> Self {
        let root = door.root_token();
        let link = door.open(&root).unwrap_or_else(|error| panic!("not let in: {error}"));
        Self { door, link, last_id: 0, last_name: 0, tag: tag.to_owned() }
    }

    /// A basin's name that nobody else has.
    pub fn basin_name(&mut self) -> BasinName {
        self.last_name += 1;
        name(&format!("conf-{}-{}", self.tag, self.last_name))
    }

    /// A name in a basin that is there; the stream is not.
    pub fn no_stream(&mut self) -> StreamRef {
        StreamRef { basin: self.basin(), stream: stream_name("s") }
    }

    /// Whether a session's inputs and a call behind them are heard in that order: where they share a connection.
    pub fn keeps_order(&self) -> bool {
        self.door.has().binary
    }

    pub fn wall_ms(&self) -> u64 {
        self.door.wall_ms()
    }

    pub fn advance_secs(&mut self, secs: u64) {
        self.door.advance(Duration::from_secs(secs));
    }

    /// The server starts again; this row comes in again.
    pub fn restart(&mut self) {
        self.door.restart();
        self.link = self.enter();
    }

    /// One more connection with the root token.
    pub fn enter(&mut self) -> Link {
        let root = self.door.root_token();
        self.door.open(&root).unwrap_or_else(|error| panic!("not let in: {error}"))
    }

    pub fn open(&mut self, token: &[u8]) -> Result<Link, ErrorFrame> {
        self.door.open(token)
    }

    /// Speaks as somebody else from now on; returns who spoke before.
    pub fn switch(&mut self, link: Link) -> Link {
        std::mem::replace(&mut self.link, link)
    }

    /// Speaks as somebody else for once.
    pub fn behind<T>(&mut self, link: Link, act: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.switch(link);
        let result = act(self);
        self.switch(before);
        result
    }

    pub fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Sends without waiting; returns the id under which the answer will come.
    pub fn send(&mut self, request: &Request<'_>) -> u64 {
        let id = self.new_id();
        self.send_as(id, request);
        id
    }

    pub fn send_as(&mut self, id: u64, request: &Request<'_>) {
        self.door.send(self.link, id, request);
    }

    /// The next frame with this id.
    pub fn next(&mut self, id: u64) -> Said {
        self.door.next(self.link, id).unwrap_or_else(|| panic!("nothing more was said under id {id}"))
    }

    /// What has arrived under this id, if anything.
    pub fn heard(&mut self, id: u64) -> Option<Said> {
        self.door.heard(self.link, id)
    }

    pub fn answer(&mut self, id: u64) -> Result<Response, ErrorFrame> {
        match self.next(id) {
            Said::Response(response) => Ok(response),
            Said::Error(error) => Err(error),
            other => panic!("an answer was expected, not {other:?}"),
        }
    }

    pub fn call(&mut self, request: &Request<'_>) -> Result<Response, ErrorFrame> {
        let id = self.send(request);
        self.answer(id)
    }

    /// As `call`, with a body that no request can hold.
    pub fn call_body(&mut self, kind: FrameKind, body: &[u8]) -> Result<Response, ErrorFrame> {
        let id = self.new_id();
        self.door.send_body(self.link, id, kind, body);
        self.answer(id)
    }

    /// Until something that happens behind an answer has happened. Not for luck: that it happens is what the row demands.
    pub fn until<T>(&mut self, what: &str, mut look: impl FnMut(&mut Self) -> Option<T>) -> T {
        for _ in 0..STEPS_MAX {
            if let Some(found) = look(self) {
                return found;
            }
            self.door.advance(STEP);
        }
        panic!("it never came about: {what}");
    }
}

impl std::fmt::Debug for Stage<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage").field("tag", &self.tag).finish_non_exhaustive()
    }
}

pub fn name(text: &str) -> BasinName {
    BasinName::new(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub fn stream_name(text: &str) -> StreamName {
    StreamName::new(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The call was refused with this code, and had no effect (`s2-semantics.md` H10).
pub fn refused<T: Debug>(outcome: Result<T, ErrorFrame>, code: ErrorCode) -> ErrorFrame {
    refused_as(outcome, &[code])
}

/// As [`refused`], where the specification leaves a choice of codes.
pub fn refused_as<T: Debug>(outcome: Result<T, ErrorFrame>, codes: &[ErrorCode]) -> ErrorFrame {
    let error = match outcome {
        Err(error) => error,
        Ok(done) => panic!("expected {codes:?}, but it was done: {done:?}"),
    };
    assert!(codes.contains(&error.code), "expected {codes:?}, got {error}");
    assert_ne!(error.outcome, Outcome::MaybeDone, "a refusal leaves no doubt: {error}");
    assert!(!error.message.is_empty(), "{} without a message", error.code);
    error
}

/// As [`refused`] with `invalid`, and this in its message.
pub fn invalid<T: Debug>(outcome: Result<T, ErrorFrame>, message: &str) {
    let error = refused(outcome, ErrorCode::Invalid);
    assert!(error.message.contains(message), "expected `{message}` in `{}`", error.message);
}

pub fn done<T>(outcome: Result<T, ErrorFrame>) -> T {
    outcome.unwrap_or_else(|error| panic!("refused: {error}"))
}

/// The one kind of response that this request has.
macro_rules! only {
    ($outcome:expr, $kind:path) => {
        $outcome.map(|response| match response {
            $kind(what) => what,
            other => panic!("an answer to something else: {other:?}"),
        })
    };
}
pub(crate) use only;
