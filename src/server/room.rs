//! How many connections a shard holds. Every socket is a descriptor, and so is every journal, chunk and catalog file that is opened:
//! connections must leave some for those, or strangers could stop publishing by dialling (reliability.md F28).

use rustix::process::{Resource, getrlimit};

/// Connections of one shard, however many descriptors there are.
const CONNECTIONS_MAX: usize = 20_000;
/// Descriptors for everything else: files, rings, bells, the runtime's own.
const DESCRIPTORS_KEPT: usize = 512;

/// One shard's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    /// Beyond it new ones are refused with `Overloaded`, and connections of other shards do not move here.
    pub connections_max: usize,
    /// Beyond it they get no descriptor, not even for the refusal: those who are told so hold theirs until they have heard it.
    pub held_max: usize,
    /// Of `connections_max`, connections that have not been let in: the others are for those who have.
    pub strangers_max: usize,
}

impl Room {
    /// As this process may have, of which half is the HTTP side's where there is one.
    pub fn of_process(shards: usize, has_http: bool) -> Self {
        let descriptors = descriptors();
        Self::new(if has_http { descriptors - descriptors / 2 } else { descriptors }, shards)
    }

    fn new(descriptors: usize, shards: usize) -> Self {
        let kept = DESCRIPTORS_KEPT.min(descriptors / 2);
        let connections_max = ((descriptors - kept) / shards.max(1)).clamp(2, CONNECTIONS_MAX);
        // A quarter of what is kept.
        let refused_max = (kept / shards.max(1) / 4).max(1);
        Self { connections_max, held_max: connections_max + refused_max, strangers_max: connections_max / 2 }
    }
}

/// As many as this process may have.
pub fn descriptors() -> usize {
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |d| usize::try_from(d).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f28_connections_leave_descriptors_for_files() {
        for (descriptors, shards) in [(256, 1), (256, 2), (1024, 2), (20_000, 2), (1 << 20, 64), (usize::MAX, 1)] {
            let Room { connections_max, held_max, strangers_max } = Room::new(descriptors, shards);
            let kept = descriptors - held_max * shards;
            assert!(kept >= DESCRIPTORS_KEPT.min(descriptors / 2) * 3 / 4, "{kept} of {descriptors} are left");
            assert!(held_max > connections_max, "somebody is told why");
            assert!(strangers_max >= 1 && strangers_max < connections_max && connections_max <= CONNECTIONS_MAX);
        }
    }
}
