//! A chunk that is not what it should be is never published (reliability.md F23): its records are in the journal.

use super::*;
use crate::limits::CHUNK_STREAMS_MAX;

fn error(streams: Vec<ChunkStream>) -> EncodeError {
    encode(&input(streams), IDENTITY, &mut Compressor::new().unwrap()).unwrap_err()
}

fn two_batches() -> ChunkStream {
    stream(stream_id(1), 10, &[vec![vec![1; 100]], vec![vec![2; 100]]])
}

#[test]
fn a_bit_that_flipped_in_memory_is_found_wherever_it_is() {
    let intact = two_batches();
    let length = intact.batches[1].len();
    for at in 0..length {
        let mut changed = intact.clone();
        let mut bytes = changed.batches[1].to_vec();
        bytes[at] ^= 1;
        changed.batches[1] = bytes.into();
        // The producer's sum over the table as sent was checked at ingest and is void since the stamp.
        if !(12..16).contains(&at) {
            let found = error(vec![changed]);
            assert!(matches!(found, EncodeError::Batch { .. }), "byte {at}: {found}");
        }
    }
}

#[test]
fn batches_out_of_order_are_refused() {
    let mut swapped = two_batches();
    swapped.batches.swap(0, 1);
    assert_eq!(error(vec![swapped]), EncodeError::Order { stream_id: stream_id(1), expected: 12, found: 10 });
}

#[test]
fn a_gap_is_refused() {
    let mut gap = two_batches();
    gap.batches[1] = batch(stream_id(1), 12, &[vec![2]]);
    assert_eq!(error(vec![gap]), EncodeError::Order { stream_id: stream_id(1), expected: 11, found: 12 });
}

#[test]
fn a_state_of_another_moment_is_refused() {
    let mut early = two_batches();
    early.state.next.seq_num = 11;
    assert_eq!(error(vec![early]), EncodeError::Order { stream_id: stream_id(1), expected: 11, found: 12 });
}

#[test]
fn a_batch_of_another_stream_is_refused() {
    let mut mixed = two_batches();
    mixed.batches[1] = batch(stream_id(2), 11, &[vec![2]]);
    assert_eq!(error(vec![mixed]), EncodeError::Foreign { stream_id: stream_id(1), found: stream_id(2) });
}

#[test]
fn a_stream_given_twice_is_refused() {
    assert_eq!(error(vec![two_batches(), two_batches()]), EncodeError::Twice { stream_id: stream_id(1) });
}

#[test]
fn too_many_streams_are_refused() {
    let empty = |number: usize| {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_le_bytes());
        ChunkStream {
            state: StreamState { stream_id: StreamId(id), ..StreamState::default() },
            entry: None,
            batches: Vec::new(),
        }
    };
    let streams = (0..=CHUNK_STREAMS_MAX).map(empty).collect();
    let (value, max) = (CHUNK_STREAMS_MAX as u64 + 1, CHUNK_STREAMS_MAX as u64);
    assert_eq!(error(streams), EncodeError::OverLimit { what: "number of streams", value, max });
}
