//! Whatever the order in which disks, stores, sockets and clients do things: nothing unstable is seen (the world checks every
//! frame), everyone reads the same records in the same order without gap or repeat, an ack is a promise, and a crash takes
//! only what nobody was told of.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use riverrun_protocol::error::ErrorCode;

use super::client::{Said, batch, connection, from_seq, input_request, received};
use super::world::{Hold, World, config};
use crate::event::{ConnectionId, Event, StoreFailure};
use crate::shard::ShardConfig;

const STREAMS: [&str; 3] = ["a", "b", "c"];
const PRODUCERS: u64 = 3;
const READERS: u64 = 4;

#[derive(Clone, Copy, Debug)]
enum Op {
    /// A producer's next batch, of this many records, on its session.
    Append {
        producer: u64,
        records: u8,
        padding: u16,
    },
    /// The i-th of the writes in flight comes back.
    Write(u8),
    Store(u8),
    FailStore(u8),
    LoadPages,
    LoadStreams,
    Grant {
        reader: u64,
        bytes: u32,
    },
    /// The reader reconnects and resumes from what it has seen.
    Reconnect(u64),
    CheckTail(u64),
    Sockets,
    Wait(u16),
    /// One turn with no event of its own.
    Turn,
    Crash,
}

fn op(crashes: bool) -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => (0..PRODUCERS, 1..5u8, 0..3000u16).prop_map(|(producer, records, padding)| Op::Append { producer, records, padding }),
        8 => any::<u8>().prop_map(Op::Write),
        4 => any::<u8>().prop_map(Op::Store),
        1 => any::<u8>().prop_map(Op::FailStore),
        4 => Just(Op::LoadPages),
        2 => Just(Op::LoadStreams),
        5 => (0..READERS, 0..9000u32).prop_map(|(reader, bytes)| Op::Grant { reader, bytes }),
        1 => (0..READERS).prop_map(Op::Reconnect),
        2 => (0..READERS).prop_map(Op::CheckTail),
        3 => Just(Op::Sockets),
        3 => (0..20_000u16).prop_map(Op::Wait),
        2 => Just(Op::Turn),
        1 => Just(if crashes { Op::Crash } else { Op::Turn }),
    ]
}

/// What the clients know.
struct Play {
    w: World,
    /// Batches sent and not acknowledged, oldest first, by producer.
    sent: BTreeMap<u64, Vec<Vec<Bytes>>>,
    /// By stream and sequence number: what an ack or a read said is there.
    known: BTreeMap<(&'static str, u64), Bytes>,
    seen: BTreeMap<u64, u64>,
    /// What was known of the stream when its tail was asked for.
    asked: BTreeMap<u64, u64>,
    batches: u64,
}

fn stream_of(client: u64) -> &'static str {
    STREAMS[client as usize % STREAMS.len()]
}

fn producer(n: u64) -> ConnectionId {
    connection(100 + n)
}

fn reader(n: u64) -> ConnectionId {
    connection(200 + n)
}

impl Play {
    fn new(config: ShardConfig) -> Self {
        let (sent, known, seen, asked) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut play = Self { w: World::with(config), sent, known, seen, asked, batches: 0 };
        play.w.create_standard(STREAMS[2]);
        play.start();
        play
    }

    fn start(&mut self) {
        for hold in [Hold::Writes, Hold::Chunks, Hold::PageLoads, Hold::StreamLoads, Hold::Output] {
            self.w.hold(hold);
        }
        for n in 0..PRODUCERS {
            self.sent.insert(n, Vec::new());
            self.w.open_append(producer(n), 1, stream_of(n));
        }
        for n in 0..READERS {
            self.resume(n);
        }
    }

    fn resume(&mut self, n: u64) {
        let from = self.seen.get(&n).copied().unwrap_or(0);
        self.w.takes_pages = n % 2 == 1;
        self.w.open_read(reader(n), 1, stream_of(n), from_seq(from), 500);
    }

    fn play(&mut self, op: Op) {
        match op {
            Op::Append { producer, records, padding } => self.append(producer, records, padding),
            Op::Write(i) => {
                let unwritten = self.w.disk.unwritten();
                if let Some(number) = pick(&unwritten, i) {
                    self.w.complete_write(*number);
                }
            }
            Op::Store(i) if !self.w.chunks.is_empty() => self.w.store_chunk(i as usize % self.w.chunks.len()),
            Op::FailStore(i) if !self.w.chunks.is_empty() => {
                let failure = StoreFailure::Transient("later".to_owned());
                self.w.fail_chunk(i as usize % self.w.chunks.len(), failure);
            }
            Op::LoadPages if !self.w.page_loads.is_empty() => self.w.load_some_pages(),
            Op::Store(_) | Op::FailStore(_) | Op::LoadPages => {}
            Op::LoadStreams => {
                self.w.release(Hold::StreamLoads);
                self.w.hold(Hold::StreamLoads);
            }
            Op::Grant { reader: n, bytes } => self.w.grant(reader(n), 1, bytes.into()),
            Op::Reconnect(n) => {
                self.listen();
                self.w.close_connection(reader(n));
                self.w.forget_stop(reader(n));
                self.asked.remove(&n);
                self.resume(n);
            }
            Op::CheckTail(n) => {
                self.listen();
                let known = self.known_end(stream_of(n));
                self.asked.entry(n).or_insert(known);
                self.w.check_tail(reader(n), 2, stream_of(n));
            }
            Op::Sockets => self.w.send_output(),
            Op::Wait(millis) => self.w.wait(Duration::from_millis(millis.into())),
            Op::Turn => self.w.turn(vec![Event::TimeoutReached]),
            Op::Crash => self.crash(),
        }
        self.listen();
    }

    fn append(&mut self, n: u64, records: u8, padding: u16) {
        self.batches += 1;
        let padding = "x".repeat(padding.into());
        let bodies: Vec<String> = (0..records).map(|i| format!("{n}:{}:{i}:{padding}", self.batches)).collect();
        let batch = batch(&bodies.iter().map(String::as_str).collect::<Vec<_>>());
        match records {
            1 => self.w.request(producer(n), 1, input_request(received(&batch, 16))),
            _ => self.w.input(producer(n), 1, &batch),
        }
        self.sent.get_mut(&n).unwrap().push(bodies.into_iter().map(Bytes::from).collect());
    }

    fn listen(&mut self) {
        for n in 0..PRODUCERS {
            for (_, said) in self.w.take_said(producer(n)) {
                self.heard_by_producer(n, &said);
            }
        }
        for n in 0..READERS {
            for (_, said) in self.w.take_said(reader(n)) {
                self.heard_by_reader(n, &said);
            }
        }
    }

    fn heard_by_producer(&mut self, n: u64, said: &Said) {
        match said {
            Said::Opened { .. } => {}
            Said::Ack { start, end, .. } => {
                let bodies = self.sent.get_mut(&n).unwrap().remove(0);
                assert_eq!(end - start, bodies.len() as u64, "acks come in order, one for each batch");
                for (seq_num, body) in (*start..).zip(bodies) {
                    self.learn(stream_of(n), seq_num, &body);
                }
            }
            other => panic!("producer {n} heard {other:?}"),
        }
    }

    fn heard_by_reader(&mut self, n: u64, said: &Said) {
        let seen = self.seen.entry(n).or_default();
        match said {
            Said::Opened { .. } => {}
            // C14: whatever was acknowledged or read before the question is below the answer. (Asked again while the stream is
            // being loaded, it is refused: one id, one request.)
            Said::Tail { seq_num, .. } => {
                let asked = self.asked.remove(&n).expect("asked before");
                assert!(*seq_num >= asked, "the tail is {seq_num}, and {asked} were known when it was asked for");
            }
            Said::Error { code: ErrorCode::BadSession, .. } => {}
            Said::Heartbeat { tail } => assert_eq!(*tail, *seen, "C8: everything below the tail was delivered"),
            Said::Records { first, bodies, tail } => {
                assert_eq!(*first, Some(*seen), "no gap, no repeat");
                *seen += bodies.len() as u64;
                assert!(tail.is_none_or(|tail| tail >= *seen));
                for (seq_num, body) in (first.unwrap()..).zip(bodies) {
                    self.learn(stream_of(n), seq_num, body);
                }
            }
            other => panic!("reader {n} heard {other:?}"),
        }
    }

    fn known_end(&self, stream: &'static str) -> u64 {
        let last = self.known.range((stream, 0)..=(stream, u64::MAX)).next_back();
        last.map_or(0, |((_, seq_num), _)| seq_num + 1)
    }

    /// A record that anyone was told of stays what it is, for everyone and for ever.
    fn learn(&mut self, stream: &'static str, seq_num: u64, body: &Bytes) {
        let known = self.known.entry((stream, seq_num)).or_insert_with(|| body.clone());
        assert_eq!(known, body, "{stream} {seq_num}");
    }

    /// P1: what was acknowledged or read is still there, and in its place.
    fn crash(&mut self) {
        self.listen();
        let w = std::mem::replace(&mut self.w, World::new());
        self.w = w.crash();
        self.asked.clear();
        self.start();
    }

    /// Everything that was held back happens; then everyone has everything.
    fn finish(&mut self) {
        for hold in [Hold::StreamLoads, Hold::Writes, Hold::Chunks, Hold::PageLoads, Hold::Output] {
            self.w.release(hold);
        }
        self.w.wait(Duration::from_secs(60));
        for n in 0..READERS {
            self.w.grant(reader(n), 1, 64 << 20);
        }
        self.w.wait(Duration::from_secs(60));
        self.listen();
        assert!(self.sent.values().all(Vec::is_empty), "everything that was sent is acknowledged");
        assert!(self.w.stopped.is_empty(), "and everyone may send again");
        for n in 0..READERS {
            let end = self.known_end(stream_of(n));
            assert_eq!(self.seen.get(&n).copied().unwrap_or(0), end, "reader {n} has all of {}", stream_of(n));
        }
        let counters = self.w.shard.counters();
        assert_eq!((counters.unpublished_bytes, counters.waiting_bytes, counters.journal_waiting_bytes), (0, 0, 0));
        assert_eq!((self.w.shard.loaded_bytes, self.w.shard.page_loads_inflight), (0, 0));
    }
}

fn pick<T>(of: &[T], i: u8) -> Option<&T> {
    of.get(i as usize % of.len().max(1))
}

/// Everything small, so that every limit is met.
fn tight() -> ShardConfig {
    ShardConfig {
        unpublished_bytes_max: 64 << 10,
        chunk_bytes_max: 6 << 10,
        tail_cache_bytes_max: 8 << 10,
        chunk_age_max: Duration::from_secs(20),
        ..config()
    }
}

fn run(config: ShardConfig, ops: &[Op]) -> Play {
    let mut play = Play::new(config);
    ops.iter().for_each(|op| play.play(*op));
    play.finish();
    play
}

proptest! {
    #[test]
    fn everyone_reads_everything_in_order(ops in prop::collection::vec(op(false), 1..250)) {
        run(tight(), &ops);
    }

    #[test]
    fn p1_p5_crashes_take_only_what_nobody_was_told_of(ops in prop::collection::vec(op(true), 1..250)) {
        run(tight(), &ops);
    }

    #[test]
    fn without_a_journal_too(ops in prop::collection::vec(op(false), 1..150)) {
        run(ShardConfig { journal: None, ..tight() }, &ops);
    }

    #[test]
    fn d1_the_same_events_give_the_same_actions(ops in prop::collection::vec(op(false), 1..100)) {
        let (first, second) = (run(tight(), &ops), run(tight(), &ops));
        prop_assert_eq!(first.w.trace, second.w.trace);
    }
}
