//! Who a connection is, what it may ask for, how much, and until when.

use std::cmp::Reverse;
use std::time::Duration;

use riverrun_core::access::{self, Namespace, Principal, PublicId, Resource};
use riverrun_core::event::{AppendRights, ConnectionId};
use riverrun_protocol::access::Operation;
use riverrun_protocol::error::{ErrorCode, ErrorFrame, Outcome};
use riverrun_protocol::request::{Hello, Request, StreamRef};
use riverrun_protocol::response::{Push, StatusReport};

use super::{Worker, deliver};
use crate::access::audit::{Call, Kind};
use crate::access::{Admitted, Rated, Refusal, append_bytes};
use crate::server::connection::Route;
use crate::server::listener;
use crate::server::mail::Output;
use crate::server::side::{Secret, SideOrder};

const REVOKED: &str = "the access token was revoked: get another one from its issuer";

impl Worker {
    /// The hello is in order: is whoever sent it let in? Until that is known nothing behind it is looked at.
    pub(super) fn ask_who(&mut self, id: ConnectionId, frame_id: u64, hello: Hello) {
        if let Some(principal) = self.shared.door().lets_in(&hello.token) {
            return self.let_in(id, frame_id, Admitted { principal, rated: Rated::default() });
        }
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        connection.authenticating = true;
        let address = connection.peer.clone();
        let (shard, monotonic, token) = (self.index, self.now.monotonic, Secret(hello.token));
        self.side.order(SideOrder::Authenticate { shard, connection: id, id: frame_id, token, address, monotonic });
    }

    fn let_in(&mut self, id: ConnectionId, frame_id: u64, admitted: Admitted) {
        self.know(id, admitted);
        self.welcome(id, frame_id);
    }

    pub(super) fn know(&mut self, id: ConnectionId, admitted: Admitted) {
        let until_expiry = admitted.principal.expires_at_ms().map(|at| at.saturating_sub(self.now.wall_ms));
        if let Some(wait_ms) = until_expiry {
            self.next_sweep = self.next_sweep.min(self.now.monotonic + Duration::from_millis(wait_ms));
        }
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        connection.authenticating = false;
        connection.principal = Some(admitted.principal);
        connection.rated = admitted.rated;
    }

    /// The answer to [`Worker::ask_who`].
    pub(super) fn on_authenticated(&mut self, id: ConnectionId, frame_id: u64, outcome: Result<Admitted, ErrorFrame>) {
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        connection.authenticating = false;
        if connection.closing {
            return;
        }
        match outcome {
            Ok(admitted) => {
                self.let_in(id, frame_id, admitted);
                self.take_kept(id);
                self.receive(id);
            }
            Err(error) => {
                // Anybody can cause this as often as they like: the audit stream has it, up to a rate.
                tracing::debug!(peer = connection.peer, %error, "not let in");
                self.fail_here(id, frame_id, &ErrorFrame { outcome: Outcome::NotDone, ..error });
                self.close_after_output(id);
            }
        }
    }

    /// Puts a request's names into the principal's namespace and decides whether it may be carried out. `None`: it was
    /// refused, and answered.
    pub(super) fn admit(&mut self, id: ConnectionId, frame_id: u64, request: &mut Request<'_>) -> Option<AppendRights> {
        let principal = self.connections.get(&id.0)?.principal.as_ref()?;
        if principal.is_expired(self.now.wall_ms) {
            self.cut_expired();
            return None;
        }
        let entered = principal.namespace().map_or(Ok(()), |namespace| namespace.enter(request));
        let refusal = match entered {
            // Neither the prefix nor its length is the holder's to know.
            Err(_) => deliver::error(
                ErrorCode::Invalid,
                "with the access token's prefix in front this is no valid name: a shorter one may be".to_owned(),
            ),
            Ok(()) => match access::admit(principal, request) {
                Ok(rights) => return Some(rights),
                Err(denied) => {
                    self.note(id, Note { kind: Kind::Denied, ..Note::of(request) });
                    denied.into()
                }
            },
        };
        self.refuse_new(id, frame_id, matches!(request, Request::OpenAppendSession(_)), &refusal);
        None
    }

    /// Who asks for it, and from where.
    pub(super) fn call(&self, id: ConnectionId, note: Note) -> Option<Call> {
        let connection = self.connections.get(&id.0)?;
        let (principal, address) = (connection.principal.as_ref()?.to_string(), connection.peer.clone());
        Some(Call { principal, operation: note.operation, resource: note.resource, kind: note.kind, address })
    }

    fn note(&self, id: ConnectionId, note: Note) {
        if let Some(call) = self.call(id, note) {
            self.shared.audit().note(self.now, call);
        }
    }

    /// What only the stream's shard could see: the kinds of the records in a batch.
    pub(super) fn note_denied(&self, id: ConnectionId, operation: Operation, target: &StreamRef) {
        let (operation, resource) = (operation.name(), Resource::Stream(target).to_string());
        self.note(id, Note { operation, resource, kind: Kind::Denied });
    }

    /// A refused append session keeps its id until the client closes it, because its inputs are on the way already;
    /// they are covered by this one answer.
    fn refuse_new(&mut self, id: ConnectionId, frame_id: u64, is_session: bool, error: &ErrorFrame) {
        let is_free = self.connections.get(&id.0).is_some_and(|c| !c.routes.contains_key(&frame_id));
        if is_session && is_free {
            if !self.take_route(id, frame_id, Route::Refused) {
                return;
            }
            self.connections.get_mut(&id.0).into_iter().for_each(|c| c.keep_dead(frame_id));
        }
        self.fail_inside(id, frame_id, error.clone());
    }

    /// In the names of the principal's namespace.
    fn fail_inside(&mut self, id: ConnectionId, frame_id: u64, error: ErrorFrame) {
        let namespace = self.connections.get(&id.0).and_then(|c| c.principal.as_ref()).and_then(Principal::namespace);
        let error = namespace.map_or(error.clone(), |namespace| namespace.leave_error(error));
        self.fail_here(id, frame_id, &error);
    }

    pub(super) fn status_for(&self, id: ConnectionId) -> StatusReport {
        let principal = self.connections.get(&id.0).and_then(|c| c.principal.as_ref());
        match principal.is_some_and(|principal| principal.grant().is_none()) {
            true => self.shared.status(),
            false => self.shared.status_for_guests(),
        }
    }

    /// Whether the token's rates leave room for this call. False: it was refused, and answered.
    pub(super) fn has_room(&mut self, id: ConnectionId, frame_id: u64, is_session: bool, batch: &[u8]) -> bool {
        let Some(connection) = self.connections.get(&id.0) else { return false };
        if connection.rated.is_unlimited() {
            return true;
        }
        let (bytes, now) = (cost(batch), self.now.monotonic);
        let Err(refusal) = room(&connection.rated, now, is_session, bytes) else {
            connection.rated.charge(now, bytes);
            return true;
        };
        let retry_after_ms = whole_ms(refusal.retry_after);
        let message = format!("the access token's rate is used up: try again in {retry_after_ms} ms");
        let error = ErrorFrame { retry_after_ms, ..deliver::error(ErrorCode::Overloaded, message) };
        self.refuse_new(id, frame_id, is_session, &error);
        false
    }

    /// The same without taking anything and without an answer.
    pub(super) fn would_have_room(&self, id: ConnectionId, is_session: bool, batch: &[u8]) -> bool {
        let rated = self.connections.get(&id.0).map(|c| &c.rated).filter(|rated| !rated.is_unlimited());
        rated.is_none_or(|rated| room(rated, self.now.monotonic, is_session, cost(batch)).is_ok())
    }

    /// An input of a session cannot be refused, or those behind it would be too. False: it is to be kept until what went
    /// before, on whatever connection, is paid for. What no session takes costs nothing.
    pub(super) fn may_take_input(&mut self, id: ConnectionId, frame_id: u64, batch: &[u8]) -> bool {
        let Some(connection) = self.connections.get_mut(&id.0) else { return true };
        if connection.rated.is_unlimited() || !connection.routes.get(&frame_id).is_some_and(Route::takes_inputs) {
            // Whatever waited in its place waits no more.
            connection.pause.input_taken();
            return true;
        }
        let now = self.now.monotonic;
        let debt = connection.rated.debt(now);
        if debt > Duration::ZERO {
            self.pause(id, debt);
            return false;
        }
        connection.pause.input_taken();
        connection.rated.charge(now, append_bytes(batch));
        true
    }

    fn pause(&mut self, id: ConnectionId, debt: Duration) {
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        match connection.pause.begin(self.now.monotonic, debt) {
            Some(until) => {
                self.paused.push(Reverse((until, connection.pause.waiting_since(), id)));
                self.tell_of_pause(id, until);
            }
            None => {
                let message = "others used up the access token's rate for too long: try again later";
                self.end_with(id, ErrorCode::Overloaded, message.to_owned());
            }
        }
    }

    /// Whoever waits for acks cannot tell a connection that is not read from a server that is gone, and would give up.
    fn tell_of_pause(&mut self, id: ConnectionId, until: Duration) {
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        if connection.pause.is_to_be_told(until) {
            let retry_after_ms = whole_ms(until.saturating_sub(self.now.monotonic));
            self.put_out(None, id, 0, Output::Push(Push::Throttled { retry_after_ms }), None);
        }
    }

    /// Looks again at connections whose pause is over. One that still owes begins the next.
    pub(super) fn resume_paused(&mut self) {
        while let Some(Reverse((until, _, id))) = self.paused.peek().copied().filter(|p| p.0.0 <= self.now.monotonic) {
            self.paused.pop();
            let Some(connection) = self.connections.get_mut(&id.0) else { continue };
            if !connection.pause.end(until) {
                continue;
            }
            if listener::has_hung_up(&connection.socket) {
                self.forget(id);
                continue;
            }
            self.take_kept(id);
            self.receive(id);
        }
    }

    /// A token is dead: so are its connections, also those that are still on their way here.
    pub(super) fn on_token_gone(&mut self, public_id: PublicId) {
        self.gone.insert(public_id, self.now.monotonic);
        let is_its = |principal: &Principal| principal.public_id() == Some(public_id);
        self.cut_where(is_its, REVOKED);
    }

    /// For a connection that has just come. True: its token died on the way.
    pub(super) fn cut_if_gone(&mut self, id: ConnectionId) -> bool {
        let principal = self.connections.get(&id.0).and_then(|c| c.principal.as_ref());
        let is_gone = principal.and_then(Principal::public_id).is_some_and(|public_id| self.gone.has(public_id));
        if is_gone {
            self.cut(id, REVOKED);
        }
        is_gone
    }

    /// Ends the connections whose tokens have expired, and wishes for the next such moment.
    pub(super) fn cut_expired(&mut self) {
        let now_ms = self.now.wall_ms;
        self.cut_where(|principal| principal.is_expired(now_ms), "the access token has expired: get another one");
        let known = self.connections.values().filter(|c| !c.closing).filter_map(|c| c.principal.as_ref());
        if let Some(at) = known.filter_map(Principal::expires_at_ms).min() {
            let wait = Duration::from_millis(at.saturating_sub(now_ms));
            self.next_sweep = self.next_sweep.min(self.now.monotonic + wait);
        }
    }

    fn cut_where(&mut self, is_dead: impl Fn(&Principal) -> bool, why: &str) {
        let connections = self.connections.values().filter(|c| !c.cut);
        let dead = connections.filter(|c| c.principal.as_ref().is_some_and(&is_dead));
        let dead: Vec<ConnectionId> = dead.map(|c| c.id).collect();
        dead.into_iter().for_each(|id| self.cut(id, why));
    }

    /// Nothing that the principal has in progress goes on, and nothing more is told to it but this.
    fn cut(&mut self, id: ConnectionId, why: &str) {
        self.end_with(id, ErrorCode::Authn, why.to_owned());
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        connection.cut = true;
        let known_to = std::mem::take(&mut connection.known_to);
        known_to.into_iter().for_each(|shard| self.tell_shard_of_end(shard, id));
    }
}

/// For a client to wait: never too short.
fn whole_ms(wait: Duration) -> u32 {
    u32::try_from(wait.as_millis()).unwrap_or(u32::MAX).saturating_add(1)
}

fn room(rated: &Rated, now: Duration, is_session: bool, bytes: u64) -> Result<(), Refusal> {
    if is_session { rated.room_for_session(now) } else { rated.room(now, bytes) }
}

/// In append bytes; what carries no batch has none.
fn cost(batch: &[u8]) -> u64 {
    if batch.is_empty() { 0 } else { append_bytes(batch) }
}

/// What the audit stream is to say of a request.
#[derive(Debug)]
pub(super) struct Note {
    operation: &'static str,
    resource: String,
    kind: Kind,
}

impl Note {
    fn of(request: &Request<'_>) -> Self {
        let demand = access::demand_of(request);
        let kind = if demand.is_change() { Kind::Change } else { Kind::Look };
        Self { operation: demand.operation(), resource: demand.resource(), kind }
    }

    /// Calls of the control plane are noted when it is known what became of them, and no others but denied ones.
    pub(super) fn of_control_call(request: &Request<'_>) -> Option<Self> {
        access::is_control_call(request).then(|| Self::of(request))
    }
}

/// In the names of the namespace.
pub(super) fn leave(namespace: Namespace<'_>, output: Output) -> Output {
    match output {
        Output::Reply(response) => Output::Reply(namespace.leave(response)),
        Output::Fail(error) => Output::Fail(namespace.leave_error(error)),
        Output::Push(push) => Output::Push(push),
    }
}
