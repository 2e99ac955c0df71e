//! F16: no new journal file can be made. What is published makes room, and until then nothing is lost and nobody is left alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use riverrun_protocol::error::ErrorCode;

use super::client::{Said, batch, big_batch, connection};
use super::disk::{FILE_BYTES, Written};
use super::world::{Hold, World, config};
use crate::buffer::ALIGN_BYTES;
use crate::event::Event;
use crate::journal::{BlockHeader, BlockMeta, Expectation, JournalKey, Journals, OpenBlock, Replay, scan_file};
use crate::limits::{JOURNAL_IDLE, JOURNAL_PLACE_WAIT_MAX};
use crate::shard::ShardConfig;

/// A shard with an append session, which has got as many files of 8 MiB as there will ever be.
fn with_files(files: usize) -> World {
    up_to_files(World::new(), files)
}

/// Its chunks are small, so that a file is published in several steps; and what it gives back other shards take.
fn among_others(files: usize) -> World {
    let mut w = up_to_files(World::with(ShardConfig { chunk_bytes_max: 3 << 20, ..config() }), files);
    w.disk.shared = true;
    w
}

fn up_to_files(mut w: World, files: usize) -> World {
    let c = connection(1);
    w.open_append(c, 1, "s");
    w.hold(Hold::Chunks);
    while w.disk.files.len() < files {
        w.input(c, 1, &big_batch(1_000_000));
    }
    w.disk.full = true;
    w
}

/// Appends megabytes until one is not acknowledged; returns how many there are.
fn fill_up(w: &mut World) -> usize {
    let c = connection(1);
    let mut inputs = w.heard(c, 1).len() - 1;
    loop {
        w.input(c, 1, &big_batch(1_000_000));
        inputs += 1;
        if w.heard(c, 1).is_empty() {
            return inputs;
        }
    }
}

/// As [`fill_up`], with not a page left in the file that is being filled when the last append comes.
fn fill_up_exactly(w: &mut World) {
    let c = connection(1);
    let rest = loop {
        let newest = w.disk.blocks.last_key_value().unwrap().1.header.file;
        let is_last = w.disk.files.values().all(|end| *end > 0);
        let rest = FILE_BYTES - 8192 - w.disk.files[&newest];
        if is_last && rest < 1_040_000 {
            break rest;
        }
        w.input(c, 1, &big_batch(1_000_000));
    };
    w.input(c, 1, &big_batch(rest as usize - 4096));
    assert!(w.disk.files.values().any(|end| *end == FILE_BYTES - 8192), "filled to the last page");
    fill_up(w);
}

fn acks(heard: &[Said]) -> usize {
    heard.iter().filter(|said| matches!(said, Said::Ack { .. })).count()
}

#[test]
fn f16_what_is_published_makes_room_for_what_waits() {
    for files in [1, 2, 3] {
        let mut w = with_files(files);
        let inputs = fill_up(&mut w);
        assert!(inputs > files * 7, "{inputs}");
        assert_eq!(w.shard.counters().watermark_blocks, 0, "nothing could be said yet");
        w.release(Hold::Chunks);
        assert_eq!(acks(&w.heard(connection(1), 1)), 1, "with {files} files");
        assert!(w.disk.files.len() <= files);
    }
}

#[test]
fn f16_a_shard_goes_on_for_ever_with_what_it_has() {
    for files in [1, 2] {
        let mut w = with_files(files);
        w.release(Hold::Chunks);
        w.take_said(connection(1));
        for _ in 0..100 {
            w.input(connection(1), 1, &big_batch(1_000_000));
        }
        assert_eq!(acks(&w.heard(connection(1), 1)), 100, "with {files} files");
        assert!(w.disk.files.len() <= files);
        let mut w = w.crash();
        w.check_tail(connection(2), 1, "s");
        let Said::Tail { seq_num, .. } = w.heard(connection(2), 1)[0] else { panic!("a tail") };
        assert!(seq_num >= 100, "{seq_num}");
    }
}

#[test]
fn f16_standard_streams_too() {
    let mut w = with_files(1);
    w.create_standard("standard");
    w.release(Hold::Chunks);
    let c = connection(2);
    w.open_append(c, 1, "standard");
    for _ in 0..40 {
        w.input(c, 1, &big_batch(1_000_000));
    }
    assert_eq!(acks(&w.heard(c, 1)), 40);
}

#[test]
fn f16_a_graceful_stop_is_not_held_up() {
    let mut w = with_files(1);
    let inputs = fill_up(&mut w);
    w.turn(vec![Event::DrainRequested]);
    assert!(!w.drained);
    w.release(Hold::Chunks);
    assert!(w.drained);
    assert_eq!(w.disk.recover(), []);
    let mut w = w.crash();
    w.check_tail(connection(2), 1, "s");
    assert!(matches!(w.heard(connection(2), 1)[..], [Said::Tail { seq_num, .. }] if seq_num == inputs as u64));
}

#[test]
fn f16_what_only_waits_is_refused_in_time_and_the_rest_stays() {
    let mut w = with_files(1);
    let inputs = fill_up(&mut w) as u64;
    let (c, late) = (connection(1), connection(2));
    for _ in 0..12 {
        w.input(c, 1, &big_batch(1_000_000));
    }
    assert!(w.shard.counters().waiting_bytes > 0);
    w.wait(JOURNAL_PLACE_WAIT_MAX - Duration::from_millis(1));
    w.append(late, 1, "s", &batch(&["late"]));
    assert_eq!(w.heard(late, 1), []);
    w.wait(Duration::from_millis(1));
    assert_eq!(w.heard(late, 1), [Said::refused(ErrorCode::Overloaded)]);
    assert_eq!(w.shard.counters().waiting_bytes, 0);
    assert!(w.stopped.is_empty());
    w.append(late, 2, "s", &batch(&["later"]));
    assert_eq!(w.heard(late, 2), [Said::refused(ErrorCode::Overloaded)], "at once now");
    w.check_tail(late, 3, "s");
    assert_eq!(w.heard(late, 3).len(), 1, "reads go on");
    w.release(Hold::Chunks);
    let heard = w.heard(c, 1);
    assert!(acks(&heard) >= 8, "what was accepted is acknowledged: {heard:?}");
    assert_eq!(heard.last(), Some(&Said::refused(ErrorCode::Overloaded)));
    w.append(late, 4, "s", &batch(&["space"]));
    let tail = inputs - 1 + acks(&heard) as u64;
    assert_eq!(w.heard(late, 4), [Said::ack(tail, tail + 1)], "and it heals by itself");
}

#[test]
fn f16_space_on_the_disk_helps_as_well() {
    let mut w = with_files(1);
    fill_up(&mut w);
    w.disk.full = false;
    w.turn(Vec::new());
    assert_eq!(acks(&w.heard(connection(1), 1)), 1);
}

/// Files as they would be after a crash.
struct Image {
    files: BTreeMap<u32, Vec<u8>>,
}

impl Image {
    fn write(&mut self, file: u32, offset: u64, bytes: &[u8]) {
        let file = self.files.entry(file).or_insert_with(|| vec![0; FILE_BYTES as usize]);
        file[offset as usize..offset as usize + bytes.len()].copy_from_slice(bytes);
    }

    fn read_or_zeros(&mut self, file: u32, offset: u64, bytes: usize) -> Vec<u8> {
        self.write(file, offset, &[]);
        self.read(file, offset, bytes).to_vec()
    }

    fn read(&self, file: u32, offset: u64, bytes: usize) -> Bytes {
        Bytes::copy_from_slice(&self.files[&file][offset as usize..offset as usize + bytes])
    }

    /// What recovery decides. Damage is a failure of the test: nothing but a crash has happened.
    fn recover(&self) -> Replay {
        let mut journals = Journals::default();
        for file in self.files.keys() {
            let mut read = |offset, length| Ok(self.read(*file, offset, length));
            journals.add(scan_file(&[8; 16], *file, FILE_BYTES, &mut read));
        }
        let key = JournalKey { epoch: 9, journal_id: [5; 16] };
        let mut read = |header: &BlockHeader| Ok(self.read(header.file, header.offset, header.block_bytes as usize));
        journals.decide(key, Expectation::default(), &mut read).unwrap_or_else(|damage| panic!("{damage}"))
    }
}

/// How a write of this length lands that a crash cuts short: not at all, in its first sector only, in its first page only, in all
/// but its first sector or page, or as rubbish.
fn torn_writes(before: &[u8], bytes: &[u8]) -> [Vec<u8>; 6] {
    let first = |cut: usize| [&bytes[..cut], &before[cut..]].concat();
    let rest = |cut: usize| [&before[..cut], &bytes[cut..]].concat();
    [before.to_vec(), first(512), rest(512), first(4096), rest(4096), vec![0xa5; bytes.len()]]
}

/// A page of another shard's journal: a header that is right, before something that does not fit it.
fn page_of_others(file: u32, offset: u64) -> Vec<u8> {
    let meta = BlockMeta {
        store_id: [8; 16],
        journal_id: [6; 16],
        salt: 78,
        epoch: 9,
        shard: 1,
        q: 4,
        number: 1_000_000,
        file,
        offset,
        durable_watermark: 999_999,
        needed_from: 1_000_000,
        prev_header_crc: 1,
        wall_ms: 1,
    };
    let mut page = OpenBlock::new(ALIGN_BYTES).close(meta).buffers.concat();
    page[300..].fill(0x5a);
    page
}

/// Does to an image what was done to the disk, and recovers at each step: the real bytes and the real verdict. After a crash
/// everything that was durable is there and nothing is damaged, however much of the write under way has landed. Returns the
/// offsets that were written to.
fn crash_at_every_write(writes: &[Written]) -> Vec<u64> {
    let mut image = Image { files: BTreeMap::new() };
    let mut offsets = Vec::new();
    for write in writes {
        let durable = offsets.len() as u64;
        match write {
            Written::Block { file, offset, bytes } => {
                let before = image.read_or_zeros(*file, *offset, bytes.len());
                for torn in torn_writes(&before, bytes) {
                    image.write(*file, *offset, &torn);
                    // As where an empty block's first sector is all that differs from the page before.
                    let whole = u64::from(torn == *bytes);
                    assert_eq!(
                        image.recover().last_number,
                        durable + whole,
                        "block {} in file {file} at {offset}",
                        durable + 1
                    );
                }
                image.write(*file, *offset, bytes);
                offsets.push(*offset);
            }
            Written::ByOthers { file } => {
                for offset in (0..FILE_BYTES).step_by(4096) {
                    image.write(*file, offset, &page_of_others(*file, offset));
                }
            }
        }
        assert_eq!(image.recover().last_number, offsets.len() as u64);
    }
    offsets
}

fn reserved_pages(offsets: &[u64]) -> BTreeSet<u64> {
    offsets.iter().copied().filter(|at| *at >= FILE_BYTES - 8192).collect()
}

#[test]
fn f3_a_crash_at_any_write_of_a_file_that_is_filled_again_is_no_damage() {
    let mut w = with_files(1);
    w.release(Hold::Chunks);
    for _ in 0..20 {
        w.input(connection(1), 1, &big_batch(1_000_000));
    }
    assert_eq!(w.disk.files.len(), 1);
    let offsets = crash_at_every_write(&w.disk.writes);
    let laps = offsets.iter().filter(|offset| **offset == 0).count();
    assert!(laps >= 3, "{laps} laps in one file");
    assert_eq!(reserved_pages(&offsets).len(), 2, "both pages");
}

/// Files are given back one by one, to shards that overwrite them at once. Every block that said so and still needs another one
/// is needed itself.
#[test]
fn f3_a_crash_while_files_go_to_other_shards_one_by_one_is_no_damage() {
    for exactly in [false, true] {
        let mut w = among_others(4);
        if exactly {
            fill_up_exactly(&mut w);
        } else {
            fill_up(&mut w);
        }
        let mut given_back = Vec::new();
        while !w.chunks.is_empty() {
            w.store_chunk(0);
            given_back.push(4 - w.disk.files.len());
        }
        assert_eq!(given_back.last(), Some(&3), "all but the one that is filled again");
        assert_eq!(given_back.contains(&1), !exactly, "one after the other, if there is a page to say so");
        assert_eq!(acks(&w.heard(connection(1), 1)), 1, "and what waited is written");
        // Another lap, in files that others have filled.
        w.disk.others_give_back();
        w = up_to_files(w, 2);
        fill_up(&mut w);
        w.release(Hold::Chunks);
        assert_eq!(acks(&w.heard(connection(1), 1)), 1);
        assert_eq!(w.disk.files.len(), 1);
        let offsets = crash_at_every_write(&w.disk.writes);
        assert!(!reserved_pages(&offsets).is_empty());
    }
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Append(usize),
    /// One that leaves so many pages in the file being filled.
    FillBut(u64),
    /// The i-th of the writes in flight comes back.
    Write(usize),
    Store,
    Wait,
    OthersGiveBack,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        16 => (1..1_000_000usize).prop_map(Op::Append),
        4 => (0..3u64).prop_map(Op::FillBut),
        12 => any::<usize>().prop_map(Op::Write),
        4 => Just(Op::Store),
        1 => Just(Op::Wait),
        1 => Just(Op::OthersGiveBack),
    ]
}

fn play(w: &mut World, op: Op) {
    let c = connection(1);
    match op {
        Op::Append(bytes) => w.input(c, 1, &big_batch(bytes)),
        Op::FillBut(pages) => {
            let Some((_, newest)) = w.disk.blocks.last_key_value() else { return };
            let rest = FILE_BYTES - 8192 - w.disk.files[&newest.header.file];
            if let Some(bytes) = rest.checked_sub((pages + 1) * 4096).filter(|bytes| (1..1_040_000).contains(bytes)) {
                w.input(c, 1, &big_batch(bytes as usize));
            }
        }
        Op::Write(i) => {
            let unwritten = w.disk.unwritten();
            if !unwritten.is_empty() {
                w.complete_write(unwritten[i % unwritten.len()]);
            }
        }
        Op::Store if !w.chunks.is_empty() => w.store_chunk(0),
        Op::Store => {}
        Op::Wait => w.wait(JOURNAL_IDLE),
        Op::OthersGiveBack => w.disk.others_give_back(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// The disk looks at each write: what it overwrites is not needed, by the word of a block that stays. In the end nothing
    /// waits, although no file comes back.
    #[test]
    fn f16_d10_files_go_around_among_shards(files in 1..6usize, ops in prop::collection::vec(op(), 1..300)) {
        let mut w = among_others(files);
        w.hold(Hold::Writes);
        ops.iter().for_each(|op| play(&mut w, *op));
        w.release(Hold::Writes);
        w.release(Hold::Chunks);
        let counters = w.shard.counters();
        prop_assert_eq!((counters.waiting_bytes, counters.journal_waiting_bytes), (0, 0));
        w.publish();
        w.turn(vec![Event::DrainRequested]);
        prop_assert!(w.drained && w.disk.recover().is_empty());
    }
}

/// Filled to its last page, it says how far it is durable in the next file, or when nothing in this one is needed any more.
#[test]
fn an_idle_journal_without_room_still_says_how_far_it_is_durable() {
    for file_comes in [true, false] {
        let mut w = World::with(ShardConfig { chunk_age_max: Duration::from_secs(1), ..config() });
        w.hold(Hold::Files);
        let c = connection(1);
        w.open_append(c, 1, "s");
        for _ in 0..8 {
            w.input(c, 1, &big_batch(1_000_000));
        }
        let rest = FILE_BYTES - 8192 - w.disk.files.values().sum::<u64>();
        w.input(c, 1, &big_batch(rest as usize - 4096));
        assert_eq!(w.disk.files.values().sum::<u64>(), FILE_BYTES - 8192, "filled to the last page");
        w.wait(JOURNAL_IDLE);
        assert_eq!(w.shard.counters().watermark_blocks, 0);
        if file_comes {
            w.release(Hold::Files);
        }
        w.wait(Duration::from_secs(2));
        let first = w.disk.durable_blocks().find(|block| block.batches.is_empty()).unwrap();
        let offset = if file_comes { 0 } else { FILE_BYTES - 8192 };
        assert_eq!((first.header.offset, first.header.needed_from == first.header.number), (offset, !file_comes));
    }
}
