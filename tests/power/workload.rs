//! One life of a disk, from power on to power off: brokers that come, take records, are killed and come again.

use std::collections::VecDeque;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use riverrun_client::{AckTicket, StreamHandle};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::facts::{Facts, Ledger, Told};
use crate::log::WriteLog;
use crate::records::{self, Numbered, STREAMS};
use crate::rig::LoggedDisk;
use crate::support::{PATIENCE, Random, Server, free_address, until};

/// Brokers in one life.
const ROUNDS: u64 = 4;
const INFLIGHT_BATCHES: usize = 12;

/// What a life leaves behind: the disk's log, and what was known when.
#[derive(Debug)]
pub struct Life {
    pub log: WriteLog,
    pub facts: Facts,
    /// The log's entries when the first broker was started.
    pub from: usize,
    /// And whenever a broker had shown what it found.
    pub shown: Vec<usize>,
}

/// How blocks are made durable (docs/STORAGE.md): what the broker measures, then each of the ways there are.
pub const SYNC_METHODS: [Option<&str>; 4] =
    [None, Some("direct_dsync"), Some("direct_fdatasync"), Some("buffered_fdatasync")];

/// Numbers of records not appended yet, by stream. They only grow, over all lives.
pub type Next = [u64; STREAMS];

#[derive(Debug)]
pub struct Script<'a> {
    pub runtime: &'a Runtime,
    pub before: Facts,
    pub sync_method: Option<&'a str>,
    pub next: &'a mut Next,
}

/// Lives on `image`, which is changed.
pub fn live(script: Script<'_>, image: &Path, log: &Path, random: &mut Random) -> Life {
    let disk = LoggedDisk::new(image, log);
    if let Some(method) = script.sync_method {
        write_through_by(method, &disk.data());
    }
    let ledger = Ledger::new(log.to_owned(), script.before);
    let (begun, mut shown) = (ledger.now(), Vec::new());
    let address = free_address();
    let mut followers = Vec::new();
    for round in 0..ROUNDS {
        let shards = (1 + random.below(4)).to_string();
        let arguments = ["--listen", &address, "--shards", &shards, "--unpublished-bytes-max", "16777216"];
        let server = Server::start(&disk.data(), &arguments);
        let enough = [40, 150, 150, 600][random.below(4) as usize];
        script.runtime.block_on(async {
            let client = records::connect(&address).await;
            look_around(&client, &ledger, round == 0).await;
            shown.push(ledger.now());
            if round == 0 {
                followers = (0..STREAMS).map(|n| follow(records::stream(&client, n), n, ledger.clone())).collect();
            }
            let streams = std::array::from_fn(|n| records::stream(&client, n));
            *script.next = produce_until_stopped(streams, *script.next, &ledger, enough, random, server).await;
        });
        assert!(followers.iter().all(|follower| !follower.is_finished()), "a follower ended");
    }
    followers.iter().for_each(JoinHandle::abort);
    if let Some(method) = script.sync_method {
        assert!(remembered(&disk.data()).contains(method), "the brokers did not write through by {method}");
    }
    disk.finish();
    let log = WriteLog::open(log).expect("a complete log");
    let shown = shown.into_iter().map(|length| log.at(length)).collect();
    Life { from: log.at(begun), shown, log, facts: ledger.facts() }
}

/// What a broker remembers after it has measured this disk on this kernel.
fn write_through_by(method: &str, data: &Path) {
    let device = data.parent().expect("the mount").metadata().expect("mounted").dev();
    let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
    let known = serde_json::json!({ "method": method, "device": device, "kernel": kernel, "measured_us": [] });
    std::fs::create_dir_all(data.join("journal")).expect("a folder");
    let mut file = std::fs::File::create(data.join("journal/sync-method.json")).expect("it can be made");
    file.write_all(known.to_string().as_bytes()).expect("there is room");
}

pub fn remembered(data: &Path) -> String {
    std::fs::read_to_string(data.join("journal/sync-method.json")).expect("a broker has run here")
}

/// A start shows what it found: from then on that, too, must stay.
async fn look_around(client: &riverrun_client::Client, ledger: &Ledger, first: bool) {
    if first {
        records::create(client).await;
        ledger.note_created();
    }
    for stream in 0..STREAMS {
        let found = records::read_all(client, stream).await.expect("it exists");
        ledger.note_tail(stream, found.len() as u64);
        for (seq_num, record) in found.into_iter().enumerate() {
            ledger.note(Told::Read, stream, seq_num as u64, record);
        }
    }
}

fn follow(handle: StreamHandle, stream: usize, ledger: Ledger) -> JoinHandle<()> {
    tokio::spawn(records::follow(handle, move |seq_num, record| ledger.note(Told::Read, stream, seq_num, record)))
}

/// Appends to all streams until so many batches are acknowledged, then ends the broker under load: three times in four by kill -9.
async fn produce_until_stopped(
    streams: [StreamHandle; STREAMS],
    next: Next,
    ledger: &Ledger,
    enough: u64,
    random: &mut Random,
    server: Server,
) -> Next {
    let acks = Arc::new(AtomicU64::new(0));
    let mut producers: Vec<JoinHandle<u64>> = Vec::new();
    for (n, stream) in streams.into_iter().enumerate() {
        let told = Producer { number: n, ledger: ledger.clone(), acks: acks.clone(), next: next[n] };
        producers.push(tokio::spawn(told.run(stream, random.below(u64::MAX))));
    }
    let kill = random.below(4) > 0;
    tokio::task::block_in_place(|| {
        until("producers are acked", || acks.load(Ordering::SeqCst) >= enough);
        if kill { server.kill() } else { drop(server.terminate()) }
    });
    let mut ended = [0; STREAMS];
    for (next, producer) in ended.iter_mut().zip(producers) {
        *next = tokio::time::timeout(PATIENCE, producer).await.expect("producers end").expect("no panic");
    }
    ended
}

pub struct Producer {
    pub number: usize,
    pub ledger: Ledger,
    pub acks: Arc<AtomicU64>,
    pub next: u64,
}

type Waiting = VecDeque<(Vec<Numbered>, AckTicket)>;

impl Producer {
    /// Pipelined, until the broker goes away. Returns the number that was never used.
    pub async fn run(mut self, stream: StreamHandle, seed: u64) -> u64 {
        let mut random = Random::new(seed);
        let Ok(session) = stream.append_session().await else { return self.next };
        let mut waiting = Waiting::new();
        loop {
            if waiting.len() < INFLIGHT_BATCHES {
                let batch = Numbered::batch(self.next, &mut random);
                self.next += batch.len() as u64;
                let records: Vec<_> = batch.iter().map(Numbered::record).collect();
                let Ok(ticket) = session.submit(&records).await else { break };
                waiting.push_back((batch, ticket));
            } else if !self.wait_for_one(&mut waiting).await {
                break;
            }
        }
        // Acks that were on their way when the broker went count as well.
        while !waiting.is_empty() {
            self.wait_for_one(&mut waiting).await;
        }
        self.next
    }

    async fn wait_for_one(&self, waiting: &mut Waiting) -> bool {
        let Some((batch, ticket)) = waiting.pop_front() else { return false };
        let Ok(ack) = ticket.await else { return false };
        assert_eq!(ack.end.seq_num - ack.start.seq_num, batch.len() as u64);
        for (seq_num, record) in (ack.start.seq_num..).zip(batch) {
            self.ledger.note(Told::Ack, self.number, seq_num, record);
        }
        self.acks.fetch_add(1, Ordering::SeqCst);
        true
    }
}
