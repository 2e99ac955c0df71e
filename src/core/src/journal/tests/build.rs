//! Blocks come out as they were put in.

use proptest::prelude::*;

use super::model::*;
use crate::buffer::{ALIGN_BYTES, aligned};
use crate::journal::block::SLAB_BYTES;
use crate::journal::*;
use crate::limits::BLOCK_BYTES_MAX;

fn meta(number: u64) -> BlockMeta {
    BlockMeta {
        store_id: STORE,
        journal_id: JOURNAL,
        salt: SALT,
        epoch: EPOCH,
        shard: 0,
        q: Q,
        number,
        file: 1,
        offset: 0,
        durable_watermark: number - 1,
        needed_from: 1,
        prev_header_crc: 0,
        wall_ms: 0,
    }
}

/// Batches as (is large, length, filling).
fn batches() -> impl Strategy<Value = Vec<(bool, usize, u8)>> {
    let length = prop_oneof![4 => 1usize..3000, 1 => 3000usize..90_000];
    proptest::collection::vec((any::<bool>(), length, any::<u8>()), 0..40)
}

fn put(open: &mut OpenBlock, large: bool, batch: &[u8]) {
    if large {
        let (frame, range) = frame_around(batch);
        let half = batch.len() / 2;
        open.push_extent(frame, range, crc32c::crc32c(&batch[half..]), (batch.len() - half) as u32);
    } else {
        let copy = open.append_inline(batch);
        assert_eq!(copy, batch);
    }
}

/// Closes the block and reads it back: its batches, in order.
fn read_back(open: &mut OpenBlock, number: u64) -> Vec<Vec<u8>> {
    let promised = open.block_bytes_if_closed();
    let closed = open.close(meta(number));
    assert!(closed.buffers.iter().all(|b| b.as_ptr().addr() % ALIGN_BYTES == 0 && b.len() % ALIGN_BYTES == 0));
    let block = bytes::Bytes::from(closed.buffers.concat());
    assert_eq!((block.len(), closed.block_bytes as usize), (promised, promised));
    let header = BlockHeader::decode(&block).expect("just written");
    verify_payload(&header, &block).expect("just written");
    let found = directory(&header, &block).expect("just written");
    assert_eq!(found, closed.batches);
    found.iter().map(|batch| batch.to_vec()).collect()
}

proptest! {
    #[test]
    fn what_goes_in_comes_out_in_order_whatever_the_mix(blocks in proptest::collection::vec(batches(), 1..4)) {
        let mut open = OpenBlock::new(BLOCK_BYTES_MAX);
        for (number, batches) in (1..).zip(&blocks) {
            let mut expected = Vec::new();
            for &(large, length, filling) in batches {
                let batch = vec![filling; length];
                put(&mut open, large, &batch);
                expected.push(batch);
            }
            prop_assert_eq!(read_back(&mut open, number), expected);
            prop_assert!(open.is_empty());
        }
    }

    /// F14.
    #[test]
    fn garbage_is_never_a_header(page in proptest::collection::vec(any::<u8>(), 0..5000)) {
        prop_assert!(BlockHeader::decode(&page).is_err());
    }
}

#[test]
fn an_empty_block_is_one_page() {
    let mut open = OpenBlock::new(BLOCK_BYTES_MAX);
    assert_eq!(open.block_bytes_if_closed(), ALIGN_BYTES);
    assert_eq!(read_back(&mut open, 1), Vec::<Vec<u8>>::new());
}

#[test]
fn stamping_the_lent_copy_changes_the_block() {
    let mut open = OpenBlock::new(BLOCK_BYTES_MAX);
    open.append_inline(b"....")[0] = b'!';
    open.append_inline(b"second");
    assert_eq!(read_back(&mut open, 1), [b"!...".to_vec(), b"second".to_vec()]);
}

#[test]
fn a_block_goes_on_when_its_slab_runs_out() {
    let mut open = OpenBlock::new(BLOCK_BYTES_MAX);
    let batch = vec![7; 60_001];
    let count = 2 * SLAB_BYTES / batch.len();
    for _ in 0..count {
        open.append_inline(&batch);
    }
    assert_eq!(read_back(&mut open, 1), vec![batch; count]);
}

#[test]
fn small_blocks_share_a_slab() {
    let mut open = OpenBlock::new(BLOCK_BYTES_MAX);
    let addresses: Vec<usize> = (1..10)
        .map(|number| {
            open.append_inline(b"small");
            open.close(meta(number)).buffers[0].as_ptr().addr()
        })
        .collect();
    assert!(addresses.windows(2).all(|pair| pair[1] == pair[0] + ALIGN_BYTES), "{addresses:x?}");
}

#[test]
fn a_successor_goes_on_in_the_same_slab() {
    let mut first = OpenBlock::new(BLOCK_BYTES_MAX);
    put(&mut first, false, &[1; 5000]);
    put(&mut first, true, &[2; 5000]);
    let mut second = first.successor();
    put(&mut second, false, &[3; 100]);
    put(&mut second, true, &[4; 100]);
    let (first, second) = (first.close(meta(1)), second.close(meta(2)));
    assert_eq!(first.batches, [vec![1; 5000], vec![2; 5000]]);
    assert_eq!(second.batches, [vec![3; 100], vec![4; 100]]);
    assert_eq!(second.buffers[0].as_ptr().addr(), first.buffers[0].as_ptr().addr() + first.buffers[0].len());
}

#[test]
fn the_payload_of_a_large_batch_is_not_copied() {
    let (frame, range) = frame_around(&[9; 100_000]);
    let address = frame.as_ptr().addr();
    let mut open = OpenBlock::new(BLOCK_BYTES_MAX);
    open.push_extent(frame, range.clone(), crc32c::crc32c(&[9; 50_000]), 50_000);
    let closed = open.close(meta(1));
    assert_eq!(closed.buffers[1].as_ptr().addr(), address);
    assert_eq!(closed.batches[0].as_ptr().addr(), address + range.start);
}

#[test]
fn room_ends_at_the_limit_and_what_had_room_fits() {
    let max = 64 << 10;
    let mut open = OpenBlock::new(max);
    assert!(!open.has_room_inline(max) && !open.has_room_extent(max));
    while open.has_room_inline(1000) {
        open.append_inline(&[1; 1000]);
    }
    assert!(open.block_bytes_if_closed() > max - 2 * ALIGN_BYTES);
    assert!(open.close(meta(1)).block_bytes as usize <= max);
    let (frame, range) = frame_around(&[2; 50_000]);
    assert!(open.has_room_extent(frame.len()));
    open.push_extent(frame, range, crc32c::crc32c(b""), 0);
    assert!(!open.has_room_extent(ALIGN_BYTES * 3));
    assert!(open.close(meta(2)).block_bytes as usize <= max);
}

#[test]
#[should_panic(expected = "more than q blocks above the watermark")]
fn a_block_outside_the_window_is_not_written() {
    OpenBlock::new(BLOCK_BYTES_MAX).close(BlockMeta { durable_watermark: 1, ..meta(2 + u64::from(Q)) });
}

#[test]
#[should_panic(expected = "buffer::aligned")]
fn a_frame_that_direct_io_would_refuse_is_not_taken() {
    let mut frame = aligned(ALIGN_BYTES);
    frame.extend_from_slice(&[1; 100]);
    let frame = frame.split_off(8);
    OpenBlock::new(BLOCK_BYTES_MAX).push_extent(frame, 0..10, 0, 0);
}

#[test]
fn a_wrong_payload_sum_from_the_caller_reads_as_damage() {
    let (frame, range) = frame_around(&[9; 70_000]);
    let mut open = OpenBlock::new(BLOCK_BYTES_MAX);
    open.push_extent(frame, range, 1, 70_000);
    let block = open.close(meta(1)).buffers.concat();
    let header = BlockHeader::decode(&block).expect("the header is right");
    assert_eq!(verify_payload(&header, &block), Err(BlockError::BadChecksum));
}

/// F13: what is right in one journal is wrong in every other, whatever the bytes.
#[test]
fn sums_depend_on_the_salt() {
    let of = |salt| {
        let mut open = OpenBlock::new(BLOCK_BYTES_MAX);
        put(&mut open, false, &[1; 100]);
        put(&mut open, true, &[2; 100]);
        open.close(BlockMeta { salt, ..meta(1) }).buffers.concat()
    };
    let (one, mut other) = (of(1), of(2));
    let header = BlockHeader::decode(&other).expect("just written");
    assert_ne!(BlockHeader::decode(&one).expect("just written").payload_crc, header.payload_crc);
    other[16..24].copy_from_slice(&1u64.to_le_bytes());
    assert_eq!(BlockHeader::decode(&other), Err(HeaderError::BadChecksum));
}
