//! A way into a broker, as far as the rows need one: blocking, one frame at a time.

use std::time::Duration;

use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::frame::FrameKind;
use riverrun_protocol::request::Request;
use riverrun_protocol::response::{Push, Response};

use crate::row::Needs;

/// Longer than anything takes that a row waits for; reaching it is a failure, never a wait for luck.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// One connection, and so one principal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Link(pub u64);

/// One frame of a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    Response(Response),
    Push(Push),
    Error(ErrorFrame),
    /// The connection is closed, and nothing more was said.
    Closed,
}

pub trait Door {
    /// Which rows can be played here.
    fn has(&self) -> Needs;

    /// Comes in, with this access token or none where it is empty.
    fn open(&mut self, token: &[u8]) -> Result<Link, ErrorFrame>;

    /// `id` is the request's, or the session's.
    fn send(&mut self, link: Link, id: u64, request: &Request<'_>);

    /// A body that no [`Request`] can hold; only for rows that need frames.
    fn send_body(&mut self, link: Link, id: u64, kind: FrameKind, body: &[u8]);

    /// The next frame with this id, in order; waits for it, up to `PATIENCE`. A door that moves its clock lets time pass.
    fn next(&mut self, link: Link, id: u64) -> Option<Said>;

    /// The next frame with this id, if it has arrived. Says nothing about what is still on its way: who wants to know that nothing
    /// is asks for something behind it first.
    fn heard(&mut self, link: Link, id: u64) -> Option<Said>;

    /// The server's wall clock, in milliseconds since the Unix epoch.
    fn wall_ms(&self) -> u64;

    /// Lets time pass. A door that moves its clock does what a server does behind its answers only meanwhile.
    fn advance(&mut self, time: Duration);

    /// The server is gone and another one starts on what is durable. All links are dead.
    fn restart(&mut self);

    /// Where tokens are asked for, the one that may do everything.
    fn root_token(&self) -> Vec<u8>;
}
