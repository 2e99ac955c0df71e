//! From answers to the socket.

use std::io;
use std::net::Shutdown;

use bytes::{Bytes, BytesMut};
use riverrun_core::Event;
use riverrun_core::access::Principal;
use riverrun_core::event::ConnectionId;
use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::response::Response;

use super::{Worker, admission, slow, tag};
use crate::server::connection::{Connection, LINGER_DEADLINE, Route, Target};
use crate::server::listener;
use crate::server::mail::{Flow, Mail, Output};
use crate::server::send_marks::Timed;
use crate::uring::Ring;

impl Worker {
    /// An answer of the connection's own.
    pub(super) fn reply_here(&mut self, id: ConnectionId, frame_id: u64, response: &Response) {
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        connection.output.frame(None, &[], |head| response.write(frame_id, head));
        self.send(id);
    }

    pub(super) fn fail_here(&mut self, id: ConnectionId, frame_id: u64, error: &ErrorFrame) {
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        connection.output.frame(None, &[], |head| error.write(frame_id, head));
        self.send(id);
    }

    /// Puts what a shard, or the tokio side, says on a connection that lives here.
    pub(super) fn put_out(
        &mut self,
        from: Option<u16>,
        id: ConnectionId,
        frame_id: u64,
        output: Output,
        timed: Option<Timed>,
    ) {
        let Some(connection) = self.connections.get_mut(&id.0).filter(|c| !c.cut) else { return };
        let output = match connection.principal.as_ref().and_then(Principal::namespace) {
            Some(namespace) => admission::leave(namespace, output),
            None => output,
        };
        connection.output.put(from, frame_id, &output);
        timed.into_iter().for_each(|timed| connection.output.mark(timed));
        self.end_route(id, frame_id, &output);
        self.send(id);
        self.forget_if_finished(id);
    }

    /// Frees the id of a request that is answered, or of a session that is over.
    fn end_route(&mut self, id: ConnectionId, frame_id: u64, output: &Output) {
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        let over = match (connection.routes.get_mut(&frame_id), output) {
            (None | Some(Route::Refused), _) | (_, Output::Push(_)) => false,
            (Some(Route::Once(..)), _) | (Some(_), Output::Reply(Response::SessionEnded)) => true,
            (Some(Route::ReadSession { .. }), output) => matches!(output, Output::Fail(_)),
            (Some(Route::AppendSession { closing, failed, .. }), Output::Fail(_)) => {
                *failed = true;
                *closing
            }
            (Some(Route::AppendSession { .. }), Output::Reply(_)) => false,
        };
        let is_session = matches!(connection.routes.get(&frame_id), Some(Route::AppendSession { .. }));
        if is_session && !over && matches!(output, Output::Fail(_)) {
            connection.keep_dead(frame_id);
        }
        if over {
            let route = connection.routes.remove(&frame_id);
            if let Some(Route::Once(target, asked)) = route {
                let is_refusal = matches!(output, Output::Fail(_));
                self.shared.requests_of(self.index).answered(asked, self.now.monotonic, is_refusal);
                if target == Target::Control {
                    self.end_control_call(id);
                }
            }
        }
    }

    /// Frames may have waited for it.
    fn end_control_call(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        let waited = !connection.may_take_frames();
        connection.control_calls -= 1;
        if waited {
            self.take_kept(id);
            self.receive(id);
        }
    }

    /// Sends what waits, unless a send is in flight: what gathers meanwhile travels with the next.
    pub(super) fn send(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        if connection.sending || connection.output.is_empty() {
            return;
        }
        connection.sending = true;
        self.to_send.push(id);
    }

    /// Starts the sends of this turn, each with everything that the turn gave it.
    pub(super) fn start_sends(&mut self) {
        for id in std::mem::take(&mut self.to_send) {
            let Some(connection) = self.connections.get_mut(&id.0) else { continue };
            let (socket, parts) = (connection.socket.clone(), connection.output.take());
            connection.send_in_flight = Some(self.ring.send(tag::SEND | id.0, &socket, parts));
            self.look_at_output_at.get_or_insert(self.now.monotonic + slow::LOOK_PAUSE);
        }
    }

    pub(super) fn on_sent(&mut self, id: u64, parts: Vec<Bytes>, outcome: io::Result<usize>) {
        let id = ConnectionId(id);
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        connection.sending = false;
        connection.send_in_flight = None;
        let sent = match outcome {
            Ok(sent) => sent,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) if error.raw_os_error() == Some(libc::ECANCELED) => 0,
            Err(_) => return self.forget(id),
        };
        let mut reports: Vec<(u16, u64)> = Vec::new();
        connection.output.sent(parts, sent, |owner, bytes| reports.extend(owner.map(|owner| (owner, bytes as u64))));
        if std::mem::take(&mut connection.giving_up_send) {
            connection.output.own();
        }
        connection
            .output
            .note_sent(self.now.monotonic, |stage, elapsed, count| self.stages.note(stage, elapsed, count));
        let short = |&(shard, _): &(u16, u64)| self.shared.is_output_short(shard);
        if let Some(last) = reports.iter().rposition(short).filter(|_| connection.output.is_empty()) {
            withhold_a_byte(&mut self.ring, connection, &mut reports[last]);
        }
        reports.into_iter().for_each(|(shard, bytes)| self.report_sent(shard, id, bytes));
        self.after_send(id);
    }

    pub(super) fn on_writable(&mut self, id: u64) {
        let id = ConnectionId(id);
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        if let Some(shard) = connection.withheld_from.take() {
            self.report_sent(shard, id, 1);
        }
        self.after_send(id);
    }

    fn report_sent(&mut self, shard: u16, connection: ConnectionId, bytes: u64) {
        let event = Event::OutputSent { connection, bytes };
        if shard == self.index {
            return self.tell(event);
        }
        self.peers[usize::from(shard)].post(Mail::Happened(Event::OutputSent { connection, bytes }));
    }

    fn after_send(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get(&id.0) else { return };
        if !connection.output.is_empty() {
            self.send(id);
            return self.receive(id);
        }
        if connection.closing {
            listener::shut_down(&connection.socket, Shutdown::Write);
        }
        self.move_if_quiet(id);
        self.receive(id);
        self.forget_if_finished(id);
    }

    /// Sends what waits, then closes; what the peer still sends is read and dropped, because closing a socket with unread bytes
    /// resets the connection and may destroy the very error that explains why.
    pub(super) fn close_after_output(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        connection.closing = true;
        connection.moving_to = None;
        connection.received = BytesMut::new();
        connection.deadline = Some(self.now.monotonic + LINGER_DEADLINE);
        if connection.output.is_empty() {
            listener::shut_down(&connection.socket, Shutdown::Write);
        }
        self.send(id);
        self.receive(id);
    }

    pub(super) fn on_flow(&mut self, from: u16, id: ConnectionId, flow: Flow) {
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        match flow {
            Flow::StopReceiving => {
                connection.stopped_by.insert(from);
            }
            Flow::ResumeReceiving => {
                connection.stopped_by.remove(&from);
                self.receive(id);
            }
            Flow::Handled { bytes } => {
                connection.forwarded_bytes -= bytes;
                self.receive(id);
            }
            Flow::Close => {
                // What the kernel holds for it goes as well.
                listener::reset_on_close(&connection.socket);
                tracing::debug!(connection = id.0, "closed: it takes nothing, and memory for reads is short");
                self.forget(id);
            }
        }
    }
}

/// Where memory for output is short, a connection that has taken everything is given one push all the same, which waits if its socket
/// has no room: for each of thousands that take nothing. So the shard that is short hears of the last byte when there is room.
fn withhold_a_byte(ring: &mut Ring, connection: &mut Connection, (shard, bytes): &mut (u16, u64)) {
    if connection.withheld_from.is_none() {
        connection.withheld_from = Some(*shard);
        *bytes -= 1;
        ring.await_writable(tag::WRITABLE | connection.id.0, &connection.socket);
    }
}
