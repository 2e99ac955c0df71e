//! Memory for what is received and written: cut from slabs, which are used again when nothing of them is held any more.
//!
//! A page that a process has never touched costs more than everything else that is done with its bytes: the kernel clears it,
//! and on a virtual machine the host may have to find it first. Measured on one (2 cores, no huge pages): 0.8 to 1.0 CPU-second
//! per GiB for a first touch, 0.007 for the next one; with one frame's buffer allocated and freed at a time, 60 % of the CPU
//! of an ingest went there. So slabs are kept, and given back only when they have not been wanted for a while.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::BytesMut;

use super::{ALIGN_BYTES, align_up, aligned_start};

/// Two huge pages. A slab is used again when the last of its parts is let go, so a larger one waits longer for the one batch that
/// a slow reader holds; a smaller one wastes more at its end, where the next frame does not fit.
pub const SLAB_BYTES: usize = 4 << 20;
/// Slabs that are kept although nobody has wanted them for a while.
pub const SPARE_SLABS_KEPT: usize = 4;
/// How often slabs that nobody wants are given back, and which part of them each time.
const TRIM_PAUSE: Duration = Duration::from_secs(1);
const TRIM_SHARE: usize = 4;
/// Slabs that are looked at, oldest first, when one is wanted. All of them are when some may be given back.
const LOOKS_PER_SLAB: usize = 16;

/// Where a slab's memory comes from: an empty buffer of at least that capacity.
pub type Allocate = fn(usize) -> BytesMut;

#[derive(Debug)]
pub struct Slabs {
    allocate: Allocate,
    /// What is left of the newest slab.
    rest: Option<BytesMut>,
    /// Slabs that are used up and may still be held, in about the order in which they were begun. Each handle is empty: it keeps
    /// the memory, and can tell whether it is the last that does.
    used_up: VecDeque<BytesMut>,
    free: Vec<BytesMut>,
    /// The fewest that were free since the last trim: these nobody wanted.
    unwanted: usize,
    kept: usize,
    trim_at: Option<Duration>,
}

impl Slabs {
    pub fn new(allocate: Allocate) -> Self {
        Self {
            allocate,
            rest: None,
            used_up: VecDeque::new(),
            free: Vec::new(),
            unwanted: 0,
            kept: SPARE_SLABS_KEPT,
            trim_at: None,
        }
    }

    /// Sets memory aside and touches it, so that no page of it is new when it is wanted; it is never given back.
    pub fn prepare(&mut self, bytes: usize) {
        for _ in 0..bytes / SLAB_BYTES {
            let mut slab = self.fresh();
            slab.resize(slab.capacity(), 0);
            slab.clear();
            self.free.push(slab);
        }
        self.kept = self.kept.max(self.free.len());
    }

    /// An empty buffer whose first byte has an aligned address and whose capacity is `bytes` rounded up to whole pages. It must
    /// not be grown beyond that.
    pub fn take(&mut self, bytes: usize, now: Duration) -> BytesMut {
        let bytes = align_up(bytes);
        if bytes > SLAB_BYTES {
            return super::aligned(bytes);
        }
        let mut part = match self.rest.take() {
            Some(rest) if rest.capacity() >= bytes => rest,
            used_up => {
                self.used_up.extend(used_up.map(end_of));
                self.next_slab(now)
            }
        };
        self.rest = Some(part.split_off(bytes));
        part
    }

    /// Something that was held was let go: somebody may be about to want it, or nobody any more.
    pub fn on_let_go(&mut self, now: Duration) {
        self.trim_at.get_or_insert(now + TRIM_PAUSE);
    }

    /// When [`Slabs::trim`] is wanted.
    pub fn trim_at(&self) -> Option<Duration> {
        self.trim_at
    }

    /// Slabs that are not free, as far as was looked.
    pub fn held_bytes(&self) -> usize {
        (self.used_up.len() + usize::from(self.rest.is_some())) * SLAB_BYTES
    }

    /// All slabs, free or not.
    pub fn bytes(&self) -> usize {
        self.held_bytes() + self.free.len() * SLAB_BYTES
    }

    /// Gives back some of the slabs that nobody has wanted since this was last done. True if it was time for that: all slabs were
    /// looked at.
    pub fn trim(&mut self, now: Duration) -> bool {
        if self.trim_at.is_none_or(|at| at > now) {
            return false;
        }
        let unwanted = self.unwanted.min(self.free.len().saturating_sub(self.kept));
        self.free.truncate(self.free.len() - unwanted.div_ceil(TRIM_SHARE));
        self.gather(usize::MAX);
        self.unwanted = self.free.len();
        self.trim_at = (self.free.len() > self.kept).then_some(now + TRIM_PAUSE);
        true
    }

    /// Finds all slabs that nobody holds any more.
    pub fn gather_all(&mut self, now: Duration) {
        self.gather(usize::MAX);
        self.on_let_go(now);
    }

    fn next_slab(&mut self, now: Duration) -> BytesMut {
        if self.free.is_empty() {
            self.gather(LOOKS_PER_SLAB);
        }
        self.trim_at.get_or_insert(now + TRIM_PAUSE);
        let next = self.free.pop();
        self.unwanted = self.unwanted.min(self.free.len());
        next.unwrap_or_else(|| self.fresh())
    }

    /// Takes back those of the oldest used up slabs that nobody holds any more.
    fn gather(&mut self, looks: usize) {
        let mut looked_at = 0;
        while looked_at < looks.min(self.used_up.len()) {
            // Whoever is the last to hold a slab gets the whole of it.
            match self.used_up[looked_at].try_reclaim(SLAB_BYTES + ALIGN_BYTES) {
                true => self.free.extend(self.used_up.remove(looked_at).map(aligned_start)),
                false => looked_at += 1,
            }
        }
    }

    fn fresh(&self) -> BytesMut {
        aligned_start((self.allocate)(SLAB_BYTES + ALIGN_BYTES))
    }
}

/// A handle on nothing of it: one on what is left would say that it has room already.
fn end_of(mut slab: BytesMut) -> BytesMut {
    slab.split_off(slab.capacity())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const FRAME_BYTES: usize = 256 << 10;
    const FRAMES_PER_SLAB: usize = SLAB_BYTES / FRAME_BYTES;

    fn filled(slabs: &mut Slabs, count: usize, now: Duration) -> Vec<Bytes> {
        let frame = |_| {
            let mut frame = slabs.take(FRAME_BYTES, now);
            assert!(frame.is_empty() && frame.as_ptr().addr().is_multiple_of(ALIGN_BYTES));
            assert_eq!(frame.capacity(), FRAME_BYTES);
            frame.resize(16, 1);
            frame.freeze()
        };
        (0..count).map(frame).collect()
    }

    fn slabs_held(slabs: &Slabs) -> usize {
        slabs.used_up.len() + slabs.free.len() + usize::from(slabs.rest.is_some())
    }

    fn slabs() -> Slabs {
        Slabs::new(BytesMut::with_capacity)
    }

    #[test]
    fn what_is_let_go_in_any_order_is_used_again() {
        let mut slabs = slabs();
        for round in 0..100 {
            let mut frames = filled(&mut slabs, 3 * FRAMES_PER_SLAB, Duration::ZERO);
            frames.sort_by_key(|frame| frame.as_ptr().addr().wrapping_mul(0x9e37_79b9 + round));
        }
        assert!(slabs_held(&slabs) <= 4, "{} slabs for three", slabs_held(&slabs));
    }

    #[test]
    fn what_is_held_is_never_given_to_another() {
        let mut slabs = slabs();
        let held: Vec<Bytes> = filled(&mut slabs, 5 * FRAMES_PER_SLAB, Duration::ZERO);
        let first: Vec<Bytes> = held.into_iter().step_by(FRAMES_PER_SLAB).map(|frame| frame.slice(7..9)).collect();
        let others = filled(&mut slabs, 5 * FRAMES_PER_SLAB, Duration::ZERO);
        for held in &first {
            let at = held.as_ptr().addr();
            assert!(others.iter().all(|other| at.wrapping_sub(other.as_ptr().addr()) >= FRAME_BYTES));
        }
        assert!(first.iter().all(|held| held[..] == [1, 1]));
    }

    #[test]
    fn one_that_is_held_for_long_keeps_nothing_but_its_own_slab() {
        let mut slabs = slabs();
        let _stuck = filled(&mut slabs, 1, Duration::ZERO);
        for _ in 0..100 {
            drop(filled(&mut slabs, FRAMES_PER_SLAB, Duration::ZERO));
        }
        assert!(slabs_held(&slabs) <= 4, "{} slabs", slabs_held(&slabs));
    }

    #[test]
    fn after_a_burst_memory_is_given_back_bit_by_bit_and_then_nothing_is_waited_for() {
        let mut slabs = slabs();
        let frames = filled(&mut slabs, 100 * FRAMES_PER_SLAB, Duration::ZERO);
        let mut now = slabs.trim_at().expect("slabs were begun");
        slabs.trim(now);
        assert_eq!(slabs.trim_at(), None, "everything is held");
        drop(frames);
        slabs.on_let_go(now);
        let mut rounds = 0;
        while let Some(at) = slabs.trim_at() {
            now = at;
            slabs.trim(now);
            rounds += 1;
        }
        assert!((10..60).contains(&rounds), "{rounds} rounds");
        assert!(slabs_held(&slabs) <= SPARE_SLABS_KEPT + 1, "{} slabs", slabs_held(&slabs));
    }

    #[test]
    fn what_is_wanted_all_the_time_is_not_given_back() {
        let mut slabs = slabs();
        let mut now = Duration::ZERO;
        drop(filled(&mut slabs, 50 * FRAMES_PER_SLAB, now));
        for _ in 0..100 {
            now += TRIM_PAUSE;
            drop(filled(&mut slabs, 50 * FRAMES_PER_SLAB, now));
            slabs.trim(now);
        }
        assert!(slabs_held(&slabs) >= 45, "{} slabs", slabs_held(&slabs));
    }

    #[test]
    fn prepared_memory_stays() {
        let mut slabs = slabs();
        slabs.prepare(20 * SLAB_BYTES);
        drop(filled(&mut slabs, 20 * FRAMES_PER_SLAB, Duration::ZERO));
        while let Some(at) = slabs.trim_at() {
            slabs.trim(at);
        }
        assert_eq!(slabs_held(&slabs), 20);
    }

    #[test]
    fn what_fits_no_slab_is_a_buffer_of_its_own() {
        let frame = slabs().take(SLAB_BYTES + 1, Duration::ZERO);
        assert_eq!(frame.capacity() / ALIGN_BYTES, SLAB_BYTES / ALIGN_BYTES + 1);
    }
}
