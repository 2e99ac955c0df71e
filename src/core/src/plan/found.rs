//! What lies under a chunk's name.

use bytes::Bytes;

use crate::chunk::{ChunkId, ChunkObject, Object, ObjectHeader, identify};
use crate::stored::StoredError;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    Absent,
    /// Whole and intact, of this store, under its own name.
    Chunk(Box<ChunkObject>),
    /// Likewise.
    Fence(ObjectHeader),
    /// Cut short, damaged, of a newer version, or another store's or name's object.
    Damaged(StoredError),
}

impl Found {
    /// Judges what a read of `id`'s whole object gave; `None` where there is no such object.
    pub fn judge(store_id: &[u8; 16], id: ChunkId, object: Option<&Bytes>) -> Self {
        match object {
            None => Self::Absent,
            Some(bytes) => read(store_id, id, bytes).unwrap_or_else(Self::Damaged),
        }
    }
}

fn read(store_id: &[u8; 16], id: ChunkId, bytes: &Bytes) -> Result<Found, StoredError> {
    let object = identify(bytes)?;
    object.header().check_place(store_id, id)?;
    Ok(match object {
        Object::Chunk(chunk) => Found::Chunk(Box::new(chunk)),
        Object::Fence(header) => Found::Fence(header),
    })
}
