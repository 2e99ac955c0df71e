//! Keys sort as the things they name do.

use proptest::prelude::*;
use riverrun_protocol::types::StreamId;

use crate::chunk::{ChunkId, Lane, SequenceId};
use crate::control::keys::{self, EpochKey};

const SEQUENCE: SequenceId = SequenceId { epoch: 0xa, shard: 2, lane: Lane::Express };

fn text(key: &[u8]) -> String {
    String::from_utf8(key.to_vec()).unwrap().replace('\0', "<0>")
}

#[test]
fn golden_keys() {
    let (basin, stream) = ("logs-basin".parse().unwrap(), "a/b c".parse().unwrap());
    let all = [
        keys::basin(&basin),
        keys::chunk(SEQUENCE.chunk(255)),
        keys::epoch(0xa),
        keys::closed(0xa),
        keys::serving(0xa),
        keys::id(StreamId([0xab; 16])),
        keys::sequence(SEQUENCE),
        bytes::Bytes::from_static(keys::STORE),
        keys::stream(&basin, &stream),
    ];
    assert!(all.is_sorted());
    let lines: Vec<String> = all.iter().map(|key| text(key)).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    basin/logs-basin
    chunk/000000000000000a/0002-e/00000000000000ff
    epoch/000000000000000a
    epoch/000000000000000a/closed
    epoch/000000000000000a/serving
    id/abababababababababababababababab
    sequence/000000000000000a/0002-e
    store
    stream/logs-basin<0>a/b c
    ");
}

#[test]
fn every_key_begins_with_its_prefix_and_only_with_that() {
    let basin = "logs-basin".parse().unwrap();
    let longer = "logs-basin2".parse().unwrap();
    let stream = "x".parse().unwrap();
    assert!(keys::stream(&basin, &stream).starts_with(&keys::streams_of(&basin)));
    assert!(!keys::stream(&longer, &stream).starts_with(&keys::streams_of(&basin)));
    assert!(keys::chunk(SEQUENCE.chunk(1)).starts_with(&keys::chunks_of(SEQUENCE)));
    assert!(keys::sequence(SEQUENCE).starts_with(&keys::sequences_of(0xa)));
    assert!(!keys::sequence(SEQUENCE).starts_with(&keys::sequences_of(0)));
}

/// A row that is found under one key and deleted under another would stay for ever.
#[test]
fn a_stream_has_one_key_of_each_kind() {
    let id = StreamId([0xab; 16]);
    assert_eq!(keys::parse_state(&keys::state(id)), Some(id));
    assert_eq!(keys::parse_due(&keys::due(7, id)), Some((7, id)));
    assert_eq!(keys::parse_tombstone(&keys::tombstone(id)), Some(id));
    assert_eq!(keys::parse_pending_stream(&keys::pending_stream(id)), Some(id));
    let loud = text(&keys::state(id)).replace("state/ab", "state/AB");
    assert_eq!(keys::parse_state(loud.as_bytes()), None);
}

/// In the order in which a scan meets them.
#[test]
fn an_epochs_keys_are_told_apart() {
    let found: Vec<_> = [keys::epoch(3), keys::closed(3), keys::journal_loss(3), keys::serving(3), keys::epoch(4)]
        .iter()
        .map(|key| keys::parse_epoch(key))
        .collect();
    let (loss, serving) = (EpochKey::JournalLoss(3), EpochKey::Serving(3));
    let expected = [EpochKey::Epoch(3), EpochKey::Closed(3), loss, serving, EpochKey::Epoch(4)];
    assert_eq!(found, expected.map(Some));
    for key in ["epoch/", "epoch/3", "epoch/0000000000000003/", "epoch/0000000000000003/other", "store"] {
        assert_eq!(keys::parse_epoch(key.as_bytes()), None, "{key}");
    }
}

proptest! {
    #[test]
    fn chunk_and_sequence_keys_round_trip_and_sort(
        a in any::<(u64, u16, bool, u64)>(), b in any::<(u64, u16, bool, u64)>()
    ) {
        let chunk = |(epoch, shard, standard, number)| {
            ChunkId { epoch, shard, lane: if standard { Lane::Standard } else { Lane::Express }, number }
        };
        let (a, b) = (chunk(a), chunk(b));
        prop_assert_eq!(a.cmp(&b), keys::chunk(a).cmp(&keys::chunk(b)));
        prop_assert_eq!(keys::parse_chunk(&keys::chunk(a)), Some(a));
        prop_assert_eq!(keys::parse_sequence(&keys::sequence(a.sequence())), Some(a.sequence()));
    }
}
