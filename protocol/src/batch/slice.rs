//! A run of a batch's records as a batch of its own, by reference.

use bytes::{Bytes, BytesMut};

/// What [`super::Batch::slice`] gives: the encoded bytes in up to three parts, to be written one behind the other.
/// Where the slice is the whole batch, `header` is all of it and the others are empty.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BatchSlice {
    pub header: Bytes,
    pub table: Bytes,
    pub payload: Bytes,
}

impl BatchSlice {
    /// Those of the three that hold anything, in order.
    pub fn parts(self) -> impl Iterator<Item = Bytes> {
        [self.header, self.table, self.payload].into_iter().filter(|part| !part.is_empty())
    }

    /// In one piece. Copies, unless the slice is a whole batch.
    pub fn to_bytes(&self) -> Bytes {
        if self.table.is_empty() {
            return self.header.clone();
        }
        let mut bytes = BytesMut::with_capacity(self.len());
        [&self.header, &self.table, &self.payload].into_iter().for_each(|part| bytes.extend_from_slice(part));
        bytes.freeze()
    }

    /// Encoded bytes.
    pub fn len(&self) -> usize {
        self.header.len() + self.table.len() + self.payload.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
