//! Disks that hang, and disks that are gone (reliability.md F6, F7): under the real broker, under load.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::facts::{Facts, Ledger};
use crate::records::{self, Numbered, STREAMS};
use crate::rig::{self, LoggedDisk};
use crate::support::{PATIENCE, Random, Server, free_address, until};
use crate::workload::Producer;
use crate::{check, say};

/// Acks before the trouble, and after it.
const ENOUGH: u64 = 100;
/// Answers that were on their way when the disk stopped arrive in this time.
const SETTLED: Duration = Duration::from_millis(500);
const SHORT_HANGS: usize = 30;
const HUNG_SHORTLY: Duration = Duration::from_millis(100);
const HUNG: Duration = Duration::from_secs(3);

/// A broker on a disk of its own, and producers that go on until it goes away.
struct Load {
    /// Before its disk, which is unmounted when it is dropped.
    server: Server,
    disk: LoggedDisk,
    ledger: Ledger,
    acks: Arc<AtomicU64>,
    producers: Vec<JoinHandle<u64>>,
}

impl Load {
    fn begin(runtime: &Runtime, folder: &std::path::Path, name: &str) -> Self {
        let (image, log) = (folder.join(name), folder.join(format!("{name}-log")));
        rig::make_image(&image);
        let disk = LoggedDisk::new(&image, &log);
        let (ledger, address) = (Ledger::new(log, Facts::default()), free_address());
        let arguments = ["--listen", &address, "--shards", "2", "--unpublished-bytes-max", "16777216"];
        let server = Server::start(&disk.data(), &arguments);
        let acks = Arc::new(AtomicU64::new(0));
        let producers = runtime.block_on(async {
            let client = records::connect(&address).await;
            records::create(&client).await;
            ledger.note_created();
            let producer = |number| {
                let stream = records::stream(&client, number);
                let producer = Producer { number, ledger: ledger.clone(), acks: acks.clone(), next: 0 };
                tokio::spawn(producer.run(stream, number as u64 + 1))
            };
            (0..STREAMS).map(producer).collect()
        });
        let load = Self { server, disk, ledger, acks, producers };
        load.await_acks(ENOUGH);
        load
    }

    fn acks(&self) -> u64 {
        self.acks.load(Ordering::SeqCst)
    }

    fn await_acks(&self, more: u64) {
        let enough = self.acks() + more;
        until("producers are acked", || self.acks() >= enough);
    }
}

/// Each producer's next number.
fn ended(runtime: &Runtime, producers: Vec<JoinHandle<u64>>) -> u64 {
    let end = |producer| runtime.block_on(async { tokio::time::timeout(PATIENCE, producer).await });
    producers
        .into_iter()
        .map(|producer| end(producer).expect("producers end").expect("no panic"))
        .max()
        .expect("streams")
}

/// What the image holds, brought back, is all that anybody was told.
fn check_all(runtime: &Runtime, image: &std::path::Path, ledger: &Ledger, next: u64) {
    let new = Numbered { number: next, first: next, count: 1 };
    check::check(runtime, image, &ledger.facts(), new, &mut Random::new(1));
}

#[expect(clippy::disallowed_methods, reason = "that nothing happens for a while is what is tested")]
fn for_a_while(time: Duration) {
    std::thread::sleep(time);
}

/// Another user of the disk, who syncs new files all the time: the file system's own journal is nearly always being committed.
/// Whatever waits for that hangs with it.
struct Committer {
    ends: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<std::io::Result<()>>>,
}

impl Committer {
    fn begin(folder: &std::path::Path) -> Self {
        let (path, ends) = (folder.join("another-user"), Arc::new(AtomicBool::new(false)));
        let asked = ends.clone();
        let thread = std::thread::spawn(move || {
            while !asked.load(Ordering::SeqCst) {
                let mut file = std::fs::File::create(&path)?;
                file.write_all(&[1; 5000])?;
                file.sync_all()?;
            }
            Ok(())
        });
        Self { ends, thread: Some(thread) }
    }
}

impl Drop for Committer {
    /// The file system is not unmounted while it goes on.
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        let ended = self.thread.take().map(std::thread::JoinHandle::join);
        let is_well = matches!(ended, Some(Ok(Ok(()))));
        assert!(is_well || std::thread::panicking(), "another user's write failed: {ended:?}");
    }
}

/// Threads of the broker's cores that the kernel does not let go on, with where they are. Once while such a disk hung both cores
/// waited in the submission of a journal write, for the file's time of change.
fn waiting_cores(server: &Server) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", server.pid())).expect("it runs");
    let of = |task: &std::path::Path, what: &str| std::fs::read_to_string(task.join(what)).unwrap_or_default();
    let tasks = tasks.map(|task| task.expect("listed").path());
    let is_waiting = |task: &std::path::PathBuf| {
        of(task, "comm").starts_with("shard-") && of(task, "status").lines().any(|line| line.starts_with("State:\tD"))
    };
    tasks.filter(is_waiting).map(|task| of(&task, "stack")).collect()
}

/// F7: nothing is acknowledged that is not durable, nothing else waits, and it goes on when the disk does.
pub fn hang(runtime: &Runtime, folder: &std::path::Path) {
    let load = Load::begin(runtime, folder, "hung");
    let committer = Committer::begin(load.disk.data().parent().expect("a folder on the disk"));
    // It hangs within a commit, and a core writes after that, only now and then.
    for _ in 0..SHORT_HANGS {
        load.await_acks(ENOUGH / 2);
        load.disk.hang();
        for_a_while(HUNG_SHORTLY);
        let waiting = waiting_cores(&load.server);
        load.disk.go_on();
        assert!(waiting.is_empty(), "cores wait for the disk: {waiting:?}");
    }
    load.disk.hang();
    for_a_while(SETTLED);
    let before = load.acks();
    load.server.ok(&["ping", "-c", "1"]);
    for_a_while(HUNG);
    assert_eq!(load.acks(), before, "acknowledged while the disk hung");
    load.server.ok(&["ping", "-c", "1"]);
    load.disk.go_on();
    let resumed = Instant::now();
    load.await_acks(ENOUGH);
    let resumed = resumed.elapsed();
    drop(committer);
    load.server.kill();
    let next = ended(runtime, load.producers);
    load.disk.finish();
    check_all(runtime, &folder.join("hung"), &load.ledger, next);
    say(&format!(
        "F7 disk hung for {HUNG:?}: 0 acks meanwhile, {ENOUGH} more within {resumed:?} of its return; {} acks, 0 lost",
        load.acks.load(Ordering::SeqCst)
    ));
}

/// F6: the broker ends by itself and says why; what was acknowledged is there when the disk is.
pub fn pull(runtime: &Runtime, folder: &std::path::Path) {
    let load = Load::begin(runtime, folder, "pulled");
    load.disk.pull();
    let pulled = Instant::now();
    let said = load.server.await_failure();
    let took = pulled.elapsed();
    assert!(said.contains("the broker had to stop"), "{said}");
    let next = ended(runtime, load.producers);
    drop(load.disk);
    check_all(runtime, &folder.join("pulled"), &load.ledger, next);
    say(&format!(
        "F6 disk pulled: the broker ended by itself after {took:?} (goal 1 s); {} acks, 0 lost",
        load.acks.load(Ordering::SeqCst)
    ));
}
