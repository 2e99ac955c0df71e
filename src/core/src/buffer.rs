//! Page-aligned buffers in safe code.

pub mod slabs;

use bytes::{BufMut, BytesMut};

pub use slabs::Slabs;

/// The journal is written past the page cache: addresses, offsets and lengths must divide by this (statx `STATX_DIOALIGN` says
/// 512 on common disks; 4096 is right for all).
pub const ALIGN_BYTES: usize = 4096;

/// Rounds up to a multiple of [`ALIGN_BYTES`].
pub const fn align_up(bytes: usize) -> usize {
    bytes.div_ceil(ALIGN_BYTES) * ALIGN_BYTES
}

/// An empty buffer whose first byte has an aligned address and whose capacity is at least `capacity` rounded up.
///
/// A `Vec` never moves its bytes while it is not grown, so allocating one page more and skipping to the first aligned
/// address is enough; the alternative, an aligned allocation, needs unsafe code. Callers must not grow it past its capacity.
pub fn aligned(capacity: usize) -> BytesMut {
    aligned_start(BytesMut::with_capacity(align_up(capacity) + ALIGN_BYTES))
}

/// The empty buffer without what lies before its first aligned address.
fn aligned_start(mut buffer: BytesMut) -> BytesMut {
    let skip = buffer.spare_capacity_mut().as_ptr().align_offset(ALIGN_BYTES);
    buffer.put_bytes(0, skip);
    let _ = buffer.split_to(skip);
    buffer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_byte_is_aligned_and_stays_so_when_split() {
        let mut buffer = aligned(3 * ALIGN_BYTES - 1);
        buffer.put_bytes(7, ALIGN_BYTES);
        let first = buffer.split().freeze();
        buffer.put_bytes(8, 2 * ALIGN_BYTES);
        let second = buffer.freeze();
        assert_eq!(first.as_ptr() as usize % ALIGN_BYTES, 0);
        assert_eq!(second.as_ptr() as usize % ALIGN_BYTES, 0);
        assert_eq!((first[0], second[0]), (7, 8));
    }
}
