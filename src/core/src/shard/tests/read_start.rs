//! C4, the whole truth table, for both kinds of read, from memory and from chunks.

use riverrun_protocol::error::ErrorCode;
use riverrun_protocol::request::{ReadParams, ReadStart};

use super::client::{MUCH, Said, batch, batch_at, connection, from};
use super::world::{BASIN, Hold, World};

use ReadStart::{SeqNum, TailOffset, Timestamp};

/// What comes of a read that may or may not follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    /// Records from this sequence number up to the tail.
    From(u64),
    /// 200 with no records, or a clean end.
    Nothing,
    /// 416 with the tail.
    Unwritten,
    /// At the tail, waiting: a heartbeat at once.
    Follows,
}

use Outcome::{Follows, From, Nothing, Unwritten};

/// The stream of the table: five records with timestamps 10, 20, 20, 30, 40, in three batches.
const TAIL: (u64, u64) = (5, 40);

/// Start, clamp, may_follow, outcome.
const NON_EMPTY: &[(ReadStart, bool, bool, Outcome)] = &[
    // seq_num < T.seq, records exist
    (SeqNum(0), false, false, From(0)),
    (SeqNum(2), true, true, From(2)),
    (SeqNum(4), false, true, From(4)),
    // seq_num = T.seq
    (SeqNum(5), false, false, Unwritten),
    (SeqNum(5), true, false, Unwritten),
    (SeqNum(5), false, true, Follows),
    (SeqNum(5), true, true, Follows),
    // seq_num > T.seq
    (SeqNum(6), false, false, Unwritten),
    (SeqNum(6), false, true, Unwritten),
    (SeqNum(6), true, false, Unwritten),
    (SeqNum(6), true, true, Follows),
    (SeqNum(u64::MAX), true, true, Follows),
    // tail_offset
    (TailOffset(0), false, false, Unwritten),
    (TailOffset(0), true, false, Unwritten),
    (TailOffset(0), false, true, Follows),
    (TailOffset(1), false, false, From(4)),
    (TailOffset(5), false, false, From(0)),
    (TailOffset(6), false, false, From(0)),
    (TailOffset(u64::MAX), true, true, From(0)),
    // timestamp <= T.ts: the first record at or after it, the first of equals
    (Timestamp(0), false, false, From(0)),
    (Timestamp(10), false, false, From(0)),
    (Timestamp(11), false, true, From(1)),
    (Timestamp(20), true, false, From(1)),
    (Timestamp(21), false, false, From(3)),
    (Timestamp(40), false, true, From(4)),
    // timestamp > T.ts
    (Timestamp(41), false, false, Unwritten),
    (Timestamp(41), false, true, Unwritten),
    (Timestamp(41), true, false, Unwritten),
    (Timestamp(41), true, true, Follows),
    (Timestamp(u64::MAX), true, true, Follows),
];

const EMPTY: &[(ReadStart, bool, bool, Outcome)] = &[
    (SeqNum(0), false, false, Unwritten),
    (SeqNum(0), true, false, Unwritten),
    (SeqNum(0), false, true, Follows),
    (TailOffset(0), true, false, Unwritten),
    (TailOffset(9), false, false, Unwritten),
    (TailOffset(9), false, true, Follows),
    (Timestamp(0), false, false, Nothing),
    (Timestamp(0), false, true, Follows),
    (Timestamp(1), false, false, Unwritten),
    (Timestamp(1), false, true, Unwritten),
    (Timestamp(1), true, false, Unwritten),
    (Timestamp(1), true, true, Follows),
];

/// After everything was trimmed away: the trim point is the tail.
const TRIMMED: &[(ReadStart, bool, bool, Outcome)] = &[
    (SeqNum(0), false, false, Nothing),
    (SeqNum(4), false, true, Follows),
    (SeqNum(5), false, false, Unwritten),
    (TailOffset(3), false, false, Nothing),
    (Timestamp(20), false, false, Nothing),
    (Timestamp(20), false, true, Follows),
    (Timestamp(41), false, false, Unwritten),
];

/// After the first three were trimmed away.
const HALF_TRIMMED: &[(ReadStart, bool, bool, Outcome)] = &[
    (SeqNum(0), false, false, From(3)),
    (SeqNum(3), false, false, From(3)),
    (SeqNum(4), false, true, From(4)),
    (TailOffset(5), false, false, From(3)),
    (Timestamp(0), false, false, From(3)),
    (Timestamp(20), false, false, From(3)),
    (Timestamp(31), false, false, From(4)),
];

const BODIES: [&str; 5] = ["10", "20", "20", "30", "40"];

fn filled(w: &mut World) {
    let c = connection(999);
    for (id, timestamps) in [(1, &[10, 20][..]), (2, &[20]), (3, &[30, 40])] {
        w.append(c, id, "s", &batch_at(timestamps));
    }
    w.take_said(c);
}

fn in_memory() -> World {
    let mut w = World::new();
    filled(&mut w);
    w
}

/// Nothing of it in memory: read back by the next epoch from what the last one stored.
fn in_chunks() -> World {
    let mut w = in_memory();
    w.publish();
    w.crash()
}

/// The first batch in a chunk, the rest in memory.
fn in_both() -> World {
    let mut w = World::new();
    let c = connection(999);
    w.append(c, 1, "s", &batch_at(&[10, 20]));
    w.publish();
    w = w.crash();
    w.append(c, 2, "s", &batch_at(&[20]));
    w.append(c, 3, "s", &batch_at(&[30, 40]));
    w.take_said(c);
    w
}

fn trimmed(to: u64) -> World {
    let mut w = in_memory();
    w.publish();
    w.store.streams.get_mut(&(BASIN.to_owned(), "s".to_owned())).unwrap().state.trim_point = to;
    w.crash()
}

#[test]
fn c4_records_in_memory() {
    check(in_memory, NON_EMPTY, TAIL);
}

#[test]
fn c4_records_in_chunks() {
    check(in_chunks, NON_EMPTY, TAIL);
}

#[test]
fn c4_records_in_both() {
    check(in_both, NON_EMPTY, TAIL);
}

#[test]
fn c4_an_empty_stream() {
    check(World::new, EMPTY, (0, 0));
}

#[test]
fn c4_everything_trimmed() {
    check(|| trimmed(5), TRIMMED, TAIL);
}

#[test]
fn c4_partly_trimmed() {
    check(|| trimmed(3), HALF_TRIMMED, TAIL);
}

fn check(world: impl Fn() -> World, table: &[(ReadStart, bool, bool, Outcome)], tail: (u64, u64)) {
    for row in table {
        single(world(), row, tail);
        session(world(), row, tail);
        bounded_session(world(), row, tail);
    }
}

/// What a read hears that may follow for a second.
fn wait(params: ReadParams, may_follow: bool) -> ReadParams {
    ReadParams { wait_secs: may_follow.then_some(1), ..params }
}

fn single(mut w: World, row: &(ReadStart, bool, bool, Outcome), tail: (u64, u64)) {
    let (start, clamp, may_follow, outcome) = *row;
    let c = connection(1);
    w.read(c, 1, "s", wait(ReadParams { clamp, ..from(start) }, may_follow));
    let expected = match outcome {
        From(first) => vec![Said::records(first, &BODIES[first as usize..])],
        Nothing => vec![Said::nothing()],
        Unwritten => vec![Said::unwritten(tail.0, tail.1)],
        Follows => vec![],
    };
    assert_eq!(w.heard(c, 1), expected, "single read {row:?}");
    if outcome == Follows {
        w.wait(std::time::Duration::from_secs(1));
        assert_eq!(w.heard(c, 1), [Said::nothing()], "single read, wait over {row:?}");
    }
    assert_eq!(w.shard.counters().readers, 0);
}

fn session(mut w: World, row: &(ReadStart, bool, bool, Outcome), tail: (u64, u64)) {
    let (start, clamp, may_follow, outcome) = *row;
    if !may_follow {
        return;
    }
    let c = connection(1);
    w.open_read(c, 1, "s", ReadParams { clamp, ..from(start) }, MUCH);
    let heard = w.heard(c, 1);
    let opened = Said::Opened { tail: tail.0 };
    let heartbeat = Said::Heartbeat { tail: tail.0 };
    let expected = match outcome {
        From(first) => vec![opened, Said::records(first, &BODIES[first as usize..]), heartbeat],
        Nothing => unreachable!("a session without bounds follows"),
        Unwritten => vec![Said::unwritten(tail.0, tail.1)],
        Follows => vec![opened, heartbeat],
    };
    assert_eq!(joined(heard), expected, "session {row:?}");
}

/// A bound that is never reached takes away the right to follow; a wait gives it back.
fn bounded_session(mut w: World, row: &(ReadStart, bool, bool, Outcome), tail: (u64, u64)) {
    let (start, clamp, may_follow, outcome) = *row;
    let c = connection(1);
    let params = wait(ReadParams { clamp, count: Some(1000), ..from(start) }, may_follow);
    w.open_read(c, 1, "s", params, MUCH);
    let heard = w.heard(c, 1);
    let opened = Said::Opened { tail: tail.0 };
    let end = if may_follow { Said::Heartbeat { tail: tail.0 } } else { Said::Ended };
    let expected = match outcome {
        From(first) => vec![opened, Said::records(first, &BODIES[first as usize..]), end],
        Nothing | Follows => vec![opened, end],
        Unwritten => vec![Said::unwritten(tail.0, tail.1)],
    };
    assert_eq!(joined(heard), expected, "bounded session {row:?}");
}

/// Catch-up pushes in one, since their boundaries do not matter.
fn joined(heard: Vec<Said>) -> Vec<Said> {
    let mut joined: Vec<Said> = Vec::new();
    for said in heard {
        match (joined.last_mut(), said) {
            (Some(Said::Records { bodies, tail: None, .. }), Said::Records { bodies: more, tail: None, .. }) => {
                bodies.extend(more);
            }
            (_, said) => joined.push(said),
        }
    }
    joined
}

#[test]
fn c1_a_timestamp_start_at_or_beyond_until_is_invalid_before_the_stream_is_looked_up() {
    let mut w = World::new();
    let c = connection(1);
    for (id, until) in [(1, 7), (2, 6)] {
        w.read(c, id, "s", ReadParams { until: Some(until), ..from(Timestamp(7)) });
        assert_eq!(w.heard(c, id), [Said::refused(ErrorCode::Invalid)]);
        w.open_read(c, id, "s", ReadParams { until: Some(until), ..from(Timestamp(7)) }, MUCH);
        assert_eq!(w.heard(c, id), [Said::refused(ErrorCode::Invalid)]);
    }
    assert!(w.store.streams.is_empty(), "E7: nothing was created");
}

#[test]
fn p5_what_is_accepted_but_not_durable_is_beyond_the_tail() {
    let mut w = World::new();
    let c = connection(1);
    w.fill("s", &["a"]);
    w.hold(Hold::Writes);
    w.append(c, 1, "s", &batch(&["b"]));
    w.read(c, 2, "s", from(SeqNum(0)));
    assert_eq!(w.heard(c, 2), [Said::records(0, &["a"])]);
    w.read(c, 3, "s", from(SeqNum(1)));
    assert_eq!(w.heard(c, 3), [Said::unwritten(1, super::world::WALL_MS)]);
    w.check_tail(c, 4, "s");
    assert_eq!(w.heard(c, 4), [Said::Tail { seq_num: 1, timestamp: super::world::WALL_MS }]);
}
