//! What was put in comes out, whatever it was.

use proptest::prelude::*;

use super::*;

#[test]
fn a_chunk_gives_back_every_batch_byte_for_byte() {
    let chunk = small_chunk();
    let object = chunk.to_bytes();
    assert_eq!(object.len() as u64, chunk.object_bytes());
    let found: Vec<Bytes> =
        read(&object, stream_id(2), PagesFrom::SeqNum(0)).iter().map(|batch| batch.bytes().clone()).collect();
    assert_eq!(found, second_stream().batches);
}

#[test]
fn the_footer_holds_state_and_entry_of_every_stream() {
    let written = small_chunk();
    let chunk = chunk(&written.to_bytes());
    assert_eq!((&chunk.footer, chunk.trailer), (&written.footer, written.trailer));
    let first = chunk.footer.find(stream_id(1)).unwrap();
    assert_eq!(first.state.fencing_token, b"token");
    assert_eq!(first.state.next, Position { seq_num: 6, timestamp: 1005 });
    assert_eq!(first.entry.as_ref().unwrap().name.as_str(), "stream/name");
    assert_eq!(chunk.footer.find(stream_id(2)).unwrap().entry, None);
    assert_eq!(chunk.footer.find(stream_id(9)), None);
}

/// A stream may be in a chunk with its state alone.
#[test]
fn a_stream_without_batches_keeps_its_state() {
    let empty = stream(stream_id(4), 9, &[]);
    let object = encoded(&input(vec![empty.clone()])).to_bytes();
    let chunk = chunk(&object);
    let index = chunk.footer.find(stream_id(4)).unwrap();
    assert_eq!((&index.state, index.range(ID), index.raw_bytes()), (&empty.state, None, 0));
}

/// An attempt to put a chunk again puts the same bytes.
#[test]
fn encoding_is_deterministic_also_with_a_used_context() {
    let mut compressor = Compressor::new().unwrap();
    let lines = input(vec![stream(stream_id(1), 0, &[log_lines(1, 500)])]);
    let other = ChunkInput { compression_level: 3, ..input(vec![stream(stream_id(2), 0, &[log_lines(2, 300)])]) };
    let first = encode(&lines, IDENTITY, &mut compressor).unwrap();
    encode(&other, IDENTITY, &mut compressor).unwrap();
    assert_eq!(encode(&lines, IDENTITY, &mut compressor).unwrap(), first);
}

/// No copy of what is stored as it is: the object's part is the batch itself.
#[test]
fn an_uncompressed_page_is_the_batch_by_reference() {
    let noisy = stream(stream_id(1), 0, &[vec![noise(1, 300_000)]]);
    let batch = noisy.batches[0].clone();
    let chunk = encoded(&input(vec![noisy]));
    assert!(chunk.parts.iter().any(|part| part.as_ptr() == batch.as_ptr() && part.len() == batch.len()));
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..60),
        2 => (any::<u8>(), 0usize..30_000).prop_map(|(byte, length)| vec![byte; length]),
        1 => (any::<u64>(), 0usize..90_000).prop_map(|(seed, length)| noise(seed, length)),
    ]
}

fn inputs() -> impl Strategy<Value = ChunkInput> {
    let batches = prop::collection::vec(prop::collection::vec(bodies(), 1..5), 0..8);
    prop::collection::btree_map(any::<u8>(), (0u64..1 << 40, batches), 1..6).prop_map(|streams| {
        input(streams.iter().map(|(id, (first, batches))| stream(stream_id(*id), *first, batches)).collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_chunk_round_trips(input in inputs()) {
        let object = encoded(&input).to_bytes();
        let chunk = chunk(&object);
        let mut zstd = Decompressor::new().unwrap();
        for stream in &input.streams {
            let batches = chunk.batches(stream.state.stream_id, &mut zstd).unwrap();
            prop_assert!(batches.iter().all(|batch| batch.verify_payload().is_ok()));
            let bytes: Vec<Bytes> = batches.iter().map(|batch| batch.bytes().clone()).collect();
            prop_assert_eq!(&bytes, &stream.batches);
            prop_assert_eq!(&chunk.footer.find(stream.state.stream_id).unwrap().state, &stream.state);
        }
    }
}
