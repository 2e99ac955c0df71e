//! Large frames in the middle of being received, and the memory that they claim.
//!
//! A frame's memory is a part of the shard's slabs, which is there already and so costs nothing to fill; but it is all of the frame
//! from its first kilobytes on, it keeps its slab from being used again, and whoever begins frames that never end would hold as much
//! (reliability.md D18). So there is a place for so many of them, and beyond these frames are gathered as they come and copied, like
//! small ones. (A buffer of their own would not do: the allocator hands out huge pages, and touching one byte makes two megabytes
//! real. Measured: 470 MiB for 400 frames of 1 MiB that had begun.)

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// Frames of one shard that lie in slabs and are not there yet. Each keeps a slab of 4 MiB at most.
pub const FRAMES_BEGUN_MAX: usize = 32;

/// A large frame that has begun.
#[derive(Debug)]
pub struct LargeFrame {
    pub bytes: usize,
    /// When it got its buffer.
    pub begun_at: Duration,
    /// Held until the frame is there, or given up.
    _share: SlabShare,
}

/// How many frames hold parts of the slabs and are not there yet. Of one shard.
#[derive(Clone, Debug, Default)]
pub struct BegunFrames {
    count: Rc<Cell<usize>>,
}

/// Of one frame, until it is there or given up.
#[derive(Debug)]
pub struct SlabShare {
    of: BegunFrames,
}

impl LargeFrame {
    pub fn new(bytes: usize, begun_at: Duration, share: SlabShare) -> Self {
        Self { bytes, begun_at, _share: share }
    }
}

impl BegunFrames {
    /// Whether one more may be received into a slab.
    pub fn share(&self) -> Option<SlabShare> {
        let count = self.count.get();
        (count < FRAMES_BEGUN_MAX).then(|| {
            self.count.set(count + 1);
            SlabShare { of: self.clone() }
        })
    }
}

impl Drop for SlabShare {
    fn drop(&mut self) {
        self.of.count.set(self.of.count.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d18_so_many_frames_that_have_begun_lie_in_slabs_and_no_more() {
        let begun = BegunFrames::default();
        let mut held: Vec<SlabShare> = std::iter::from_fn(|| begun.share()).collect();
        assert_eq!(held.len(), FRAMES_BEGUN_MAX);
        held.pop();
        let last = begun.share().expect("what is let go is there for the next");
        assert!(begun.share().is_none());
        drop((held, last));
        assert_eq!(begun.count.get(), 0);
    }
}
