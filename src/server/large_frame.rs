//! Large frames in the middle of being received, and the memory that they claim.
//!
//! A frame's memory is a part of the shard's slabs, which is there already and so costs nothing to fill; but it is all of the frame
//! from its first kilobytes on, and whoever begins frames that never end would hold as much (reliability.md D18). So that is
//! bounded: beyond it frames are gathered as they come and copied, like small ones. (A buffer of their own would not do: the allocator
//! hands out huge pages, and touching one byte makes two megabytes real. Measured: 470 MiB for 400 frames of 1 MiB that had begun.)

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// Memory of one shard's slabs that frames which are not there yet may hold: 32 of the longest at the same time.
pub const SLAB_BYTES_BEGUN_MAX: usize = 32 << 20;

/// A large frame that has begun.
#[derive(Debug)]
pub struct LargeFrame {
    pub bytes: usize,
    /// When it got its buffer.
    pub begun_at: Duration,
    /// Held until the frame is there, or given up.
    pub _share: SlabShare,
}

/// How much of the slabs frames hold that are not there yet. Of one shard.
#[derive(Clone, Debug, Default)]
pub struct BegunFrames {
    slab_bytes: Rc<Cell<usize>>,
}

/// Of one frame, until it is there or given up.
#[derive(Debug)]
pub struct SlabShare {
    of: BegunFrames,
    bytes: usize,
}

impl BegunFrames {
    /// Whether a frame of this length may be received into a slab.
    pub fn share(&self, bytes: usize) -> Option<SlabShare> {
        let held = self.slab_bytes.get() + bytes;
        (held <= SLAB_BYTES_BEGUN_MAX).then(|| {
            self.slab_bytes.set(held);
            SlabShare { of: self.clone(), bytes }
        })
    }
}

impl Drop for SlabShare {
    fn drop(&mut self) {
        self.of.slab_bytes.set(self.of.slab_bytes.get() - self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d18_frames_that_have_begun_hold_a_bounded_part_of_the_slabs() {
        let begun = BegunFrames::default();
        let frame_bytes = 1 << 20;
        let mut held: Vec<SlabShare> = std::iter::from_fn(|| begun.share(frame_bytes)).collect();
        assert_eq!(held.len(), SLAB_BYTES_BEGUN_MAX / frame_bytes);
        assert!(begun.share(1).is_none());
        held.pop();
        let last = begun.share(frame_bytes).expect("what is let go is there for the next");
        assert!(begun.share(1).is_none());
        drop((held, last));
        assert_eq!(begun.slab_bytes.get(), 0);
    }
}
