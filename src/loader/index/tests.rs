//! What the index says of chunks and streams, whatever the order in which it hears of them.

use riverrun_core::chunk::{ChunkInput, Compressor, Identity, Lane, encode};
use riverrun_protocol::batch::Batch;

use super::*;
use crate::publish::fixtures::{NOW_MS, WRITER, batch, chunk, chunk_id, chunk_stream, entry, expiring_batch};

fn add(index: &ChunkIndex, input: &ChunkInput) {
    let identity = Identity { store_id: WRITER.store_id, writer_id: WRITER.writer_id, put_id: [1; 16] };
    let encoded = encode(input, identity, &mut Compressor::new().expect("a compressor")).expect("encodes");
    index.add(Arc::new(encoded.footer), encoded.trailer.footer.bytes);
}

fn add_batch(index: &ChunkIndex, number: u64, stream: u8, batch: &Batch) {
    add(index, &chunk(chunk_id(1, number), vec![chunk_stream(&entry(stream, "s"), std::slice::from_ref(batch))]));
}

fn ranges(index: &ChunkIndex, stream: u8) -> Vec<(u64, u64)> {
    let loaded = index.load(entry(stream, "s"));
    loaded.chunks.iter().map(|range| (range.first_seq_num, range.end_seq_num)).collect()
}

/// Chunk 0 holds 0..2 of stream 1 and 0..1 of stream 2, chunk 1 holds 2..4 of stream 1.
fn two_chunks(order: [u64; 2]) -> ChunkIndex {
    let index = ChunkIndex::default();
    let (one, two) = (entry(1, "s"), entry(2, "t"));
    for number in order {
        let input = match number {
            0 => chunk(
                chunk_id(1, 0),
                vec![
                    chunk_stream(&one, &[batch(one.id, 0, &["a", "b"])]),
                    chunk_stream(&two, &[batch(two.id, 0, &["x"])]),
                ],
            ),
            _ => chunk(chunk_id(1, 1), vec![chunk_stream(&one, &[batch(one.id, 2, &["c", "d"])])]),
        };
        add(&index, &input);
    }
    index
}

#[test]
fn chunks_are_known_in_order_of_position_and_the_furthest_state_counts() {
    for order in [[0, 1], [1, 0]] {
        let index = two_chunks(order);
        assert_eq!(ranges(&index, 1), [(0, 2), (2, 4)], "{order:?}");
        assert_eq!(index.next_seq_num(entry(1, "s").id), Some(4), "{order:?}");
        assert_eq!(index.dead_chunks(), []);
    }
}

#[test]
fn a_chunk_that_is_indexed_twice_counts_once() {
    let index = two_chunks([0, 1]);
    let one = entry(1, "s");
    add(&index, &chunk(chunk_id(1, 1), vec![chunk_stream(&one, &[batch(one.id, 2, &["c", "d"])])]));
    assert_eq!(ranges(&index, 1), [(0, 2), (2, 4)]);
    index.forget(one.id);
    assert_eq!(index.dead_chunks(), [chunk_id(1, 1)]);
}

/// E8, A7: a stream whose storage class was changed has chunks in both lanes of one epoch; the name says nothing about which of
/// them is the newer one.
#[test]
fn a_change_of_lane_does_not_set_a_stream_back() {
    let index = ChunkIndex::default();
    let one = entry(1, "s");
    let standard = riverrun_core::chunk::ChunkId { lane: Lane::Standard, ..chunk_id(1, 0) };
    add(&index, &chunk(standard, vec![chunk_stream(&one, &[batch(one.id, 0, &["a"])])]));
    add(&index, &chunk(chunk_id(1, 0), vec![chunk_stream(&one, &[batch(one.id, 1, &["b"])])]));
    assert_eq!(index.next_seq_num(one.id), Some(2));
}

#[test]
fn b5_a_trim_in_a_later_chunk_kills_the_earlier_ones_in_any_order() {
    for order in [[0, 1], [1, 0]] {
        let index = ChunkIndex::default();
        let one = entry(1, "s");
        for number in order {
            let mut stream = chunk_stream(&one, &[batch(one.id, number * 2, &["a", "b"])]);
            stream.state.trim_point = number * 3;
            add(&index, &chunk(chunk_id(1, number), vec![stream]));
        }
        assert_eq!(ranges(&index, 1), [(2, 4)], "{order:?}");
        assert_eq!(index.load(one).state.trim_point, 3, "{order:?}");
        assert_eq!(index.dead_chunks(), [chunk_id(1, 0)], "{order:?}");
    }
}

#[test]
fn a_chunk_is_dead_when_its_last_stream_is() {
    let index = two_chunks([0, 1]);
    index.raise_start(entry(1, "s").id, 2);
    assert_eq!(index.dead_chunks(), []);
    index.forget(entry(2, "t").id);
    assert_eq!(index.dead_chunks(), [chunk_id(1, 0)]);
    assert!(index.is_dead(chunk_id(1, 0)) && !index.is_dead(chunk_id(1, 1)));
    assert!(index.recent().get(chunk_id(1, 0)).is_some());
    index.remove_chunk(chunk_id(1, 0));
    assert_eq!(index.dead_chunks(), []);
    assert!(index.recent().get(chunk_id(1, 0)).is_none(), "its footer is kept for nobody");
}

/// E8: what lies behind a record that stays, stays.
#[test]
fn e8_only_a_leading_run_of_expired_chunks_expires() {
    let index = ChunkIndex::default();
    let id = entry(1, "s").id;
    for (number, expires_at_ms) in [NOW_MS + 10, NOW_MS + 20, 0, NOW_MS + 5].into_iter().enumerate() {
        let number = number as u64;
        add_batch(&index, number, 1, &expiring_batch(id, number * 2, &["a", "b"], expires_at_ms));
    }
    assert_eq!(index.expired(NOW_MS + 9, 10), []);
    assert_eq!(index.expired(NOW_MS + 10, 10), [(id, 2)]);
    assert_eq!(index.expired(NOW_MS + 1000, 10), [(id, 4)]);
    index.raise_start(id, 4);
    assert_eq!(index.expired(u64::MAX, 10), [], "the next chunk never expires");
    assert_eq!(index.dead_chunks(), [chunk_id(1, 0), chunk_id(1, 1)]);
}

/// A6: the tail outlives every record.
#[test]
fn a6_a_state_row_knows_where_a_stream_without_chunks_stands() {
    let index = two_chunks([0, 1]);
    let row = index.state_row(entry(1, "s").id).expect("known");
    let fresh = ChunkIndex::default();
    fresh.adopt_state(&row);
    assert_eq!(fresh.load(entry(1, "s")).state.next, index.load(entry(1, "s")).state.next);
    let mut older = row;
    older.state.next.seq_num = 1;
    older.state.trim_point = 1;
    fresh.adopt_state(&older);
    let state = fresh.load(entry(1, "s")).state;
    assert_eq!((state.next.seq_num, state.trim_point), (4, 1), "an older row moves only the trim point");
}

#[test]
fn the_start_is_never_raised_beyond_what_the_store_holds() {
    let index = two_chunks([0, 1]);
    index.raise_start(entry(1, "s").id, 100);
    assert_eq!(index.load(entry(1, "s")).state.trim_point, 4);
}

/// One chunk of two streams, of which one has nothing living in it when it comes.
#[test]
fn a_chunk_lives_while_any_of_its_streams_does_whichever_comes_first() {
    for (dead, alive) in [(1, 2), (2, 1)] {
        let index = ChunkIndex::default();
        let (gone, stays) = (entry(dead, "s"), entry(alive, "t"));
        let mut trimmed = chunk_stream(&gone, &[batch(gone.id, 0, &["a", "b"])]);
        trimmed.state.trim_point = 2;
        let input = chunk(chunk_id(1, 0), vec![trimmed, chunk_stream(&stays, &[batch(stays.id, 0, &["x"])])]);
        add(&index, &input);
        assert_eq!((index.dead_chunks(), index.is_dead(chunk_id(1, 0))), (vec![], false), "stream {dead} is dead");
        index.raise_start(stays.id, 1);
        assert_eq!((index.dead_chunks(), index.is_dead(chunk_id(1, 0))), (vec![chunk_id(1, 0)], true));
    }
}

/// At a restart chunks come in any order: the one with the trim may be before those that it kills.
#[test]
fn a_trim_that_comes_first_kills_only_its_own_stream() {
    let index = ChunkIndex::default();
    let (gone, stays) = (entry(1, "s"), entry(2, "t"));
    let mut trim = chunk_stream(&gone, &[batch(gone.id, 2, &["trim"])]);
    trim.state.trim_point = 3;
    add(&index, &chunk(chunk_id(1, 1), vec![trim]));
    let both = vec![
        chunk_stream(&gone, &[batch(gone.id, 0, &["a", "b"])]),
        chunk_stream(&stays, &[batch(stays.id, 0, &["x"])]),
    ];
    add(&index, &chunk(chunk_id(1, 0), both));
    assert_eq!(index.dead_chunks(), [chunk_id(1, 1)]);
    assert!(!index.is_dead(chunk_id(1, 0)));
}

#[test]
fn a_stream_without_records_is_named_once() {
    let index = two_chunks([0, 1]);
    assert!(index.take_emptied(10).is_empty());
    index.raise_start(entry(1, "s").id, 4);
    assert_eq!(index.take_emptied(10), [entry(1, "s").id]);
    assert!(index.take_emptied(10).is_empty());
}

#[test]
fn a_purged_stream_is_not_known_again_because_it_expired() {
    let index = two_chunks([0, 1]);
    index.forget(entry(1, "s").id);
    index.raise_start(entry(1, "s").id, 4);
    assert_eq!(index.next_seq_num(entry(1, "s").id), None);
}

/// Nothing that arrives after a restart is older than what is there, whatever the clock says: the broker's clock begins there.
#[test]
fn the_newest_write_is_known_from_chunks_and_from_where_emptied_streams_stood() {
    let index = ChunkIndex::default();
    assert_eq!(index.newest_write_ms(), 0, "nothing was ever written");
    add_batch(&index, 0, 1, &expiring_batch(entry(1, "s").id, 0, &["a"], NOW_MS + 10));
    let in_chunk = index.newest_write_ms();
    assert_eq!(Some(in_chunk), index.stored_records(entry(1, "s").id).quiet_since_ms);
    assert!(in_chunk > 0);
    for (quiet_since_ms, newest) in [(in_chunk - 1, in_chunk), (in_chunk + 7, in_chunk + 7)] {
        let state = StreamState { stream_id: entry(2, "t").id, ..StreamState::default() };
        index.adopt_state(&StateRow { quiet_since_ms, state });
        assert_eq!(index.newest_write_ms(), newest);
    }
}
