//! Writers that exclude each other, with kill -9 in between (B3, B4, B9; P1): never two winners for a number, never a record of a
//! writer that is fenced off, never a lost acked record.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use riverrun_client::{
    AppendConditions, BasinConfig, Client, ClientConfig, Error, FencingToken, ReadOptions, Record, StreamHandle,
};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::support::{Data, PATIENCE, Random, Server, free_address, until};

const WRITERS: u64 = 2;

fn cycles() -> u64 {
    std::env::var("RIVERRUN_KILL_CYCLES").map_or(12, |n| n.parse().expect("RIVERRUN_KILL_CYCLES is a number"))
}

fn seed() -> u64 {
    std::env::var("RIVERRUN_SEED").map_or(1, |n| n.parse().expect("RIVERRUN_SEED is a number"))
}

async fn stream(address: &str, basin: &str) -> StreamHandle {
    let client = Client::connect(address, ClientConfig::default()).await.expect("a broker listens");
    client.stream(basin, "race").expect("a name")
}

async fn create(address: &str, basin: &str) {
    let client = Client::connect(address, ClientConfig::default()).await.expect("a broker listens");
    client.create_basin(basin, BasinConfig::default()).await.expect("created");
    client.create_stream(basin, "race").await.expect("created");
}

fn token(writer: u64) -> FencingToken {
    FencingToken::new(&format!("writer-{writer}")).expect("short")
}

async fn read_all(stream: &StreamHandle) -> Vec<(bool, String)> {
    let tail = stream.check_tail().await.expect("a tail").seq_num;
    let mut records = Vec::new();
    while (records.len() as u64) < tail {
        let result = stream.read(ReadOptions::from_seq_num(records.len() as u64)).await.expect("readable");
        for record in result.records() {
            let record = record.expect("intact");
            assert_eq!(record.seq_num, records.len() as u64, "no gap");
            records.push((record.is_command(), String::from_utf8(record.body.to_vec()).expect("text")));
        }
    }
    records
}

/// What was acknowledged: by number, what its writer wrote there.
#[derive(Debug, Default)]
struct Acked(BTreeMap<u64, String>);

impl Acked {
    fn add(&mut self, seq_num: u64, body: String) {
        let before = self.0.insert(seq_num, body.clone());
        assert_eq!(before, None, "two winners for number {seq_num}: the other is {body}");
    }

    fn merge(&mut self, other: Self) {
        other.0.into_iter().for_each(|(seq_num, body)| self.add(seq_num, body));
    }
}

/// Appends at the number it believes to be next, as fast as it can, until the broker goes away.
async fn race(stream: StreamHandle, writer: u64, cycle: u64, acks: Arc<AtomicU64>) -> Acked {
    let mut acked = Acked::default();
    let Ok(tail) = stream.check_tail().await else { return acked };
    let mut next = tail.seq_num;
    for attempt in 0.. {
        let body = format!("{writer}/{cycle}/{attempt}");
        let conditions = AppendConditions { match_seq_num: Some(next), ..AppendConditions::default() };
        match stream.append_with(&[Record::new(body.clone())], conditions).await {
            Ok(ack) => {
                assert_eq!(ack.start.seq_num, next, "the condition held");
                acked.add(ack.start.seq_num, body);
                acks.fetch_add(1, Ordering::SeqCst);
                next = ack.end.seq_num;
            }
            Err(error) => match error.seq_num_mismatch() {
                Some(right) => {
                    assert_ne!(right, next, "a mismatch that is none");
                    next = right;
                }
                None => break,
            },
        }
    }
    acked
}

#[test]
fn b3_two_writers_with_match_seq_num_never_both_win() {
    let (seed, cycles) = (seed(), cycles());
    println!("repeat with: RIVERRUN_SEED={seed} RIVERRUN_KILL_CYCLES={cycles} cargo test --test e2e fencing");
    let runtime = Runtime::new().expect("a runtime");
    let (data, address, mut random) = (Data::new(), free_address(), Random::new(seed));
    let mut acked = Acked::default();
    for cycle in 0..cycles {
        let shards = (1 + random.below(3)).to_string();
        let server = Server::start(&data.data(), &["--listen", &address, "--shards", &shards]);
        let (acks, enough) = (Arc::new(AtomicU64::new(0)), 20 + random.below(200));
        runtime.block_on(async {
            if cycle == 0 {
                create(&address, "race-basin").await;
            }
            let mut writers: Vec<JoinHandle<Acked>> = Vec::new();
            for writer in 0..WRITERS {
                let stream = stream(&address, "race-basin").await;
                writers.push(tokio::spawn(race(stream, writer, cycle, acks.clone())));
            }
            tokio::task::block_in_place(|| {
                until("writers are acked", || acks.load(Ordering::SeqCst) >= enough);
                server.kill();
            });
            for writer in writers {
                acked.merge(tokio::time::timeout(PATIENCE, writer).await.expect("it ends").expect("no panic"));
            }
        });
    }
    let server = Server::start(&data.data(), &["--listen", &address]);
    let stored = runtime.block_on(async { read_all(&stream(&address, "race-basin").await).await });
    for (seq_num, body) in &acked.0 {
        assert_eq!(stored.get(*seq_num as usize), Some(&(false, body.clone())), "acked at {seq_num}");
    }
    println!("{cycles} kills: {} acked, {} stored, 0 lost, 0 double winners", acked.0.len(), stored.len());
    drop(server);
}

/// One writer's time in office: takes over by a compare-and-set fence, then appends under its token until it is fenced off or the
/// broker goes away. Returns what was acknowledged.
async fn reign(stream: StreamHandle, writer: u64, term: u64, stop: Arc<AtomicBool>, acks: Arc<AtomicU64>) -> Acked {
    let mut acked = Acked::default();
    if take_office(&stream, writer).await.is_err() {
        return acked;
    }
    for n in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let body = format!("{writer}/{term}/{n}");
        let conditions = AppendConditions { fencing_token: Some(token(writer)), ..AppendConditions::default() };
        match stream.append_with(&[Record::new(body.clone())], conditions).await {
            Ok(ack) => {
                acked.add(ack.start.seq_num, body);
                acks.fetch_add(1, Ordering::SeqCst);
            }
            Err(_) => break,
        }
    }
    acked
}

/// Whoever is in office now, is not any more.
async fn take_office(stream: &StreamHandle, writer: u64) -> Result<(), Error> {
    let mut current = FencingToken::default();
    loop {
        let conditions = AppendConditions { fencing_token: Some(current.clone()), ..AppendConditions::default() };
        match stream.fence(&token(writer), conditions).await {
            Ok(_) => return Ok(()),
            Err(error) => match error.fencing_token_mismatch() {
                Some(other) => current = other.clone(),
                None => return Err(error),
            },
        }
    }
}

/// B4: behind a fence there is nothing of the writer that it fenced off, whatever was in flight and whenever the broker was killed.
#[test]
fn b4_a_writer_that_is_fenced_off_writes_nothing_more() {
    let (seed, cycles) = (seed(), cycles());
    println!("repeat with: RIVERRUN_SEED={seed} RIVERRUN_KILL_CYCLES={cycles} cargo test --test e2e fencing");
    let runtime = Runtime::new().expect("a runtime");
    let (data, address, mut random) = (Data::new(), free_address(), Random::new(seed));
    let mut acked = Acked::default();
    for cycle in 0..cycles {
        let server = Server::start(&data.data(), &["--listen", &address]);
        let (acks, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let enough = 10 + random.below(100);
        runtime.block_on(async {
            if cycle == 0 {
                create(&address, "fence-basin").await;
            }
            let mut reigns: Vec<JoinHandle<Acked>> = Vec::new();
            for term in 0..4 {
                let stream = stream(&address, "fence-basin").await;
                let before = acks.load(Ordering::SeqCst);
                reigns.push(tokio::spawn(reign(stream, term % WRITERS, cycle * 4 + term, stop.clone(), acks.clone())));
                tokio::task::block_in_place(|| {
                    until("the writer in office is acked", || acks.load(Ordering::SeqCst) >= before + enough);
                });
            }
            tokio::task::block_in_place(|| server.kill());
            stop.store(true, Ordering::SeqCst);
            for reign in reigns {
                acked.merge(tokio::time::timeout(PATIENCE, reign).await.expect("it ends").expect("no panic"));
            }
        });
    }
    let server = Server::start(&data.data(), &["--listen", &address]);
    let stored = runtime.block_on(async { read_all(&stream(&address, "fence-basin").await).await });
    let mut in_office = String::new();
    for (seq_num, (is_fence, body)) in stored.iter().enumerate() {
        if *is_fence {
            in_office = body.trim_start_matches("writer-").to_owned();
        } else {
            let writer = body.split('/').next().expect("a writer");
            assert_eq!(writer, in_office, "record {seq_num}, {body}, of a writer that was fenced off");
        }
    }
    for (seq_num, body) in &acked.0 {
        assert_eq!(stored.get(*seq_num as usize), Some(&(false, body.clone())), "acked at {seq_num}");
    }
    let fences = stored.iter().filter(|(is_fence, _)| *is_fence).count();
    println!("{cycles} kills: {} acked, {} stored, {fences} fences, 0 lost", acked.0.len(), stored.len());
    drop(server);
}
