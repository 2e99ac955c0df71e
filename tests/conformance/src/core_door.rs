//! The pure core as a door: one shard and the control plane's decisions over a model of the catalog and the store, which do at once
//! what they are told. Nobody comes in without a token. Its clock moves only when a row lets time pass.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use riverrun_core::access;
use riverrun_core::event::{AppendRights, BatchBytes, CallId, ConnectionId, Event, ShardRequest};
use riverrun_core::shard::{Shard, ShardConfig};
use riverrun_core::{Action, Now};
use riverrun_protocol::error::{DecodeError, ErrorCode, ErrorFrame, Outcome};
use riverrun_protocol::frame::{self, Cut, FrameClass, FrameHeader, FrameKind};
use riverrun_protocol::request::Request;
use riverrun_protocol::response::{Push, Response};

use self::deletion::Closing;
use self::model::Model;
use crate::door::{Door, Link, PATIENCE, Said};
use crate::row::Needs;

mod control;
mod deletion;
mod model;
mod tokens;

const WALL_MS: u64 = 1_750_000_000_000;
/// Turns in which everything is done that one request gives rise to.
const TURNS_MAX: usize = 10_000;

pub struct CoreDoor {
    shard: Shard,
    now: Now,
    epoch: u64,
    model: Model,
    tokens: tokens::Tokens,
    links: u64,
    said: BTreeMap<(Link, u64), VecDeque<Said>>,
    closed: BTreeSet<Link>,
    /// What the model did for the shard, and the shard has not heard yet.
    happened: VecDeque<Event<'static>>,
    last_call: u64,
    /// Streams that the shard was told to close.
    closing: BTreeMap<CallId, Closing>,
    /// Streams whose deletion the shard was told of.
    vanishing: BTreeMap<CallId, riverrun_protocol::types::StreamId>,
    drained: bool,
}

impl Default for CoreDoor {
    fn default() -> Self {
        Self {
            shard: shard(1),
            now: Now { monotonic: Duration::from_secs(100), wall_ms: WALL_MS },
            epoch: 1,
            model: Model::default(),
            tokens: tokens::Tokens::default(),
            links: 0,
            said: BTreeMap::new(),
            closed: BTreeSet::new(),
            happened: VecDeque::new(),
            last_call: 0,
            closing: BTreeMap::new(),
            vanishing: BTreeMap::new(),
            drained: false,
        }
    }
}

fn shard(epoch: u64) -> Shard {
    Shard::new(ShardConfig::new(0, 1, epoch, [8; 16], None), Vec::new(), 1)
}

impl CoreDoor {
    pub fn has() -> Needs {
        Needs { clock: true, restart: true, tokens: true, frames: true, binary: true }
    }

    /// One turn with this event, and then as many more as it gives rise to.
    fn tell(&mut self, event: Event<'_>) {
        self.turn(event);
        for _ in 0..TURNS_MAX {
            if let Some(event) = self.happened.pop_front() {
                self.turn(event);
            } else if self.shard.next_timeout().is_some_and(|at| at <= self.now.monotonic) {
                self.turn(Event::TimeoutReached);
            } else {
                return;
            }
        }
        panic!("the shard goes on for ever although nothing happens");
    }

    fn turn(&mut self, event: Event<'_>) {
        let mut actions = Vec::new();
        self.shard.handle(self.now, event, &mut actions);
        self.shard.flush(self.now, &mut actions);
        actions.into_iter().for_each(|action| self.execute(action));
    }

    fn execute(&mut self, action: Action) {
        match action {
            Action::Reply { connection, id, response } => self.reply(link(connection), id, response),
            Action::Push { connection, id, push, .. } => self.say(link(connection), id, |out| push.write(id, out)),
            Action::Fail { connection, id, error } => {
                let error = self.tokens.leave_error(link(connection), error);
                self.say(link(connection), id, |out| error.write(id, out));
            }
            Action::CloseConnection { connection } => self.close(link(connection)),
            Action::StoreChunk { chunk } => self.happened.push_back(self.model.store(&chunk)),
            Action::LoadStream { load, target, cause } => {
                let outcome = self.model.load_stream(&target, cause, self.now.wall_ms);
                self.happened.push_back(Event::StreamLoaded { load, outcome });
            }
            Action::LoadPages { load, order } => {
                let outcome = Ok(self.model.load_pages(&order));
                self.happened.push_back(Event::PagesLoaded { load, outcome });
            }
            Action::StreamClosed { call, outcome } => self.on_stream_closed(call, outcome),
            Action::StreamGone { call } => self.on_stream_gone(call),
            Action::Drained => self.drained = true,
            Action::Fatal { reason } => panic!("the shard cannot go on: {reason}"),
            Action::WriteBlock { .. } | Action::PrepareJournalFile | Action::ReleaseJournalFile { .. } => {
                panic!("a journal where there is none")
            }
            // Everything that arrives is delivered at once, and nothing here waits for these.
            Action::StopReceiving { .. }
            | Action::ResumeReceiving { .. }
            | Action::Denied { .. }
            | Action::InheritedPublished
            | Action::StreamConfigured { .. } => {}
        }
    }

    /// In the names of whoever is behind the link.
    fn reply(&mut self, link: Link, id: u64, response: Response) {
        let response = self.tokens.leave(link, response);
        self.say(link, id, |out| response.write(id, out));
    }

    /// What a client on the other end of the wire makes of it.
    fn say(&mut self, link: Link, id: u64, write: impl FnOnce(&mut BytesMut)) {
        let mut out = BytesMut::new();
        write(&mut out);
        self.happened.push_back(Event::OutputSent { connection: connection(link), bytes: out.len() as u64 });
        self.said.entry((link, id)).or_default().push_back(decode(out.freeze()));
    }

    fn refuse(&mut self, link: Link, id: u64, error: &ErrorFrame) {
        self.said.entry((link, id)).or_default().push_back(Said::Error(error.clone()));
    }

    fn close(&mut self, link: Link) {
        self.closed.insert(link);
        self.happened.push_back(Event::ConnectionClosed { connection: connection(link) });
    }

    fn on_frame(&mut self, link: Link, bytes: &[u8]) {
        let Ok(Cut::Complete { header, body, .. }) = frame::cut(bytes) else { panic!("a row sent half a frame") };
        match Request::parse(header.kind, &bytes[body]) {
            Ok(request) => self.on_request(link, header.id, request),
            Err(error) => self.on_no_request(link, header.id, &error),
        }
    }

    fn on_no_request(&mut self, link: Link, id: u64, cause: &DecodeError) {
        let error = ErrorFrame { outcome: Outcome::NotDone, ..ErrorFrame::from(cause.clone()) };
        if cause.code == ErrorCode::BadFrame {
            self.refuse(link, 0, &error);
            return self.close(link);
        }
        self.refuse(link, id, &error);
    }

    fn on_request(&mut self, link: Link, id: u64, mut request: Request<'_>) {
        if self.tokens.is_dead(link, self.now.wall_ms) {
            self.close(link);
        }
        if self.closed.contains(&link) {
            return;
        }
        let rights = match self.tokens.admit(link, &mut request) {
            Ok(rights) => rights,
            Err(error) => return self.answer(link, id, Err(error)),
        };
        if access::is_control_call(&request) || matches!(request, Request::Ping(_)) {
            return self.on_control(link, id, request);
        }
        let request = for_shard(request, rights);
        self.tell(Event::RequestReceived { connection: connection(link), id, request });
    }

    fn on_control(&mut self, link: Link, id: u64, request: Request<'_>) {
        if let Request::DeleteStream(target) = request {
            return self.delete_stream(Some((link, id)), &target);
        }
        let outcome = self.control(link, request);
        self.answer(link, id, outcome);
        self.tell(Event::TimeoutReached);
    }

    fn answer(&mut self, link: Link, id: u64, outcome: Result<Response, ErrorFrame>) {
        match outcome {
            Ok(response) => self.reply(link, id, response),
            Err(error) => self.refuse(link, id, &self.tokens.leave_error(link, error)),
        }
    }

    fn pass_to(&mut self, at: Duration) {
        self.now.wall_ms += (at - self.now.monotonic).as_millis() as u64;
        self.now.monotonic = at;
        self.tell(Event::TimeoutReached);
    }

    fn next_call(&mut self) -> CallId {
        self.last_call += 1;
        CallId(self.last_call)
    }
}

impl Door for CoreDoor {
    fn has(&self) -> Needs {
        Self::has()
    }

    fn open(&mut self, token: &[u8]) -> Result<Link, ErrorFrame> {
        self.links += 1;
        let link = Link(self.links);
        self.tokens.enter(link, token, self.now.wall_ms)?;
        Ok(link)
    }

    fn send(&mut self, link: Link, id: u64, request: &Request<'_>) {
        let mut out = BytesMut::new();
        request.write(id, &mut out);
        self.on_frame(link, &out);
    }

    fn send_body(&mut self, link: Link, id: u64, kind: FrameKind, body: &[u8]) {
        let mut out = BytesMut::new();
        FrameHeader::new(kind, id, body.len()).write(&mut out);
        out.extend_from_slice(body);
        self.on_frame(link, &out);
    }

    fn next(&mut self, link: Link, id: u64) -> Option<Said> {
        let deadline = self.now.monotonic + PATIENCE;
        loop {
            if let Some(said) = self.heard(link, id) {
                return Some(said);
            }
            let at = self.shard.next_timeout().filter(|at| *at <= deadline)?;
            self.pass_to(at.max(self.now.monotonic));
        }
    }

    fn heard(&mut self, link: Link, id: u64) -> Option<Said> {
        let queued = self.said.get_mut(&(link, id)).and_then(VecDeque::pop_front);
        queued.or_else(|| self.closed.contains(&link).then_some(Said::Closed))
    }

    fn wall_ms(&self) -> u64 {
        self.now.wall_ms
    }

    fn advance(&mut self, time: Duration) {
        let end = self.now.monotonic + time;
        while let Some(at) = self.shard.next_timeout().filter(|at| *at <= end) {
            self.pass_to(at.max(self.now.monotonic));
        }
        self.pass_to(end);
        self.tidy();
    }

    /// A stop that lets go of everything, and a start on what it left. That a crash leaves as much, the journal's own tests hold.
    fn restart(&mut self) {
        self.drained = false;
        self.tell(Event::DrainRequested);
        assert!(self.drained, "a shard that has nothing to wait for drains at once");
        self.epoch += 1;
        self.shard = shard(self.epoch);
        self.closed.extend((1..=self.links).map(Link));
        (self.closing, self.vanishing) = (BTreeMap::new(), BTreeMap::new());
    }

    fn root_token(&self) -> Vec<u8> {
        tokens::root().reveal().into_bytes()
    }
}

impl std::fmt::Debug for CoreDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CoreDoor").field("now", &self.now).field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

fn connection(link: Link) -> ConnectionId {
    ConnectionId::new(0, link.0)
}

fn link(connection: ConnectionId) -> Link {
    Link(connection.0)
}

fn for_shard(request: Request<'_>, rights: AppendRights) -> ShardRequest<'_> {
    match request {
        Request::Append(append) => ShardRequest::Append {
            target: append.target,
            conditions: append.conditions,
            rights,
            batch: BatchBytes::Borrowed(append.batch),
        },
        Request::OpenAppendSession(target) => ShardRequest::OpenAppendSession { target, rights },
        Request::SessionAppend(input) => {
            ShardRequest::SessionAppend { conditions: input.conditions, batch: BatchBytes::Borrowed(input.batch) }
        }
        Request::CloseAppendSession => ShardRequest::CloseAppendSession,
        Request::CheckTail(target) => ShardRequest::CheckTail(target),
        Request::Read(read) => ShardRequest::Read(read),
        Request::OpenReadSession(open) => ShardRequest::OpenReadSession(open),
        Request::GrantCredit(grant) => ShardRequest::GrantCredit(grant),
        Request::CloseReadSession => ShardRequest::CloseReadSession,
        other => panic!("{} is not for a shard", other.kind()),
    }
}

/// One whole frame of a server.
fn decode(frame: Bytes) -> Said {
    let Ok(Cut::Complete { header, body, .. }) = frame::cut(&frame) else { panic!("the shard said half a frame") };
    let (kind, body) = (header.kind, frame.slice(body));
    let sound = "what the core says can be read";
    match FrameKind::from_byte(kind).map(FrameKind::class) {
        Some(FrameClass::Response) => Said::Response(Response::parse(kind, body).expect(sound)),
        Some(FrameClass::Push) => Said::Push(Push::parse(kind, body).expect(sound)),
        _ => Said::Error(ErrorFrame::parse(&body).expect(sound)),
    }
}
