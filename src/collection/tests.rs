//! Sweeps over models, interrupted anywhere.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::FutureExt;
use riverrun_core::chunk::{ChunkId, ChunkInput, StreamState};
use riverrun_core::control::{DueRow, IdRow, StateRow, StreamEntry, keys};
use riverrun_protocol::batch::Batch;
use riverrun_protocol::config::Retention;

use super::*;
use crate::catalog::Change;
use crate::catalog::model::{ModelCatalog, ModelRows};
use crate::publish::fixtures::{NOW_MS, WRITER, batch, chunk, chunk_id, chunk_stream, entry, expiring_batch, target};
use crate::publish::{Encoder, Offload, Publisher};
use crate::store::model::ModelObjects;

const GRACE_MS: u64 = 60_000;

/// Shards that do as they are told, and write down what that was.
#[derive(Default)]
struct ModelStreams {
    raised: Mutex<Vec<(StreamId, u64)>>,
    in_use: Mutex<bool>,
    deleted: Mutex<Vec<StreamId>>,
}

impl Streams for ModelStreams {
    fn start_raised(&self, _: StreamRef, stream_id: StreamId, start_seq_num: u64) {
        self.raised.lock().unwrap().push((stream_id, start_seq_num));
    }

    fn delete_if_empty(
        &self,
        entry: StreamEntry,
        _: u64,
    ) -> BoxFuture<'_, Result<bool, Box<dyn std::error::Error + Send + Sync>>> {
        async move {
            if *self.in_use.lock().unwrap() {
                return Ok(false);
            }
            self.deleted.lock().unwrap().push(entry.id);
            Ok(true)
        }
        .boxed()
    }
}

/// What outlives a process.
#[derive(Default)]
struct World {
    objects: Arc<ModelObjects>,
    rows: Arc<ModelRows>,
    now_ms: Arc<AtomicU64>,
}

/// One process over it.
struct Node {
    catalog: Arc<ModelCatalog>,
    publisher: Publisher,
    index: Arc<ChunkIndex>,
    streams: Arc<ModelStreams>,
    collector: Collector,
}

impl World {
    fn new() -> Self {
        let world = Self::default();
        world.set_now(NOW_MS);
        world
    }

    fn set_now(&self, now_ms: u64) {
        self.now_ms.store(now_ms, Ordering::Relaxed);
    }

    /// A process whose index is rebuilt from what is stored.
    async fn start(&self) -> Node {
        let catalog = self.rows.open();
        let index = Arc::new(ChunkIndex::default());
        crate::recovery::rebuild_index(&*self.objects, &*catalog, &WRITER.store_id, &index).await.expect("rebuilt");
        let encoder = Encoder::new(Offload::inline());
        let publisher = Publisher::new(self.objects.clone(), catalog.clone(), Arc::clone(&index), encoder, WRITER);
        let streams = Arc::new(ModelStreams::default());
        let now_ms = Arc::clone(&self.now_ms);
        let collector = Collector::new(CollectorParts {
            objects: self.objects.clone(),
            catalog: catalog.clone(),
            index: Arc::clone(&index),
            store_id: WRITER.store_id,
            streams: streams.clone(),
            clock: Arc::new(move || now_ms.load(Ordering::Relaxed)),
            grace: Duration::from_millis(GRACE_MS),
        });
        Node { catalog, publisher, index, streams, collector }
    }

    fn has_chunk(&self, id: ChunkId) -> bool {
        self.objects.object(&id.object_name()).is_some()
    }
}

impl Node {
    async fn put_stream(&self, entry: &StreamEntry) {
        let row = IdRow { basin: entry.basin.clone(), name: entry.name.clone(), purged_at_ms: None };
        let rows = vec![(keys::stream(&entry.basin, &entry.name), entry.encode()), (keys::id(entry.id), row.encode())];
        self.catalog.put_batch(rows).await.expect("written");
    }

    async fn publish(&self, input: ChunkInput) {
        self.publisher.store_chunk(input).await.expect("stored");
    }

    async fn publish_batch(&self, number: u64, entry: &Arc<StreamEntry>, batch: Batch) {
        self.publish(chunk(chunk_id(1, number), vec![chunk_stream(entry, &[batch])])).await;
    }

    async fn sweep(&self) -> Swept {
        let (swept, outcome) = self.collector.sweep().await;
        outcome.expect("swept");
        swept
    }
}

/// E8, design.md 6: the catalog knows first, then the shard; the chunk stays for the grace period; the tail stays for ever.
#[tokio::test]
async fn e8_expired_records_go_and_the_tail_stays() {
    let world = World::new();
    let node = world.start().await;
    let one = entry(1, "s");
    node.put_stream(&one).await;
    node.publish_batch(0, &one, expiring_batch(one.id, 0, &["a", "b"], NOW_MS + 1000)).await;
    node.publish_batch(1, &one, expiring_batch(one.id, 2, &["c"], NOW_MS + 9_000_000)).await;
    assert_eq!(node.sweep().await, Swept::default());

    world.set_now(NOW_MS + 1000);
    assert_eq!(node.sweep().await, Swept { streams_expired: 1, chunks_died: 1, ..Swept::default() });
    assert_eq!(*node.streams.raised.lock().unwrap(), [(one.id, 2)]);
    let row = StateRow::decode(&world.rows.rows()[&keys::state(one.id)]).expect("a row");
    assert_eq!((row.state.trim_point, row.state.next.seq_num), (2, 3));
    assert!(world.has_chunk(chunk_id(1, 0)), "somebody may still be reading it");

    world.set_now(NOW_MS + 1000 + GRACE_MS);
    assert_eq!(node.sweep().await, Swept { chunks_deleted: 1, ..Swept::default() });
    assert!(!world.has_chunk(chunk_id(1, 0)) && world.has_chunk(chunk_id(1, 1)));
    assert!(!world.rows.rows().contains_key(&keys::chunk(chunk_id(1, 0))));
    assert!(!world.rows.rows().contains_key(&keys::dead(chunk_id(1, 0))));
    assert_eq!(node.sweep().await, Swept::default());
}

/// A6, B4: all chunks of a stream are gone, and it goes on with the same tail, fencing token and trim point.
#[tokio::test]
async fn a6_where_a_stream_stands_outlives_its_last_chunk_and_a_restart() {
    let world = World::new();
    let node = world.start().await;
    let one = entry(1, "s");
    node.put_stream(&one).await;
    let mut stream = chunk_stream(&one, &[batch(one.id, 0, &["a", "b"])]);
    stream.state.fencing_token = b"me".to_vec();
    stream.state.trim_point = 2;
    let state = stream.state.clone();
    node.publish(chunk(chunk_id(1, 0), vec![stream])).await;
    assert_eq!(node.sweep().await.chunks_died, 1);
    world.set_now(NOW_MS + GRACE_MS);
    assert_eq!(node.sweep().await.chunks_deleted, 1);
    assert_eq!(world.objects.names().iter().filter(|name| name.starts_with("chunks/")).count(), 0);

    let again = world.start().await;
    let loaded = again.index.load(one);
    assert_eq!((loaded.state, loaded.chunks.len()), (state, 0));
}

/// D14, F38: killed after any number of calls, a successor finishes: never a row without its object, never a state lost, nothing left.
#[tokio::test]
async fn a_sweep_may_be_killed_anywhere() {
    for steps in 0..40 {
        let world = World::new();
        let node = world.start().await;
        let (one, two) = (entry(1, "s"), entry(2, "t"));
        node.put_stream(&one).await;
        node.put_stream(&two).await;
        node.publish_batch(0, &one, expiring_batch(one.id, 0, &["a", "b"], NOW_MS + 1)).await;
        node.publish_batch(1, &two, batch(two.id, 0, &["x"])).await;
        world.set_now(NOW_MS + 1);
        world.rows.stop_after(Some(steps / 2));
        world.objects.stop_after(Some(steps));
        let _ = node.collector.sweep().await;
        world.set_now(NOW_MS + 1 + GRACE_MS);
        let _ = node.collector.sweep().await;
        world.rows.stop_after(None);
        world.objects.stop_after(None);

        let again = world.start().await;
        let state = again.index.load(Arc::clone(&one)).state;
        assert_eq!(state.next.seq_num, 2, "after {steps} steps");
        for _ in 0..2 {
            again.sweep().await;
            world.set_now(NOW_MS + 2 + 2 * GRACE_MS);
        }
        assert!(!world.has_chunk(chunk_id(1, 0)) && world.has_chunk(chunk_id(1, 1)), "after {steps} steps");
        assert!(!world.rows.rows().keys().any(|key| key.starts_with(keys::DEAD_PREFIX)), "after {steps} steps");
        let loaded = world.start().await.index.load(Arc::clone(&one));
        assert_eq!((loaded.state.next.seq_num, loaded.state.trim_point), (2, 2), "after {steps} steps");
    }
}

fn deleting_when_empty(id: u8, min_age_secs: u64) -> Arc<StreamEntry> {
    let mut entry = StreamEntry::clone(&entry(id, "s"));
    entry.config.delete_on_empty_min_age_secs = min_age_secs;
    Arc::new(entry)
}

async fn put_due(node: &Node, entry: &StreamEntry, at_ms: u64) {
    let row = DueRow { target: target("s") };
    node.catalog.write(vec![Change::Put(keys::due(at_ms, entry.id), row.encode())]).await.expect("written");
}

fn due_at(world: &World) -> Vec<u64> {
    let rows = world.rows.rows();
    rows.keys().filter_map(|key| keys::parse_due(key)).map(|(at_ms, _)| at_ms).collect()
}

#[tokio::test]
async fn e8_a_stream_that_was_never_written_goes_after_its_min_age() {
    let world = World::new();
    let node = world.start().await;
    let mut one = StreamEntry::clone(&deleting_when_empty(1, 30));
    // As long as its records would have had, had it been written to when it was made; or at once, where they would stay for ever.
    for (retention, age_ms) in [(Retention::Infinite, 0), (Retention::Age(100), 100_000)] {
        one.config.retention = retention;
        one.created_at_ms = NOW_MS;
        world.set_now(NOW_MS);
        node.put_stream(&one).await;
        put_due(&node, &one, one.first_due_ms(NOW_MS).expect("on")).await;
        world.set_now(NOW_MS + age_ms + 29_999);
        assert_eq!(node.sweep().await, Swept::default());
        world.set_now(due_at(&world)[0].max(NOW_MS + age_ms + 30_000));
        assert_eq!(node.sweep().await.streams_deleted, 1, "{retention:?}");
        assert_eq!(std::mem::take(&mut *node.streams.deleted.lock().unwrap()), [one.id]);
        assert!(due_at(&world).is_empty());
    }
}

#[tokio::test]
async fn e8_never_while_something_is_alive_or_in_use_or_young() {
    let world = World::new();
    let node = world.start().await;
    let one = deleting_when_empty(1, 30);
    node.put_stream(&one).await;
    node.publish_batch(0, &one, expiring_batch(one.id, 0, &["a"], NOW_MS + 100_000)).await;
    put_due(&node, &one, NOW_MS + 30_000).await;
    world.set_now(NOW_MS + 30_000);
    assert_eq!(node.sweep().await.streams_deleted, 0);
    assert_eq!(due_at(&world), [NOW_MS + 130_000], "not before its records have been gone for as long");

    world.set_now(NOW_MS + 100_000);
    assert_eq!(node.sweep().await.streams_deleted, 0, "it has only just become empty");
    *node.streams.in_use.lock().unwrap() = true;
    world.set_now(NOW_MS + 130_000);
    assert_eq!(node.sweep().await.streams_deleted, 0, "the shard has the last word");
    assert_eq!(due_at(&world), [NOW_MS + 160_000]);

    *node.streams.in_use.lock().unwrap() = false;
    world.set_now(NOW_MS + 160_000);
    assert_eq!(node.sweep().await.streams_deleted, 1);
}

/// E8: since when it is empty is not forgotten with the process, nor with the chunk that held its last record.
#[tokio::test]
async fn e8_how_long_it_has_been_empty_outlives_a_restart() {
    let world = World::new();
    let node = world.start().await;
    let one = deleting_when_empty(1, 100);
    node.put_stream(&one).await;
    node.publish_batch(0, &one, expiring_batch(one.id, 0, &["a"], NOW_MS + 300_000)).await;
    world.set_now(NOW_MS + 300_000);
    assert_eq!(node.sweep().await.streams_expired, 1);
    world.set_now(NOW_MS + 300_000 + GRACE_MS);
    assert_eq!(node.sweep().await.chunks_deleted, 1);

    let again = world.start().await;
    world.set_now(NOW_MS + 399_999);
    assert_eq!(again.sweep().await.streams_deleted, 0);
    world.set_now(NOW_MS + 400_000 + 1000);
    assert_eq!(again.sweep().await.streams_deleted, 1);
}

/// Interrupted anywhere by a catalog that comes back: every shard hears of what has expired in its streams before the chunks go.
#[tokio::test]
async fn e8_no_shard_misses_an_expiry_because_of_an_outage() {
    for steps in 0..12 {
        let world = World::new();
        let node = world.start().await;
        let streams = [entry(1, "s"), entry(2, "t")];
        for (number, stream) in (0..).zip(&streams) {
            node.put_stream(stream).await;
            node.publish_batch(number, stream, expiring_batch(stream.id, 0, &["a"], NOW_MS + 1)).await;
        }
        world.set_now(NOW_MS + 1);
        world.rows.stop_after(Some(steps));
        let _ = node.collector.sweep().await;
        world.rows.stop_after(None);
        node.sweep().await;
        let mut raised = node.streams.raised.lock().unwrap().clone();
        raised.sort();
        raised.dedup();
        assert_eq!(raised, streams.map(|stream| (stream.id, 1)), "after {steps} steps");
    }
}

/// One row that cannot be read keeps no other stream from being deleted.
#[tokio::test]
async fn e8_an_unreadable_row_of_one_stream_keeps_no_other() {
    let world = World::new();
    let node = world.start().await;
    let (broken, sound) = (entry(1, "broken"), deleting_when_empty(2, 30));
    node.put_stream(&broken).await;
    node.put_stream(&sound).await;
    for (number, stream) in [(0, &broken), (1, &sound)] {
        node.publish_batch(number, stream, expiring_batch(stream.id, 0, &["a"], NOW_MS + 1)).await;
    }
    node.catalog.put_batch(vec![(keys::id(broken.id), "rubbish".into())]).await.expect("written");
    let mut swept = Swept::default();
    for at_ms in [1, 30_001, 31_001, 32_001] {
        world.set_now(NOW_MS + at_ms);
        let (now, outcome) = node.collector.sweep().await;
        outcome.expect_err("it is said each time");
        swept.streams_expired += now.streams_expired;
        swept.streams_deleted += now.streams_deleted;
    }
    assert_eq!((swept.streams_expired, swept.streams_deleted), (1, 1));
}

/// A start finds every drained stream at once; one sweep gets to the last of them.
#[tokio::test]
async fn e8_one_sweep_looks_at_every_stream_that_was_emptied() {
    let world = World::new();
    let node = world.start().await;
    let last = deleting_when_empty(0xff, 30);
    node.put_stream(&last).await;
    let state = |id: StreamId| StateRow {
        quiet_since_ms: NOW_MS,
        state: StreamState { stream_id: id, ..StreamState::default() },
    };
    for n in 0..3 * PAGE_ROWS as u64 {
        let mut id = [0; 16];
        id[8..].copy_from_slice(&n.to_be_bytes());
        node.index.adopt_state(&state(StreamId(id)));
    }
    node.index.adopt_state(&state(last.id));
    node.sweep().await;
    assert_eq!(due_at(&world), [NOW_MS + 30_000]);
}

#[tokio::test]
async fn e8_a_due_row_of_a_stream_that_no_longer_asks_for_it_is_forgotten() {
    let world = World::new();
    let node = world.start().await;
    let off = entry(1, "s");
    node.put_stream(&off).await;
    put_due(&node, &off, NOW_MS).await;
    put_due(&node, &entry(2, "s"), NOW_MS).await;
    assert_eq!(node.sweep().await, Swept::default());
    assert!(due_at(&world).is_empty());
    assert!(node.streams.deleted.lock().unwrap().is_empty());
}

/// A trim may empty a stream long before its records would have expired.
#[tokio::test]
async fn e8_a_stream_that_is_trimmed_empty_is_looked_at_again() {
    let world = World::new();
    let node = world.start().await;
    let one = deleting_when_empty(1, 30);
    node.put_stream(&one).await;
    put_due(&node, &one, NOW_MS).await;
    node.publish_batch(0, &one, batch(one.id, 0, &["a"])).await;
    node.sweep().await;
    assert!(due_at(&world).is_empty(), "it holds a record that never expires: no timer");

    let mut trim = chunk_stream(&one, &[batch(one.id, 1, &["trim"])]);
    trim.state.trim_point = 2;
    node.publish(chunk(chunk_id(1, 1), vec![trim])).await;
    node.sweep().await;
    assert_eq!(due_at(&world), [NOW_MS + 30_000]);
    world.set_now(NOW_MS + 30_000);
    assert_eq!(node.sweep().await.streams_deleted, 1);
}

/// Whoever toggles the setting leaves rows behind; they become one.
#[tokio::test]
async fn e8_two_due_rows_of_one_stream_become_one() {
    let world = World::new();
    let node = world.start().await;
    *node.streams.in_use.lock().unwrap() = true;
    let mut one = StreamEntry::clone(&deleting_when_empty(1, 1));
    one.config.retention = Retention::Infinite;
    node.put_stream(&one).await;
    put_due(&node, &one, NOW_MS + 1_000).await;
    put_due(&node, &one, NOW_MS + 1_001).await;
    world.set_now(NOW_MS + 2_000);
    node.sweep().await;
    assert_eq!(due_at(&world), [NOW_MS + 3_000]);
}

/// One thing that cannot be done keeps nothing else from being done.
#[tokio::test]
async fn a_chunk_that_cannot_be_read_does_not_stop_the_sweep() {
    let world = World::new();
    let node = world.start().await;
    let (one, two) = (entry(1, "s"), entry(2, "t"));
    for (number, stream) in [(0, &one), (1, &two)] {
        node.put_stream(stream).await;
        node.publish_batch(number, stream, expiring_batch(stream.id, 0, &["a"], NOW_MS + 1)).await;
    }
    world.objects.remove(&chunk_id(1, 0).object_name());
    world.set_now(NOW_MS + 1);
    let (swept, outcome) = node.collector.sweep().await;
    assert_eq!((swept.chunks_died, outcome.is_err()), (1, true));
    world.set_now(NOW_MS + 1 + GRACE_MS);
    assert_eq!(node.collector.sweep().await.0.chunks_deleted, 1);
    assert!(!world.has_chunk(chunk_id(1, 1)));
}
