//! Where one sequence of chunks stands.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use riverrun_core::chunk::EncodedChunk;
use riverrun_core::event::StoreFailure;
use tokio::sync::watch;

/// Numbers count from 0 in every epoch, so a process that just started expects 0.
#[derive(Debug)]
pub struct Sequence {
    next: watch::Sender<u64>,
    /// Encoded and not yet stored, as many as the shard has in flight.
    encoded: Mutex<HashMap<u64, Arc<EncodedChunk>>>,
}

impl Default for Sequence {
    fn default() -> Self {
        Self { next: watch::Sender::new(0), encoded: Mutex::default() }
    }
}

impl Sequence {
    /// An earlier attempt's bytes.
    pub fn encoded(&self, number: u64) -> Option<Arc<EncodedChunk>> {
        self.encoded.lock().expect("no panic while held").get(&number).cloned()
    }

    pub fn keep(&self, number: u64, chunk: Arc<EncodedChunk>) {
        self.encoded.lock().expect("no panic while held").insert(number, chunk);
    }

    /// Waits until all chunks before this one are stored.
    pub async fn wait_for_turn(&self, number: u64) -> Result<(), StoreFailure> {
        let mut next = self.next.subscribe();
        // The sender lives in `self`, so the wait ends only by the number coming up.
        let _ = next.wait_for(|next| *next >= number).await;
        match *self.next.borrow() == number {
            true => Ok(()),
            false => Err(StoreFailure::Fatal(format!("chunk number {number} was ordered after it was stored"))),
        }
    }

    pub fn stored(&self, number: u64) {
        self.encoded.lock().expect("no panic while held").remove(&number);
        self.next.send_replace(number + 1);
    }
}
