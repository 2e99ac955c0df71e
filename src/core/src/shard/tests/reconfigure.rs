//! New configurations (E5, B7, A7): for what is accepted from then on, and the class once the stream has been quiet.

use std::sync::Arc;

use riverrun_protocol::batch::Batch;
use riverrun_protocol::config::{Retention, StorageClass, TimestampingMode};

use super::client::{Said, batch, batch_at, connection};
use super::world::{BASIN, Hold, Told, WALL_MS, World};
use crate::chunk::Lane;
use crate::event::{CallId, Event};

fn lanes(w: &World) -> Vec<Lane> {
    w.store.chunks.keys().map(|chunk| chunk.lane).collect()
}

#[test]
fn b7_e5_a_new_mode_and_retention_are_for_the_next_batch() {
    let mut w = World::new();
    let c = connection(1);
    w.create("s");
    w.append(c, 1, "s", &batch_at(&[5]));
    w.reconfigure("s", |config| {
        config.timestamping_mode = TimestampingMode::Arrival;
        config.retention = Retention::Age(60);
    });
    w.append(c, 2, "s", &batch_at(&[6]));
    w.reconfigure("s", |config| {
        config.timestamping_mode = TimestampingMode::ClientPrefer;
        config.timestamping_uncapped = true;
    });
    w.append(c, 3, "s", &batch_at(&[WALL_MS + 7]));
    let batches: Vec<_> = w.disk.durable_blocks().flat_map(|block| block.batches.clone()).collect();
    let timestamps: Vec<u64> = batches.iter().map(Batch::first_timestamp).collect();
    let expiries: Vec<u64> = batches.iter().map(Batch::expires_at_ms).collect();
    assert_eq!(timestamps, [5, WALL_MS, WALL_MS + 7]);
    assert_eq!(expiries, [0, WALL_MS + 60_000, WALL_MS + 60_000]);
}

#[test]
fn e5_an_older_entry_and_another_streams_change_nothing() {
    let mut w = World::new();
    let c = connection(1);
    w.create("s");
    w.append(c, 1, "s", &batch(&["a"]));
    let old = Arc::clone(&w.store.streams[&(BASIN.to_owned(), "s".to_owned())].entry);
    w.reconfigure("s", |config| config.timestamping_mode = TimestampingMode::Arrival);
    let mut other = (*old).clone();
    (other.id, other.config_version) = (riverrun_protocol::types::StreamId([0xee; 16]), 9);
    let told = |call, entry| Event::StreamReconfigured { call: CallId(call), entry };
    w.turn(vec![told(1, old), told(2, Arc::new(other))]);
    assert_eq!(w.take_told(), [Told::Configured { call: 1 }, Told::Configured { call: 2 }]);
    w.append(c, 2, "s", &batch_at(&[5]));
    w.check_tail(c, 3, "s");
    assert_eq!(w.heard(c, 3), [Said::Tail { seq_num: 2, timestamp: WALL_MS }]);
}

/// The loader may have read the catalog just before.
#[test]
fn e5_a_stream_that_is_being_loaded_arrives_with_the_newer_entry() {
    let mut w = World::new();
    let c = connection(1);
    w.create("s");
    w.hold(Hold::StreamLoads);
    w.append(c, 1, "s", &batch_at(&[5]));
    w.reconfigure("s", |config| config.timestamping_mode = TimestampingMode::Arrival);
    let known = w.store.streams.get_mut(&(BASIN.to_owned(), "s".to_owned())).unwrap();
    let newer = Arc::clone(&known.entry);
    let entry = Arc::make_mut(&mut known.entry);
    (entry.config.timestamping_mode, entry.config_version) = (TimestampingMode::ClientPrefer, 0);
    w.release(Hold::StreamLoads);
    w.check_tail(c, 2, "s");
    assert_eq!(w.heard(c, 2), [Said::Tail { seq_num: 1, timestamp: WALL_MS }], "{newer:?}");
}

#[test]
fn a7_a_quiet_stream_changes_its_class_at_once() {
    let mut w = World::new();
    let c = connection(1);
    w.fill("s", &["a"]);
    w.publish();
    w.reconfigure("s", |config| config.storage_class = StorageClass::Standard);
    w.hold(Hold::Chunks);
    w.append(c, 1, "s", &batch(&["b"]));
    assert_eq!(w.heard(c, 1), [], "standard: acknowledged when stored");
    w.release(Hold::Chunks);
    assert_eq!(w.heard(c, 1), [Said::ack(1, 2)]);
    assert_eq!(lanes(&w), [Lane::Express, Lane::Standard]);
}

#[test]
fn a7_a_busy_stream_changes_its_class_at_the_first_append_that_finds_it_quiet() {
    let mut w = World::new();
    let c = connection(1);
    w.fill("s", &["a"]);
    w.reconfigure("s", |config| config.storage_class = StorageClass::Standard);
    w.hold(Hold::Chunks);
    w.append(c, 1, "s", &batch(&["b"]));
    assert_eq!(w.heard(c, 1), [Said::ack(1, 2)], "something is unpublished: still express");
    w.publish();
    w.append(c, 2, "s", &batch(&["c"]));
    assert_eq!(w.heard(c, 2), [Said::ack(2, 3)], "on its way is not published");
    w.release(Hold::Chunks);
    w.publish();
    w.hold(Hold::Chunks);
    w.append(c, 3, "s", &batch(&["d"]));
    assert_eq!(w.heard(c, 3), []);
    w.release(Hold::Chunks);
    assert_eq!(w.heard(c, 3), [Said::ack(3, 4)]);
    assert_eq!(lanes(&w).last(), Some(&Lane::Standard));
}

#[test]
fn a7_from_standard_to_express_too() {
    let mut w = World::new();
    let c = connection(1);
    w.create_standard("s");
    w.hold(Hold::Chunks);
    w.append(c, 1, "s", &batch(&["a"]));
    w.reconfigure("s", |config| config.storage_class = StorageClass::Express);
    w.append(c, 2, "s", &batch(&["b"]));
    assert_eq!(w.take_said(c), [], "accepted under the standard class");
    w.release(Hold::Chunks);
    assert_eq!(w.take_said(c).len(), 2);
    w.hold(Hold::Chunks);
    w.append(c, 3, "s", &batch(&["c"]));
    assert_eq!(w.heard(c, 3), [Said::ack(2, 3)]);
}

/// Recovery cannot tell under which class a record was acknowledged: what was seen must not vanish (C14).
#[test]
fn a7_c14_records_that_were_acknowledged_as_express_are_seen_after_a_crash_as_standard() {
    let mut w = World::new();
    w.fill("s", &["a"]);
    w.reconfigure("s", |config| config.storage_class = StorageClass::Standard);
    let mut w = w.crash_holding(Hold::Chunks);
    let c = connection(1);
    w.check_tail(c, 1, "s");
    assert_eq!(w.heard(c, 1), [Said::Tail { seq_num: 1, timestamp: WALL_MS }]);
}
