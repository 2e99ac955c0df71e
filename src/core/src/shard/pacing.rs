//! How often followers are woken (design.md 5).
//!
//! A push costs what a system call costs on either side, hardly more for many records than for one. Where followers would get many
//! pushes, each stream's records wait for up to a millisecond so that they travel together. Measured with 20,000 records a second
//! to 32 followers: docs/decisions/0006-held-pushes.md.

use std::time::Duration;

use super::Shard;
use super::stream::StreamKey;
use crate::limits::{PUSH_DELAY_MAX, PUSHES_DENSE_PER_S};

/// Over how long the rate is measured.
const WINDOW: Duration = Duration::from_millis(10);

#[derive(Debug, Default)]
pub(super) struct Pacing {
    window_began: Duration,
    /// Pushes that followers would have got in this window if none were held.
    wanted: u64,
    is_dense: bool,
    /// Streams whose followers wait, and until when.
    held: Vec<StreamKey>,
    release_at: Option<Duration>,
}

impl Pacing {
    fn note(&mut self, now: Duration, followers: usize) {
        let elapsed = now.saturating_sub(self.window_began);
        if elapsed >= WINDOW {
            self.is_dense = self.wanted as f64 > PUSHES_DENSE_PER_S as f64 * elapsed.as_secs_f64();
            (self.window_began, self.wanted) = (now, 0);
        }
        self.wanted += followers as u64;
    }

    fn hold(&mut self, stream: StreamKey, until: Duration) {
        self.held.push(stream);
        self.release_at.get_or_insert(until);
    }

    pub(super) fn release_at(&self) -> Option<Duration> {
        self.release_at
    }
}

impl Shard {
    /// More of the stream is stable: all that wait for it have something to do, now or very soon.
    pub(super) fn wake_tail(&mut self, key: StreamKey) {
        let stream = &mut self.streams[key];
        self.pacing.note(self.now, stream.at_tail.len());
        let until = stream.woken_at + PUSH_DELAY_MAX;
        // The last records of a stream that is deleted, and of a broker that stops, go out before followers are turned away.
        let is_ending = self.draining || !stream.is_open();
        if !self.pacing.is_dense || is_ending || self.now >= until || stream.at_tail.is_empty() {
            return self.wake_tail_now(key);
        }
        if stream.held_since.is_none() {
            stream.held_since = Some(self.now);
            self.pacing.hold(key, until);
        }
    }

    /// Those whose time has come, and the others with them: one turn of the loop instead of many.
    pub(super) fn release_held_pushes(&mut self) {
        if self.pacing.release_at.is_none_or(|at| at > self.now && !self.draining) {
            return;
        }
        self.pacing.release_at = None;
        let mut held = std::mem::take(&mut self.pacing.held);
        for key in held.drain(..) {
            // It may have been woken meanwhile, or be gone.
            if self.streams.slab.get(key).is_some_and(|stream| stream.held_since.is_some()) {
                self.wake_tail_now(key);
            }
        }
        self.pacing.held = held;
    }
}
