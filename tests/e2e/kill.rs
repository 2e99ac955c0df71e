//! kill -9 under load (P1, P3, P4, P5, S5): every acked record is there once, in order, where its ack said; nothing that was read
//! is gone; followers resume without gap or repeat.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use riverrun_client::{
    BasinOptions, Client, ClientConfig, ReadOptions, ReadSessionConfig, Record, RetryPolicy, StreamHandle,
};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::support::{Data, PATIENCE, Random, Server, free_address, setting};

const PRODUCERS: usize = 4;
const FOLLOWERS: usize = 2;

/// Cycles of kill and restart; more by `RIVERRUN_KILL_CYCLES`.
fn cycles() -> u64 {
    setting("RIVERRUN_KILL_CYCLES", 50)
}

fn seed() -> u64 {
    setting("RIVERRUN_SEED", 1)
}

/// Gives up where the broker is gone: it comes back only when every producer has ended. Followers have a policy of their own.
async fn client(address: &str) -> Client {
    Client::connect(address, ClientConfig::default()).await.expect("a broker listens")
}

/// What one producer knows: the number of its next record, and where each acknowledged one is.
#[derive(Debug, Default)]
struct Produced {
    next: u64,
    acked: BTreeMap<u64, u64>,
}

/// Appends pipelined batches of 1-4 records with ever new numbers until the broker goes away.
async fn produce(stream: StreamHandle, mut produced: Produced, seed: u64, acks: Arc<AtomicU64>) -> Produced {
    let mut random = Random::new(seed);
    let Ok(session) = stream.append_session().await else { return produced };
    let mut waiting = std::collections::VecDeque::new();
    loop {
        if waiting.len() < 16 {
            let numbers: Vec<u64> = (0..=random.below(4)).map(|n| produced.next + n).collect();
            produced.next += numbers.len() as u64;
            let records: Vec<Record> = numbers.iter().map(|n| Record::new(n.to_string())).collect();
            let Ok(ticket) = session.submit(&records).await else { break };
            waiting.push_back((numbers, ticket));
            continue;
        }
        let Some((numbers, ticket)) = waiting.pop_front() else { break };
        let Ok(ack) = ticket.await else { break };
        assert_eq!(ack.end.seq_num - ack.start.seq_num, numbers.len() as u64);
        produced.acked.extend(numbers.iter().enumerate().map(|(n, number)| (*number, ack.start.seq_num + n as u64)));
        acks.fetch_add(1, Ordering::SeqCst);
    }
    // Acks that were on their way when the broker went count as well.
    for (numbers, ticket) in waiting {
        if let Ok(ack) = ticket.await {
            produced
                .acked
                .extend(numbers.iter().enumerate().map(|(n, number)| (*number, ack.start.seq_num + n as u64)));
        }
    }
    produced
}

/// Follows for ever, over restarts; `seen` tells how far.
fn follow(stream: StreamHandle, seen: Arc<AtomicU64>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let config = ReadSessionConfig { retry: Some(RetryPolicy::forever()), ..ReadSessionConfig::default() };
        let start = ReadOptions::from_seq_num(0);
        let mut session = stream.read_session_with(start, config).await.expect("it opens");
        let mut next = 0;
        while let Some(record) = session.next().await {
            let record = record.expect("a follower resumes by itself");
            assert_eq!(record.seq_num, next, "no gap, no repeat");
            next += 1;
            FOLLOWED.with_seen(&stream, &record.body, next);
            seen.store(next, Ordering::SeqCst);
        }
    })
}

/// What followers saw, by stream: bodies in order.
struct Followed(std::sync::Mutex<BTreeMap<String, Vec<Vec<u8>>>>);

static FOLLOWED: Followed = Followed(std::sync::Mutex::new(BTreeMap::new()));

impl Followed {
    fn with_seen(&self, stream: &StreamHandle, body: &[u8], next: u64) {
        let mut all = self.0.lock().expect("no holder panics");
        let seen = all.entry(stream.name().to_string()).or_default();
        match seen.get(next as usize - 1) {
            Some(before) => assert_eq!(before, body, "another follower saw something else"),
            None => seen.push(body.to_vec()),
        }
    }

    fn of(&self, stream: &str) -> Vec<Vec<u8>> {
        self.0.lock().expect("no holder panics").get(stream).cloned().unwrap_or_default()
    }
}

async fn read_all(stream: &StreamHandle) -> Vec<Vec<u8>> {
    let tail = stream.check_tail().await.expect("a tail").seq_num;
    let mut session = stream.read_session(ReadOptions::from_seq_num(0).count(tail)).await.expect("it opens");
    let mut bodies = Vec::new();
    while let Some(record) = session.next().await {
        let record = record.expect("readable");
        assert_eq!(record.seq_num, bodies.len() as u64);
        bodies.push(record.body.to_vec());
    }
    assert_eq!(bodies.len() as u64, tail);
    bodies
}

/// Acked records are where their acks said; numbers only grow, so each is there once and in order.
fn check(name: &str, produced: &Produced, stored: &[Vec<u8>]) {
    let numbers: Vec<u64> =
        stored.iter().map(|b| std::str::from_utf8(b).expect("text").parse().expect("a number")).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{name}: a record twice or out of order");
    for (number, seq_num) in &produced.acked {
        let at = numbers.get(*seq_num as usize);
        assert_eq!(at, Some(number), "{name}: record {number} was acked at {seq_num}");
    }
}

/// How a cycle ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Kill,
    Terminate,
}

fn survive(basin: &'static str, cycles: u64, end: End) {
    let seed = seed();
    println!("repeat with: RIVERRUN_SEED={seed} RIVERRUN_KILL_CYCLES={cycles} cargo test --test e2e kill");
    let runtime = Runtime::new().expect("a runtime");
    let data = Data::new();
    let address = free_address();
    let mut random = Random::new(seed);
    let names: Vec<String> = (0..PRODUCERS).map(|n| format!("{basin}-{n}")).collect();
    let mut produced: Vec<Produced> = names.iter().map(|_| Produced::default()).collect();
    let mut slowest = Duration::ZERO;
    let mut followers: Vec<(Arc<AtomicU64>, JoinHandle<()>)> = Vec::new();
    for cycle in 0..cycles {
        let shards = (1 + random.below(3)).to_string();
        let server = Server::start(&data.data(), &["--listen", &address, "--shards", &shards]);
        slowest = slowest.max(server.startup);
        if let End::Terminate = end {
            assert!(cycle == 0 || server.says("recovered").contains("clean"), "{}", server.says("recovered"));
        }
        let acks = Arc::new(AtomicU64::new(0));
        let enough = 20 + random.below(300);
        produced = runtime.block_on(async {
            let client = client(&address).await;
            if cycle == 0 {
                client.create_basin(basin, BasinOptions::default()).await.expect("created");
                for name in &names {
                    client.create_stream(basin, name).await.expect("created");
                }
                for n in 0..FOLLOWERS {
                    let seen = Arc::new(AtomicU64::new(0));
                    let stream = client.stream(basin, &names[n % names.len()]).expect("a name");
                    followers.push((seen.clone(), follow(stream, seen)));
                }
            }
            let tasks: Vec<JoinHandle<Produced>> = std::mem::take(&mut produced)
                .into_iter()
                .zip(&names)
                .map(|(before, name)| {
                    let stream = client.stream(basin, name).expect("a name");
                    tokio::spawn(produce(stream, before, random.below(u64::MAX), acks.clone()))
                })
                .collect();
            tokio::task::block_in_place(|| {
                crate::support::until("producers are acked", || acks.load(Ordering::SeqCst) >= enough);
                match end {
                    End::Kill => server.kill(),
                    End::Terminate => drop(server.terminate()),
                }
            });
            let mut produced = Vec::new();
            for task in tasks {
                produced.push(tokio::time::timeout(PATIENCE, task).await.expect("producers end").expect("no panic"));
            }
            produced
        });
    }
    let server = Server::start(&data.data(), &["--listen", &address]);
    runtime.block_on(async {
        let client = client(&address).await;
        for (n, name) in names.iter().enumerate() {
            let stored = read_all(&client.stream(basin, name).expect("a name")).await;
            check(name, &produced[n], &stored);
            if let Some((seen, task)) = followers.get(n) {
                tokio::task::block_in_place(|| {
                    crate::support::until("followers reach the tail", || {
                        assert!(!task.is_finished(), "a follower ended");
                        seen.load(Ordering::SeqCst) == stored.len() as u64
                    });
                });
                assert!(FOLLOWED.of(name) == stored, "{name}: followers saw something else than what is stored");
            }
        }
    });
    let acked: usize = produced.iter().map(|p| p.acked.len()).sum();
    let id = if let End::Kill = end { "S5 " } else { "" };
    println!("{id}{cycles} cycles ({end:?}), {acked} acked records, 0 lost; slowest restart {slowest:?} (floor 2 s)");
    followers.iter().for_each(|(_, task)| task.abort());
    drop(server);
}

#[test]
fn nothing_acked_or_read_is_lost_by_kill_9() {
    survive("kill-nine", cycles(), End::Kill);
}

#[test]
fn nothing_is_left_to_recover_after_sigterm() {
    survive("sigterm-stop", cycles().div_ceil(5), End::Terminate);
}
