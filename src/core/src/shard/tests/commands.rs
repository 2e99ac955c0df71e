//! Fences and trims (B4, B5): their effect, when it begins, and that it lasts.

use super::client::{MUCH, Said, batch, batch_of, conditions, connection, data, fence, from_seq, trim};
use super::world::{Hold, World, config};
use crate::event::ConnectionId;
use crate::shard::ShardConfig;

fn with_token(token: &str) -> riverrun_protocol::request::AppendConditions {
    conditions(Some(token), None)
}

/// The first number that a read from the very beginning gets.
fn first_survivor(w: &mut World, c: ConnectionId, id: u64) -> Option<u64> {
    w.read(c, id, "s", from_seq(0));
    match &w.heard(c, id)[..] {
        [Said::Records { first, .. }] => *first,
        other => panic!("{other:?}"),
    }
}

#[test]
fn b4_the_fencing_batch_is_checked_against_the_old_token_and_the_next_against_the_new() {
    let mut w = World::new();
    let c = connection(1);
    w.hold(Hold::Writes);
    w.append_if(c, 1, "s", with_token(""), &batch_of(&[fence("one")]));
    w.append_if(c, 2, "s", with_token("one"), &batch_of(&[data("a"), fence("two")]));
    w.append_if(c, 3, "s", with_token("two"), &batch(&["b"]));
    w.append_if(c, 4, "s", with_token("one"), &batch(&["never"]));
    w.append(c, 5, "s", &batch(&["cooperative: who names no token is not asked"]));
    w.release(Hold::Writes);
    assert_eq!(w.heard(c, 2), [Said::ack(1, 3)], "before the first fence was durable");
    assert_eq!(w.heard(c, 3), [Said::ack(3, 4)]);
    assert_eq!(w.heard(c, 4), [Said::fenced("two")]);
    assert_eq!(w.heard(c, 5), [Said::ack(4, 5)]);
}

#[test]
fn b4_an_empty_token_is_a_real_check_and_an_empty_fence_clears() {
    let mut w = World::new();
    let c = connection(1);
    w.append_if(c, 1, "s", with_token(""), &batch_of(&[fence("mine")]));
    w.append_if(c, 2, "s", with_token(""), &batch(&["never"]));
    w.append(c, 3, "s", &batch_of(&[fence("")]));
    w.append_if(c, 4, "s", with_token(""), &batch(&["a"]));
    assert_eq!(w.heard(c, 2), [Said::fenced("mine")]);
    assert_eq!(w.heard(c, 4), [Said::ack(2, 3)]);
}

#[test]
fn b4_of_several_fences_in_a_batch_the_last_wins() {
    let mut w = World::new();
    let c = connection(1);
    w.append(c, 1, "s", &batch_of(&[fence("one"), data("a"), fence("two"), data("b")]));
    w.append_if(c, 2, "s", with_token("one"), &batch(&["never"]));
    w.append_if(c, 3, "s", with_token("two"), &batch(&["c"]));
    assert_eq!(w.heard(c, 2), [Said::fenced("two")]);
    assert_eq!(w.heard(c, 3), [Said::ack(4, 5)]);
}

#[test]
fn b4_a_refused_batch_sets_no_token() {
    let mut w = World::new();
    let c = connection(1);
    w.append_if(c, 1, "s", conditions(None, Some(5)), &batch_of(&[fence("never")]));
    w.append_if(c, 2, "s", with_token(""), &batch(&["a"]));
    assert_eq!(w.heard(c, 2), [Said::ack(0, 1)]);
}

/// In the journal, in a chunk, after eviction: the token is the same.
#[test]
fn b4_the_token_survives_restart_publication_eviction_and_trimming() {
    let mut w = World::new();
    w.append(connection(1), 1, "s", &batch_of(&[fence("token"), trim(u64::MAX)]));
    let mut w = w.crash();
    let c = connection(2);
    w.append_if(c, 1, "s", with_token("other"), &batch(&["never"]));
    assert_eq!(w.heard(c, 1), [Said::fenced("token")], "from the journal");
    w.publish();
    let mut w = w.crash();
    w.append_if(c, 2, "s", with_token("other"), &batch(&["never"]));
    assert_eq!(w.heard(c, 2), [Said::fenced("token")], "from a chunk");
}

#[test]
fn b4_the_token_survives_eviction() {
    let mut w = World::with(ShardConfig { streams_open_max: 1, ..config() });
    let c = connection(1);
    w.append(c, 1, "s", &batch_of(&[fence("token")]));
    w.publish();
    w.fill("other", &["x"]);
    assert_eq!(w.shard.counters().streams_evicted, 1);
    w.publish();
    w.append_if(c, 2, "s", with_token("mine"), &batch(&["never"]));
    assert_eq!(w.heard(c, 2), [Said::fenced("token")]);
}

/// B5's table, on a stream of three records: requested, then what a read from 0 begins at.
#[test]
fn b5_a_trim_removes_up_to_what_it_asks_for_and_never_more_than_itself() {
    for (requested, first) in [(0, Some(0)), (2, Some(2)), (3, Some(3)), (4, None), (100, None), (u64::MAX, None)] {
        let mut w = World::new();
        let c = connection(1);
        w.fill("s", &["a", "b", "c"]);
        w.append(c, 1, "s", &batch_of(&[trim(requested)]));
        assert_eq!(first_survivor(&mut w, c, 2), first, "trim to {requested}");
        w.fill("s", &["d"]);
        assert_eq!(first_survivor(&mut w, c, 3), first.or(Some(4)), "what comes after it stays");
    }
}

#[test]
fn b5_a_trim_never_brings_anything_back() {
    let mut w = World::new();
    let c = connection(1);
    w.fill("s", &["a", "b", "c"]);
    w.append(c, 1, "s", &batch_of(&[trim(2)]));
    w.append(c, 2, "s", &batch_of(&[trim(1)]));
    assert_eq!(first_survivor(&mut w, c, 3), Some(2));
}

#[test]
fn b5_of_several_trims_in_a_batch_each_is_clipped_to_its_own_number() {
    let mut w = World::new();
    let c = connection(1);
    w.append(c, 1, "s", &batch_of(&[data("a"), trim(u64::MAX), data("b"), trim(1), data("c")]));
    assert_eq!(first_survivor(&mut w, c, 2), Some(2));
}

#[test]
fn b5_a_trim_takes_effect_when_it_is_stable() {
    let mut w = World::new();
    let c = connection(1);
    w.create_standard("s");
    w.fill("s", &["a", "b"]);
    w.hold(Hold::Chunks);
    w.append(c, 1, "s", &batch_of(&[trim(u64::MAX)]));
    assert_eq!(first_survivor(&mut w, c, 2), Some(0));
    w.release(Hold::Chunks);
    assert_eq!(first_survivor(&mut w, c, 3), None);
}

#[test]
fn b5_a_trim_survives_restart_from_the_journal_and_from_a_chunk() {
    let mut w = World::new();
    w.fill("s", &["a", "b", "c"]);
    w.append(connection(1), 1, "s", &batch_of(&[trim(2)]));
    let mut w = w.crash();
    assert_eq!(first_survivor(&mut w, connection(2), 1), Some(2));
    w.publish();
    let mut w = w.crash();
    assert_eq!(first_survivor(&mut w, connection(2), 2), Some(2));
}

/// The state record of a chunk is as of its last batch: a command that is in no chunk yet is in none of them.
#[test]
fn b5_a_chunk_says_what_its_own_batches_did() {
    let mut w = World::new();
    w.hold(Hold::Chunks);
    w.fill("s", &["a"]);
    w.publish();
    w.append(connection(1), 1, "s", &batch_of(&[fence("token"), trim(1)]));
    w.publish();
    let states: Vec<_> = w.chunks.iter().map(|chunk| chunk.streams[0].state.clone()).collect();
    assert_eq!((&states[0].fencing_token[..], states[0].trim_point), (&b""[..], 0));
    assert_eq!((&states[1].fencing_token[..], states[1].trim_point), (&b"token"[..], 1));
}

#[test]
fn b5_command_records_are_read_like_any_other() {
    let mut w = World::new();
    let c = connection(1);
    w.open_read(c, 1, "s", from_seq(0), MUCH);
    w.append(c, 2, "s", &batch_of(&[data("a"), fence("token"), data("b")]));
    assert_eq!(w.heard(c, 1)[2..], [Said::live(0, &["a", "token", "b"], 3)]);
}
