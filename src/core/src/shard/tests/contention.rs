//! Writers that compete for a stream with `match_seq_num` and fences, whatever the order of disks, stores and crashes: what the
//! stream holds in the end explains everything that any of them was told (B3, B4, B9, L's linearizability check).

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use riverrun_protocol::error::ErrorCode;
use riverrun_protocol::types::Position;

use super::client::{MUCH, Said, batch_of, conditions, connection, data, fence, from_seq};
use super::world::{Hold, World, config};
use crate::event::ConnectionId;
use crate::shard::ShardConfig;

const WRITERS: u64 = 3;

#[derive(Clone, Copy, Debug)]
enum Op {
    Append {
        writer: u64,
        /// Under the conditions that the writer believes in.
        matches: bool,
        fenced: bool,
        /// With a new token.
        fences: bool,
    },
    Write(u8),
    Store(u8),
    Listen,
    Crash,
}

fn op() -> impl Strategy<Value = Op> {
    let append = (0..WRITERS, any::<bool>(), any::<bool>(), prop::bool::weighted(0.3));
    prop_oneof![
        10 => append.prop_map(|(writer, matches, fenced, fences)| Op::Append { writer, matches, fenced, fences }),
        5 => any::<u8>().prop_map(Op::Write),
        3 => any::<u8>().prop_map(Op::Store),
        4 => Just(Op::Listen),
        1 => Just(Op::Crash),
    ]
}

/// A batch: a record of its own number, behind it maybe a fence whose token is that number too.
#[derive(Clone, Debug)]
struct Sent {
    match_seq_num: Option<u64>,
    token: Option<String>,
    records: u64,
}

#[derive(Clone, Debug, Default)]
struct Beliefs {
    next: u64,
    token: String,
}

#[derive(Default)]
struct Told {
    /// Batches by number, and where they begin.
    acked: BTreeMap<u64, u64>,
    refused: Vec<u64>,
    /// What refusals revealed.
    tokens: Vec<String>,
    next: u64,
}

struct Play {
    w: World,
    sent: BTreeMap<u64, Sent>,
    beliefs: BTreeMap<u64, Beliefs>,
    told: Told,
}

fn writer(n: u64) -> ConnectionId {
    connection(100 + n)
}

impl Play {
    fn new(is_standard: bool) -> Self {
        let mut w = World::with(ShardConfig { chunk_bytes_max: 1 << 10, ..config() });
        if is_standard {
            w.create_standard("s");
        } else {
            w.create("s");
        }
        let mut play = Self { w, sent: BTreeMap::new(), beliefs: BTreeMap::new(), told: Told::default() };
        play.hold();
        play
    }

    fn hold(&mut self) {
        self.w.hold(Hold::Writes);
        self.w.hold(Hold::Chunks);
    }

    fn play(&mut self, op: Op) {
        match op {
            Op::Append { writer, matches, fenced, fences } => self.append(writer, matches, fenced, fences),
            Op::Write(i) => {
                let unwritten = self.w.disk.unwritten();
                if let Some(number) = unwritten.get(usize::from(i) % unwritten.len().max(1)) {
                    self.w.complete_write(*number);
                }
            }
            Op::Store(i) if !self.w.chunks.is_empty() => self.w.store_chunk(usize::from(i) % self.w.chunks.len()),
            Op::Store(_) => {}
            Op::Listen => self.listen(),
            Op::Crash => {
                self.listen();
                let w = std::mem::replace(&mut self.w, World::new());
                self.w = w.crash();
                self.hold();
            }
        }
    }

    fn append(&mut self, n: u64, matches: bool, fenced: bool, fences: bool) {
        let id = self.sent.len() as u64 + 1;
        let beliefs = self.beliefs.entry(n).or_default();
        let match_seq_num = matches.then_some(beliefs.next);
        let token = fenced.then(|| beliefs.token.clone());
        let mut records = vec![data(&id.to_string())];
        if fences {
            records.push(fence(&id.to_string()));
            beliefs.token = id.to_string();
        }
        beliefs.next += records.len() as u64;
        let conditions = conditions(token.as_deref(), match_seq_num);
        self.sent.insert(id, Sent { match_seq_num, token, records: records.len() as u64 });
        self.w.append_if(writer(n), id, "s", conditions, &batch_of(&records));
    }

    fn listen(&mut self) {
        for n in 0..WRITERS {
            for (id, said) in self.w.take_said(writer(n)) {
                self.heard(n, id, &said);
            }
        }
    }

    fn heard(&mut self, n: u64, id: u64, said: &Said) {
        let beliefs = self.beliefs.entry(n).or_default();
        match said {
            Said::Ack { start, end, .. } => {
                assert_eq!(end - start, self.sent[&id].records);
                assert_eq!(self.told.acked.insert(id, *start), None, "answered once");
                beliefs.next = beliefs.next.max(*end);
            }
            Said::Fenced { token } => {
                self.told.refused.push(id);
                self.told.tokens.push(token.clone());
                beliefs.token.clone_from(token);
            }
            Said::SeqNumMismatch { next } => {
                let position = Position { seq_num: *next, timestamp: 0 };
                self.w.check_visible(Some(self.w.stream_id("s")), position);
                self.told.refused.push(id);
                self.told.next = self.told.next.max(*next);
                beliefs.next = *next;
            }
            // What waited for its stream when the process ended was not heard of; nothing else is refused.
            Said::Error { code: ErrorCode::Overloaded, .. } => self.told.refused.push(id),
            other => panic!("writer {n} heard {other:?}"),
        }
    }

    /// The bodies of all records, in order.
    fn records(&mut self) -> Vec<Bytes> {
        let c = connection(1);
        self.w.open_read(c, 1, "s", from_seq(0), MUCH);
        let mut records = Vec::new();
        for said in self.w.heard(c, 1) {
            if let Said::Records { first, bodies, .. } = said {
                assert_eq!(first, Some(records.len() as u64));
                records.extend(bodies);
            }
        }
        records
    }

    /// Everything that was held back happens, and then the stream has to explain it all.
    fn finish(mut self) {
        self.listen();
        self.w.release(Hold::Writes);
        self.w.release(Hold::Chunks);
        self.w.publish();
        self.listen();
        let records = self.records();
        let (begins, tokens) = self.explain(&records);
        for (id, start) in &self.told.acked {
            let sent = &self.sent[id];
            assert_eq!(begins.get(id), Some(start), "an acked batch is where its ack said");
            assert!(sent.match_seq_num.is_none_or(|seq_num| seq_num == *start), "{id}: {sent:?} at {start}");
            let token = tokens.range(..=start).next_back().map_or("", |(_, token)| token);
            assert!(sent.token.as_deref().is_none_or(|asked| asked == token), "{id}: {sent:?} under `{token}`");
        }
        assert!(self.told.refused.iter().all(|id| !begins.contains_key(id)), "what was refused is not there");
        assert!(self.told.next <= records.len() as u64, "what a refusal revealed is there");
        let is_there = |token: &String| token.is_empty() || tokens.values().any(|there| there == token);
        assert!(self.told.tokens.iter().all(is_there), "every token that was revealed was set, for good");
    }

    /// Where each batch begins, and the token in effect from each number on.
    fn explain(&self, records: &[Bytes]) -> (BTreeMap<u64, u64>, BTreeMap<u64, String>) {
        let (mut begins, mut tokens) = (BTreeMap::new(), BTreeMap::new());
        let mut at = 0;
        while at < records.len() {
            let text = std::str::from_utf8(&records[at]).unwrap().to_owned();
            let id: u64 = text.parse().unwrap();
            let count = self.sent[&id].records as usize;
            assert!(records[at..at + count].iter().all(|record| *record == records[at]), "a batch is whole");
            assert_eq!(begins.insert(id, at as u64), None, "and there once");
            at += count;
            if count == 2 {
                tokens.insert(at as u64, text);
            }
        }
        (begins, tokens)
    }
}

proptest! {
    #[test]
    fn b3_b4_b9_what_the_stream_holds_explains_what_writers_were_told(
        ops in prop::collection::vec(op(), 1..120), is_standard in any::<bool>(),
    ) {
        let mut play = Play::new(is_standard);
        ops.into_iter().for_each(|op| play.play(op));
        play.finish();
    }
}
