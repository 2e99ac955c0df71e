//! A `memory:` store: no journal, stable when the turn ends, and everything else as ever.

use riverrun_protocol::response::Response;
use riverrun_protocol::types::Level;

use super::client::{MUCH, Said, append_request, batch, big_batch, connection, from_seq, received};
use super::world::{Hold, World, config};
use crate::Action;
use crate::event::{BatchBytes, Event};
use crate::shard::ShardConfig;

fn memory() -> World {
    World::with(ShardConfig { journal: None, unpublished_bytes_max: 8 << 20, chunk_bytes_max: 2 << 20, ..config() })
}

#[test]
fn an_append_is_stable_when_its_turn_ends_and_says_what_it_survives() {
    let mut w = memory();
    let c = connection(1);
    w.create("s");
    w.check_tail(c, 9, "s");
    let one = batch(&["a"]);
    let request = append_request("s", BatchBytes::Borrowed(&one));
    let mut actions = Vec::new();
    w.shard.handle(w.now, Event::RequestReceived { connection: c, id: 1, request }, &mut actions);
    assert!(actions.is_empty(), "not before the turn ends");
    w.shard.flush(w.now, &mut actions);
    let level = actions.iter().find_map(|action| match action {
        Action::Reply { response: Response::AppendAck(ack), .. } => Some(ack.level),
        _ => None,
    });
    assert_eq!(level, Some(Level::Memory));
    assert!(!actions.iter().any(|action| matches!(action, Action::WriteBlock { .. } | Action::PrepareJournalFile)));
}

#[test]
fn it_follows_publishes_and_reads_back_as_any_store() {
    let mut w = memory();
    let c = connection(1);
    w.open_read(c, 1, "s", from_seq(0), MUCH);
    w.fill("s", &["a"]);
    w.request(c, 2, append_request("s", received(&batch(&["b"]), 16)));
    assert_eq!(w.heard(c, 1)[1..], [Said::Heartbeat { tail: 0 }, Said::live(0, &["a"], 1), Said::live(1, &["b"], 2)]);
    w.publish();
    assert_eq!((w.store.chunks.len(), w.shard.counters().unpublished_bytes), (1, 0));
    assert_eq!(w.shard.counters().block_bytes, 0);
}

#[test]
fn its_backlog_is_bounded_too() {
    let mut w = memory();
    let c = connection(1);
    w.open_append(c, 1, "s");
    w.hold(Hold::Chunks);
    for _ in 0..14 {
        w.input(c, 1, &big_batch(1_000_000));
    }
    assert!(w.stopped.contains(&c));
    w.release(Hold::Chunks);
    assert_eq!(w.heard(c, 1).len(), 15);
    assert!(w.stopped.is_empty());
}
