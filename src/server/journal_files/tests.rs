use std::io;
use std::sync::mpsc::{self, Receiver, Sender};

use riverrun_core::journal::{BlockHeader, BlockMeta, Expectation, JournalKey, OpenBlock};
use rustix::fs::FlockOperation;
use tempfile::TempDir;

use super::*;

const STORE: [u8; 16] = [0xab; 16];

fn settings(data: &TempDir) -> Settings {
    Settings {
        data: data.path().join("data"),
        store_id: STORE,
        file_bytes: FILE_BYTES_MIN,
        journal_bytes_max: 4 * FILE_BYTES_MIN,
        lock_wait: Duration::from_secs(60),
    }
}

fn temporary() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn open(data: &TempDir) -> JournalFiles {
    JournalFiles::open(settings(data), &mut |_| {}).expect("journal files")
}

/// Of a journal's first block.
fn meta(journal_id: [u8; 16]) -> BlockMeta {
    BlockMeta {
        store_id: STORE,
        journal_id,
        salt: 7,
        epoch: 1,
        shard: 0,
        q: 1,
        number: 1,
        file: 0,
        offset: 0,
        durable_watermark: 0,
        needed_from: 1,
        prev_header_crc: 0,
        wall_ms: 0,
    }
}

fn names(directory: &Path) -> Vec<String> {
    folder::list(directory).expect("a folder").into_iter().map(|(name, _)| name).collect()
}

#[test]
fn a_file_is_made_of_zeros_and_found_again() {
    let data = temporary();
    let mut files = open(&data);
    assert_eq!(files.create(Pace::Unlimited).expect("space"), 1);
    files.prepare(2).expect("space");
    assert_eq!(names(files.directory()), ["00000001.journal", "00000002.journal"]);
    let whole = files.read(2, 0, FILE_BYTES_MIN as usize).expect("readable");
    assert!(whole.iter().all(|&byte| byte == 0));
    drop(files);

    let found = open(&data);
    assert_eq!(found.files().collect::<Vec<_>>(), [(1, FILE_BYTES_MIN), (2, FILE_BYTES_MIN)]);
    assert_eq!(found.free_count(), 0, "recovery has not said yet what is needed");
}

#[test]
fn recovery_says_which_files_are_free() {
    let data = temporary();
    let mut files = open(&data);
    files.prepare(3).expect("space");
    files.keep_only(&[1, 3]);
    assert_eq!(files.take_free().map(|(number, ..)| number), Some(2));
    assert!(files.take_free().is_none());
    files.release(3);
    assert_eq!(files.take_free().map(|(number, ..)| number), Some(3));
}

#[test]
fn a_block_written_through_a_handle_is_scanned_by_the_next_start() {
    let data = temporary();
    let mut files = open(&data);
    files.prepare(1).expect("space");
    let (file, _, handle) = files.take_free().expect("just prepared");
    let mut block = OpenBlock::new(1 << 20);
    block.append_inline(b"a batch");
    let closed = block.close(BlockMeta { file, ..meta([1; 16]) });
    handle.write_all_at(&closed.buffers[0], 0).expect("written");
    drop((files, handle));

    let files = open(&data);
    let journals = files.scan();
    let key = journals.keys().next().expect("one journal");
    let mut read = |header: &BlockHeader| files.read(header.file, header.offset, header.block_bytes as usize);
    let replay = journals.decide(key, Expectation::default(), &mut read).expect("not damaged");
    assert_eq!((replay.last_number, replay.torn), (1, None));
}

/// A journal that was begun and never written to is found, where it will go on.
#[test]
fn a_journal_is_begun_in_a_file_of_its_own() {
    let data = temporary();
    let mut files = open(&data);
    files.prepare(2).expect("space");
    files.keep_only(&[1]);
    let begun = files.begin(meta([1; 16])).expect("begun");
    assert_eq!((begun.first.file, begun.first.block_bytes, begun.bytes), (2, 4096, FILE_BYTES_MIN));
    assert_eq!(files.begin(meta([2; 16])).expect("begun").first.file, 3, "one that recovery does not need");
    drop((files, begun));

    let files = open(&data);
    let journals = files.scan();
    for (journal_id, file) in [([1; 16], 2), ([2; 16], 3)] {
        let key = JournalKey { epoch: 1, journal_id };
        assert_eq!(journals.files_of(key).collect::<Vec<_>>(), [file]);
        let mut read = |header: &BlockHeader| files.read(header.file, header.offset, header.block_bytes as usize);
        let replay = journals.decide(key, Expectation::default(), &mut read).expect("not damaged");
        assert_eq!((replay.last_number, replay.torn), (1, None));
    }
}

/// F21.
#[test]
fn a_second_process_is_refused_by_name() {
    let data = temporary();
    let _first = open(&data);
    let impatient = Settings { lock_wait: Duration::ZERO, ..settings(&data) };
    let error = JournalFiles::open(impatient, &mut |_| {}).expect_err("it is in use");
    let told = |text: String| {
        text.replace(&data.path().display().to_string(), "").replace(&std::process::id().to_string(), "PID")
    };
    let text = told(error.to_string());
    assert!(text.starts_with("/data/journal/abababababababababababababababab is in use by process PID ("), "{text}");
    assert!(
        text.ends_with("after 0 s of waiting: two processes on one data folder would overwrite each other's journals"),
        "{text}"
    );
    assert!(told(error.what_to_do()).contains("give this server a folder of its own with --data"));
}

/// F20: nobody holds the folder, but a killed process's writes keep a journal's own descriptor alive.
#[test]
fn a_start_waits_for_the_descriptor_that_wrote_the_journal() {
    let data = temporary();
    let mut files = open(&data);
    files.prepare(1).expect("space");
    let path = files.directory().join("00000001.journal");
    drop(files);
    let lingering = File::open(&path).expect("the file");
    rustix::fs::flock(&lingering, FlockOperation::NonBlockingLockExclusive).expect("free");

    let mut lingering = Some(lingering);
    let mut heard = None;
    let files = JournalFiles::open(settings(&data), &mut |waiting| {
        heard = Some(waiting.path.clone());
        lingering.take();
    });
    assert_eq!(files.expect("it was let go").files().count(), 1);
    assert_eq!(heard, Some(path));
}

#[test]
fn an_unfinished_file_is_removed_and_strangers_are_left_alone() {
    let data = temporary();
    let directory = open(&data).directory().to_owned();
    fs::write(directory.join("00000001.journal.new"), [0; 4096]).expect("written");
    fs::write(directory.join("notes.txt"), "mine").expect("written");
    fs::create_dir(directory.with_file_name("another store")).expect("made");
    let files = open(&data);
    assert_eq!(names(&directory), ["notes.txt"]);
    assert_eq!(files.files().count(), 0);
    assert_eq!(files.other_stores(), ["another store"]);
}

#[test]
fn a_file_that_was_cut_short_is_read_and_never_filled() {
    let data = temporary();
    let mut files = open(&data);
    files.prepare(1).expect("space");
    let path = files.directory().join("00000001.journal");
    drop(files);
    File::options().write(true).open(&path).and_then(|file| file.set_len(10_000)).expect("cut");
    let mut files = open(&data);
    assert_eq!(files.files().collect::<Vec<_>>(), [(1, 8192)]);
    assert!(files.read(1, 4096, 4096).is_ok());
    assert!(files.read(1, 4096, 8192).is_err());
    files.keep_only(&[]);
    assert_eq!(files.free_count(), 0);
}

/// F16.
#[test]
fn a_full_disk_leaves_no_half_file() {
    let data = temporary();
    let mut files = open(&data);
    files.no_space_after.push(1 << 20);
    let error = files.create(Pace::Unlimited).expect_err("no space");
    assert!(error.is_no_space());
    assert_eq!(names(files.directory()), Vec::<String>::new());
    assert_eq!(files.create(Pace::Unlimited).expect("space again"), 1);
}

#[test]
fn the_limit_holds() {
    let data = temporary();
    let mut files = open(&data);
    let error = files.prepare(5).expect_err("four fit");
    assert!(error.is_no_space());
    assert_eq!((files.free_count(), files.bytes()), (4, 4 * FILE_BYTES_MIN));
}

#[test]
fn files_smaller_than_a_block_are_refused() {
    for file_bytes in [1 << 20, FILE_BYTES_MIN + 1, FILE_BYTES_MAX + 4096] {
        let bad = Settings { file_bytes, ..settings(&temporary()) };
        assert!(matches!(JournalFiles::open(bad, &mut |_| {}), Err(JournalFilesError::FileBytes { .. })));
    }
}

/// What, why, what to do.
#[test]
fn errors_say_what_to_do() {
    let said = |kind: io::ErrorKind| {
        let error = JournalFilesError::path("make the folder", Path::new("/data/journal"), kind.into());
        format!("{error}\n{}", error.what_to_do())
    };
    insta::assert_snapshot!(said(io::ErrorKind::PermissionDenied), @"
    cannot make the folder /data/journal: permission denied
    make /data/journal readable and writable for the user who runs riverrun, or choose another folder with --data
    ");
    insta::assert_snapshot!(said(io::ErrorKind::ReadOnlyFilesystem), @"
    cannot make the folder /data/journal: read-only filesystem or storage medium
    the disk under /data/journal is mounted read-only: remount it for writing (dmesg may say why), or choose another folder with --data
    ");
    insta::assert_snapshot!(said(io::ErrorKind::StorageFull), @"
    cannot make the folder /data/journal: no storage space
    free some space on the disk, or choose a folder on another one with --data
    ");
}

#[test]
fn a_file_in_the_way_is_named() {
    let data = temporary();
    fs::write(data.path().join("data"), "in the way").expect("written");
    let error = JournalFiles::open(settings(&data), &mut |_| {}).expect_err("not a folder");
    let path = data.path().join("data").display().to_string();
    assert!(error.to_string().starts_with(&format!("cannot make the folder {path}: ")), "{error}");
    assert!(error.what_to_do().contains("is in the way"), "{}", error.what_to_do());
}

/// A helper over files of a fresh folder, its orders and what it hands out.
fn helper(ahead: usize, prepare: impl FnOnce(&mut JournalFiles)) -> (TempDir, Sender<JournalOrder>, Receiver<Ready>) {
    let data = temporary();
    let mut files = open(&data);
    prepare(&mut files);
    let (orders, received) = mpsc::channel();
    let (hand_out, ready) = mpsc::channel();
    let hand_out = move |file| drop(hand_out.send(file));
    start(files, ahead, received, hand_out).expect("a thread");
    (data, orders, ready)
}

#[test]
fn shards_get_files_in_the_order_of_asking() {
    let (_data, orders, ready) = helper(1, |_| {});
    for shard in [4, 2, 9] {
        orders.send(JournalOrder::Prepare { shard }).expect("a helper");
    }
    let given: Vec<(u16, u32)> = ready.iter().take(3).map(|ready| (ready.shard, ready.file)).collect();
    assert_eq!(given, [(4, 1), (2, 2), (9, 3)]);
}

#[test]
fn at_the_limit_a_released_file_is_handed_out_again() {
    let (_data, orders, ready) = helper(0, |files| files.prepare(4).expect("space"));
    for shard in 0..5 {
        orders.send(JournalOrder::Prepare { shard }).expect("a helper");
    }
    let first: Vec<u32> = ready.iter().take(4).map(|ready| ready.file).collect();
    assert_eq!(first, [1, 2, 3, 4]);
    orders.send(JournalOrder::Release { file: 3 }).expect("a helper");
    let again = ready.recv().expect("a file");
    assert_eq!((again.shard, again.file, again.bytes), (4, 3, FILE_BYTES_MIN));
}

/// F16: heals by itself.
#[test]
fn a_helper_without_space_tries_again() {
    let (_data, orders, ready) = helper(0, |files| files.no_space_after.extend([0, 0]));
    orders.send(JournalOrder::Prepare { shard: 0 }).expect("a helper");
    assert_eq!(ready.recv().expect("a file").file, 1);
}

#[test]
fn the_locks_are_given_back_when_the_helper_ends() {
    let data = temporary();
    let mut files = open(&data);
    files.prepare(1).expect("space");
    let (orders, received) = mpsc::channel();
    let thread = start(files, 0, received, |_| {}).expect("a thread");
    drop(orders);
    thread.join().expect("no panic");
    let impatient = Settings { lock_wait: Duration::ZERO, ..settings(&data) };
    JournalFiles::open(impatient, &mut |_| {}).expect("nobody holds it");
}
