//! A connection moves to the core that owns its streams.
//!
//! It moves with the first request for a stream of another shard, if nothing of it is in progress here: no request, no session, no
//! byte to be sent. Then there is nothing whose order a move could change, and no hop is left afterwards. While answers are
//! still on their way out, the request waits for them. A connection that has requests or sessions in progress stays, and its
//! request travels by mailbox instead.
//!
//! A move is one mail and asks nobody anything. A request that the token's rate refuses moves nobody, so moves are no
//! more than what the rate allows.

use std::rc::Rc;

use riverrun_core::event::ConnectionId;

use super::Worker;
use crate::access::Admitted;
use crate::server::connection::Connection;
use crate::server::mail::{Mail, MovedConnection};

impl Worker {
    /// Decides to move, if the other shard has room as of its last turn. True: the frame at hand and what follows are to be kept for
    /// the new shard.
    pub(super) fn begin_move(&mut self, id: ConnectionId, shard: u16) -> bool {
        let has_room = self.shared.connections_of(shard) < self.room.connections_max;
        let Some(connection) = self.connections.get_mut(&id.0).filter(|c| has_room && c.routes.is_empty()) else {
            return false;
        };
        connection.moving_to = Some(shard);
        true
    }

    /// Hands over a connection that waits to move and has become quiet. Called when its bytes were kept and when a send ended.
    pub(super) fn move_if_quiet(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get(&id.0) else { return };
        let Some(shard) = connection.moving_to.filter(|_| connection.is_quiet()) else { return };
        let connection = self.connections.remove(&id.0).expect("looked up above");
        connection.known_to.iter().for_each(|&shard| self.tell_shard_of_end(shard, id));
        match Rc::try_unwrap(connection.socket) {
            Ok(socket) => {
                let Connection { peer, received, told_of_drain, principal, rated, .. } = connection;
                // Only who is known has asked for a stream.
                let Some(principal) = principal else { return };
                let admitted = Admitted { principal, rated };
                self.hand_over(shard, MovedConnection { socket, peer, received, told_of_drain, admitted });
            }
            // An operation still holds it: only possible if quiet were not quiet. Closing loses nothing that was answered.
            Err(_) => tracing::error!(connection = id.0, "a quiet connection had an operation in flight; closed it"),
        }
    }

    fn hand_over(&self, shard: u16, moved: MovedConnection) {
        self.shared.count_moved(self.index);
        self.peers[usize::from(shard)].post(Mail::Moved(Box::new(moved)));
    }

    /// Takes in a connection that comes from another shard.
    pub(super) fn adopt(&mut self, moved: MovedConnection) {
        let id = self.new_connection(moved.socket, moved.peer);
        self.know(id, moved.admitted);
        if let Some(connection) = self.connections.get_mut(&id.0) {
            connection.greeted = true;
            connection.deadline = None;
            connection.received = moved.received;
            connection.told_of_drain = moved.told_of_drain;
        }
        // Before anything of what it has brought along is carried out.
        if self.cut_if_gone(id) {
            return;
        }
        if self.draining {
            self.tell_of_drain(id);
        }
        if self.stopping {
            return self.close_after_output(id);
        }
        self.take_kept(id);
        self.receive(id);
    }
}
