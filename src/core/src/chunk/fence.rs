//! A fence: the tiny object by which a newer epoch ends an older epoch's sequence (design.md 6, epochs). It has the name of
//! the chunk that the older epoch would have put next, so that a put-if-absent of that chunk can never succeed again.
//!
//! Its bytes are one header and nothing more.

use bytes::Bytes;

use super::ChunkId;
use super::header::{HEADER_BYTES, Identity, ObjectHeader, ObjectKind};

/// The object to put at `id`'s name. `writer_epoch` is the fencing epoch, newer than `id.epoch`.
pub fn encode_fence(id: ChunkId, writer_epoch: u64, identity: Identity) -> Bytes {
    let header =
        ObjectHeader { kind: ObjectKind::Fence, id, identity, writer_epoch, object_bytes: HEADER_BYTES as u64 };
    Bytes::copy_from_slice(&header.encode())
}
