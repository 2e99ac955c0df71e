//! Holding up clients that send more than there is room for: their sockets are left unread, and TCP does the rest. Nothing is
//! refused and nothing is lost; what was received already waits in order.

use super::connection::ConnectionKey;
use super::{Shard, Turn};
use crate::action::Action;

impl Shard {
    /// Something changed that `Connection::wants_stop` looks at. Decided once per turn: most waits are over within it.
    pub(super) fn note_flow(&mut self, key: ConnectionKey) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        if !std::mem::replace(&mut connection.flow_noted, true) {
            self.flow_noted.push(key);
        }
    }

    pub(super) fn decide_flow(&mut self, turn: &mut Turn<'_>) {
        let share = self.output_share();
        for key in std::mem::take(&mut self.flow_noted) {
            let Some(connection) = self.connections.get_mut(key) else { continue };
            connection.flow_noted = false;
            let wants_stop = connection.wants_stop(share);
            if wants_stop == std::mem::replace(&mut connection.stopped, wants_stop) {
                continue;
            }
            let connection = connection.id;
            self.counters.receive_stops += u64::from(wants_stop);
            turn.actions.push(match wants_stop {
                true => Action::StopReceiving { connection },
                false => Action::ResumeReceiving { connection },
            });
        }
    }
}
