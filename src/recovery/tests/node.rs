//! A broker reduced to what concerns recovery: it numbers records, journals them, publishes them, and can be killed anywhere.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use riverrun_core::action::{LoadCause, PagesFrom, PagesOrder};
use riverrun_core::chunk::{ChunkId, ChunkInput, Lane};
use riverrun_core::control::{EpochRow, StreamEntry, keys, shard_of};
use riverrun_core::event::{Loaded, StoreFailure};
use riverrun_protocol::batch::Batch;
use riverrun_protocol::config::BasinConfig;
use riverrun_protocol::request::CreateBasin;
use riverrun_protocol::types::StreamId;

use super::disk::{ModelDisk, Pen, Written};
use crate::catalog::model::{ModelCatalog, ModelRows};
use crate::loader::{Loader, LoaderParts, PAGE_CACHE_BYTES};
use crate::names::model::ModelShards;
use crate::names::{self, Names};
use crate::publish::fixtures::{NOW_MS, WRITER, basin, batch, bodies, chunk, chunk_stream, target};
use crate::publish::{Encoder, Offload, Publisher, random_id};
use crate::recovery::{
    JournalSource, Recovered, RecoveryConfig, RecoveryError, RecoveryParts, recover, store_identity,
};
use crate::store::model::ModelObjects;

/// What outlives a process, and what it acknowledged.
#[derive(Default)]
pub struct World {
    pub objects: Arc<ModelObjects>,
    pub rows: Arc<ModelRows>,
    pub disk: Arc<ModelDisk>,
    /// Bodies per stream, in order, that were acknowledged.
    pub acknowledged: BTreeMap<String, Vec<String>>,
}

impl World {
    /// From now on every call to the store and the catalog works.
    pub fn mend(&self) {
        self.objects.stop_after(None);
        self.rows.stop_after(None);
    }

    pub async fn recover(&self, shards: u16) -> Result<(Recovered, Arc<ModelCatalog>), RecoveryError> {
        self.recover_accepting(shards, false).await
    }

    pub async fn recover_accepting(
        &self,
        shards: u16,
        accept_journal_loss: bool,
    ) -> Result<(Recovered, Arc<ModelCatalog>), RecoveryError> {
        let catalog = self.rows.open();
        // The tests' objects and blocks carry a fixed store id; the row is made all the same.
        store_identity(&*catalog, NOW_MS).await?;
        let parts = RecoveryParts {
            objects: self.objects.clone(),
            catalog: catalog.clone(),
            journals: Some(self.disk.clone() as Arc<dyn JournalSource>),
            offload: Offload::inline(),
        };
        let journal_ids = (0..shards).map(|_| random_id().expect("random")).collect();
        let config = RecoveryConfig {
            writer: WRITER,
            node: "test-node".to_owned(),
            shards,
            journal_ids,
            accept_journal_loss,
            now_ms: NOW_MS,
        };
        Ok((recover(&parts, &config).await?, catalog))
    }

    /// Recovers and serves, which must work.
    pub async fn start(&self, shards: u16) -> Node {
        Node::start(self, shards).await.expect("starts")
    }

    /// The same, without the journals that are missing.
    pub async fn start_accepting(&self, shards: u16) -> Node {
        let recovered = self.recover_accepting(shards, true).await.expect("recovers");
        Node::serve(self, shards, recovered).await.expect("starts")
    }

    /// What everybody was told is there, and nothing else.
    pub async fn assert_nothing_lost(&self, node: &Node) {
        for (stream, expected) in &self.acknowledged {
            assert_eq!(&node.read(stream).await, expected, "stream {stream}");
        }
    }
}

/// One process.
pub struct Node {
    pub recovered: Recovered,
    pub publisher: Publisher,
    pub names: Arc<Names>,
    /// What names tell shards; the streams of this node are not in it.
    pub shards_model: ModelShards,
    loader: Loader,
    disk: Arc<ModelDisk>,
    shards: u16,
    pens: Vec<Pen>,
    /// Batches in no chunk yet, and the next number of the shard's next chunk.
    unpublished: HashMap<StreamId, (Arc<StreamEntry>, Vec<Batch>)>,
    next_chunk: Vec<u64>,
    /// Per shard, the chunk that was ordered and not stored yet: ordered again, it holds the same.
    ordered: Vec<Option<ChunkInput>>,
    inherited: usize,
}

impl Node {
    pub async fn start(world: &World, shards: u16) -> Result<Self, RecoveryError> {
        let recovered = world.recover(shards).await?;
        Self::serve(world, shards, recovered).await
    }

    async fn serve(
        world: &World,
        shards: u16,
        (recovered, catalog): (Recovered, Arc<ModelCatalog>),
    ) -> Result<Self, RecoveryError> {
        let row = epoch_row(world, recovered.epoch.number());
        let pens = row
            .journals
            .iter()
            .zip(0u16..)
            .map(|(id, shard)| Pen::new(&world.disk, recovered.epoch.number(), shard, *id))
            .collect();
        recovered.epoch.mark_serving().await?;
        let unpublished: HashMap<_, _> = recovered
            .shards
            .iter()
            .flatten()
            .map(|s| (s.stream.entry.id, (Arc::clone(&s.stream.entry), s.unpublished.clone())))
            .collect();
        let (objects, index) = (world.objects.clone(), Arc::clone(&recovered.index));
        let encoder = Encoder::new(Offload::inline());
        let publisher = Publisher::new(objects.clone(), catalog.clone(), Arc::clone(&index), encoder, WRITER);
        let (names, shards_model) = names::model::names(catalog.clone());
        let loader = Loader::new(LoaderParts {
            objects,
            catalog: catalog.clone(),
            index,
            store_id: WRITER.store_id,
            names: names.clone(),
            offload: Offload::inline(),
            page_cache_bytes_max: PAGE_CACHE_BYTES,
        });
        let config =
            BasinConfig { create_stream_on_append: true, create_stream_on_read: true, ..BasinConfig::default() };
        // Refused at every start but the first.
        let _ = names.create_basin(CreateBasin { basin: basin(), config, request_token: None }).await;
        Ok(Self {
            inherited: recovered.shards.iter().flatten().count(),
            recovered,
            publisher,
            loader,
            names,
            shards_model,
            disk: world.disk.clone(),
            shards,
            pens,
            unpublished,
            next_chunk: vec![0; usize::from(shards)],
            ordered: vec![None; usize::from(shards)],
        })
    }

    /// Numbers, journals and acknowledges. `false`: the catalog did not answer, and nothing was done.
    pub async fn append(&mut self, world: &mut World, stream: &str, texts: &[&str]) -> bool {
        let Some(written) = self.journal(stream, texts).await else { return false };
        assert!(written.bytes > 0);
        let acknowledged = world.acknowledged.entry(stream.to_owned()).or_default();
        acknowledged.extend(texts.iter().map(ToString::to_string));
        true
    }

    /// Numbers and journals, and dies before it could say so, if the caller wants it that way.
    pub async fn journal(&mut self, stream: &str, texts: &[&str]) -> Option<Written> {
        let loaded = self.loader.load_stream(&target(stream), LoadCause::Append).await.ok()?;
        let shard = shard_of(loaded.entry.placement, self.shards);
        let (_, batches) =
            self.unpublished.entry(loaded.entry.id).or_insert_with(|| (Arc::clone(&loaded.entry), Vec::new()));
        let next = batches.last().map_or(loaded.state.next.seq_num, Batch::end_seq_num);
        let batch = batch(loaded.entry.id, next, texts);
        batches.push(batch.clone());
        Some(self.pens[usize::from(shard)].write(&self.disk, &[batch]))
    }

    /// Publishes everything of one shard in one chunk, or what an order that failed was about.
    pub async fn publish(&mut self, shard: u16) -> Result<(), StoreFailure> {
        let at = usize::from(shard);
        let Some(input) = self.ordered[at].take().or_else(|| self.seal(shard)) else { return Ok(()) };
        self.ordered[at] = Some(input.clone());
        self.publisher.store_chunk(input.clone()).await?;
        self.ordered[at] = None;
        self.next_chunk[at] += 1;
        for stream in input.streams {
            let (_, batches) = self.unpublished.get_mut(&stream.state.stream_id).expect("was there");
            batches.drain(..stream.batches.len());
        }
        Ok(())
    }

    fn seal(&self, shard: u16) -> Option<ChunkInput> {
        let mine = |entry: &StreamEntry| shard_of(entry.placement, self.shards) == shard;
        let streams: Vec<_> = self
            .unpublished
            .values()
            .filter(|(entry, batches)| mine(entry) && !batches.is_empty())
            .map(|(entry, batches)| chunk_stream(entry, batches))
            .collect();
        let number = self.next_chunk[usize::from(shard)];
        let id = ChunkId { epoch: self.recovered.epoch.number(), shard, lane: Lane::Express, number };
        (!streams.is_empty()).then(|| chunk(id, streams))
    }

    /// Whether nothing of what recovery handed over is left.
    fn is_all_published(&self) -> bool {
        self.unpublished.values().all(|(_, batches)| batches.is_empty())
    }

    pub async fn publish_all(&mut self) -> Result<(), StoreFailure> {
        while !self.is_all_published() {
            for shard in 0..self.shards {
                self.publish(shard).await?;
            }
        }
        Ok(())
    }

    /// After everything inherited is in chunks: says so, and gives the old files away.
    pub async fn release_inherited(&mut self) -> bool {
        assert!(self.is_all_published());
        if self.recovered.epoch.inherited_published().await.is_err() {
            return false;
        }
        for file in std::mem::take(&mut self.recovered.inherited_files) {
            self.disk.reuse(file);
        }
        true
    }

    /// Everything that can be read of a stream, chunks first.
    pub async fn read(&self, stream: &str) -> Vec<String> {
        let loaded = self.loader.load_stream(&target(stream), LoadCause::Read).await.expect("loads");
        let id = loaded.entry.id;
        let mut batches = Vec::new();
        for range in &loaded.chunks {
            let from = PagesFrom::SeqNum(range.first_seq_num);
            let (chunk, bytes_max) = (range.chunk, usize::MAX);
            let order = PagesOrder { stream_id: id, chunk, from, bytes_max, as_stored: false };
            let loaded = self.loader.load_pages(order).await.expect("loads");
            batches.extend(loaded.iter().filter_map(Loaded::batch).cloned());
        }
        batches.extend(self.unpublished.get(&id).into_iter().flat_map(|(_, batches)| batches.clone()));
        let mut next = 0;
        for batch in &batches {
            assert_eq!(batch.first_seq_num(), next, "stream {stream}: no gap, no overlap");
            next = batch.end_seq_num();
        }
        bodies(&batches)
    }

    /// Returns when nothing is left of a stream that is being deleted.
    pub async fn purged(&self, world: &World, stream: &str) {
        let target = target(stream);
        while world.rows.rows().contains_key(&keys::stream(&target.basin, &target.stream)) {
            tokio::task::yield_now().await;
        }
    }

    /// Whether a stream is there, without creating it.
    pub async fn has(&self, stream: &str) -> bool {
        self.names.find_or_create(&target(stream), LoadCause::Close).await.is_ok()
    }

    pub async fn stream_id(&self, stream: &str) -> StreamId {
        self.loader.load_stream(&target(stream), LoadCause::Read).await.expect("loads").entry.id
    }

    pub async fn shard_of(&self, stream: &str) -> u16 {
        let loaded = self.loader.load_stream(&target(stream), LoadCause::Read).await.expect("loads");
        shard_of(loaded.entry.placement, self.shards)
    }

    /// Streams that recovery handed over.
    pub fn inherited_streams(&self) -> usize {
        self.inherited
    }

    pub fn pen(&mut self, shard: u16) -> &mut Pen {
        &mut self.pens[usize::from(shard)]
    }
}

fn epoch_row(world: &World, epoch: u64) -> EpochRow {
    EpochRow::decode(&world.rows.rows()[&keys::epoch(epoch)]).expect("a row")
}
