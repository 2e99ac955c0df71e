//! Connections that do not take at once what is sent to them.
//!
//! What is sent refers to the memory that it was received or loaded into, and keeps all of that: one record of 100 bytes keeps a slab
//! of 4 MiB, and a follower that has stopped, on a stream that gets a record now and then, kept everything that the broker received
//! meanwhile (measured: 270 MB for 60 such records). So what is still there after a moment is copied; a send in flight is given up for
//! that and begun again.

use std::time::Duration;

use super::Worker;
use crate::server::connection::Connection;
use crate::uring::Ring;

/// How often it is looked for them. Long for a socket that is read from, short for what is received meanwhile.
pub const LOOK_PAUSE: Duration = Duration::from_millis(250);

impl Worker {
    pub(super) fn look_for_slow(&mut self) {
        let now = self.now.monotonic;
        if self.look_at_output_at.is_none_or(|at| at > now) {
            return;
        }
        let mut waits = false;
        for connection in self.connections.values_mut().filter(|c| !c.output.is_empty()) {
            waits = true;
            if connection.output.is_slow() {
                connection.output.own();
                give_up_references(&mut self.ring, connection);
            }
        }
        self.look_at_output_at = waits.then_some(now + LOOK_PAUSE);
    }
}

fn give_up_references(ring: &mut Ring, connection: &mut Connection) {
    let in_flight = connection.send_in_flight.filter(|_| connection.output.sends_references());
    if let Some(send) = in_flight.filter(|_| !connection.giving_up_send) {
        connection.giving_up_send = true;
        ring.cancel(send);
    }
}
