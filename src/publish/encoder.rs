//! Encodes chunks off the runtime's threads, with zstd contexts that are made once and used again.

use std::sync::{Arc, Mutex};

use riverrun_core::chunk::{ChunkInput, Compressor, EncodeError, EncodedChunk, Identity, encode};

use super::Offload;

#[derive(Clone, Debug)]
pub struct Encoder {
    offload: Offload,
    idle: Arc<Mutex<Vec<Compressor>>>,
}

impl Encoder {
    /// As many contexts are kept as `offload` runs at once.
    pub fn new(offload: Offload) -> Self {
        Self { offload, idle: Arc::default() }
    }

    pub async fn encode(&self, input: Arc<ChunkInput>, identity: Identity) -> Result<EncodedChunk, EncodeError> {
        let idle = Arc::clone(&self.idle);
        self.offload
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
