//! Encodes chunks off the runtime's threads, with zstd contexts that are made once and used again.

use std::sync::{Arc, Mutex};

use riverrun_core::chunk::{ChunkInput, Compressor, EncodeError, EncodedChunk, Identity, Lane, encode};

use riverrun_core::limits::COMPRESSION_LEVEL_PRESSED;

use super::Offload;

#[derive(Clone, Debug)]
pub struct Encoder {
    /// For what nobody waits for.
    patient: Offload,
    urgent: Offload,
    idle: Arc<Mutex<Vec<Compressor>>>,
}

impl Encoder {
    /// As many contexts are kept as `offload` runs at once.
    pub fn new(offload: Offload) -> Self {
        Self::with_urgent(offload.clone(), offload)
    }

    /// What appends wait for is encoded by `urgent`: chunks of standard streams, whose acks wait for the store, and all of a backlog
    /// that has grown far.
    pub fn with_urgent(patient: Offload, urgent: Offload) -> Self {
        Self { patient, urgent, idle: Arc::default() }
    }

    pub async fn encode(&self, input: Arc<ChunkInput>, identity: Identity) -> Result<EncodedChunk, EncodeError> {
        let idle = Arc::clone(&self.idle);
        let offload = if is_urgent(&input) { &self.urgent } else { &self.patient };
        offload
            .run(move || {
                let reused = idle.lock().expect("no panic while held").pop();
                let mut compressor = reused.map_or_else(Compressor::new, Ok)?;
                let encoded = encode(&input, identity, &mut compressor);
                idle.lock().expect("no panic while held").push(compressor);
                encoded
            })
            .await
    }
}

/// The level falls as the backlog grows.
fn is_urgent(input: &ChunkInput) -> bool {
    input.id.lane == Lane::Standard || input.compression_level <= COMPRESSION_LEVEL_PRESSED
}
