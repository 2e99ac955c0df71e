//! What takes the journal's place in a `memory:` store: batches are gathered for a turn and stable at its end.

use bytes::{Bytes, BytesMut};
use riverrun_protocol::batch::Ingested;

use super::acks::PendingAppend;
use crate::event::BatchBytes;

/// Copied batches are cut from slabs of this size, so that a small one costs no allocation.
const SLAB_BYTES: usize = 1 << 20;

#[derive(Debug, Default)]
pub(super) struct MemoryWriter {
    slab: BytesMut,
    appends: Vec<PendingAppend>,
    batches: Vec<Bytes>,
    next_number: u64,
}

/// The batches of a turn; numbered as journal blocks are, for the backlog's accounts.
#[derive(Debug)]
pub(super) struct MemoryBlock {
    pub(super) number: u64,
    pub(super) appends: Vec<PendingAppend>,
    pub(super) batches: Vec<Bytes>,
}

impl MemoryWriter {
    pub(super) fn put(
        &mut self,
        batch: BatchBytes<'_>,
        facts: &Ingested,
        stamp: impl FnOnce(&mut [u8]) -> PendingAppend,
    ) {
        let (append, bytes) = match batch {
            BatchBytes::Borrowed(bytes) => self.copy(bytes, stamp),
            BatchBytes::Received { mut frame, batch } => {
                let append = stamp(&mut frame[batch.clone()]);
                (append, frame.freeze().slice(batch))
            }
        };
        debug_assert_eq!(bytes.len(), facts.batch_bytes);
        self.appends.push(append);
        self.batches.push(bytes);
    }

    fn copy(&mut self, bytes: &[u8], stamp: impl FnOnce(&mut [u8]) -> PendingAppend) -> (PendingAppend, Bytes) {
        if self.slab.capacity() < bytes.len() {
            self.slab = BytesMut::with_capacity(SLAB_BYTES.max(bytes.len()));
        }
        self.slab.extend_from_slice(bytes);
        let append = stamp(&mut self.slab);
        (append, self.slab.split().freeze())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.appends.is_empty()
    }

    pub(super) fn take_block(&mut self) -> Option<MemoryBlock> {
        if self.appends.is_empty() {
            return None;
        }
        self.next_number += 1;
        let appends = std::mem::take(&mut self.appends);
        Some(MemoryBlock { number: self.next_number, appends, batches: std::mem::take(&mut self.batches) })
    }
}
