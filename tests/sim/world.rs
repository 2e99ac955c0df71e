//! One run: everything that is random follows from its seed.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use riverrun::catalog::model::ModelRows;
use riverrun::store::model::ModelObjects;
use riverrun_core::Now;
use riverrun_core::control::{keys, placement, shard_of};
use riverrun_core::event::{ConnectionId, Event};
use riverrun_history::History;
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::types::{BasinName, StreamName};

use crate::client::{Client, Role};
use crate::coverage::{APPENDS_WAIT, Coverage, Fault, LATE_PUT_LOSES, LATE_PUT_WINS};
use crate::node::{Done, Inbox, Node, Pending, Setup};
use crate::outside::disk::{Crash, SimDisk};
use crate::outside::points::{Point, Points, Trouble};
use crate::outside::store::SimStore;
use crate::peace::judge;
use crate::recreate::Leaving;
use crate::trace::Trace;
use crate::truth::Truth;
use crate::wire;

pub const STREAMS: usize = 3;
/// Its acks wait for the store.
pub const STANDARD_STREAM: usize = 2;
/// Steps in which a stream begins to be deleted, of all.
const RECREATE_SHARE: f64 = 0.0002;
/// Of the steps while one waits: late enough for the process to have gone on, and early enough for some to be in its way.
const LATE_PUT_SHARE: f64 = 0.002;
const WALL_MS: u64 = 1_700_000_000_000;
/// A client whose question is never answered asks no other.
const STEPS_PER_OP_MAX: usize = 3000;
/// Of the moments in which time passes while something hangs: in millisecond steps a hang of 40 s took 8,000 of a run's, and where a
/// disk that hangs was the only fault, 300 operations needed more than 900,000 (half of all seeds).
const HANG_JUMP_SHARE: f64 = 0.05;

pub fn basin() -> BasinName {
    BasinName::new("sim-basin").expect("a name")
}

pub fn target(stream: usize) -> StreamRef {
    StreamRef { basin: basin(), stream: StreamName::new(&format!("s{stream}")).expect("a name") }
}

/// What outlives processes.
#[derive(Clone)]
pub struct Lasting {
    pub points: Arc<Points>,
    pub objects: Arc<ModelObjects>,
    /// The same objects, as processes see them.
    pub store: Arc<SimStore>,
    pub rows: Arc<ModelRows>,
    pub disk: Arc<SimDisk>,
    pub wall_ms: Arc<AtomicU64>,
}

#[derive(Default)]
pub struct StreamFacts {
    pub truth: Truth,
    pub history: History,
    pub last_id: u64,
    pub leaving: Option<Leaving>,
    /// There was another one of its name before.
    pub is_recreated: bool,
    /// What happened, for [`Coverage`].
    pub notes: Vec<&'static str>,
}

/// What a run was about, and what came of it.
pub struct Outcome {
    pub coverage: Coverage,
    pub trace: (u64, u64),
    pub crashes: u64,
    pub power_cuts: u64,
    pub appended: u64,
    pub struck: BTreeMap<(Point, Trouble), usize>,
}

impl Outcome {
    pub fn struck_of(&self, point: Point, trouble: Trouble) -> usize {
        self.struck.get(&(point, trouble)).copied().unwrap_or(0)
    }
}

pub struct World {
    pub seed: u64,
    pub random: StdRng,
    pub lasting: Lasting,
    pub now: Now,
    pub node: Node,
    pub shards: u16,
    pub chunk_bytes_max: u64,
    pub unpublished_bytes_max: u64,
    /// What it does not make durable goes with the power.
    pub store_is_local: bool,
    pub clients: Vec<Client>,
    pub facts: Vec<StreamFacts>,
    pub connections: u64,
    /// Connections whose peer takes nothing for a while.
    pub slow: BTreeSet<ConnectionId>,
    pub rivals: Vec<Pending>,
    /// Faults of this run.
    pub armed: Vec<Fault>,
    pub fault_share: f64,
    /// Whatever struck at a point, so often.
    pub struck: BTreeMap<(Point, Trouble), usize>,
    /// It may end the process.
    pub store_may_lie: bool,
    /// Clients ask for nothing new.
    pub is_peace: bool,
    pub skew_ms: i64,
    /// Streams are deleted now and then.
    pub recreates: bool,
    /// Of streams that are gone.
    pub judged_operations: usize,
    pub trace: Trace,
    pub coverage: Coverage,
    pub crashes: u64,
    pub power_cuts: u64,
}

impl World {
    pub async fn new(seed: u64) -> Self {
        riverrun::entropy::seed_this_thread(seed);
        crate::trace::forget();
        let mut random = StdRng::seed_from_u64(seed);
        let lasting = Lasting::new(random.random());
        let now = Now { monotonic: Duration::from_secs(100), wall_ms: WALL_MS };
        let shards = random.random_range(1..4);
        let unpublished_bytes_max: u64 = 1 << random.random_range(18..23);
        let chunk_bytes_max = random.random_range(4 << 10..unpublished_bytes_max / 4);
        // Swarm: a run with all faults at once sees few of their consequences.
        let armed: Vec<Fault> = Fault::ALL.into_iter().filter(|_| random.random_bool(0.4)).collect();
        let fault_share = random.random_range(0.0..0.004);
        let setup = Setup { shards, chunk_bytes_max, unpublished_bytes_max, now };
        let node = Node::start(&lasting, setup).await.expect("a first start");
        let clients = any_clients(&mut random);
        Self {
            seed,
            lasting,
            now,
            node,
            shards,
            chunk_bytes_max,
            unpublished_bytes_max,
            store_is_local: random.random(),
            clients,
            facts: (0..STREAMS).map(|_| StreamFacts::default()).collect(),
            connections: 0,
            slow: BTreeSet::new(),
            rivals: Vec::new(),
            armed,
            fault_share,
            struck: BTreeMap::new(),
            store_may_lie: false,
            is_peace: false,
            skew_ms: 0,
            recreates: random.random_bool(0.3),
            judged_operations: 0,
            trace: Trace::default(),
            coverage: Coverage::default(),
            crashes: 0,
            power_cuts: 0,
            random,
        }
    }

    pub async fn run(mut self, ops: usize) -> Outcome {
        self.go_on_to(ops).await;
        self.end().await
    }

    /// Until so many operations were asked for.
    pub async fn go_on_to(&mut self, ops: usize) {
        let steps_max = STEPS_PER_OP_MAX * ops;
        let mut steps = 0;
        while self.asked() < ops {
            steps += 1;
            assert!(steps < steps_max, "clients wait for answers that do not come: {} of {ops} asked", self.asked());
            if self.random.random_bool(self.fault_share) {
                self.fault().await;
            }
            self.step().await;
        }
    }

    /// The verdict.
    pub async fn end(mut self) -> Outcome {
        self.make_peace().await;
        self.read_everything().await;
        let (crashes, power_cuts) = (self.crashes, self.power_cuts);
        self.coverage.sometimes("a history with a crash", crashes > 0);
        let appended = self.facts.iter().map(|facts| facts.truth.end()).sum();
        self.write_histories();
        self.facts.iter().for_each(judge);
        Outcome {
            coverage: self.coverage,
            trace: self.trace.digest(),
            crashes,
            power_cuts,
            appended,
            struck: self.struck,
        }
    }

    fn asked(&self) -> usize {
        self.judged_operations + self.facts.iter().map(|facts| facts.history.operations().len()).sum::<usize>()
    }

    pub async fn step(&mut self) {
        self.note_struck();
        if self.lasting.points.take_killed() {
            return self.restart(Crash::Kill).await;
        }
        // The other shards of a process that gave up run on for a moment, and what it said last is heard, or some of it.
        if !self.node.failed.is_empty() && self.random.random_bool(0.05) {
            let reasons = self.node.failed.clone();
            self.trace.add(|| format!("fatal: {reasons:?}"));
            return self.restart(Crash::Kill).await;
        }
        self.node.take_calls();
        self.go_on_leaving();
        self.late_put(LATE_PUT_SHARE);
        if self.recreates && !self.is_peace && self.random.random_bool(RECREATE_SHARE) {
            self.begin_to_recreate();
        }
        match self.random.random_range(0..100) {
            0..20 => self.client_acts(),
            20..35 => self.network(),
            35..60 => self.turn(),
            60..72 => self.poll().await,
            72..84 => self.complete_write(),
            84..93 => self.deliver(),
            93..96 => self.give_file(),
            _ => self.pass_time().await,
        }
    }

    /// The store does now what it was asked for a while ago.
    pub fn late_put(&mut self, share: f64) {
        let waiting = self.lasting.store.late_puts();
        if waiting == 0 || !self.random.random_bool(share) {
            return;
        }
        let is_new = self.lasting.store.do_late_put(self.random.random_range(0..waiting));
        self.trace.add(|| format!("a late put: new {is_new}"));
        self.coverage.sometimes(LATE_PUT_WINS, is_new);
        self.coverage.sometimes(LATE_PUT_LOSES, !is_new);
    }

    fn client_acts(&mut self) {
        let at = self.random.random_range(0..self.clients.len());
        let client = &mut self.clients[at];
        let facts = &mut self.facts[client.stream];
        if facts.leaving.is_some() && client.role != Role::Last {
            return;
        }
        if client.connection.is_none() && (!self.is_peace || client.role == Role::Last) {
            let StreamRef { basin, stream } = target(client.stream);
            self.connections += 1;
            let home = shard_of(placement(&basin, &stream), self.shards);
            client.connect(ConnectionId::new(home, self.connections));
        }
        match self.is_peace {
            true => client.act_in_peace(facts),
            false => client.act(facts, &mut self.random),
        }
    }

    /// Some of what clients sent arrives; whole frames wait for their shard.
    fn network(&mut self) {
        let at = self.random.random_range(0..self.clients.len());
        let Some(connection) = &mut self.clients[at].connection else { return };
        if self.node.stopped.contains(&connection.id) {
            return;
        }
        let bytes = some(&mut self.random, connection.to_server.len());
        connection.at_server.extend_from_slice(&connection.to_server.split_to(bytes));
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

    /// Asks one of the futures whether it has come to its end; some take many steps until then.
    async fn poll(&mut self) {
        if !self.rivals.is_empty() && self.random.random_bool(0.2) {
            return self.poll_rival().await;
        }
        for background in &mut self.node.background {
            let ended = poll_once(background).await;
            assert!(ended.is_none(), "it goes on as long as the process");
        }
        if self.node.pending.is_empty() {
            return tokio::task::yield_now().await;
        }
        let at = self.random.random_range(0..self.node.pending.len());
        for _ in 0..self.random.random_range(1..8) {
            tokio::task::yield_now().await;
            if let Some(done) = poll_once(&mut self.node.pending[at]).await {
                drop(self.node.pending.swap_remove(at));
                return match done {
                    Done::Deleted(stream, outcome) => self.on_deleted(stream, outcome),
                    done => self.node.on_done(done),
                };
            }
        }
    }

    pub async fn poll_rival(&mut self) {
        tokio::task::yield_now().await;
        if self.rivals.is_empty() {
            return;
        }
        let at = self.random.random_range(0..self.rivals.len());
        if let Some(done) = poll_once(&mut self.rivals[at]).await {
            drop(self.rivals.swap_remove(at));
            self.judge_rival(&done);
        }
    }

    /// P10: what it believes to be done is done for whoever came after it, too.
    fn judge_rival(&mut self, done: &Done) {
        let Done::Happened(_, Event::ChunkStored { chunk, outcome }) = done else { return };
        self.trace.add(|| format!("a rival's chunk {chunk}: {outcome:?}"));
        if outcome.is_ok() {
            let row = self.lasting.rows.rows().contains_key(&keys::chunk(*chunk));
            assert!(row, "P10: chunk {chunk} is stored, says its writer, and the catalog does not know it");
            let is_there = self.lasting.objects.object(&chunk.object_name()).is_some();
            assert!(is_there, "P10: chunk {chunk} is stored, says its writer, and it is not there");
        }
        self.coverage.sometimes("a rival's chunk is stored", outcome.is_ok());
        self.coverage.sometimes("a rival is refused", outcome.is_err());
    }

    fn complete_write(&mut self) {
        let under_way = self.lasting.disk.under_way(self.now.monotonic);
        if under_way.is_empty() {
            return;
        }
        let (shard, number) = under_way[self.random.random_range(0..under_way.len())];
        let outcome = self.lasting.disk.complete((shard, number), &mut self.random);
        self.node.tell(shard, Event::BlockWritten { number, outcome });
    }

    /// Some of what a shard said arrives.
    fn deliver(&mut self) {
        let at = self.random.random_range(0..self.clients.len());
        let Some(connection) = &self.clients[at].connection else { return };
        let id = connection.id;
        if self.node.closing.remove(&id) {
            self.coverage.sometimes("a client that takes nothing is let go", true);
            return self.disconnect(at);
        }
        if self.slow.contains(&id) {
            return;
        }
        let said = self.node.output.get(&id).map_or(0, BytesMut::len);
        let heard = some(&mut self.random, said);
        self.hear(at, heard);
    }

    /// The next `bytes` of what is said to a client.
    pub fn hear(&mut self, client: usize, bytes: usize) {
        let client = &mut self.clients[client];
        let Some(connection) = &mut client.connection else { return };
        let id = connection.id;
        if let Some(output) = self.node.output.get_mut(&id).filter(|_| bytes > 0) {
            connection.from_server.extend_from_slice(&output.split_to(bytes));
            self.node.tell(id.home_shard(), Event::OutputSent { connection: id, bytes: bytes as u64 });
        }
        while let Some(connection) = &mut client.connection {
            let Some((header, frame)) = wire::take_frame(&mut connection.from_server) else { break };
            client.hear(header.id, wire::parse(header, &frame), &mut self.facts[client.stream]);
        }
        let notes = self.facts[client.stream].notes.drain(..);
        notes.for_each(|note| self.coverage.sometimes(note, true));
    }

    fn give_file(&mut self) {
        if let Some(&shard) = self.node.files_wanted.first() {
            self.node.give_file(shard);
        }
    }

    async fn pass_time(&mut self) {
        self.coverage.sometimes(APPENDS_WAIT, self.node.has_waiting_appends());
        let is_idle = self.node.pending.is_empty() && !self.lasting.disk.is_writing();
        let hangs_for = self.lasting.points.hangs_for().filter(|_| self.random.random_bool(HANG_JUMP_SHARE));
        let passed = match self.node.next_timeout().filter(|_| is_idle && self.random.random_bool(0.3)) {
            Some(at) => at.saturating_sub(self.now.monotonic).min(Duration::from_secs(10)),
            None if hangs_for.is_some() => hangs_for.unwrap_or_default().min(Duration::from_secs(10)),
            None if self.random.random_bool(0.03) => Duration::from_millis(self.random.random_range(0..2000)),
            None => Duration::from_micros(self.random.random_range(0..20_000)),
        };
        self.advance(passed).await;
    }

    pub async fn advance(&mut self, passed: Duration) {
        self.now.monotonic += passed;
        self.now.wall_ms += passed.as_millis() as u64;
        self.lasting.wall_ms.store(self.now.wall_ms, Ordering::Relaxed);
        tokio::time::advance(passed).await;
    }
}

impl Lasting {
    pub fn new(seed: u64) -> Self {
        let points = Arc::new(Points::new(seed));
        let objects: Arc<ModelObjects> = Arc::default();
        Self {
            store: Arc::new(SimStore::new(objects.clone(), points.clone())),
            objects,
            rows: Arc::default(),
            disk: Arc::new(SimDisk::new(points.clone())),
            wall_ms: Arc::new(AtomicU64::new(WALL_MS)),
            points,
        }
    }
}

/// The first one appends: a world of followers asks for nothing that counts, for ever.
pub fn any_clients(random: &mut StdRng) -> Vec<Client> {
    let clients = random.random_range(5..10);
    let any_client = |index| {
        let roles: &[Role] = if index == 0 { &Role::APPENDING } else { &Role::ALL };
        Client::new(index, random.random_range(0..STREAMS), roles[random.random_range(0..roles.len())])
    };
    (0..clients).map(any_client).collect()
}

pub async fn poll_once<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
    poll_fn(|context| {
        Poll::Ready(match Pin::new(&mut *future).poll(context) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        })
    })
    .await
}

/// Now and then byte by byte, most often all.
fn some(random: &mut StdRng, bytes: usize) -> usize {
    match random.random_range(0..4) {
        0 if bytes > 0 => random.random_range(0..bytes.min(64)),
        1 if bytes > 0 => random.random_range(0..bytes),
        _ => bytes,
    }
}
