//! F16: no new journal file can be made. What is published makes room, and until then nothing is lost and nobody is left alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use riverrun_protocol::error::ErrorCode;

use super::client::{Said, batch, big_batch, connection};
use super::disk::FILE_BYTES;
use super::world::{Hold, World, config};
use crate::event::Event;
use crate::journal::{Expectation, JournalKey, Journals, Replay, scan_file};
use crate::limits::JOURNAL_PLACE_WAIT_MAX;

/// A shard with an append session, which has got as many files of 8 MiB as there will ever be.
fn with_files(files: usize) -> World {
    let mut w = World::new();
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
        let mut read = |header: &crate::journal::BlockHeader| {
            Ok(self.read(header.file, header.offset, header.block_bytes as usize))
        };
        journals.decide(key, Expectation::default(), &mut read).unwrap_or_else(|damage| panic!("{damage}"))
    }
}

/// How a write of this length lands that a crash cuts short: not at all, in its first page only, in all but its first page, or as
/// rubbish.
fn torn_writes(before: &[u8], bytes: &[u8]) -> [Vec<u8>; 4] {
    let first_page = [&bytes[..4096], &before[4096..]].concat();
    let other_pages = [&before[..4096], &bytes[4096..]].concat();
    [before.to_vec(), first_page, other_pages, vec![0xa5; bytes.len()]]
}

/// The real bytes and the real verdict.
#[test]
fn f3_a_crash_at_any_write_of_a_file_that_is_filled_again_is_no_damage() {
    let mut w = with_files(1);
    w.release(Hold::Chunks);
    for _ in 0..20 {
        w.input(connection(1), 1, &big_batch(1_000_000));
    }
    let writes = std::mem::take(&mut w.disk.writes);
    let laps = writes.iter().filter(|(_, offset, _)| *offset == 0).count();
    assert!(laps >= 3 && writes.iter().all(|(file, ..)| *file == writes[0].0), "{laps} laps in one file");
    let reserved: BTreeSet<u64> =
        writes.iter().map(|(_, offset, _)| *offset).filter(|at| *at >= FILE_BYTES - 8192).collect();
    assert_eq!(reserved.len(), 2, "both pages");
    let mut image = Image { files: BTreeMap::new() };
    for (durable, (file, offset, bytes)) in writes.iter().enumerate() {
        let before = image.read_or_zeros(*file, *offset, bytes.len());
        for torn in torn_writes(&before, bytes) {
            image.write(*file, *offset, &torn);
            let whole = u64::from(torn == *bytes);
            assert_eq!(image.recover().last_number, durable as u64 + whole, "write {durable} at {offset}");
        }
        image.write(*file, *offset, bytes);
        assert_eq!(image.recover().last_number, durable as u64 + 1);
    }
}

#[test]
fn an_idle_journal_without_room_still_says_how_far_it_is_durable() {
    let mut w = World::with(crate::shard::ShardConfig { chunk_age_max: Duration::from_secs(1), ..config() });
    w.hold(Hold::Files);
    let c = connection(1);
    w.open_append(c, 1, "s");
    for _ in 0..8 {
        w.input(c, 1, &big_batch(1_000_000));
    }
    let rest = FILE_BYTES - 8192 - w.disk.files.values().sum::<u64>();
    w.input(c, 1, &big_batch(rest as usize - 4096));
    assert_eq!(w.disk.files.values().sum::<u64>(), FILE_BYTES - 8192, "filled to the last page");
    w.wait(Duration::from_millis(10));
    let newest = w.disk.durable_blocks().last().unwrap();
    assert_eq!((newest.batches.len(), newest.header.offset), (0, FILE_BYTES - 8192));
}
