//! One run: everything that is random follows from its seed.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use riverrun::catalog::model::{ModelRows, WriteFault};
use riverrun::store::model::{ModelObjects, PutFault};
use riverrun_core::Now;
use riverrun_core::control::{placement, shard_of};
use riverrun_core::event::{ConnectionId, Event};
use riverrun_history::{History, Verdict, check};
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::types::{BasinName, StreamName};

use crate::client::{Client, Role};
use crate::coverage::{Coverage, Fault, State};
use crate::disk::{Crash, SimDisk};
use crate::node::{Inbox, Node, Pending, Setup};
use crate::trace::Trace;
use crate::truth::Truth;
use crate::wire;

const STREAMS: usize = 3;
/// Its acks wait for the store.
pub const STANDARD_STREAM: usize = 2;
const WALL_MS: u64 = 1_700_000_000_000;
/// Futures of a process that is paused while another takes over.
const RIVALS_MAX: usize = 24;
/// Steps in which everything that was asked must be answered once nothing goes wrong any more.
const PEACE_STEPS_MAX: usize = 400_000;
/// A client whose question is never answered asks no other.
const STEPS_PER_OP_MAX: usize = 3000;
/// The clock's jumps stay below what records live.
const WALL_SKEW_MS_MAX: i64 = 2 * 24 * 3_600_000;

pub fn basin() -> BasinName {
    BasinName::new("sim-basin").expect("a name")
}

pub fn target(stream: usize) -> StreamRef {
    StreamRef { basin: basin(), stream: StreamName::new(&format!("s{stream}")).expect("a name") }
}

/// What outlives processes.
pub struct Lasting {
    pub objects: Arc<ModelObjects>,
    pub rows: Arc<ModelRows>,
    pub disk: Arc<SimDisk>,
    pub wall_ms: Arc<AtomicU64>,
}

#[derive(Default)]
pub struct StreamFacts {
    pub truth: Truth,
    pub history: History,
    pub last_id: u64,
}

/// What a run was about, and what came of it.
pub struct Outcome {
    pub coverage: Coverage,
    pub trace: (u64, u64),
    pub crashes: u64,
    pub power_cuts: u64,
    pub appended: u64,
}

pub struct World {
    random: StdRng,
    lasting: Lasting,
    now: Now,
    node: Node,
    shards: u16,
    chunk_bytes_max: u64,
    unpublished_bytes_max: u64,
    clients: Vec<Client>,
    facts: Vec<StreamFacts>,
    connections: u64,
    /// Connections whose peer takes nothing for a while.
    slow: BTreeSet<ConnectionId>,
    rivals: Vec<Pending>,
    /// Faults of this run.
    armed: Vec<Fault>,
    fault_share: f64,
    skew_ms: i64,
    pub trace: Trace,
    coverage: Coverage,
    crashes: u64,
    power_cuts: u64,
}

impl World {
    pub async fn new(seed: u64) -> Self {
        riverrun::entropy::seed_this_thread(seed);
        let mut random = StdRng::seed_from_u64(seed);
        let lasting = Lasting {
            objects: Arc::default(),
            rows: Arc::default(),
            disk: Arc::default(),
            wall_ms: Arc::new(AtomicU64::new(WALL_MS)),
        };
        let now = Now { monotonic: Duration::from_secs(100), wall_ms: WALL_MS };
        let shards = random.random_range(1..4);
        let unpublished_bytes_max: u64 = 1 << random.random_range(18..23);
        let chunk_bytes_max = random.random_range(4 << 10..unpublished_bytes_max / 4);
        // Swarm: a run with all faults at once sees few of their consequences.
        let armed: Vec<Fault> = Fault::ALL.into_iter().filter(|_| random.random_bool(0.4)).collect();
        let fault_share = random.random_range(0.0..0.004);
        let setup = Setup { shards, chunk_bytes_max, unpublished_bytes_max, now };
        let node = Node::start(&lasting, setup).await.expect("a first start");
        let roles = [
            Role::Plain,
            Role::Matching,
            Role::Fencing,
            Role::Pipelining,
            Role::Reading,
            Role::Reading,
            Role::Following,
        ];
        let clients = (0..random.random_range(5..9))
            .map(|index| {
                Client::new(index, random.random_range(0..STREAMS), roles[random.random_range(0..roles.len())])
            })
            .collect();
        Self {
            random,
            lasting,
            now,
            node,
            shards,
            chunk_bytes_max,
            unpublished_bytes_max,
            clients,
            facts: (0..STREAMS).map(|_| StreamFacts::default()).collect(),
            connections: 0,
            slow: BTreeSet::new(),
            rivals: Vec::new(),
            armed,
            fault_share,
            skew_ms: 0,
            trace: Trace::default(),
            coverage: Coverage::default(),
            crashes: 0,
            power_cuts: 0,
        }
    }

    pub async fn run(mut self, ops: usize) -> Outcome {
        let steps_max = STEPS_PER_OP_MAX * ops;
        let mut steps = 0;
        while self.asked() < ops {
            steps += 1;
            assert!(steps < steps_max, "clients wait for answers that do not come: {} of {ops} asked", self.asked());
            if self.random.random_bool(self.fault_share) {
                self.fault().await;
            }
            self.step(true).await;
        }
        self.make_peace().await;
        self.read_everything().await;
        let (crashes, power_cuts) = (self.crashes, self.power_cuts);
        self.coverage.sometimes("a history with a crash", crashes > 0);
        let appended = self.facts.iter().map(|facts| facts.truth.end()).sum();
        self.facts.iter().for_each(judge);
        Outcome { coverage: self.coverage, trace: self.trace.digest(), crashes, power_cuts, appended }
    }

    fn asked(&self) -> usize {
        self.facts.iter().map(|facts| facts.history.operations().len()).sum()
    }

    async fn step(&mut self, clients_act: bool) {
        if self.node.fatal.is_some() {
            let reason = self.node.fatal.clone();
            self.trace.add(|| format!("fatal: {reason:?}"));
            return self.restart(Crash::Kill).await;
        }
        match self.random.random_range(0..100) {
            0..20 if clients_act => self.client_acts(),
            20..35 => self.network(),
            35..60 => self.turn(),
            60..72 => self.poll().await,
            72..84 => self.complete_write(),
            84..93 => self.deliver(),
            93..96 => self.give_file(),
            _ => self.pass_time().await,
        }
    }

    fn client_acts(&mut self) {
        let at = self.random.random_range(0..self.clients.len());
        let client = &mut self.clients[at];
        if client.connection.is_none() {
            let StreamRef { basin, stream } = target(client.stream);
            self.connections += 1;
            let home = shard_of(placement(&basin, &stream), self.shards);
            client.connect(ConnectionId::new(home, self.connections));
        }
        client.act(&mut self.facts[client.stream], &mut self.random);
    }

    /// Some of what clients sent arrives; whole frames wait for their shard.
    fn network(&mut self) {
        let at = self.random.random_range(0..self.clients.len());
        let Some(connection) = &mut self.clients[at].connection else { return };
        if self.node.stopped.contains(&connection.id) {
            return;
        }
        move_some(&mut self.random, &mut connection.to_server, &mut connection.at_server);
        while let Some((header, frame)) = wire::take_frame(&mut connection.at_server) {
            let host = &mut self.node.hosts[usize::from(connection.id.home_shard())];
            host.inbox.push_back(Inbox::Frame(connection.id, header, frame));
        }
    }

    fn turn(&mut self) {
        let shard = self.random.random_range(0..self.shards);
        let events = self.random.random_range(1..8);
        self.node.turn(self.now, shard, events, &mut self.trace);
    }

    /// Asks one of the futures whether it has come to its end.
    async fn poll(&mut self) {
        tokio::task::yield_now().await;
        if !self.rivals.is_empty() && self.random.random_bool(0.2) {
            let at = self.random.random_range(0..self.rivals.len());
            if poll_once(&mut self.rivals[at]).await.is_some() {
                drop(self.rivals.swap_remove(at));
            }
            return;
        }
        if self.node.pending.is_empty() {
            return;
        }
        let at = self.random.random_range(0..self.node.pending.len());
        if let Some(done) = poll_once(&mut self.node.pending[at]).await {
            drop(self.node.pending.swap_remove(at));
            self.node.on_done(done);
        }
    }

    fn complete_write(&mut self) {
        let under_way = self.lasting.disk.under_way();
        if under_way.is_empty() {
            return;
        }
        let (shard, number) = under_way[self.random.random_range(0..under_way.len())];
        self.lasting.disk.complete((shard, number));
        self.node.tell(shard, Event::BlockWritten { number, outcome: Ok(()) });
    }

    /// Some of what a shard said arrives.
    fn deliver(&mut self) {
        let at = self.random.random_range(0..self.clients.len());
        let client = &mut self.clients[at];
        let Some(connection) = &mut client.connection else { return };
        let id = connection.id;
        if self.slow.contains(&id) {
            return;
        }
        if let Some(output) = self.node.output.get_mut(&id) {
            let bytes = move_some(&mut self.random, output, &mut connection.from_server);
            if bytes > 0 {
                self.node.tell(id.home_shard(), Event::OutputSent { connection: id, bytes });
            }
        }
        let facts = &mut self.facts[client.stream];
        loop {
            let Some(connection) = &mut client.connection else { return };
            let Some((header, frame)) = wire::take_frame(&mut connection.from_server) else { break };
            client.hear(header.id, wire::parse(header, &frame), facts);
        }
        let is_empty = self.node.output.get(&id).is_none_or(BytesMut::is_empty);
        if is_empty && self.node.closing.remove(&id) {
            self.disconnect(at);
        }
    }

    fn disconnect(&mut self, client: usize) {
        let client = &mut self.clients[client];
        if let Some(connection) = &client.connection {
            let id = connection.id;
            self.node.output.remove(&id);
            self.node.stopped.remove(&id);
            self.node.closing.remove(&id);
            self.slow.remove(&id);
            let host = &mut self.node.hosts[usize::from(id.home_shard())];
            host.inbox.retain(|item| !matches!(item, Inbox::Frame(of, ..) if *of == id));
            self.node.tell(id.home_shard(), Event::ConnectionClosed { connection: id });
        }
        client.disconnect(&mut self.facts[client.stream]);
    }

    fn give_file(&mut self) {
        if let Some(&shard) = self.node.files_wanted.first() {
            self.node.give_file(shard);
        }
    }

    async fn pass_time(&mut self) {
        let is_idle = self.node.pending.is_empty() && self.lasting.disk.under_way().is_empty();
        let passed = match self.node.next_timeout().filter(|_| is_idle && self.random.random_bool(0.3)) {
            Some(at) => at.saturating_sub(self.now.monotonic).min(Duration::from_secs(10)),
            None if self.random.random_bool(0.03) => Duration::from_millis(self.random.random_range(0..2000)),
            None => Duration::from_micros(self.random.random_range(0..20_000)),
        };
        self.now.monotonic += passed;
        self.now.wall_ms += passed.as_millis() as u64;
        self.lasting.wall_ms.store(self.now.wall_ms, Ordering::Relaxed);
        tokio::time::advance(passed).await;
    }

    fn states(&self) -> Vec<State> {
        let node = &self.node;
        let holds = |state: &State| match state {
            State::WritesUnderWay => !self.lasting.disk.under_way().is_empty(),
            State::ChunksUnderWay => node.chunks_under_way > 0,
            State::LoadsUnderWay => node.loads_under_way > 0,
            State::InheritedUnpublished => node.has_inherited(),
            State::BackPressure => node.has_waiting_appends(),
            State::AnswersUnsent => node.output.values().any(|output| !output.is_empty()),
            State::FileWanted => !node.files_wanted.is_empty(),
        };
        State::ALL.into_iter().filter(holds).collect()
    }

    async fn fault(&mut self) {
        if self.armed.is_empty() {
            return;
        }
        let fault = self.armed[self.random.random_range(0..self.armed.len())];
        let states = self.states();
        self.coverage.struck(fault, &states);
        self.trace.add(|| format!("fault {fault:?} in {states:?}"));
        match fault {
            Fault::Kill => self.restart(Crash::Kill).await,
            Fault::PowerCut => self.restart(Crash::PowerCut).await,
            Fault::KillInRecovery => self.restart_with_kills().await,
            Fault::PausedRival => self.pause_and_take_over().await,
            Fault::WriteError => self.fail_write(),
            Fault::PutAnswerLost => self.fail_next_put(PutFault::AnswerLost),
            Fault::PutRequestLost => self.fail_next_put(PutFault::RequestLost),
            Fault::PutNotDone => self.fail_next_put(PutFault::NotDone),
            Fault::PutConflict => self.fail_next_put(PutFault::Conflict),
            Fault::CatalogAnswerLost => self.lasting.rows.fail_next_write(WriteFault::AnswerLost),
            Fault::CatalogRequestLost => self.lasting.rows.fail_next_write(WriteFault::RequestLost),
            Fault::ReadsFail => self.lasting.objects.fail_reads(self.random.random_range(1..4)),
            Fault::NetworkCut => {
                let client = self.random.random_range(0..self.clients.len());
                self.disconnect(client);
            }
            Fault::ClockBack => self.jump(-1),
            Fault::ClockForward => self.jump(1),
            Fault::SlowReader => {
                let at = self.random.random_range(0..self.clients.len());
                self.slow.clear();
                self.slow.extend(self.clients[at].connection.as_ref().map(|connection| connection.id));
            }
        }
    }

    /// One at a time: puts are tried again after a pause, and a queue of faults that grows faster is an outage without an end.
    fn fail_next_put(&mut self, fault: PutFault) {
        self.lasting.objects.clear_faults();
        self.lasting.objects.fail_next_put(fault);
    }

    fn jump(&mut self, direction: i64) {
        let by_ms = direction * self.random.random_range(1..WALL_SKEW_MS_MAX);
        let skew_ms = (self.skew_ms + by_ms).clamp(-WALL_SKEW_MS_MAX, WALL_SKEW_MS_MAX);
        self.now.wall_ms = self.now.wall_ms.saturating_add_signed(skew_ms - self.skew_ms);
        self.skew_ms = skew_ms;
        self.lasting.wall_ms.store(self.now.wall_ms, Ordering::Relaxed);
    }

    fn fail_write(&mut self) {
        let under_way = self.lasting.disk.under_way();
        if let Some(&(shard, number)) = under_way.first() {
            self.lasting.disk.fail((shard, number), &mut self.random);
            self.node.tell(shard, Event::BlockWritten { number, outcome: Err("EIO".to_owned()) });
        }
    }

    /// Its puts and rows go on after another process has the store.
    async fn pause_and_take_over(&mut self) {
        let mut paused = std::mem::take(&mut self.node.pending);
        paused.truncate(RIVALS_MAX);
        self.rivals = paused;
        self.restart(Crash::Kill).await;
    }

    async fn restart_with_kills(&mut self) {
        self.crash(Crash::PowerCut);
        for _ in 0..self.random.random_range(1..5) {
            let calls = self.random.random_range(0..14);
            match self.random.random() {
                true => self.lasting.objects.stop_after(Some(calls)),
                false => self.lasting.rows.stop_after(Some(calls)),
            }
            let setup = self.setup();
            let served = Node::start(&self.lasting, setup).await;
            self.trace.add(|| format!("a start that dies: {:?}", served.err()));
        }
        self.serve().await;
    }

    async fn restart(&mut self, crash: Crash) {
        self.crash(crash);
        self.serve().await;
    }

    fn crash(&mut self, crash: Crash) {
        self.crashes += 1;
        self.power_cuts += u64::from(crash == Crash::PowerCut);
        for client in 0..self.clients.len() {
            self.disconnect(client);
        }
        self.slow.clear();
        self.lasting.disk.crash(crash, &mut self.random);
        self.node.pending.clear();
    }

    fn setup(&mut self) -> Setup {
        self.shards = self.random.random_range(1..4);
        let Self { shards, chunk_bytes_max, unpublished_bytes_max, now, .. } = *self;
        Setup { shards, chunk_bytes_max, unpublished_bytes_max, now }
    }

    async fn serve(&mut self) {
        self.lasting.objects.stop_after(None);
        self.lasting.rows.stop_after(None);
        self.lasting.objects.clear_faults();
        self.lasting.rows.clear_faults();
        let setup = self.setup();
        self.node = Node::start(&self.lasting, setup).await.expect("it starts on what a crash left");
        let found = self.node.found;
        self.coverage.sometimes("records are replayed from a journal", found.records > 0);
        self.coverage.sometimes("a torn tail is dropped", found.torn_blocks > 0);
        self.coverage.sometimes("a chunk is found that its writer did not index", found.chunks_indexed > 0);
        self.trace.add(|| format!("serves with {} shards", setup.shards));
    }

    /// Nothing goes wrong any more: every question gets its answer (no wake-up is lost, nobody waits for ever).
    async fn make_peace(&mut self) {
        self.lasting.objects.clear_faults();
        self.lasting.rows.clear_faults();
        self.slow.clear();
        for _ in 0..PEACE_STEPS_MAX {
            if !self.clients.iter().any(Client::is_waiting) {
                return;
            }
            self.step(false).await;
        }
        panic!("questions without an answer, although nothing is in their way");
    }

    /// After one more restart, and from the first record on.
    async fn read_everything(&mut self) {
        self.restart(Crash::PowerCut).await;
        self.clients = (0..STREAMS).map(|stream| Client::new(100 + stream, stream, Role::Reading)).collect();
        for at in 0..STREAMS {
            self.connections += 1;
            let StreamRef { basin, stream } = target(at);
            let home = shard_of(placement(&basin, &stream), self.shards);
            self.clients[at].connect(ConnectionId::new(home, self.connections));
            self.clients[at].read_all(&mut self.facts[at]);
        }
        let told: Vec<u64> = self.facts.iter().map(|facts| facts.truth.end()).collect();
        self.make_peace().await;
        for (facts, told) in self.facts.iter().zip(told) {
            let last = facts.history.operations().last().and_then(|operation| operation.outcome.as_ref());
            match last {
                Some(riverrun_history::Outcome::ReadRecords { record_hashes }) => {
                    assert!(
                        record_hashes.len() as u64 >= told,
                        "P1: {told} records were told of, {} are there",
                        record_hashes.len()
                    );
                }
                other => panic!("P8: the last read failed: {other:?}"),
            }
        }
        for (stream, facts) in self.facts.iter().enumerate() {
            let has_lost = facts
                .history
                .operations()
                .iter()
                .any(|operation| operation.outcome == Some(riverrun_history::Outcome::AppendIndefiniteFailure));
            self.coverage.sometimes("an append has no answer", has_lost);
            assert_eq!(
                facts.truth.known(),
                facts.truth.end(),
                "P1: stream {stream} ends before what was acknowledged or seen"
            );
        }
    }
}

fn judge(facts: &StreamFacts) {
    match check(&facts.history) {
        Verdict::Linearizable { .. } => {}
        verdict => panic!("P7: not linearizable: {verdict}"),
    }
}

async fn poll_once(pending: &mut Pending) -> Option<crate::node::Done> {
    poll_fn(|context| {
        Poll::Ready(match pending.as_mut().poll(context) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        })
    })
    .await
}

/// Now and then byte by byte, most often all.
fn move_some(random: &mut StdRng, from: &mut BytesMut, to: &mut BytesMut) -> u64 {
    let bytes = match random.random_range(0..4) {
        0 if !from.is_empty() => random.random_range(0..from.len().min(64)),
        1 if !from.is_empty() => random.random_range(0..from.len()),
        _ => from.len(),
    };
    to.extend_from_slice(&from.split_to(bytes));
    bytes as u64
}
