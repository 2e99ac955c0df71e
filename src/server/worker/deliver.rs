//! From frames to the shard that owns the stream.

use riverrun_core::control;
use riverrun_core::event::{ConnectionId, Event, ShardRequest};
use riverrun_protocol::error::{DecodeError, ErrorCode, ErrorFrame, Outcome};
use riverrun_protocol::frame::{FrameHeader, FrameKind};
use riverrun_protocol::limits::{BATCH_BYTES_MAX, BATCH_RECORDS_MAX, CONNECTION_REQUESTS_MAX, FRAME_BODY_BYTES_MAX};
use riverrun_protocol::request::{FEATURE_PAGES, Hello, Request};
use riverrun_protocol::response::{HelloAccepted, Push, Response};

use super::Worker;
use super::admission::Note;
use crate::server::connection::{Route, Target};
use crate::server::mail::{Flow, ForwardedRequest, Mail, Output};
use crate::server::requests::Asked;
use crate::server::shared::AGENT;
use crate::server::side::SideOrder;
use crate::server::sorting::{ControlRequest, FrameBytes, SessionRequest, Sorted, StreamRequest};

/// The protocol's only version so far.
const VERSION: u16 = 1;

impl Worker {
    /// Handles one frame. False: it was not consumed, or nothing behind it may be (the connection closes or moves).
    pub(super) fn on_frame(&mut self, id: ConnectionId, header: FrameHeader, bytes: FrameBytes<'_>) -> bool {
        let mut request = match Request::parse(header.kind, bytes.body()) {
            Ok(request) => request,
            Err(error) => return self.refuse_request(id, header, &error),
        };
        if let Request::Hello(hello) = request {
            return self.greet(id, header.id, hello);
        }
        if !self.connections.get(&id.0).is_some_and(|c| c.greeted) {
            return self.refuse_before_hello(id);
        }
        self.frames += 1;
        let Some(rights) = self.admit(id, header.id, &mut request) else { return true };
        let note = Note::of_control_call(&request);
        let asked = Asked { kind: request.kind(), at: self.now.monotonic };
        match Sorted::new(request, bytes.body(), rights) {
            Sorted::Ping { nonce } => self.reply_here(id, header.id, &Response::Pong { nonce }),
            Sorted::Status => self.reply_here(id, header.id, &Response::Status(self.status_for(id))),
            Sorted::Control(request) => self.ask_control(id, header.id, asked, request, note),
            Sorted::Stream(request) => return self.on_stream_request(id, header.id, asked, request, bytes),
            Sorted::Session(request) => {
                if let SessionRequest::Append { batch, .. } = &request
                    && !self.may_take_input(id, header.id, &bytes.body()[batch.clone()])
                {
                    self.keep_own(id, bytes);
                    return false;
                }
                self.deliver_in_session(id, header, request.for_shard(bytes));
            }
        }
        true
    }

    fn on_stream_request(
        &mut self,
        id: ConnectionId,
        frame_id: u64,
        asked: Asked,
        request: StreamRequest,
        bytes: FrameBytes<'_>,
    ) -> bool {
        let target = request.target();
        let shard = control::shard_of(control::placement(&target.basin, &target.stream), self.shared.shards());
        let is_session = request.is_append_session();
        let batch = request.batch().map_or(&[][..], |batch| &bytes.body()[batch]);
        // Paid for on the shard where it is carried out. What is refused is refused here, and moves nobody.
        if shard != self.index && self.would_have_room(id, is_session, batch) && self.begin_move(id, shard) {
            self.keep_own(id, bytes);
            return false;
        }
        if !self.has_room(id, frame_id, is_session, batch) {
            return true;
        }
        if self.take_route(id, frame_id, request.route(shard, asked)) {
            self.deliver(id, frame_id, shard, request.for_shard(bytes));
        }
        true
    }

    fn greet(&mut self, id: ConnectionId, frame_id: u64, hello: Hello) -> bool {
        let Some(connection) = self.connections.get_mut(&id.0) else { return false };
        if connection.greeted {
            self.refuse_bytes(id, &bad_frame("a second hello"));
            return false;
        }
        if !(hello.version_min..=hello.version_max).contains(&VERSION) {
            let message = format!(
                "this server speaks version {VERSION} of the protocol, the client offers {} to {}: use a client of the \
                 server's release",
                hello.version_min, hello.version_max
            );
            self.fail_here(id, frame_id, &error(ErrorCode::Unsupported, message));
            self.close_after_output(id);
            return false;
        }
        tracing::debug!(peer = connection.peer, agent = hello.agent, "hello");
        self.ask_who(id, frame_id, hello);
        true
    }

    /// Whoever it is may come in.
    pub(super) fn welcome(&mut self, id: ConnectionId, frame_id: u64) {
        let (index, shards) = (self.index, self.shared.shards());
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        connection.greeted = true;
        connection.deadline = None;
        self.strangers.remove(&id.0);
        let accepted = HelloAccepted {
            version: VERSION,
            features: FEATURE_PAGES,
            shards,
            shard: index,
            frame_body_bytes_max: FRAME_BODY_BYTES_MAX as u32,
            batch_bytes_max: BATCH_BYTES_MAX as u32,
            batch_records_max: BATCH_RECORDS_MAX as u32,
            agent: AGENT.to_owned(),
        };
        self.reply_here(id, frame_id, &Response::HelloAccepted(accepted));
        if self.draining {
            self.tell_of_drain(id);
        }
    }

    /// The server is about to stop: clients are told once, whatever they have in progress.
    pub(super) fn tell_clients_of_drain(&mut self) {
        let greeted = self.connections.values().filter(|c| c.greeted && !c.closing);
        let greeted: Vec<ConnectionId> = greeted.map(|c| c.id).collect();
        greeted.into_iter().for_each(|id| self.tell_of_drain(id));
    }

    /// Once, also if the connection moves meanwhile.
    pub(super) fn tell_of_drain(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        if !std::mem::replace(&mut connection.told_of_drain, true) {
            self.put_out(None, id, 0, Output::Push(Push::Draining), None);
        }
    }

    fn ask_control(
        &mut self,
        id: ConnectionId,
        frame_id: u64,
        asked: Asked,
        request: ControlRequest,
        note: Option<Note>,
    ) {
        if !self.has_room(id, frame_id, false, &[]) {
            return;
        }
        let Some(principal) = self.connections.get(&id.0).and_then(|c| c.principal.clone()) else { return };
        if self.take_route(id, frame_id, Route::Once(Target::Control, asked)) {
            if let Some(connection) = self.connections.get_mut(&id.0) {
                connection.control_calls += 1;
            }
            let call = note.and_then(|note| self.call(id, note)).map(Box::new);
            let shard = self.index;
            self.side.order(SideOrder::Control { shard, connection: id, id: frame_id, principal, request, call });
        }
    }

    /// Notes that an id is in use. False: it was refused.
    pub(super) fn take_route(&mut self, id: ConnectionId, frame_id: u64, route: Route) -> bool {
        let Some(connection) = self.connections.get_mut(&id.0) else { return false };
        let refusal = if connection.routes.contains_key(&frame_id) {
            error(ErrorCode::BadSession, format!("id {frame_id} is in use by a request or session of this connection"))
        } else if connection.routes.len() >= CONNECTION_REQUESTS_MAX {
            let message = format!("more than {CONNECTION_REQUESTS_MAX} requests and sessions on one connection");
            error(ErrorCode::Overloaded, message)
        } else {
            connection.routes.insert(frame_id, route);
            return true;
        };
        self.fail_here(id, frame_id, &refusal);
        false
    }

    fn deliver_in_session(&mut self, id: ConnectionId, header: FrameHeader, request: ShardRequest<'_>) {
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        let shard = match (connection.routes.get_mut(&header.id), &request) {
            (Some(Route::Refused), request) => return self.drop_refused(id, header.id, request),
            (Some(Route::AppendSession { closing: true, .. }), _) => None,
            (Some(Route::AppendSession { shard, closing, .. }), ShardRequest::CloseAppendSession) => {
                *closing = true;
                Some(*shard)
            }
            (
                Some(Route::AppendSession { shard, .. }),
                ShardRequest::SessionAppend { .. } | ShardRequest::BadSessionAppend(_),
            ) => Some(*shard),
            (Some(Route::ReadSession { shard }), ShardRequest::GrantCredit(_) | ShardRequest::CloseReadSession) => {
                Some(*shard)
            }
            _ => None,
        };
        match shard {
            Some(shard) => {
                self.deliver(id, header.id, shard, request);
                self.drop_route_of_poisoned(id, header.id);
            }
            // Credit and a close may cross the session's end on the way: nobody is at fault.
            None if header.kind == FrameKind::SessionAppend as u8 => {
                let message = format!("there is no append session with id {}", header.id);
                self.fail_here(id, header.id, &error(ErrorCode::BadSession, message));
            }
            None => {}
        }
    }

    /// Of a session that was refused the client hears no more.
    fn drop_refused(&mut self, id: ConnectionId, frame_id: u64, request: &ShardRequest<'_>) {
        if let (ShardRequest::CloseAppendSession, Some(connection)) = (request, self.connections.get_mut(&id.0)) {
            connection.routes.remove(&frame_id);
        }
    }

    /// A session that failed keeps its id until the client closes it, because its later inputs are on the way.
    fn drop_route_of_poisoned(&mut self, id: ConnectionId, frame_id: u64) {
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        if let Some(Route::AppendSession { closing: true, failed: true, .. }) = connection.routes.get(&frame_id) {
            connection.routes.remove(&frame_id);
        }
    }

    /// Ends every session of a connection whose peer will send nothing more.
    pub(super) fn close_sessions(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get(&id.0) else { return };
        let mut sessions: Vec<(u64, Route)> = connection.routes.iter().map(|(id, route)| (*id, *route)).collect();
        sessions.sort_unstable_by_key(|(id, _)| *id);
        for (frame_id, route) in sessions {
            let (shard, request) = match route {
                Route::Once(..) | Route::AppendSession { closing: true, .. } => continue,
                Route::Refused => {
                    self.connections.get_mut(&id.0).map(|c| c.routes.remove(&frame_id));
                    continue;
                }
                Route::AppendSession { shard, .. } => (shard, ShardRequest::CloseAppendSession),
                Route::ReadSession { shard } => (shard, ShardRequest::CloseReadSession),
            };
            self.mark_closing(id, frame_id);
            self.deliver(id, frame_id, shard, request);
        }
    }

    /// A poisoned session that is closed gets no more answers: its id is free at once.
    fn mark_closing(&mut self, id: ConnectionId, frame_id: u64) {
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        if let Some(Route::AppendSession { closing, .. }) = connection.routes.get_mut(&frame_id) {
            *closing = true;
        }
        self.drop_route_of_poisoned(id, frame_id);
    }

    fn deliver(&mut self, id: ConnectionId, frame_id: u64, shard: u16, request: ShardRequest<'_>) {
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        connection.known_to.insert(shard);
        if shard == self.index {
            return self.tell(Event::RequestReceived { connection: id, id: frame_id, request });
        }
        let request = ForwardedRequest::new(request);
        connection.forwarded_bytes += request.append_bytes();
        self.peers[usize::from(shard)].post(Mail::Request { connection: id, id: frame_id, request });
    }

    /// A request that another core received.
    pub(super) fn on_forwarded(&mut self, connection: ConnectionId, id: u64, mut request: ForwardedRequest) {
        let bytes = request.append_bytes();
        request.take_over(|bytes| {
            self.shared.count_copied(self.index, bytes);
            self.shard.frame_buffer(bytes, self.now)
        });
        request.with(|request| self.tell(Event::RequestReceived { connection, id, request }));
        if bytes > 0 {
            self.handled.push((connection, bytes));
        }
    }

    /// Behind whatever the shard decided in the same turn: if it has no room for more, the home core hears that first.
    pub(super) fn report_handled(&mut self) {
        for (connection, bytes) in self.handled.drain(..) {
            let flow = Flow::Handled { bytes };
            self.peers[usize::from(connection.home_shard())].post(Mail::Flow { from: self.index, connection, flow });
        }
    }

    pub(super) fn tell_shard_of_end(&mut self, shard: u16, id: ConnectionId) {
        let event = Event::ConnectionClosed { connection: id };
        if shard == self.index {
            return self.tell(event);
        }
        self.peers[usize::from(shard)].post(Mail::Happened(Event::ConnectionClosed { connection: id }));
    }

    /// A body that is no request: bad bytes end the connection, a broken rule ends only the request.
    fn refuse_request(&mut self, id: ConnectionId, header: FrameHeader, cause: &DecodeError) -> bool {
        let is_stranger = !self.connections.get(&id.0).is_some_and(|c| c.greeted);
        if is_stranger && header.kind != FrameKind::Hello as u8 {
            return self.refuse_before_hello(id);
        }
        if cause.code == ErrorCode::BadFrame {
            self.refuse_bytes(id, cause);
            return false;
        }
        let refusal = error(cause.code, cause.to_string());
        if header.kind == FrameKind::SessionAppend as u8 {
            // Behind the acks of what came before it, and as its session's last word.
            self.deliver_in_session(id, header, ShardRequest::BadSessionAppend(refusal));
        } else {
            self.fail_here(id, header.id, &refusal);
        }
        if is_stranger {
            self.close_after_output(id);
        }
        !is_stranger
    }

    fn refuse_before_hello(&mut self, id: ConnectionId) -> bool {
        let message = "the first frame must be a hello: see docs/PROTOCOL.md".to_owned();
        self.fail_here(id, 0, &error(ErrorCode::HelloRequired, message));
        self.close_after_output(id);
        false
    }

    pub(super) fn refuse_bytes(&mut self, id: ConnectionId, cause: &DecodeError) {
        // Anybody can cause this as often as they like, and a hello costs nothing: a line for each would let them fill the log, and,
        // where nobody takes what is logged, stop this core for all its connections. The client is told.
        tracing::debug!(connection = id.0, %cause, "closing a connection for bytes that are no frame");
        let code = if cause.code == ErrorCode::Unsupported { ErrorCode::Unsupported } else { ErrorCode::BadFrame };
        self.end_with(id, code, cause.to_string());
    }

    /// The connection's last frame. It speaks of the bytes that were refused and of all that is in progress, of which some may
    /// have been done.
    pub(super) fn end_with(&mut self, id: ConnectionId, code: ErrorCode, message: String) {
        let in_progress = self.connections.get(&id.0).is_some_and(|c| !c.routes.is_empty());
        let outcome = if in_progress { Outcome::MaybeDone } else { Outcome::NotDone };
        self.fail_here(id, 0, &ErrorFrame { outcome, ..error(code, message) });
        self.close_after_output(id);
    }

    /// Established connections are not harmed by those who come, nor by those who only dial.
    pub(super) fn refuse_if_full(&mut self, id: ConnectionId) {
        let (held, strangers) = (self.connections.len(), self.strangers.len());
        if held > self.room.connections_max || strangers > self.room.strangers_max {
            let message = format!(
                "this shard holds {held} connections, {strangers} of them without a hello: try again later, or allow the \
                 broker more descriptors (ulimit -n)"
            );
            self.fail_here(id, 0, &error(ErrorCode::Overloaded, message));
            self.close_after_output(id);
        }
    }

    pub(super) fn time_out(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get(&id.0) else { return };
        if connection.closing {
            return self.forget(id);
        }
        let message = if connection.greeted { "a frame did not arrive in time" } else { "no hello arrived in time" };
        self.end_with(id, ErrorCode::Timeout, message.to_owned());
    }
}

pub(super) fn error(code: ErrorCode, message: String) -> ErrorFrame {
    ErrorFrame { outcome: Outcome::NotDone, ..ErrorFrame::new(code, message) }
}

fn bad_frame(what: &str) -> DecodeError {
    DecodeError { what: what.to_owned(), offset: 0, code: ErrorCode::BadFrame }
}
