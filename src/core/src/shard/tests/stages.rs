//! How long batches spend where: whatever a batch waits for is in exactly one stage, and records cost nothing.

use std::time::Duration;

use riverrun_protocol::request::{OpenReadSession, ReadStart};

use super::client::{MUCH, batch, connection, from, target};
use super::world::{Hold, World};
use crate::action::Action;
use crate::event::{Event, ShardRequest};
use crate::limits::JOURNAL_WRITES_INFLIGHT_MAX;
use crate::shard::{ShardStage, StageTime};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn time(stage: ShardStage, elapsed: Duration, batches: u32) -> StageTime {
    StageTime { stage, elapsed, batches }
}

/// A world with its stream, in which writes end when a test says so; of what came before nothing is left.
fn writes_held() -> World {
    let mut w = World::new();
    w.create("s");
    w.check_tail(connection(1), 100, "s");
    w.hold(Hold::Writes);
    taken(&mut w);
    w
}

fn taken(w: &mut World) -> Vec<StageTime> {
    w.shard.take_stage_times().collect()
}

#[test]
fn a_batch_that_waits_for_nothing_is_in_every_stage() {
    let mut w = writes_held();
    w.append(connection(1), 1, "s", &batch(&["a", "b", "c"]));
    assert_eq!(taken(&mut w), [time(ShardStage::WaitForBlock, ms(0), 1)], "a batch is one, whatever is in it");
    w.wait(ms(7));
    w.complete_write(1);
    assert_eq!(taken(&mut w), [time(ShardStage::JournalWrite, ms(7), 1), time(ShardStage::JournalOrder, ms(0), 1)]);
}

#[test]
fn batches_that_share_a_block_have_waits_of_their_own() {
    let mut w = writes_held();
    let q = JOURNAL_WRITES_INFLIGHT_MAX as u64;
    (1..=q).for_each(|id| w.append(connection(1), id, "s", &batch(&["x"])));
    taken(&mut w);
    w.append(connection(1), 10, "s", &batch(&["x"]));
    w.append(connection(1), 11, "s", &batch(&["x"]));
    w.wait(ms(3));
    w.append(connection(1), 12, "s", &batch(&["x"]));
    w.wait(ms(2));
    w.complete_write(1);
    let waits: Vec<_> = taken(&mut w).into_iter().filter(|time| time.stage == ShardStage::WaitForBlock).collect();
    assert_eq!(waits, [time(ShardStage::WaitForBlock, ms(5), 2), time(ShardStage::WaitForBlock, ms(2), 1)]);
}

#[test]
fn a_write_behind_a_slower_one_waits_for_its_turn() {
    let mut w = writes_held();
    (1..=2).for_each(|id| w.append(connection(1), id, "s", &batch(&["x"])));
    taken(&mut w);
    w.wait(ms(4));
    w.complete_write(2);
    assert_eq!(taken(&mut w), [], "it is not stable yet");
    w.wait(ms(6));
    w.complete_write(1);
    let expected = [
        time(ShardStage::JournalWrite, ms(10), 1),
        time(ShardStage::JournalOrder, ms(0), 1),
        time(ShardStage::JournalWrite, ms(4), 1),
        time(ShardStage::JournalOrder, ms(6), 1),
    ];
    assert_eq!(taken(&mut w), expected);
}

#[test]
fn what_only_says_how_far_the_journal_is_durable_is_in_no_stage() {
    let mut w = World::new();
    w.append(connection(1), 1, "s", &batch(&["x"]));
    taken(&mut w);
    w.wait(Duration::from_secs(1));
    assert_eq!(w.shard.counters().watermark_blocks, 1);
    assert_eq!(taken(&mut w), []);
}

#[test]
fn a_push_says_since_when_a_follower_could_have_had_it_and_history_does_not() {
    let mut w = World::new();
    let (reader, producer) = (connection(1), connection(2));
    w.fill("s", &["old"]);
    w.hold(Hold::Writes);
    let open = OpenReadSession {
        target: target("s"),
        params: from(ReadStart::SeqNum(0)),
        credit_bytes: MUCH,
        takes_pages: false,
    };
    let request = ShardRequest::OpenReadSession(open);
    let catching_up = actions(&mut w, Event::RequestReceived { connection: reader, id: 1, request });
    assert_eq!((pushes(&catching_up), catching_up.iter().find_map(since)), (2, None), "a record and a heartbeat");
    w.append(producer, 1, "s", &batch(&["new"]));
    w.wait(ms(5));
    let number = w.disk.unwritten()[0];
    w.disk.complete(number);
    let live = actions(&mut w, Event::BlockWritten { number, outcome: Ok(()) });
    assert_eq!((pushes(&live), live.iter().find_map(since)), (1, Some(w.now.monotonic)));
}

/// What one turn gives rise to.
fn actions(w: &mut World, event: Event<'_>) -> Vec<Action> {
    let mut actions = Vec::new();
    w.shard.handle(w.now, event, &mut actions);
    w.shard.flush(w.now, &mut actions);
    actions
}

fn pushes(actions: &[Action]) -> usize {
    actions.iter().filter(|action| matches!(action, Action::Push { .. })).count()
}

fn since(action: &Action) -> Option<Duration> {
    match action {
        Action::Push { stable_at, .. } => *stable_at,
        _ => None,
    }
}
