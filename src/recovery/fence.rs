//! Ending the sequences of older epochs: index what their writers put and did not live to index, then take the next name away
//! from them for ever (`core::plan::fencing`).

use std::collections::HashMap;
use std::time::Duration;

use futures::stream::{self, StreamExt, TryStreamExt};
use riverrun_core::chunk::{ChunkId, ChunkObject, Identity, Lane, SequenceId, encode_fence};
use riverrun_core::control::{ChunkRow, SequenceRow, keys};
use riverrun_core::plan::fencing::{self, FencingStep};
use riverrun_core::plan::found::Found;
use tokio::time::sleep;

use super::history::History;
use super::{RecoveryConfig, RecoveryError, RecoveryParts};
use crate::catalog::{Row, keys_under, scan_all};
use crate::publish::{index_rows, random_id};
use crate::store::StoreError;

/// Sequences ended side by side.
const SEQUENCES_AT_ONCE: usize = 8;
/// How often a store that gives no plain answer is asked again before start gives up.
const PAUSES_MAX: u32 = 8;
const PAUSE: Duration = Duration::from_millis(if cfg!(test) { 1 } else { 100 });

/// Step 4. Returns how many chunks were indexed.
pub async fn end_older_sequences(
    parts: &RecoveryParts,
    config: &RecoveryConfig,
    history: &History,
) -> Result<u64, RecoveryError> {
    let open = open_sequences(parts, history).await?;
    let fencer = Fencer { parts, config, epoch: parts.catalog.writer_epoch() };
    let ended: Vec<(Row, u64)> = stream::iter(open)
        .map(|(id, row)| fencer.end(id, row))
        .buffer_unordered(SEQUENCES_AT_ONCE)
        .try_collect()
        .await?;
    let indexed = ended.iter().map(|(_, indexed)| indexed).sum();
    // One write for all: a crash before it finds the fences again.
    let rows: Vec<Row> = ended.into_iter().map(|(row, _)| row).collect();
    if !rows.is_empty() {
        parts.catalog.put_batch(rows).await?;
    }
    Ok(indexed)
}

/// Every sequence that an older epoch may have written to and that has no recorded end. One of which the catalog holds no row
/// may have chunks all the same: its writer puts first and indexes then.
async fn open_sequences(
    parts: &RecoveryParts,
    history: &History,
) -> Result<Vec<(SequenceId, SequenceRow)>, RecoveryError> {
    let mut known: HashMap<SequenceId, SequenceRow> = HashMap::new();
    for (key, value) in scan_all(&*parts.catalog, keys_under(keys::SEQUENCE_PREFIX)).await? {
        if let Some(id) = keys::parse_sequence(&key) {
            known.insert(id, SequenceRow::decode(&value).map_err(|error| RecoveryError::stored(id, error))?);
        }
    }
    let sequences = history.registered().flat_map(|(epoch, row)| sequences_of(epoch, row.shards));
    let with_rows = sequences.map(|id| (id, known.get(&id).copied().unwrap_or_default()));
    Ok(with_rows.filter(|(_, row)| row.ended_at.is_none()).collect())
}

fn sequences_of(epoch: u64, shards: u16) -> impl Iterator<Item = SequenceId> {
    (0..shards).flat_map(move |shard| [Lane::Express, Lane::Standard].map(|lane| SequenceId { epoch, shard, lane }))
}

struct Fencer<'a> {
    parts: &'a RecoveryParts,
    config: &'a RecoveryConfig,
    epoch: u64,
}

impl Fencer<'_> {
    /// Returns the row that records the end, and how many chunks were indexed on the way.
    async fn end(&self, sequence: SequenceId, row: SequenceRow) -> Result<(Row, u64), RecoveryError> {
        let mut number = row.indexed_to;
        let mut pauses = 0;
        loop {
            let id = sequence.chunk(number);
            let mut step = self.look(id).await?;
            if step == FencingStep::PutFence {
                step = self.put_fence(id).await?;
            }
            match step {
                FencingStep::Index(chunk) => {
                    self.index(id, &chunk).await?;
                    number += 1;
                }
                FencingStep::Ended => break,
                FencingStep::LookAgain { pause: false } | FencingStep::PutFence => {}
                FencingStep::LookAgain { pause: true } if pauses < PAUSES_MAX => {
                    pauses += 1;
                    sleep(PAUSE * pauses).await;
                }
                FencingStep::LookAgain { pause: true } => return Err(RecoveryError::NoAnswer(id)),
                FencingStep::Superseded { by_epoch } => return Err(RecoveryError::Superseded { by_epoch }),
                FencingStep::Refuse(error) => return Err(RecoveryError::stored(id.object_name(), error)),
                FencingStep::StoreRefuses(why) => return Err(RecoveryError::StoreRefuses(why)),
            }
        }
        let ended = SequenceRow { indexed_to: number, ended_at: Some(number) };
        Ok(((keys::sequence(sequence), ended.encode()), number - row.indexed_to))
    }

    async fn look(&self, id: ChunkId) -> Result<FencingStep, RecoveryError> {
        Ok(match self.read(id).await {
            Ok(found) => fencing::next_step(self.epoch, id, found),
            // Asked again, the disk would say that all is well (reliability.md D8).
            Err(error @ StoreError::SyncFailed { .. }) => return Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "the store did not answer");
                FencingStep::LookAgain { pause: true }
            }
        })
    }

    /// Found is not durable: sync first, and believe only what is read afterwards.
    async fn read(&self, id: ChunkId) -> Result<Found, StoreError> {
        let (name, objects) = (id.object_name(), &self.parts.objects);
        let store_id = &self.config.writer.store_id;
        if objects.size(&name).await?.is_none() {
            return Ok(Found::judge(store_id, id, None));
        }
        objects.sync_found(&name).await?;
        Ok(Found::judge(store_id, id, objects.get(&name).await?.as_ref()))
    }

    async fn put_fence(&self, id: ChunkId) -> Result<FencingStep, RecoveryError> {
        let writer = self.config.writer;
        let put_id = random_id().map_err(RecoveryError::Random)?;
        let identity = Identity { store_id: writer.store_id, writer_id: writer.writer_id, put_id };
        let fence = encode_fence(id, self.epoch, identity);
        let outcome = self.parts.objects.put_if_absent(&id.object_name(), vec![fence]).await;
        Ok(fencing::after_put(&outcome))
    }

    async fn index(&self, id: ChunkId, chunk: &ChunkObject) -> Result<(), RecoveryError> {
        tracing::info!(chunk = %id, "indexing a chunk that its writer did not live to index");
        let row = ChunkRow::new(&chunk.footer, &chunk.trailer);
        Ok(self.parts.catalog.put_batch(index_rows(id, &row)).await?)
    }
}
