//! Linearizability of real processes (P7, S2): concurrent clients over TCP, with kill -9 in between, and the checker's verdict on
//! what they were told.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use riverrun_client::{
    AppendAck, AppendConditions, BasinConfig, Client, ClientConfig, Error, FencingToken, Outcome as ErrorOutcome,
    ReadOptions, Record, RetryPolicy, StreamHandle,
};
use riverrun_history::{Append, History, Op, OpId, Outcome, Verdict, chain_hash, check, record_hash};
use tokio::runtime::Runtime;

use crate::support::{Data, Random, Server, free_address, until};

const STREAMS: u64 = 4;
const OPS: u64 = 400;
/// So many appends have to succeed, or a history says nothing. On a slow disk reads outrun them, so a history goes on until then.
const APPENDS_MIN: u64 = OPS / 8;
/// But not for ever.
const OPS_MAX: u64 = 10 * OPS;
const KILLS: u64 = 3;
const PIPELINE: usize = 4;

/// Histories are checked in rounds of four; more rounds by `RIVERRUN_HISTORY_ROUNDS`.
fn rounds() -> u64 {
    std::env::var("RIVERRUN_HISTORY_ROUNDS").map_or(1, |n| n.parse().expect("RIVERRUN_HISTORY_ROUNDS is a number"))
}

fn seed() -> u64 {
    std::env::var("RIVERRUN_SEED").map_or(1, |n| n.parse().expect("RIVERRUN_SEED is a number"))
}

/// One stream's history, as all of its clients write it down.
#[derive(Clone)]
struct Shared {
    history: Arc<Mutex<History>>,
    asked: Arc<AtomicU64>,
    appended: Arc<AtomicU64>,
    last_id: Arc<AtomicU64>,
}

impl Shared {
    fn new() -> Self {
        Self { history: Arc::default(), asked: Arc::default(), appended: Arc::default(), last_id: Arc::default() }
    }

    fn call(&self, client: u64, op: impl Into<Op>) -> OpId {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.history.lock().expect("no panic while held").call(client, op)
    }

    fn returned(&self, op: OpId, outcome: Outcome) {
        let appended = matches!(outcome, Outcome::AppendSuccess { .. });
        self.appended.fetch_add(u64::from(appended), Ordering::SeqCst);
        self.history.lock().expect("no panic while held").returned(op, outcome);
    }

    fn is_over(&self) -> bool {
        let asked = self.asked.load(Ordering::SeqCst);
        asked >= OPS_MAX || asked >= OPS && self.appended.load(Ordering::SeqCst) >= APPENDS_MIN
    }

    /// Records with bodies of their own.
    fn records(&self, random: &mut Random) -> Vec<Record> {
        let body = || Record::new(self.last_id.fetch_add(1, Ordering::SeqCst).to_string());
        (0..=random.below(3)).map(|_| body()).collect()
    }
}

fn hashes(records: &[Record]) -> Vec<u64> {
    records.iter().map(|record| record_hash(&record.body)).collect()
}

fn told(outcome: &Result<AppendAck, Error>) -> Outcome {
    match outcome {
        Ok(ack) => Outcome::AppendSuccess { tail: ack.end.seq_num },
        Err(error) if error.seq_num_mismatch().is_some() || error.fencing_token_mismatch().is_some() => {
            Outcome::AppendConditionFailed
        }
        Err(error) if error.outcome() == ErrorOutcome::MaybeDone => Outcome::AppendIndefiniteFailure,
        Err(_) => Outcome::AppendDefiniteFailure,
    }
}

struct Worker {
    index: u64,
    stream: StreamHandle,
    shared: Shared,
    random: Random,
    known_tail: u64,
    token: FencingToken,
    read_to: u64,
    read_hash: u64,
}

impl Worker {
    async fn work(mut self) {
        while !self.shared.is_over() {
            match self.index {
                0 => self.append(AppendConditions::default()).await,
                1 => {
                    let match_seq_num = Some(self.known_tail);
                    self.append(AppendConditions { match_seq_num, ..AppendConditions::default() }).await;
                }
                2 => self.append_fenced().await,
                3 => self.append_in_session().await,
                _ if self.random.below(2) == 0 => self.check_tail().await,
                _ => self.read().await,
            }
        }
    }

    fn call(&self, records: &[Record], conditions: &AppendConditions, sets: Option<&FencingToken>) -> OpId {
        let name = |token: &FencingToken| token.as_str().to_owned();
        let append = Append {
            record_hashes: hashes(records),
            match_seq_num: conditions.match_seq_num,
            fencing_token: conditions.fencing_token.as_ref().map(name),
            set_fencing_token: sets.map(name),
        };
        self.shared.call(self.index, append)
    }

    fn learn(&mut self, outcome: &Result<AppendAck, Error>) {
        match outcome {
            Ok(ack) => self.known_tail = ack.end.seq_num,
            Err(error) => {
                self.known_tail = error.seq_num_mismatch().unwrap_or(self.known_tail);
                self.token = error.fencing_token_mismatch().unwrap_or(&self.token).clone();
            }
        }
    }

    async fn append(&mut self, conditions: AppendConditions) {
        let records = self.shared.records(&mut self.random);
        let op = self.call(&records, &conditions, None);
        let outcome = self.stream.append_with(&records, conditions).await;
        self.shared.returned(op, told(&outcome));
        self.learn(&outcome);
    }

    /// Under the token that it knows; now and then it takes the stream over.
    async fn append_fenced(&mut self) {
        if self.random.below(5) > 0 {
            let fencing_token = Some(self.token.clone());
            return self.append(AppendConditions { fencing_token, ..AppendConditions::default() }).await;
        }
        let own = self.shared.last_id.fetch_add(1, Ordering::SeqCst);
        let token = FencingToken::new(&format!("t{own}")).expect("short");
        let records = vec![Record::fence(&token)];
        let conditions = AppendConditions::default();
        let op = self.call(&records, &conditions, Some(&token));
        let outcome = self.stream.append_with(&records, conditions).await;
        self.shared.returned(op, told(&outcome));
        if outcome.is_ok() {
            self.token = token;
        }
    }

    /// A few inputs on their way at a time, each on the condition that it follows the one before, or on none.
    async fn append_in_session(&mut self) {
        let Ok(session) = self.stream.append_session().await else { return };
        let mut next = session.tail_at_open().seq_num;
        let mut waiting = Vec::new();
        for _ in 0..PIPELINE {
            let records = self.shared.records(&mut self.random);
            let match_seq_num = (self.random.below(4) == 0).then_some(next);
            next += records.len() as u64;
            let conditions = AppendConditions { match_seq_num, ..AppendConditions::default() };
            let op = self.call(&records, &conditions, None);
            match session.submit_with(&records, conditions).await {
                Ok(ticket) => waiting.push((op, ticket)),
                Err(error) => self.shared.returned(op, told(&Err(error))),
            }
        }
        for (op, ticket) in waiting {
            self.shared.returned(op, told(&ticket.await));
        }
    }

    async fn check_tail(&mut self) {
        let op = self.shared.call(self.index, Op::CheckTail);
        let tail = self.stream.check_tail().await.map(|tail| tail.seq_num);
        self.shared.returned(op, tail.map_or(Outcome::CheckTailFailure, |tail| Outcome::CheckTailSuccess { tail }));
    }

    /// What it has not read yet, up to the tail; what it has read before cannot change.
    async fn read(&mut self) {
        let op = self.shared.call(self.index, Op::Read);
        let outcome = match self.read_on().await {
            Ok(read) => {
                (self.read_to, self.read_hash) =
                    read.iter().fold((self.read_to, self.read_hash), |(n, hash), id| (n + 1, chain_hash(hash, *id)));
                Outcome::ReadSuccess { tail: self.read_to, stream_hash: self.read_hash }
            }
            Err(_) => Outcome::ReadFailure,
        };
        self.shared.returned(op, outcome);
    }

    /// The hashes of all records from where it stands to the tail.
    async fn read_on(&self) -> Result<Vec<u64>, Error> {
        let mut ids = Vec::new();
        loop {
            let next = self.read_to + ids.len() as u64;
            match self.stream.read(ReadOptions::from_seq_num(next)).await {
                Ok(result) => {
                    for (record, seq_num) in result.records().zip(next..) {
                        let record = record?;
                        assert_eq!(record.seq_num, seq_num, "no gap, no repeat");
                        ids.push(record_hash(&record.body));
                    }
                }
                Err(error) => match error.unwritten() {
                    Some(tail) if tail.seq_num == next => return Ok(ids),
                    Some(tail) => panic!("P1: the tail is {}, and {next} records were read", tail.seq_num),
                    None => return Err(error),
                },
            }
        }
    }
}

async fn worker(address: &str, index: u64, stream: u64, shared: &Shared, seed: u64) -> Worker {
    let config = ClientConfig { retry: RetryPolicy::forever(), ..ClientConfig::default() };
    let client = Client::connect(address, config).await.expect("a broker listens");
    Worker {
        index,
        stream: client.stream("histories", &format!("s{stream}")).expect("a name"),
        shared: shared.clone(),
        random: Random::new(seed),
        known_tail: 0,
        token: FencingToken::default(),
        read_to: 0,
        read_hash: 0,
    }
}

/// Kills the broker whenever another part of the operations has been asked for.
fn work_and_kill(runtime: &Runtime, data: &Data, all: &[Shared], random: &mut Random) {
    let address = free_address();
    let mut server = Server::start(&data.data(), &["--listen", &address]);
    runtime.block_on(async {
        let client = Client::connect(&address, ClientConfig::default()).await.expect("a broker listens");
        client.create_basin("histories", BasinConfig::default()).await.expect("created");
        for stream in 0..STREAMS {
            client.create_stream("histories", &format!("s{stream}")).await.expect("created");
        }
    });
    let mut tasks = Vec::new();
    for (stream, shared) in (0..).zip(all) {
        for index in 0..6 {
            let worker = runtime.block_on(worker(&address, index, stream, shared, random.below(u64::MAX)));
            tasks.push(runtime.spawn(worker.work()));
        }
    }
    for kill in 1..=KILLS {
        let asked = || all.iter().map(|shared| shared.asked.load(Ordering::SeqCst)).sum::<u64>();
        until("clients ask", || asked() >= kill * STREAMS * OPS / (KILLS + 1));
        server.kill();
        let shards = (1 + random.below(3)).to_string();
        server = Server::start(&data.data(), &["--listen", &address, "--shards", &shards]);
    }
    for task in tasks {
        runtime.block_on(task).expect("no panic");
    }
    runtime.block_on(async {
        for (stream, shared) in (0..).zip(all) {
            let last = worker(&address, 9, stream, shared, 1).await;
            let op = shared.call(9, Op::Read);
            let record_hashes = last.read_on().await.expect("everything is readable");
            shared.returned(op, Outcome::ReadRecords { record_hashes });
        }
    });
}

fn judge(shared: &Shared) {
    let history = shared.history.lock().expect("no panic while held");
    let (appends, asked) = (shared.appended.load(Ordering::SeqCst), shared.asked.load(Ordering::SeqCst));
    assert!(appends >= APPENDS_MIN, "only {appends} appends of {asked} operations were done: a history of nothing");
    match check(&history) {
        Verdict::Linearizable { .. } => {}
        verdict => panic!("P7: not linearizable: {verdict}"),
    }
}

#[test]
fn what_clients_are_told_over_tcp_is_linearizable_through_kills() {
    let (seed, rounds) = (seed(), rounds());
    println!("repeat with: RIVERRUN_SEED={seed} RIVERRUN_HISTORY_ROUNDS={rounds} cargo test --test e2e histories");
    let runtime = Runtime::new().expect("a runtime");
    let mut random = Random::new(seed);
    let mut operations = 0;
    for _ in 0..rounds {
        let data = Data::new();
        let all: Vec<Shared> = (0..STREAMS).map(|_| Shared::new()).collect();
        work_and_kill(&runtime, &data, &all, &mut random);
        all.iter().for_each(judge);
        operations += all.iter().map(|shared| shared.asked.load(Ordering::SeqCst)).sum::<u64>();
    }
    let histories = rounds * STREAMS;
    println!("S2-tcp {histories} histories, {operations} operations, {} kills, 0 broken", rounds * KILLS);
}
