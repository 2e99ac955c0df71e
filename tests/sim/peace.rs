//! The end of a run: nothing goes wrong any more, every question has its answer, and what is there is compared with what was told.

use std::path::PathBuf;

use riverrun_history::{Outcome, Verdict, check};

use crate::client::{Client, Role};
use crate::outside::disk::Crash;
use crate::world::{STREAMS, StreamFacts, World};

/// Steps in which everything that was asked must be answered once nothing goes wrong any more.
const PEACE_STEPS_MAX: usize = 400_000;
/// And for each record that there is, to be read by whoever is behind.
const PEACE_STEPS_PER_RECORD: usize = 100;

impl World {
    /// Nothing goes wrong any more: every question gets its answer (no wake-up is lost, nobody waits for ever).
    pub async fn make_peace(&mut self) {
        self.lasting.points.disarm();
        self.slow.clear();
        self.is_peace = true;
        // A reader that is behind gets one page of one record after the other, where chunks are that small.
        let records: u64 = self.facts.iter().map(|facts| facts.truth.end()).sum();
        for _ in 0..PEACE_STEPS_MAX + PEACE_STEPS_PER_RECORD * records as usize {
            if !self.anyone_waits() {
                self.is_peace = false;
                return;
            }
            self.step().await;
        }
        panic!("questions without an answer, although nothing is in their way");
    }

    fn anyone_waits(&self) -> bool {
        let leaving = self.facts.iter().any(|facts| facts.leaving.is_some());
        leaving || self.clients.iter().any(|client| client.is_waiting(&self.facts[client.stream]))
    }

    /// After one more restart, and from the first record on.
    pub async fn read_everything(&mut self) {
        self.restart(Crash::PowerCut).await;
        self.clients = (0..STREAMS).map(|stream| Client::new(100 + stream, stream, Role::Last)).collect();
        let told: Vec<u64> = self.facts.iter().map(|facts| facts.truth.end()).collect();
        self.make_peace().await;
        for (stream, (facts, told)) in self.facts.iter().zip(told).enumerate() {
            judge_last_read(stream, facts, told);
        }
    }
}

impl World {
    /// For another checker's verdict: one file of JSON lines for each stream.
    pub fn write_histories(&self) {
        let Some(folder) = std::env::var_os("RIVERRUN_SIM_HISTORIES").map(PathBuf::from) else { return };
        for (stream, facts) in self.facts.iter().enumerate() {
            let file = folder.join(format!("{}-{stream}.jsonl", self.seed));
            std::fs::write(&file, facts.history.to_json_lines()).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        }
    }
}

fn judge_last_read(stream: usize, facts: &StreamFacts, told: u64) {
    let last = facts.history.operations().last().and_then(|operation| operation.outcome.as_ref());
    let Some(Outcome::ReadRecords { record_hashes }) = last else { panic!("P8: the last read failed: {last:?}") };
    let there = record_hashes.len() as u64;
    assert!(there >= told, "P1: {told} records of stream {stream} were told of, {there} are there");
    let (known, end) = (facts.truth.known(), facts.truth.end());
    assert_eq!(known, end, "P1: stream {stream} ends before what was acknowledged or seen");
}

pub fn judge(facts: &StreamFacts) {
    match check(&facts.history) {
        Verdict::Linearizable { .. } => {}
        verdict => panic!("P7: not linearizable: {verdict}"),
    }
}
