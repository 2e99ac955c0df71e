//! Random histories: appends, publishing with faults, kills in the middle of anything, restarts with other numbers of shards.
//! After each start everything that was acknowledged is there, in order, and nothing else. A failure prints its seed; running
//! it again is `RIVERRUN_SEED=<seed> cargo test schedule`.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::timeout;

use super::node::{Node, World};
use crate::catalog::model::WriteFault;
use crate::store::model::PutFault;

const HISTORIES: u64 = 30;
const STEPS: usize = 120;
/// An append that is given up has done nothing: what it waits for is its stream, before it is numbered.
const GIVES_UP_AFTER: Duration = Duration::from_millis(50);

#[tokio::test]
async fn no_history_loses_or_invents_a_record() {
    let given = std::env::var("RIVERRUN_SEED").ok().and_then(|seed| seed.parse().ok());
    let first: u64 = given.unwrap_or_else(rand::random);
    let histories = if given.is_some() { 1 } else { HISTORIES };
    for seed in (0..histories).map(|n| first.wrapping_add(n)) {
        println!("seed {seed}");
        History::new(seed).await.run().await;
    }
}

struct History {
    random: StdRng,
    world: World,
    node: Option<Node>,
    shards: u16,
}

impl History {
    async fn new(seed: u64) -> Self {
        let world = World::default();
        let node = Some(world.start(2).await);
        Self { random: StdRng::seed_from_u64(seed), world, node, shards: 2 }
    }

    async fn run(mut self) {
        for step in 0..STEPS {
            match self.random.random_range(0..10) {
                0..=4 => self.append(step).await,
                5 | 6 => self.publish().await,
                7 => self.fault(),
                8 => self.stop_soon(),
                _ => self.restart().await,
            }
        }
        self.restart().await;
    }

    async fn append(&mut self, step: usize) {
        let stream = ["a", "b", "c", "d"][self.random.random_range(0..4)];
        let texts: Vec<String> = (0..self.random.random_range(1..4)).map(|i| format!("{stream}{step}.{i}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let node = self.node.as_mut().expect("one is running");
        // A name whose creation has no outcome yet is waited for, and in a process that is stopped it never has one.
        let _ = timeout(GIVES_UP_AFTER, node.append(&mut self.world, stream, &texts)).await;
    }

    /// Whatever fails transiently is ordered again, as a shard would.
    async fn publish(&mut self) {
        let shard = self.random.random_range(0..self.shards);
        let node = self.node.as_mut().expect("one is running");
        for _ in 0..3 {
            if node.publish(shard).await.is_ok() {
                break;
            }
        }
        if node.publish_all().await.is_ok() {
            node.release_inherited().await;
        }
    }

    fn fault(&mut self) {
        let faults = [PutFault::AnswerLost, PutFault::RequestLost, PutFault::NotDone, PutFault::Conflict];
        match self.random.random_range(0..6) {
            fault @ 0..4 => self.world.objects.fail_next_put(faults[fault]),
            4 => self.world.rows.fail_next_write(WriteFault::AnswerLost),
            _ => self.world.rows.fail_next_write(WriteFault::RequestLost),
        }
    }

    /// The process dies a few calls from now.
    fn stop_soon(&mut self) {
        let calls = self.random.random_range(0..12);
        match self.random.random() {
            true => self.world.objects.stop_after(Some(calls)),
            false => self.world.rows.stop_after(Some(calls)),
        }
    }

    /// Kills the process and starts others, most of which die while they recover, until one serves.
    async fn restart(&mut self) {
        self.node = None;
        while self.random.random_range(0..3) > 0 {
            self.stop_soon();
            let _ = Node::start(&self.world, self.shards).await;
        }
        self.world.mend();
        self.world.objects.clear_faults();
        self.world.rows.clear_faults();
        self.shards = self.random.random_range(1..4);
        let node = self.world.start(self.shards).await;
        self.world.assert_nothing_lost(&node).await;
        self.node = Some(node);
    }
}
