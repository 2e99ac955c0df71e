//! From actions to deeds.

use riverrun_core::event::ConnectionId;
use riverrun_core::{Action, Event};
use riverrun_protocol::access::Operation;
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::response::Response;

use super::Worker;
use crate::server::internal;
use crate::server::mail::{Flow, Mail, Output};
use crate::server::send_marks::Timed;
use crate::server::side::SideOrder;

impl Worker {
    /// Carrying out may tell the shard something (a connection that broke), and so give rise to more: that goes into the other of
    /// two lists, both of which keep their memory from turn to turn.
    pub(super) fn carry_out_all(&mut self) {
        while !self.actions.is_empty() {
            let mut actions = std::mem::replace(&mut self.actions, std::mem::take(&mut self.actions_spare));
            actions.drain(..).for_each(|action| self.carry_out(action));
            self.actions_spare = actions;
        }
        self.start_sends();
    }

    fn carry_out(&mut self, action: Action) {
        let shard = self.index;
        match action {
            Action::Reply { connection, id, response } => {
                // An ack is given in the turn in which its records became stable.
                let timed = matches!(response, Response::AppendAck(_)).then_some(Timed::Ack(self.now.monotonic));
                self.say(connection, id, Output::Reply(response), timed);
            }
            Action::Push { connection, id, push, stable_at } => {
                self.say(connection, id, Output::Push(push), stable_at.map(Timed::Push));
            }
            Action::Fail { connection, id, error } => self.say(connection, id, Output::Fail(error), None),
            Action::Denied { connection, operation, target } => self.tell_home_of_denial(connection, operation, target),
            Action::CloseConnection { connection } => self.flow(connection, Flow::Close),
            Action::StopReceiving { connection } => self.flow(connection, Flow::StopReceiving),
            Action::ResumeReceiving { connection } => self.flow(connection, Flow::ResumeReceiving),
            Action::WriteBlock { number, file, offset, buffers } => self.write_block(number, file, offset, buffers),
            Action::PrepareJournalFile => self.shared.order_journal_file(shard),
            Action::ReleaseJournalFile { file } => {
                self.journal.forget_file(file);
                self.shared.release_journal_file(file);
            }
            Action::StoreChunk { chunk } => self.side.order(SideOrder::StoreChunk { shard, chunk }),
            Action::InheritedPublished => self.side.order(SideOrder::InheritedPublished { shard }),
            Action::LoadStream { load, target, cause } => {
                self.side.order(SideOrder::LoadStream { shard, load, target, cause });
            }
            Action::LoadPages { load, order } => self.side.order(SideOrder::LoadPages { shard, load, order }),
            // What was decided together with it is carried out: the answers that say what became of each request.
            Action::Fatal { reason } => self.fatal = self.fatal.take().or(Some(reason)),
            Action::StreamClosed { call, outcome } => self.calls.closed(call, outcome),
            Action::StreamConfigured { call } | Action::StreamGone { call } => self.calls.done(call),
            Action::Drained => self.shared.drained(shard),
        }
    }

    fn say(&mut self, connection: ConnectionId, id: u64, output: Output, timed: Option<Timed>) {
        let home = connection.home_shard();
        if internal::is_internal(connection) {
            return self.say_inside(connection, id, output);
        }
        if home == self.index {
            return self.put_out(Some(home), connection, id, output, timed);
        }
        self.peers[usize::from(home)].post(Mail::Output { from: Some(self.index), connection, id, output, timed });
    }

    /// The other end is in this process: whatever is said is taken at once.
    fn say_inside(&mut self, connection: ConnectionId, id: u64, output: Output) {
        let mut frame = crate::server::output::Output::default();
        frame.put(None, id, &output);
        self.tell(Event::OutputSent { connection, bytes: frame.bytes() as u64 });
        self.shared.answer_inside(id, output);
    }

    /// Who was denied is known where the connection lives.
    fn tell_home_of_denial(&mut self, connection: ConnectionId, operation: Operation, target: StreamRef) {
        let home = connection.home_shard();
        if home == self.index {
            return self.note_denied(connection, operation, &target);
        }
        self.peers[usize::from(home)].post(Mail::Denied { connection, operation, target });
    }

    fn flow(&mut self, connection: ConnectionId, flow: Flow) {
        let home = connection.home_shard();
        if home == self.index {
            return self.on_flow(home, connection, flow);
        }
        self.peers[usize::from(home)].post(Mail::Flow { from: self.index, connection, flow });
    }
}
