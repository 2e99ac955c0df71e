//! What is known of every byte that the sweeps damage: streams, batches, a catalog.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use riverrun::catalog::model::{ModelCatalog, ModelRows};
use riverrun::catalog::{Catalog, Row};
use riverrun::names::{Names, NamesParts, Shards, ShardsEnded};
use riverrun::publish::Writer;
use riverrun_core::action::NotClosed;
use riverrun_core::chunk::{ChunkStream, StreamState};
use riverrun_core::control::{IdRow, SYSTEM_DEFAULTS, StreamEntry, keys};
use riverrun_core::event::CloseWhen;
use riverrun_protocol::batch::{Batch, Record, Stamp, encode, stamp};
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::types::{BasinName, Position, StreamId, StreamName};

pub const NOW_MS: u64 = 1_700_000_000_000;
pub const WRITER: Writer = Writer { store_id: *b"the sweep's home", writer_id: *b"the sweep's hand" };
pub const STREAMS: usize = 3;

pub fn entry(stream: usize) -> Arc<StreamEntry> {
    let basin = BasinName::new("first-basin").expect("a name");
    let name = StreamName::new(&format!("stream-{stream}")).expect("a name");
    Arc::new(StreamEntry::new(StreamId([stream as u8 + 1; 16]), basin, name, NOW_MS, SYSTEM_DEFAULTS))
}

/// Half of it compresses.
pub fn body(seed: u64, bytes: usize) -> Vec<u8> {
    let mut random = StdRng::seed_from_u64(seed);
    let words = format!("record {seed} of a known stream; ").into_bytes();
    let text = words.iter().copied().cycle().take(bytes / 2);
    text.chain((0..bytes - bytes / 2).map(|_| random.random())).collect()
}

/// Stamped, one record per body.
pub fn batch(stream: usize, first_seq_num: u64, bodies: Vec<Vec<u8>>) -> Batch {
    let records: Vec<Record> = bodies.into_iter().map(Record::new).collect();
    let mut bytes = encode(&records).expect("within limits");
    let mut seq_num = first_seq_num;
    let with = Stamp { stream_id: entry(stream).id, first_seq_num, arrival_ms: NOW_MS, expires_at_ms: 0 };
    stamp(&mut bytes, &with, |_| {
        seq_num += 1;
        NOW_MS + seq_num
    });
    Batch::parse(bytes.freeze()).expect("a stamped batch")
}

/// One stream's share of a chunk, in which it ends with the last batch.
pub fn chunk_stream(stream: usize, batches: &[Batch]) -> ChunkStream {
    let last = batches.last().expect("at least one batch");
    let entry = entry(stream);
    let next = Position { seq_num: last.end_seq_num(), timestamp: last.last_timestamp() };
    let state = StreamState { stream_id: entry.id, next, ..StreamState::default() };
    ChunkStream { state, entry: Some(entry), batches: batches.iter().map(|batch| batch.bytes().clone()).collect() }
}

/// The streams as the catalog has them.
pub fn stream_rows() -> Vec<Row> {
    let rows = |entry: Arc<StreamEntry>| {
        let id = IdRow { basin: entry.basin.clone(), name: entry.name.clone(), purged_at_ms: None };
        [(keys::id(entry.id), id.encode()), (keys::stream(&entry.basin, &entry.name), entry.encode())]
    };
    (0..STREAMS).flat_map(|stream| rows(entry(stream))).collect()
}

/// A catalog with these rows, opened by the owner of this epoch.
pub async fn catalog(rows: &BTreeMap<Bytes, Bytes>, epoch: u64) -> Arc<ModelCatalog> {
    let model = Arc::new(ModelRows::default());
    let mut catalog = model.open();
    for _ in 1..epoch {
        catalog = model.open();
    }
    let rows = rows.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    catalog.put_batch(rows).await.expect("the model takes it");
    catalog
}

pub fn names(catalog: Arc<dyn Catalog>) -> Arc<Names> {
    let (index, clock) = (Arc::default(), Arc::new(|| NOW_MS));
    Arc::new(Names::new(NamesParts { catalog, shards: Arc::new(NoShards), index, defaults: SYSTEM_DEFAULTS, clock }))
}

/// Nobody closes or deletes anything here.
struct NoShards;

impl Shards for NoShards {
    fn close(
        &self,
        _: StreamRef,
        _: CloseWhen,
    ) -> BoxFuture<'static, Result<Result<Position, NotClosed>, ShardsEnded>> {
        async { Err(ShardsEnded) }.boxed()
    }

    fn reopen(&self, _: StreamRef, _: StreamId) {}

    fn delete(&self, _: StreamRef, _: StreamId) -> BoxFuture<'static, Result<(), ShardsEnded>> {
        async { Err(ShardsEnded) }.boxed()
    }

    fn reconfigure(&self, _: Arc<StreamEntry>) -> BoxFuture<'static, Result<(), ShardsEnded>> {
        async { Err(ShardsEnded) }.boxed()
    }
}
