//! Buffers that the kernel picks from when bytes arrive, so that idle connections hold none.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::IoUring;
use io_uring::types::BufRingEntry;

const GROUP: u16 = 0;

/// Received bytes, lent by the pool until given back with [`super::Ring::give_back`].
#[derive(Debug)]
pub struct ReceivedBuffer {
    id: u16,
    bytes: Vec<u8>,
    len: usize,
}

impl ReceivedBuffer {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// A provided-buffer ring (`IORING_REGISTER_PBUF_RING`, Linux 5.19).
#[derive(Debug)]
pub(super) struct ReceivePool {
    entries: NonNull<BufRingEntry>,
    count: u16,
    buffer_bytes: usize,
    /// `None` while lent out.
    buffers: Vec<Option<Vec<u8>>>,
    tail: u16,
}

impl ReceivePool {
    fn layout(count: u16) -> Layout {
        Layout::from_size_align(usize::from(count) * size_of::<BufRingEntry>(), 4096).expect("a small power of two")
    }

    /// `count` must be a power of two.
    pub fn register(ring: &IoUring, count: u16, buffer_bytes: usize) -> io::Result<Self> {
        let layout = Self::layout(count);
        // SAFETY: the layout is not empty; the memory is zeroed, which is a valid `BufRingEntry` (plain integers).
        let memory = unsafe { alloc_zeroed(layout) };
        let entries = NonNull::new(memory.cast::<BufRingEntry>()).unwrap_or_else(|| handle_alloc_error(layout));
        let mut pool = Self { entries, count, buffer_bytes, buffers: Vec::new(), tail: 0 };
        // SAFETY: `entries` points to `count` entries that live as long as `pool`, which `Ring` drops after the kernel's ring.
        unsafe { ring.submitter().register_buf_ring_with_flags(entries.as_ptr() as u64, count, GROUP, 0) }?;
        pool.buffers = (0..count).map(|_| None).collect();
        for id in 0..count {
            pool.provide(id, vec![0; buffer_bytes]);
        }
        Ok(pool)
    }

    pub fn group(&self) -> u16 {
        GROUP
    }

    pub fn buffer_bytes(&self) -> usize {
        self.buffer_bytes
    }

    /// Takes out the buffer that a completion names.
    pub fn take(&mut self, id: u16, len: usize) -> Option<ReceivedBuffer> {
        let bytes = self.buffers.get_mut(usize::from(id))?.take()?;
        let len = len.min(bytes.len());
        Some(ReceivedBuffer { id, bytes, len })
    }

    pub fn give_back(&mut self, buffer: ReceivedBuffer) {
        self.provide(buffer.id, buffer.bytes);
    }

    fn provide(&mut self, id: u16, mut bytes: Vec<u8>) {
        let index = usize::from(self.tail & (self.count - 1));
        let address = bytes.as_mut_ptr() as u64;
        // SAFETY: index < count, and the entry at the tail belongs to us: the kernel reads only below the published tail, and
        // no more than `count` buffers are ever provided at once (each id is provided once).
        unsafe {
            let entry = &mut *self.entries.as_ptr().add(index);
            entry.set_addr(address);
            entry.set_len(self.buffer_bytes as u32);
            entry.set_bid(id);
        }
        self.buffers[usize::from(id)] = Some(bytes);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: `tail` is inside the first entry of the ring's memory, shared with the kernel as an atomic 16-bit number; the
        // release store makes the entry's fields visible before the new tail.
        unsafe {
            let tail = BufRingEntry::tail(self.entries.as_ptr()).cast_mut().cast::<AtomicU16>();
            (*tail).store(self.tail, Ordering::Release);
        }
    }
}

impl Drop for ReceivePool {
    fn drop(&mut self) {
        // SAFETY: allocated in `register` with the same layout; the kernel's ring is gone (see `Ring`'s field order).
        unsafe { dealloc(self.entries.as_ptr().cast(), Self::layout(self.count)) };
    }
}
