//! Connections that do not take at once what is sent to them.
//!
//! What is sent refers to the memory that it was received or loaded into, and keeps all of that: one record of 100 bytes keeps a slab
//! of 4 MiB, and a follower that has stopped, on a stream that gets a record now and then, kept everything that the broker received
//! meanwhile (measured: 270 MB for 60 such records). So what is still there after a moment is copied; a send in flight is given up for
//! that and begun again.
//!
//! But one batch that thousands of followers are sent is one piece of memory, and would become thousands. So copies have a limit:
//! beyond it references stay what they are.

use std::time::Duration;

use super::Worker;
use crate::server::connection::Connection;
use crate::server::output::Output;
use crate::uring::Ring;

/// How often it is looked for them. Long for a socket that is read from, short for what is received meanwhile.
pub const LOOK_PAUSE: Duration = Duration::from_millis(250);
/// What is copied in one look: the core does nothing else meanwhile.
const COPIED_BYTES_PER_LOOK_MAX: usize = 8 << 20;
/// What waits copied, over all connections of a core.
const COPIED_BYTES_MAX: usize = 64 << 20;

/// What may be copied in one look.
struct CopyRoom(usize);

impl CopyRoom {
    /// While so much waits copied.
    fn beside(copied_bytes: usize) -> Self {
        Self(COPIED_BYTES_MAX.saturating_sub(copied_bytes).min(COPIED_BYTES_PER_LOOK_MAX))
    }

    /// All of it or nothing: a connection with a part copied keeps what the rest lies in.
    fn take(&mut self, bytes: usize) -> bool {
        let fits = bytes <= self.0;
        self.0 -= if fits { bytes } else { 0 };
        fits
    }
}

impl Worker {
    pub(super) fn look_for_slow(&mut self) {
        let now = self.now.monotonic;
        if self.look_at_output_at.is_none_or(|at| at > now) {
            return;
        }
        let copied_bytes: usize = self.connections.values().map(|c| c.output.copied_bytes()).sum();
        let mut room = CopyRoom::beside(copied_bytes);
        let mut waits = false;
        for connection in self.connections.values_mut().filter(|c| !c.output.is_empty()) {
            waits = true;
            if is_to_be_copied(&mut connection.output, &mut room) {
                connection.output.own();
                give_up_references(&mut self.ring, connection);
            }
        }
        self.look_at_output_at = waits.then_some(now + LOOK_PAUSE);
    }
}

/// What is its own already takes no room: otherwise the first few that stand would use it up at each look.
fn is_to_be_copied(output: &mut Output, room: &mut CopyRoom) -> bool {
    output.is_slow() && output.referenced_bytes() > 0 && room.take(output.referenced_bytes())
}

fn give_up_references(ring: &mut Ring, connection: &mut Connection) {
    let in_flight = connection.send_in_flight.filter(|_| connection.output.sends_references());
    if let Some(send) = in_flight.filter(|_| !connection.giving_up_send) {
        connection.giving_up_send = true;
        ring.cancel(send);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const MIB: usize = 1 << 20;

    /// Takes pieces of a mebibyte until there is no room.
    fn taken(copied_bytes: usize) -> usize {
        let mut room = CopyRoom::beside(copied_bytes);
        (0..1000).take_while(|_| room.take(MIB)).count() * MIB
    }

    #[test]
    fn d9_copies_are_limited_in_one_look_and_in_all() {
        assert_eq!(taken(0), COPIED_BYTES_PER_LOOK_MAX);
        assert_eq!(taken(COPIED_BYTES_MAX - 3 * MIB), 3 * MIB);
        assert_eq!(taken(COPIED_BYTES_MAX), 0);
        assert_eq!(taken(COPIED_BYTES_MAX + MIB), 0);
    }

    fn standing() -> Output {
        let mut output = Output::default();
        output.frame(Some(0), &[Bytes::from(vec![1; MIB])], |_| {});
        assert!(!output.is_slow(), "it has just come");
        output
    }

    #[test]
    fn d9_each_look_copies_others_until_all_are_their_own() {
        let mut outputs: Vec<Output> = (0..20).map(|_| standing()).collect();
        let mut look = || {
            let mut room = CopyRoom::beside(outputs.iter().map(Output::copied_bytes).sum());
            outputs.iter_mut().filter_map(|output| is_to_be_copied(output, &mut room).then(|| output.own())).count()
        };
        let each = COPIED_BYTES_PER_LOOK_MAX / MIB;
        assert_eq!([look(), look(), look(), look()], [each, each, 20 - 2 * each, 0]);
    }

    #[test]
    fn what_does_not_fit_leaves_room_for_what_does() {
        let mut room = CopyRoom::beside(COPIED_BYTES_MAX - MIB);
        assert!(!room.take(2 * MIB) && room.take(MIB) && !room.take(1));
    }
}
