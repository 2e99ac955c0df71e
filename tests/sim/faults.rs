//! What goes wrong, and how a broker comes back.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::BytesMut;
use rand::RngExt;

use crate::coverage::{CHUNK_FOUND, Fault, RECORDS_REPLAYED, RIVAL_PAUSED, State, TORN_TAIL};
use crate::node::{Inbox, Node, Setup};
use crate::outside::disk::Crash;
use crate::outside::points::{Kind, Point, Trouble};
use crate::world::{World, poll_once};

/// Futures of a process that is paused while another takes over.
const RIVALS_MAX: usize = 24;
/// The clock's jumps stay below what records live.
const WALL_SKEW_MS_MAX: i64 = 2 * 24 * 3_600_000;
/// Of those that meet with troubles one after the other.
const FAILED_STARTS_MAX: u32 = 5;
/// Polls of a start that comes to no end.
const START_POLLS_MAX: u32 = 2_000_000;

fn is_put(point: Point) -> bool {
    point == Point::Put
}

fn is_catalog_write(point: Point) -> bool {
    point == Point::CatalogWrite
}

fn is_store_read(point: Point) -> bool {
    matches!(point, Point::Get | Point::GetRange | Point::Size)
}

fn is_journal_write(point: Point) -> bool {
    point == Point::JournalWrite
}

/// Those that wait for the next call of a kind: what is to happen to it.
fn armed_for_next(fault: Fault) -> Option<(Kind, Trouble)> {
    Some(match fault {
        Fault::PutAnswerLost => (is_put, Trouble::AnswerLost),
        Fault::PutRequestLost => (is_put, Trouble::RequestLost),
        Fault::PutRequestLate => (is_put, Trouble::RequestLate),
        Fault::PutNotDone => (is_put, Trouble::NotDone),
        Fault::PutConflict => (is_put, Trouble::Conflict),
        Fault::PutHangs => (is_put, Trouble::Hang),
        Fault::CatalogAnswerLost => (is_catalog_write, Trouble::AnswerLost),
        Fault::CatalogRequestLost => (is_catalog_write, Trouble::RequestLost),
        Fault::ReadsFail => (is_store_read, Trouble::RequestLost),
        Fault::DiskHangs => (is_journal_write, Trouble::Hang),
        _ => return None,
    })
}

impl World {
    fn states(&self) -> Vec<State> {
        let node = &self.node;
        let holds = |state: &State| match state {
            State::WritesUnderWay => self.lasting.disk.is_writing(),
            State::ChunksUnderWay => node.chunks_under_way > 0,
            State::LoadsUnderWay => node.loads_under_way > 0,
            State::InheritedUnpublished => node.has_inherited(),
            State::BackPressure => node.has_waiting_appends(),
            State::AnswersUnsent => node.output.values().any(|output| !output.is_empty()),
            State::FileWanted => !node.files_wanted.is_empty(),
        };
        State::ALL.into_iter().filter(holds).collect()
    }

    fn struck(&mut self, fault: Fault) {
        let states = self.states();
        self.trace.add(|| format!("fault {fault:?} in {states:?}"));
        self.coverage.struck(fault, &states);
    }

    /// What was armed has struck meanwhile, so often.
    pub fn note_struck(&mut self) -> usize {
        let struck = self.lasting.points.take_struck();
        for &(point, trouble) in &struck {
            self.trace.add(|| format!("{trouble:?} at {point:?}"));
            *self.struck.entry((point, trouble)).or_default() += 1;
            self.node.may_fail |= self.store_may_lie || (point == Point::JournalWrite && trouble != Trouble::Hang);
            let is_this =
                |fault: &Fault| armed_for_next(*fault).is_some_and(|(holds, of)| holds(point) && of == trouble);
            if let Some(fault) = Fault::ALL.into_iter().find(is_this) {
                self.struck(fault);
            }
        }
        struck.len()
    }

    pub async fn fault(&mut self) {
        if self.armed.is_empty() {
            return;
        }
        let fault = self.armed[self.random.random_range(0..self.armed.len())];
        if let Some((holds, trouble)) = armed_for_next(fault) {
            let times = if fault == Fault::ReadsFail { self.random.random_range(1..4) } else { 1 };
            return self.lasting.points.next(holds, times, trouble);
        }
        if self.has_no_occasion(fault) {
            return;
        }
        self.struck(fault);
        match fault {
            Fault::Kill => self.restart(Crash::Kill).await,
            Fault::PowerCut => self.restart(Crash::PowerCut).await,
            Fault::KillInRecovery => self.restart_with_kills().await,
            Fault::PausedRival => self.pause_and_take_over().await,
            Fault::WriteError => self.fail_write(),
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
            _ => unreachable!("it waits for a call"),
        }
    }

    /// Half of all faults are power cuts, and there are more of all of them.
    pub fn cut_often(&mut self) {
        self.armed.extend(vec![Fault::PowerCut; self.armed.len().max(1)]);
        self.fault_share = self.random.random_range(0.002..0.01);
    }

    fn has_no_occasion(&self, fault: Fault) -> bool {
        fault == Fault::WriteError && !self.lasting.disk.is_writing()
    }

    fn jump(&mut self, direction: i64) {
        let by_ms = direction * self.random.random_range(1..WALL_SKEW_MS_MAX);
        let skew_ms = (self.skew_ms + by_ms).clamp(-WALL_SKEW_MS_MAX, WALL_SKEW_MS_MAX);
        self.now.wall_ms = self.now.wall_ms.saturating_add_signed(skew_ms - self.skew_ms);
        self.skew_ms = skew_ms;
        self.lasting.wall_ms.store(self.now.wall_ms, Ordering::Relaxed);
    }

    fn fail_write(&mut self) {
        let under_way = self.lasting.disk.under_way(Duration::MAX);
        let at = self.random.random_range(0..under_way.len());
        self.lasting.disk.fail(under_way[at]);
        self.node.may_fail = true;
    }

    /// Its puts and rows go on after another process has the store.
    async fn pause_and_take_over(&mut self) {
        let mut paused = std::mem::take(&mut self.node.pending);
        self.forget_deletions();
        paused.truncate(RIVALS_MAX);
        self.rivals = paused;
        self.coverage.sometimes(RIVAL_PAUSED, !self.rivals.is_empty());
        self.restart(Crash::Kill).await;
    }

    async fn restart_with_kills(&mut self) {
        self.crash(Crash::PowerCut);
        for _ in 0..self.random.random_range(1..5) {
            // Dies at its n-th step, or before: when a call to the store or the catalog has no answer any more.
            let polls = self.random.random_range(0..200);
            let calls = self.random.random_range(0..14);
            match self.random.random_range(0..3) {
                0 => self.lasting.objects.stop_after(Some(calls)),
                1 => self.lasting.rows.stop_after(Some(calls)),
                _ => {}
            }
            let served = self.try_start(polls).await;
            let said = served.map(|served| served.map(|_| ()));
            self.trace.add(|| format!("a start that dies: {said:?}"));
            let crash = if self.random.random() { Crash::Kill } else { Crash::PowerCut };
            self.crash_outside(crash);
        }
        self.serve().await;
    }

    pub async fn restart(&mut self, crash: Crash) {
        self.crash(crash);
        self.serve().await;
    }

    fn crash(&mut self, crash: Crash) {
        self.crashes += 1;
        self.power_cuts += u64::from(crash == Crash::PowerCut);
        for client in 0..self.clients.len() {
            // What was said before the end may have been heard.
            if self.random.random() {
                self.deliver_to(client);
            }
            self.disconnect(client);
        }
        self.facts.iter_mut().for_each(|facts| facts.truth.crashed());
        self.slow.clear();
        self.node.end();
        self.node.pending.clear();
        self.node.background.clear();
        self.forget_deletions();
        self.crash_outside(crash);
    }

    /// A local store loses with the power what it had not made durable yet.
    fn crash_outside(&mut self, crash: Crash) {
        self.lasting.disk.crash(crash, &mut self.random);
        if crash == Crash::PowerCut && self.store_is_local {
            self.lasting.objects.cut_power();
            self.lasting.store.forget_late_puts();
        }
    }

    fn setup(&mut self) -> Setup {
        self.shards = self.random.random_range(1..4);
        let Self { shards, chunk_bytes_max, unpublished_bytes_max, now, .. } = *self;
        Setup { shards, chunk_bytes_max, unpublished_bytes_max, now }
    }

    /// `None`: it was dropped at its `polls_max`-th step, or killed at a point. Rivals go on meanwhile, and so does time.
    async fn try_start(&mut self, polls_max: u32) -> Option<Result<Node, String>> {
        let setup = self.setup();
        let lasting = self.lasting.clone();
        let mut start = Box::pin(async move { Node::start(&lasting, setup).await });
        for _ in 0..polls_max {
            if let Some(served) = poll_once(&mut start).await {
                return (!self.lasting.points.take_killed()).then_some(served);
            }
            if self.lasting.points.take_killed() {
                return None;
            }
            let passed = Duration::from_millis(self.random.random_range(0..500));
            match self.random.random_range(0..40) {
                0 => self.advance(passed).await,
                1..4 => self.poll_rival().await,
                4 => self.late_put(1.0),
                _ => tokio::task::yield_now().await,
            }
        }
        None
    }

    pub async fn serve(&mut self) {
        self.lasting.objects.stop_after(None);
        self.lasting.rows.stop_after(None);
        self.lasting.points.forget_next();
        self.note_struck();
        for failed in 0.. {
            let started = self.try_start(START_POLLS_MAX).await;
            let struck = self.note_struck();
            match started {
                Some(Ok(node)) => {
                    self.node = node;
                    self.lasting.points.suspend(false);
                    break;
                }
                Some(Err(why)) => self.start_failed(&why, struck, failed),
                None => self.trace.add(|| "killed while it starts".to_owned()),
            }
            self.crash_outside(Crash::Kill);
        }
        let found = self.node.found;
        self.coverage.sometimes(RECORDS_REPLAYED, found.records > 0);
        self.coverage.sometimes(TORN_TAIL, found.torn_blocks > 0);
        self.coverage.sometimes(CHUNK_FOUND, found.chunks_indexed > 0);
        let shards = self.shards;
        self.trace.add(|| format!("serves with {shards} shards"));
    }

    /// Only where something was in its way; and what is always in its way is taken out of it at last, until it serves.
    fn start_failed(&mut self, why: &str, struck: usize, failed_before: u32) {
        self.trace.add(|| format!("does not start: {why}"));
        assert!(struck > 0, "it starts on what a crash left: {why}");
        if failed_before >= FAILED_STARTS_MAX {
            self.lasting.points.suspend(true);
        }
    }

    pub fn disconnect(&mut self, client: usize) {
        let client = &mut self.clients[client];
        if let Some(connection) = &client.connection {
            let id = connection.id;
            self.node.output.remove(&id);
            self.node.stopped.remove(&id);
            self.node.closing.remove(&id);
            self.slow.remove(&id);
            let host = &mut self.node.hosts[usize::from(id.home_shard())];
            // What had arrived may still be carried out; nobody hears what came of it.
            if self.random.random() {
                host.inbox.retain(|item| !matches!(item, Inbox::Frame(of, ..) if *of == id));
            }
            self.node.tell(id.home_shard(), riverrun_core::Event::ConnectionClosed { connection: id });
        }
        client.disconnect(&mut self.facts[client.stream]);
    }

    /// All that is said and not sent, or the first of it.
    fn deliver_to(&mut self, client: usize) {
        let Some(connection) = &self.clients[client].connection else { return };
        let said = self.node.output.get(&connection.id).map_or(0, BytesMut::len);
        let heard = self.random.random_range(0..=said);
        self.hear(client, heard);
    }
}
