//! The rows of deletions: golden bytes, round trips, refusals, and their keys.

use bytes::Bytes;
use riverrun_protocol::types::StreamId;

use super::fixtures::{deleting_stream, name, stream, target};
use crate::control::*;

fn pending() -> PendingStream {
    PendingStream { target: target(), epoch: 0x0102 }
}

fn body(value: &[u8]) -> String {
    value[..value.len() - 4].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn golden() {
    assert_eq!(body(&pending().encode()), "140102010000000000000a006c6f67732d626173696e0300612f62");
    assert_eq!(body(&PendingBasin { deleted_at_ms: 3 }.encode()), "15010300000000000000");
    assert_eq!(body(&TombstoneRow { purged_at_ms: 4 }.encode()), "16010400000000000000");
}

#[test]
fn round_trips_and_truncations() {
    assert_eq!(PendingStream::decode(&pending().encode()), Ok(pending()));
    let (basin, tombstone) = (PendingBasin { deleted_at_ms: 3 }, TombstoneRow { purged_at_ms: 4 });
    assert_eq!(PendingBasin::decode(&basin.encode()), Ok(basin));
    assert_eq!(TombstoneRow::decode(&tombstone.encode()), Ok(tombstone));
    let whole = pending().encode();
    assert!((0..whole.len()).all(|end| PendingStream::decode(&whole[..end]).is_err()));
    assert!(PendingBasin::decode(&tombstone.encode()).is_err(), "another kind of row");
}

#[test]
fn keys_name_what_they_are_about() {
    let id = StreamId([0xab; 16]);
    assert_eq!(keys::parse_pending_stream(&keys::pending_stream(id)), Some(id));
    assert_eq!(keys::parse_tombstone(&keys::tombstone(id)), Some(id));
    assert_eq!(keys::parse_pending_basin(&keys::pending_basin(&name())), Some(name()));
    assert_eq!(keys::tombstone(id), Bytes::from(format!("tombstone/{}", "ab".repeat(16))));
    assert_eq!(keys::parse_tombstone(b"tombstone/ab"), None);
    assert_eq!(keys::parse_pending_basin(b"pending/basin/NO"), None);
}

/// E6: repeated after its answer was lost, a purge leaves a stream alone that has taken the name since.
#[test]
fn e6_a_purge_frees_the_name_only_of_the_stream_that_was_deleted() {
    let id = deleting_stream().id;
    let purge = purge_stream(Some(&deleting_stream()), id, &pending(), 5);
    assert!(purge.frees_name);
    assert_eq!(purge.tombstone.purged_at_ms, Some(5));
    assert!(!purge_stream(None, id, &pending(), 5).frees_name);
    let successor = StreamEntry { id: StreamId([2; 16]), ..stream() };
    assert!(!purge_stream(Some(&successor), id, &pending(), 5).frees_name);
}
