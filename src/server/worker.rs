//! One core's thread: its ring, its connections, its shard. The turn of the loop is take in, decide, carry out, wait; everything
//! that is decided is decided in [`riverrun_core::shard`].

mod admission;
mod carry_out;
mod deliver;
mod journal;
mod moves;
mod receive;
mod send;
mod slow;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use foldhash::HashMap;
use riverrun_core::event::ConnectionId;
use riverrun_core::{Action, Event, Now, Shard};

use super::clock::Clock;
use super::connection::{Connection, HELLO_DEADLINE};
use super::gone::GoneTokens;
use super::large_frame::BegunFrames;
use super::listener;
use super::mail::Mail;
use super::mailbox::{Mailbox, Postbox};
use super::room::Room;
use super::shard_calls::ShardCalls;
use super::shared::Shared;
use super::side::SideOrders;
use crate::stages::{Stage, StageNotes};
use crate::uring::{Completion, Ring, Socket};
use journal::JournalWrites;

/// How often deadlines of connections are looked at.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// How long, and how often, a broken shard waits for its last answers to be taken.
const FAREWELL_TURN: Duration = Duration::from_millis(10);
const FAREWELL_TURNS_MAX: usize = 20;
/// After the system ran out of descriptors, how long no connection is accepted (reliability.md F28).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Kinds of operation, in the upper 8 bits of a ring tag; below is the connection's serial or the block's number.
mod tag {
    pub const ACCEPT: u64 = 1 << 56;
    pub const RECEIVE: u64 = 2 << 56;
    pub const SEND: u64 = 3 << 56;
    pub const WRITE: u64 = 4 << 56;
    pub const WAKE: u64 = 5 << 56;
    pub const WRITABLE: u64 = 6 << 56;
    pub const VALUE: u64 = (1 << 56) - 1;
}

/// What a thread is given at its start.
#[derive(Debug)]
pub struct WorkerParts {
    pub index: u16,
    pub shard: Shard,
    pub listener: OwnedFd,
    pub mailbox: Mailbox,
    pub peers: Vec<Postbox>,
    pub side: SideOrders,
    pub calls: ShardCalls,
    pub shared: Arc<Shared>,
    pub clock: Clock,
    pub room: Room,
}

#[derive(Debug)]
pub struct Worker {
    index: u16,
    ring: Ring,
    shard: Shard,
    listener: Socket,
    mailbox: Mailbox,
    peers: Vec<Postbox>,
    side: SideOrders,
    calls: ShardCalls,
    shared: Arc<Shared>,
    clock: Clock,
    now: Now,
    actions: Vec<Action>,
    /// Empty between turns.
    actions_spare: Vec<Action>,
    to_send: Vec<ConnectionId>,
    /// When it is looked for connections that do not take what is sent to them; none where nothing is.
    look_at_output_at: Option<Duration>,
    connections: HashMap<u64, Connection>,
    room: Room,
    /// Connections that have not been let in.
    strangers: HashSet<u64>,
    /// Large frames that are being received.
    begun_frames: BegunFrames,
    serial: u64,
    journal: JournalWrites,
    accepting: bool,
    accept_again_at: Option<Duration>,
    next_sweep: Duration,
    /// Connections that are not read from before they have paid, by when that is, and by since when they have waited.
    paused: BinaryHeap<Reverse<(Duration, Duration, ConnectionId)>>,
    /// Tokens that were taken away a short while ago.
    gone: GoneTokens,
    /// Connections that found no receive buffer.
    starved: Vec<ConnectionId>,
    /// Forwarded appends of this turn, and their bytes.
    handled: Vec<(ConnectionId, usize)>,
    /// Frames of this turn, and how long what came to an end in it took.
    frames: u64,
    stages: StageNotes,
    draining: bool,
    stopping: bool,
    /// Why the shard cannot go on.
    fatal: Option<String>,
}

impl Worker {
    pub fn new(parts: WorkerParts, ring: Ring) -> Self {
        let now = parts.clock.now();
        Self {
            index: parts.index,
            ring,
            shard: parts.shard,
            listener: Rc::new(parts.listener),
            mailbox: parts.mailbox,
            peers: parts.peers,
            side: parts.side,
            calls: parts.calls,
            shared: parts.shared,
            clock: parts.clock,
            now,
            actions: Vec::new(),
            actions_spare: Vec::new(),
            to_send: Vec::new(),
            look_at_output_at: None,
            connections: HashMap::default(),
            room: parts.room,
            strangers: HashSet::new(),
            begun_frames: BegunFrames::default(),
            serial: 0,
            journal: JournalWrites::default(),
            accepting: false,
            accept_again_at: None,
            next_sweep: now.monotonic + SWEEP_INTERVAL,
            paused: BinaryHeap::new(),
            gone: GoneTokens::default(),
            starved: Vec::new(),
            handled: Vec::new(),
            frames: 0,
            stages: StageNotes::default(),
            draining: false,
            stopping: false,
            fatal: None,
        }
    }

    /// Runs until told to stop.
    ///
    /// # Errors
    /// The ring broke, or the shard cannot go on: the process must end.
    pub fn run(&mut self) -> Result<(), String> {
        let event = self.mailbox.event().clone();
        self.ring.wake_on(tag::WAKE, &event);
        loop {
            self.accept();
            self.take_mail();
            self.reach_timeouts();
            self.shard.flush(self.now, &mut self.actions);
            self.shared.note_output(self.index, self.shard.is_output_short());
            self.carry_out_all();
            self.report_handled();
            self.publish_counters();
            self.publish_stages();
            if let Some(reason) = self.fatal.take() {
                self.say_farewell()?;
                return Err(reason);
            }
            if self.stopping && self.connections.is_empty() {
                return Ok(());
            }
            self.wait()?;
            // What the tokio side had said before a client was answered comes before what that client says then.
            self.take_mail();
            self.feed_starved();
            while let Some(completion) = self.ring.pop() {
                self.on_completion(completion);
            }
        }
    }

    /// The last answers say what became of each request; whoever does not take them soon learns it from the broken connection.
    fn say_farewell(&mut self) -> Result<(), String> {
        for _ in 0..FAREWELL_TURNS_MAX {
            if !self.connections.values().any(|c| c.sending) {
                break;
            }
            self.ring.turn(Some(FAREWELL_TURN)).map_err(|error| format!("io_uring_enter failed: {error}"))?;
            while let Some(completion) = self.ring.pop() {
                if let Completion::Sent { tag, parts, outcome } = completion {
                    self.on_sent(tag & tag::VALUE, parts, outcome);
                }
            }
            self.start_sends();
        }
        Ok(())
    }

    /// Before those whose bytes have just been handled: sockets that are always readable would take every buffer again.
    fn feed_starved(&mut self) {
        std::mem::take(&mut self.starved).into_iter().for_each(|id| self.receive(id));
    }

    fn wait(&mut self) -> Result<(), String> {
        // Starved connections ask again right after this, for the buffers that have just come back.
        let may_sleep = self.mailbox.may_sleep() && self.starved.is_empty();
        let timeout = if may_sleep { self.timeout() } else { Some(Duration::ZERO) };
        self.ring.turn(timeout).map_err(|error| format!("io_uring_enter failed: {error}"))?;
        self.mailbox.awake();
        self.now = self.clock.now();
        Ok(())
    }

    fn timeout(&self) -> Option<Duration> {
        let sweep = (!self.connections.is_empty()).then_some(self.next_sweep);
        let paid = self.paused.peek().map(|paused| paused.0.0);
        let wishes = [self.shard.next_timeout(), self.accept_again_at, self.look_at_output_at, sweep, paid];
        wishes.into_iter().flatten().min().map(|at| at.saturating_sub(self.now.monotonic))
    }

    fn take_mail(&mut self) {
        while let Some(mail) = self.mailbox.take() {
            self.on_mail(mail);
        }
    }

    fn on_mail(&mut self, mail: Mail) {
        match mail {
            Mail::Request { connection, id, request } => self.on_forwarded(connection, id, request),
            Mail::Happened(Event::DrainRequested) => {
                self.draining = true;
                self.tell(Event::DrainRequested);
                self.tell_clients_of_drain();
            }
            Mail::Output { from, connection, id, output, timed } => self.put_out(from, connection, id, output, timed),
            Mail::Flow { from, connection, flow } => self.on_flow(from, connection, flow),
            Mail::Happened(event) => self.tell(event),
            Mail::JournalFile { id, bytes, file } => {
                self.journal.add_file(id, file);
                self.tell(Event::JournalFileReady { file: id, bytes });
            }
            Mail::Authenticated { connection, id, outcome } => self.on_authenticated(connection, id, outcome),
            Mail::Denied { connection, operation, target } => self.note_denied(connection, operation, &target),
            Mail::TokenGone(public_id) => self.on_token_gone(public_id),
            // Whoever asked may have gone.
            Mail::MeasureReaderLag(answer) => drop(answer.send(self.shard.reader_lag_records_max())),
            Mail::Moved(moved) => self.adopt(*moved),
            Mail::Stop => self.stop(),
        }
    }

    /// Says goodbye to every connection; each has `LINGER_DEADLINE` to take what waits for it.
    fn stop(&mut self) {
        self.stopping = true;
        let ids: Vec<ConnectionId> = self.connections.values().map(|c| c.id).collect();
        ids.into_iter().for_each(|id| self.close_after_output(id));
    }

    fn tell(&mut self, event: Event<'_>) {
        self.shard.handle(self.now, event, &mut self.actions);
    }

    fn on_completion(&mut self, completion: Completion) {
        match completion {
            Completion::Accepted { outcome, more, .. } => self.on_accepted(outcome, more),
            Completion::Received { tag, outcome } => self.on_received(tag & tag::VALUE, outcome),
            Completion::Filled { tag, buffer, outcome } => self.on_filled(tag & tag::VALUE, buffer, outcome),
            Completion::Sent { tag, parts, outcome } => self.on_sent(tag & tag::VALUE, parts, outcome),
            Completion::Writable { tag } => self.on_writable(tag & tag::VALUE),
            Completion::Written { tag, outcome } => self.on_written(tag & tag::VALUE, outcome),
            Completion::Synced { tag, outcome } => self.on_synced(tag & tag::VALUE, outcome),
            Completion::Woken { .. } => {
                let event = self.mailbox.event().clone();
                self.ring.wake_on(tag::WAKE, &event);
            }
        }
    }

    fn reach_timeouts(&mut self) {
        if self.shard.next_timeout().is_some_and(|at| at <= self.now.monotonic) {
            self.tell(Event::TimeoutReached);
        }
        if self.next_sweep <= self.now.monotonic {
            self.next_sweep = self.now.monotonic + SWEEP_INTERVAL;
            self.sweep();
            self.cut_expired();
        }
        self.look_for_slow();
        self.resume_paused();
    }

    /// Ends connections whose deadline has passed.
    fn sweep(&mut self) {
        let now = self.now.monotonic;
        let late = |c: &mut Connection| c.is_late(now).then_some(c.id);
        let late: Vec<ConnectionId> = self.connections.values_mut().filter_map(late).collect();
        late.into_iter().for_each(|id| self.time_out(id));
    }

    fn accept(&mut self) {
        let paused = self.accept_again_at.is_some_and(|at| at > self.now.monotonic);
        if !self.accepting && !paused && !self.stopping {
            self.accept_again_at = None;
            self.accepting = true;
            let listener = self.listener.clone();
            self.ring.accept(tag::ACCEPT, &listener);
        }
    }

    fn on_accepted(&mut self, outcome: std::io::Result<OwnedFd>, more: bool) {
        self.accepting = more;
        match outcome {
            Ok(_) if self.stopping => {}
            Ok(_) if self.connections.len() >= self.room.held_max => {}
            Ok(socket) => {
                let peer = listener::prepare(&socket);
                let id = self.new_connection(socket, peer);
                self.strangers.insert(id.0);
                self.refuse_if_full(id);
                self.receive(id);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections for the moment");
                self.accept_again_at = Some(self.now.monotonic + ACCEPT_PAUSE);
            }
        }
    }

    fn new_connection(&mut self, socket: OwnedFd, peer: String) -> ConnectionId {
        self.serial += 1;
        let id = ConnectionId::new(self.index, self.serial);
        let mut connection = Connection::new(id, Rc::new(socket), peer);
        connection.deadline = Some(self.now.monotonic + HELLO_DEADLINE);
        self.connections.insert(id.0, connection);
        id
    }

    fn publish_counters(&mut self) {
        self.shared.publish(self.index, &self.shard.counters(), self.ring.counters(), self.connections.len());
    }

    /// The turn's length is the one thing that takes another reading of the clock: one per turn, and none where nothing was asked.
    fn publish_stages(&mut self) {
        for time in self.shard.take_stage_times() {
            self.stages.note(time.stage.into(), time.elapsed, u64::from(time.batches));
        }
        let frames = std::mem::take(&mut self.frames);
        if frames > 0 {
            let elapsed = self.clock.monotonic().saturating_sub(self.now.monotonic);
            self.stages.note(Stage::Turn, elapsed, frames);
        }
        self.stages.publish(self.shared.stages_of(self.index));
    }
}
