//! Readers that take nothing, very many of them (S14, F44, F47): what they hold is bounded, and nobody beside them waits for them.
//!
//! ```text
//! RIVERRUN_STALLED_READERS=10000   the long form; wants twice as many descriptors for the test and for the broker
//! ```

use std::collections::VecDeque;
use std::net::TcpStream;
use std::time::Instant;

use futures::StreamExt;
use riverrun_client::{AckTicket, AppendSession, Client, ClientConfig, ReadOptions, ReadSession, Record, StreamHandle};
use tokio::runtime::Runtime;

use crate::raw::{Raw, Said, follow_with, target};
use crate::support::{Data, Random, Server, counter, raise_descriptors, setting, until};

const BASIN: &str = "stalled-basin";
const HISTORIES: u64 = 4;
const BATCH_RECORDS: u64 = 64;
const INFLIGHT: usize = 16;
/// Descriptors for all but the readers, and for what a broker keeps for its files.
const DESCRIPTORS_BESIDE: u64 = 1024;
/// A socket is given about a mebibyte before it is given no more, and pages are held whole.
const READER_BYTES_MAX: u64 = 3 << 20;
const RESIDENT_BYTES_MAX: u64 = 1 << 30;
/// With [`LITTLE_READ_MEMORY`].
const RESIDENT_BYTES_LITTLE: u64 = 400 << 20;
const LITTLE_READ_MEMORY: u64 = 96 << 20;
/// What may wait for the sockets of a shard, and the push that reached it.
const OUTPUT_BYTES_MAX: u64 = (64 << 20) + (2 << 20);
/// Each of one small record and 2.4 megabytes.
const STOPPED_ROUNDS: u64 = 60;

/// A kibibyte that hardly compresses.
fn record(random: &mut Random) -> Record {
    let words: Vec<u8> = (0..128).flat_map(|_| random.below(u64::MAX).to_le_bytes()).collect();
    Record::new(words)
}

async fn append(session: &AppendSession, batches: u64, random: &mut Random) {
    let mut waiting: VecDeque<AckTicket> = VecDeque::new();
    for _ in 0..batches {
        if waiting.len() == INFLIGHT {
            waiting.pop_front().expect("in flight").await.expect("acknowledged");
        }
        let records: Vec<Record> = (0..BATCH_RECORDS).map(|_| record(random)).collect();
        waiting.push_back(session.submit(&records).await.expect("the session is open"));
    }
    for ticket in waiting {
        ticket.await.expect("acknowledged");
    }
}

/// Everything that is appended meanwhile, without a gap.
async fn follow(session: &mut ReadSession, next: &mut u64, records: u64) {
    for _ in 0..records {
        let record = session.next().await.expect("it goes on").expect("a record");
        assert_eq!(record.seq_num, *next, "no gap, no repeat");
        *next += 1;
    }
}

/// One producer and one follower that reads along.
struct Healthy {
    producer: AppendSession,
    follower: ReadSession,
    next: u64,
    random: Random,
}

impl Healthy {
    async fn new(client: &Client) -> Self {
        let stream = stream(client, "healthy").await;
        let follower = stream.read_session(ReadOptions::from_seq_num(0)).await.expect("it opens");
        let producer = stream.append_session().await.expect("it opens");
        Self { producer, follower, next: 0, random: Random::new(7) }
    }

    /// Returns the MiB/s that were appended. The follower has received all of it.
    async fn work(&mut self, batches: u64) -> f64 {
        let begun = Instant::now();
        let producing = async {
            append(&self.producer, batches, &mut self.random).await;
            begun.elapsed().as_secs_f64()
        };
        let (took, ()) = tokio::join!(producing, follow(&mut self.follower, &mut self.next, batches * BATCH_RECORDS));
        batches as f64 * BATCH_RECORDS as f64 / 1024.0 / took
    }
}

async fn stream(client: &Client, name: &str) -> StreamHandle {
    client.create_stream(BASIN, name).await.expect("created");
    client.stream(BASIN, name).expect("a name")
}

/// More than what stays in memory, so that most readers want pages of chunks.
async fn make_histories(client: &Client, batches: u64) {
    for n in 0..HISTORIES {
        let session = stream(client, &format!("history-{n}")).await.append_session().await.expect("it opens");
        append(&session, batches, &mut Random::new(n + 1)).await;
        session.close().await.expect("closed");
    }
}

/// All of a history, by a client that takes what it is given.
async fn read_all(client: &Client, name: &str, records: u64) {
    let stream = client.stream(BASIN, name).expect("a name");
    let mut session = stream.read_session(ReadOptions::from_seq_num(0)).await.expect("it opens");
    follow(&mut session, &mut 0, records).await;
}

/// Opens a session somewhere in a history and takes nothing of it. Every other one is never granted any credit, the rest have all
/// there is, and a socket that nobody reads.
fn stall(server: &Server, n: u64, history_records: u64, random: &mut Random) -> TcpStream {
    let mut raw = Raw::connect(&server.addr, "").expect("let in");
    let target = target(BASIN, &format!("history-{}", n / 2 % HISTORIES));
    let credit = if n.is_multiple_of(2) { 0 } else { u64::MAX };
    raw.send(1, &follow_with(&target, random.below(history_records), credit));
    assert!(matches!(raw.next(), Said::Answer(1, _)), "the session opens");
    raw.into_socket()
}

/// Readers have been given what their sockets take, and stand. What they get until then takes a core's time, like any reader's.
fn until_nothing_is_pushed(server: &Server) {
    let mut pushes = None;
    until("they have stalled", || pushes.replace(counter(server, "pushes")) == Some(counter(server, "pushes")));
}

/// The kernel's buffers of all TCP sockets of this machine, which are in no process's resident size.
fn socket_bytes() -> u64 {
    let stat = std::fs::read_to_string("/proc/net/sockstat").expect("/proc");
    let pages = stat.lines().find(|line| line.starts_with("TCP:")).and_then(|line| line.rsplit(' ').next());
    pages.and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) << 12
}

#[test]
fn s14_readers_that_take_nothing_cost_little_and_stall_nobody() {
    stalled_readers("S14", &[], RESIDENT_BYTES_MAX);
}

#[test]
fn s14_readers_that_take_nothing_cost_no_more_than_readers_are_given() {
    let arguments = ["--read-memory-bytes-max", &LITTLE_READ_MEMORY.to_string()];
    stalled_readers("S14-little", &arguments, RESIDENT_BYTES_LITTLE);
}

fn stalled_readers(figure: &str, arguments: &[&str], resident_bytes_max: u64) {
    let readers = setting("RIVERRUN_STALLED_READERS", 300);
    let long = readers >= 1000;
    let (history_batches, work_batches) = if long { (1024, 4096) } else { (320, 160) };
    raise_descriptors(readers + DESCRIPTORS_BESIDE);
    let data = Data::new();
    let server = data.serve(&[&["--shards", "2", "--unpublished-bytes-max", "33554432"], arguments].concat());
    let runtime = Runtime::new().expect("a runtime");
    let (client, mut healthy) = runtime.block_on(async {
        let client = Client::connect(server.addr.clone(), ClientConfig::default()).await.expect("connects");
        client.create_basin(BASIN, riverrun_client::BasinOptions::default()).await.expect("created");
        make_histories(&client, history_batches).await;
        let mut healthy = Healthy::new(&client).await;
        // Caches are full before anything is measured.
        healthy.work(work_batches).await;
        (client, healthy)
    });
    let before = server.resident_bytes_peak();
    let (mut alone, mut beside, mut random) = (Vec::new(), Vec::new(), Random::new(setting("RIVERRUN_SEED", 1)));
    for _ in 0..2 {
        alone.push(runtime.block_on(healthy.work(work_batches)));
        let history_records = history_batches * BATCH_RECORDS;
        let stalled: Vec<TcpStream> = (0..readers).map(|n| stall(&server, n, history_records, &mut random)).collect();
        until_nothing_is_pushed(&server);
        beside.push(runtime.block_on(healthy.work(work_batches)));
        runtime.block_on(read_all(&client, "history-0", history_records));
        println!(
            "{readers} stalled readers: {} MiB resident, {} MiB of frames not taken, {} MiB loaded, {} closed; {} MiB in all sockets",
            server.resident_bytes() >> 20,
            counter(&server, "output_bytes") >> 20,
            counter(&server, "loaded_bytes") >> 20,
            counter(&server, "stalled_closed"),
            socket_bytes() >> 20,
        );
        assert!(counter(&server, "output_bytes") <= 2 * OUTPUT_BYTES_MAX, "of two shards");
        drop(stalled);
        until("the readers are gone", || counter(&server, "readers") == 1);
    }
    let (peak, mean) = (server.resident_bytes_peak(), |rates: &[f64]| rates.iter().sum::<f64>() / rates.len() as f64);
    println!(
        "{figure} {readers} stalled readers: peak {} MiB resident (limit {}), {} MiB before; ingest {:.0} MiB/s, {:.0} without \
         (goal: 90 %)",
        peak >> 20,
        resident_bytes_max >> 20,
        before >> 20,
        mean(&beside),
        mean(&alone)
    );
    assert!(peak <= resident_bytes_max, "{peak} bytes resident");
    assert!(peak.saturating_sub(before) <= readers * READER_BYTES_MAX, "{before} bytes became {peak}");
    drop((client, healthy));
}

/// A socket with no room is not even given what one that has taken everything is given.
#[test]
fn s14_what_waits_has_a_limit_however_many_take_nothing() {
    let readers = 400;
    raise_descriptors(readers + DESCRIPTORS_BESIDE);
    let data = Data::new();
    let server = data.serve(&["--shards", "1"]);
    let runtime = Runtime::new().expect("a runtime");
    let client = runtime.block_on(async {
        let client = Client::connect(server.addr.clone(), ClientConfig::default()).await.expect("connects");
        client.create_basin(BASIN, riverrun_client::BasinOptions::default()).await.expect("created");
        make_histories(&client, 256).await;
        client
    });
    let mut random = Random::new(setting("RIVERRUN_SEED", 1));
    let stalled: Vec<TcpStream> = (0..readers).map(|n| stall(&server, 2 * n + 1, 64, &mut random)).collect();
    until("as much waits as may", || counter(&server, "output_bytes") > OUTPUT_BYTES_MAX / 64 * 60);
    for n in 0..HISTORIES {
        runtime.block_on(read_all(&client, &format!("history-{n}"), 256 * BATCH_RECORDS));
    }
    let waits = counter(&server, "output_bytes");
    println!("{waits} bytes wait for {readers} readers that take nothing");
    assert!(waits <= OUTPUT_BYTES_MAX, "{waits}");
    drop((stalled, client));
}

/// A peer that vanished, or one that answers and never reads: to us they are the same, bytes that nobody takes.
#[test]
fn f44_a_peer_that_takes_nothing_for_half_a_minute_is_let_go() {
    let data = Data::new();
    let server = data.serve(&["--shards", "1"]);
    let mut producer = Raw::connect(&server.addr, "").expect("open");
    producer.create_basin(BASIN);
    // More than two sockets' buffers hold.
    for _ in 0..24 {
        producer.append(&target(BASIN, "history-0"), &"x".repeat(1_000_000)).expect("appended");
    }
    let silent = stall(&server, 1, 1, &mut Random::new(1));
    assert_eq!(counter(&server, "readers"), 1);
    until("its place is free", || counter(&server, "readers") == 0);
    drop(silent);
    producer.append(&target(BASIN, "history-0"), "y").expect("nobody else noticed");
}

/// A record lies in memory beside megabytes of others that came with it. What waits for a socket holds itself, and none of those.
#[test]
fn s14_a_follower_that_stops_holds_what_waits_for_it_and_nothing_beside() {
    let data = Data::new();
    let server = data.serve(&["--shards", "1", "--unpublished-bytes-max", "33554432"]);
    let mut producer = Raw::connect(&server.addr, "").expect("open");
    producer.create_basin(BASIN);
    let (slow, busy) = (target(BASIN, "history-0"), target(BASIN, "busy"));
    producer.append(&slow, "first").expect("appended");
    let stopped = stall(&server, 1, 1, &mut Random::new(1));
    // Until the sockets' buffers are full and the rest waits in the broker, for half of what a connection is given.
    while counter(&server, "output_bytes") < 400_000 {
        producer.append(&slow, &"x".repeat(60_000)).expect("appended");
    }
    // Long enough to be sent by reference. And small enough to be copied into the same blocks.
    let small = "z".repeat(2_000);
    let other = "y".repeat(60_000);
    let mut work = |rounds: u64| {
        for _ in 0..rounds {
            producer.append(&slow, &small).expect("appended");
            (0..40).for_each(|_| drop(producer.append(&busy, &other).expect("appended")));
        }
    };
    // What is kept for readers and what is not published yet are full before anything is measured.
    work(20);
    let before = server.resident_bytes();
    work(STOPPED_ROUNDS);
    let after = server.resident_bytes();
    println!("{before} bytes resident became {after} beside {STOPPED_ROUNDS} rounds of 2.4 MB");
    assert_eq!(counter(&server, "readers"), 1, "it still waits");
    assert!(after.saturating_sub(before) < STOPPED_ROUNDS * 1_000_000, "{before} bytes resident became {after}");
    drop(stopped);
}
