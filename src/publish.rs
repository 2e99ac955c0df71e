//! Publishing: from a sealed chunk to one that is durable in the store and indexed in the catalog.
//!
//! ```text
//! encode (off the runtime's threads) -> wait for its turn in the sequence -> put if absent -> confirm what is there
//!   -> catalog: chunk row and sequence row in one batch -> the index in memory -> StoredChunk
//! ```
//! Chunks of one sequence are put and indexed strictly by number; the fencing of a dead epoch's sequences rests on it
//! (`core::plan::fencing`). One order is one attempt: what may work later is answered `Transient`, and the shard orders again.
//! An encoded chunk is kept until it is stored, so that every attempt puts the same bytes under the same put id, and a lost
//! answer can be told from a rival (reliability.md F34).

mod encoder;
#[cfg(test)]
pub(crate) mod fixtures;
mod offload;
mod sequence;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use riverrun_core::chunk::{
    ChunkId, ChunkInput, EncodedChunk, Identity, SequenceId, StoredChunk, StreamState, TRAILER_BYTES,
};
use riverrun_core::control::{ChunkRow, SequenceRow, keys};
use riverrun_core::event::StoreFailure;
use riverrun_core::plan::found::Found;
use riverrun_core::plan::put::{self, PutOutcome, PutStep};
use tokio::time::{sleep, timeout};

use crate::catalog::{Catalog, CatalogError};
use crate::loader::ChunkIndex;
use crate::stages::{SharedStages, Stage};
use crate::store::{Objects, StoreError};

pub use crate::entropy::random_id;
pub use encoder::Encoder;
pub use offload::{Offload, StepBack};
use sequence::Sequence;

/// One attempt's patience with the store or the catalog; what was asked may still be done afterwards.
const ATTEMPT_DEADLINE: Duration = Duration::from_secs(30);
/// How often one attempt asks what lies under a chunk's name before it leaves the question to the next.
const READ_BACKS_MAX: u32 = 4;
const READ_BACK_PAUSE: Duration = Duration::from_millis(if cfg!(test) { 1 } else { 50 });

/// What this process writes its objects as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Writer {
    pub store_id: [u8; 16],
    /// Random per process.
    pub writer_id: [u8; 16],
}

/// The one place that publishes chunks; shared by all shards.
pub struct Publisher {
    objects: Arc<dyn Objects>,
    catalog: Arc<dyn Catalog>,
    index: Arc<ChunkIndex>,
    encoder: Encoder,
    writer: Writer,
    sequences: Mutex<HashMap<SequenceId, Arc<Sequence>>>,
    stages: SharedStages,
}

impl Publisher {
    pub fn new(
        objects: Arc<dyn Objects>,
        catalog: Arc<dyn Catalog>,
        index: Arc<ChunkIndex>,
        encoder: Encoder,
        writer: Writer,
    ) -> Self {
        Self { objects, catalog, index, encoder, writer, sequences: Mutex::default(), stages: SharedStages::default() }
    }

    /// How long encoding and putting take.
    pub fn stages(&self) -> &SharedStages {
        &self.stages
    }

    async fn timed<T>(&self, stage: Stage, work: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let done = work.await;
        self.stages.record(stage, begun.elapsed(), 1);
        done
    }

    /// Carries out one `StoreChunk`. Chunks of one sequence may be ordered side by side; each waits for those before it. An order
    /// that failed is given again with the same id.
    ///
    /// # Errors
    /// `Transient`: order again after a pause. `Fatal`: stop acknowledging, end the process.
    pub async fn store_chunk(&self, input: impl Into<Arc<ChunkInput>>) -> Result<StoredChunk, StoreFailure> {
        let input: Arc<ChunkInput> = input.into();
        let id = input.id;
        let sequence = self.sequence(id.sequence());
        let chunk = match sequence.encoded(id.number) {
            Some(chunk) if holds_the_same(&chunk, &input) => chunk,
            Some(_) => return Err(StoreFailure::Fatal(format!("chunk {id} was ordered again with other content"))),
            None => self.timed(Stage::ChunkEncode, self.encode(&sequence, input)).await?,
        };
        sequence.wait_for_turn(id.number).await?;
        self.timed(Stage::ChunkPut, self.put(id, &chunk)).await?;
        self.confirm(id, &chunk).await?;
        self.index_row(id, &chunk).await?;
        let stored = StoredChunk { id, object_bytes: chunk.object_bytes(), raw_bytes: chunk.raw_bytes() };
        self.index.add(Arc::new(chunk.footer.clone()), chunk.trailer.footer.bytes);
        sequence.stored(id.number);
        Ok(stored)
    }

    fn sequence(&self, id: SequenceId) -> Arc<Sequence> {
        Arc::clone(self.sequences.lock().expect("no panic while held").entry(id).or_default())
    }

    async fn encode(&self, sequence: &Sequence, input: Arc<ChunkInput>) -> Result<Arc<EncodedChunk>, StoreFailure> {
        let id = input.id;
        let Writer { store_id, writer_id } = self.writer;
        let put_id = random_id().map_err(StoreFailure::Fatal)?;
        let encoded = self.encoder.encode(input, Identity { store_id, writer_id, put_id }).await;
        let chunk = Arc::new(encoded.map_err(|error| StoreFailure::Fatal(format!("chunk {id}: {error}")))?);
        sequence.keep(id.number, Arc::clone(&chunk));
        Ok(chunk)
    }

    async fn put(&self, id: ChunkId, chunk: &EncodedChunk) -> Result<(), StoreFailure> {
        let name = id.object_name();
        let put = timeout(ATTEMPT_DEADLINE, self.objects.put_if_absent(&name, chunk.parts.clone())).await;
        let outcome = put.unwrap_or_else(|_| PutOutcome::Ambiguous(format!("no answer in {ATTEMPT_DEADLINE:?}")));
        let mut step = put::after_put(&outcome);
        let mut damaged_before = false;
        for _ in 0..READ_BACKS_MAX {
            match step {
                PutStep::Stored => return Ok(()),
                PutStep::Retry => break,
                PutStep::Fatal(failure) => return Err(StoreFailure::Fatal(format!("chunk {id}: {failure}"))),
                PutStep::ReadBack { pause } => {
                    if pause {
                        sleep(READ_BACK_PAUSE).await;
                    }
                    let found = self.look(id, &name).await?;
                    let damaged = matches!(found, Ok(Found::Damaged(_)));
                    step = put::after_read_back(chunk, found, damaged_before);
                    damaged_before |= damaged;
                }
            }
        }
        Err(StoreFailure::Transient(format!("chunk {id} was not stored: {outcome:?}")))
    }

    /// What lies under the name. It counts only once it is durable: whoever made it visible may not have lived to sync it. A sync
    /// that fails is the end (reliability.md D8); the inner error says that the store did not answer.
    async fn look(&self, id: ChunkId, name: &str) -> Result<Result<Found, String>, StoreFailure> {
        let look = async {
            if self.objects.size(name).await?.is_none() {
                return Ok(None);
            }
            self.objects.sync_found(name).await?;
            self.objects.get(name).await
        };
        Ok(match timeout(ATTEMPT_DEADLINE, look).await {
            Ok(Ok(object)) => Ok(Found::judge(&self.writer.store_id, id, object.as_ref())),
            Ok(Err(error @ StoreError::SyncFailed { .. })) => return Err(StoreFailure::Fatal(error.to_string())),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer in {ATTEMPT_DEADLINE:?}")),
        })
    }

    /// What was put is there, whole: its length, and its last bytes (reliability.md D10). On a local disk the publish step's
    /// sync is the evidence of durability, and this only proves that the right file got it. An answer that says otherwise is
    /// asked for once more before it is believed (F37): one wrong answer of a store must not end the process.
    async fn confirm(&self, id: ChunkId, chunk: &EncodedChunk) -> Result<(), StoreFailure> {
        let name = id.object_name();
        let mine = (Some(chunk.object_bytes()), Some(Bytes::from(chunk.trailer.encode().to_vec())));
        let mut found = self.end_of(&name, chunk.object_bytes()).await?;
        if found != mine {
            sleep(READ_BACK_PAUSE).await;
            found = self.end_of(&name, chunk.object_bytes()).await?;
        }
        match found == mine {
            true => Ok(()),
            false => Err(StoreFailure::Fatal(format!(
                "{name}: the store said it was stored, but there are {:?} bytes of {}, or others",
                found.0,
                chunk.object_bytes()
            ))),
        }
    }

    /// The length of an object, and its trailer if that is `end`.
    async fn end_of(&self, name: &str, end: u64) -> Result<(Option<u64>, Option<Bytes>), StoreFailure> {
        let look = async {
            let size = self.objects.size(name).await?;
            let trailer = match size {
                Some(size) if size == end => Some(self.objects.get_range(name, end - TRAILER_BYTES as u64..end).await?),
                _ => None,
            };
            Ok::<_, StoreError>((size, trailer))
        };
        match timeout(ATTEMPT_DEADLINE, look).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(StoreFailure::Transient(error.to_string())),
            Err(_) => Err(StoreFailure::Transient(format!("{name}: no answer in {ATTEMPT_DEADLINE:?}"))),
        }
    }

    async fn index_row(&self, id: ChunkId, chunk: &EncodedChunk) -> Result<(), StoreFailure> {
        let rows = index_rows(id, &ChunkRow::from(chunk));
        match timeout(ATTEMPT_DEADLINE, self.catalog.put_batch(rows)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(catalog_failure(&error)),
            Err(_) => Err(StoreFailure::Transient(format!("the catalog did not answer in {ATTEMPT_DEADLINE:?}"))),
        }
    }
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher").field("writer", &self.writer).finish_non_exhaustive()
    }
}

/// Whether an order that is given again is for what was encoded before. If it were not, the shard would let go of records that
/// are in no chunk.
fn holds_the_same(chunk: &EncodedChunk, input: &ChunkInput) -> bool {
    let encoded = |state: &StreamState| chunk.footer.find(state.stream_id).is_some_and(|stream| stream.state == *state);
    chunk.footer.streams.len() == input.streams.len() && input.streams.iter().all(|stream| encoded(&stream.state))
}

/// The rows that make a chunk part of the store: itself, and how far its sequence is indexed.
pub(crate) fn index_rows(id: ChunkId, row: &ChunkRow) -> Vec<crate::catalog::Row> {
    let sequence = SequenceRow { indexed_to: id.number + 1, ended_at: None };
    vec![(keys::chunk(id), row.encode()), (keys::sequence(id.sequence()), sequence.encode())]
}

fn catalog_failure(error: &CatalogError) -> StoreFailure {
    match error.is_fatal() {
        true => StoreFailure::Fatal(error.to_string()),
        false => StoreFailure::Transient(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
