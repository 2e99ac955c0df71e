//! Requests as they come in: what all of them must pass, and to whom they go.

use riverrun_protocol::error::{ErrorCode, ErrorFrame, Outcome};

use super::append::{ingest, overloaded};
use super::connection::{ConnectionKey, InProgress};
use super::drain::draining_error;
use super::failure::storage_error;
use super::{Shard, Turn};
use crate::event::{ConnectionId, ShardRequest};

impl Shard {
    pub(super) fn on_request(&mut self, turn: &mut Turn<'_>, from: ConnectionId, id: u64, request: ShardRequest<'_>) {
        let connection = self.connections.find_or_open(from);
        match request {
            ShardRequest::BadSessionAppend(error) => self.on_bad_session_append(turn, connection, id, error),
            ShardRequest::SessionAppend { conditions, batch } => {
                self.on_session_append(turn, connection, id, conditions, batch);
            }
            ShardRequest::CloseAppendSession => self.on_close_append_session(turn, connection, id),
            ShardRequest::GrantCredit(grant) => self.on_grant_credit(connection, id, grant),
            ShardRequest::CloseReadSession => self.on_close_read_session(turn, connection, id),
            request => match self.check_begin(connection, id) {
                Ok(()) => self.begin(turn, connection, id, request),
                Err(error) => self.refuse_begin(turn, connection, id, &request, error),
            },
        }
    }

    fn refuse_begin(
        &mut self,
        turn: &mut Turn<'_>,
        connection: ConnectionKey,
        id: u64,
        request: &ShardRequest<'_>,
        error: ErrorFrame,
    ) {
        let is_new = self.connections[connection].get(id).is_none();
        match request {
            ShardRequest::OpenAppendSession { .. } if is_new => self.refuse_session(turn, connection, id, error),
            _ => self.fail(turn, connection, id, error),
        }
    }

    fn begin(&mut self, turn: &mut Turn<'_>, connection: ConnectionKey, id: u64, request: ShardRequest<'_>) {
        match request {
            ShardRequest::Append { target, conditions, rights, batch } => {
                self.on_append(turn, connection, id, &target, ingest(batch, conditions, rights));
            }
            ShardRequest::OpenAppendSession { target, rights } => {
                self.on_open_append_session(turn, connection, id, &target, rights);
            }
            ShardRequest::CheckTail(target) => self.on_check_tail(turn, connection, id, &target),
            ShardRequest::Read(read) => self.on_read(turn, connection, id, read),
            ShardRequest::OpenReadSession(open) => self.on_open_read_session(turn, connection, id, open),
            // Frames within a session begin nothing, and never come here.
            ShardRequest::SessionAppend { .. }
            | ShardRequest::BadSessionAppend(_)
            | ShardRequest::CloseAppendSession
            | ShardRequest::GrantCredit(_)
            | ShardRequest::CloseReadSession => {}
        }
    }

    fn check_begin(&self, key: ConnectionKey, id: u64) -> Result<(), ErrorFrame> {
        let connection = &self.connections[key];
        // What belongs to a session finds none any more: it ended with an error, and what comes behind that is dropped.
        if self.failed {
            let error = storage_error("the server's storage failed");
            return Err(ErrorFrame { outcome: Outcome::NotDone, ..error });
        }
        if self.draining {
            return Err(draining_error());
        }
        if connection.get(id).is_some() {
            let why = "another request or session with this id is in progress on this connection";
            return Err(ErrorFrame::new(ErrorCode::BadSession, why));
        }
        if connection.is_full() {
            return Err(overloaded("too many sessions and requests are in progress on this connection"));
        }
        Ok(())
    }

    /// A request was answered: its id may be used again.
    pub(super) fn end_request(&mut self, connection: ConnectionKey, id: u64) {
        if let Some(connection) = self.connections.get_mut(connection) {
            connection.end(id);
        }
    }

    /// Nobody is there any more. What was accepted becomes stable all the same; everything else is over.
    pub(super) fn on_connection_closed(&mut self, id: ConnectionId) {
        let Some((key, mut connection)) = self.connections.remove(id) else { return };
        self.output_bytes -= connection.output.bytes();
        for what in connection.end_all() {
            match what {
                InProgress::AppendSession(session) => self.drop_append_session(session),
                InProgress::Reader(reader) => drop(self.remove_reader(reader)),
                InProgress::Request => {}
            }
        }
        if connection.deferred > 0 {
            self.drop_deferred_of(key);
        }
        if connection.waiting_appends > 0 {
            self.drop_waiting_of(key);
        }
        self.held_refusals.drop_of(key);
    }
}
