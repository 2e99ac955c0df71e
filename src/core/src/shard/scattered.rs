//! Slabs of which little is still held.
//!
//! A slab of 4 MiB is used again when the last record in it is let go. Records that stay for readers keep it while what lay beside
//! them is gone: a stream that was deleted, frames that were refused. Measured with malformed requests: after 800,000 of them 51 MB of
//! records kept 98 MB. Nothing bounds that ratio, so where it is bad the cache of records for readers gets smaller, oldest first,
//! until it is not. What is not stored yet cannot be let go, and is stored soon. (Copying records together would keep them, and costs
//! what slabs save; parts that are given back one by one cost a look at each append.)

use super::Shard;
use crate::limits::SCATTERED_BYTES_MAX;

impl Shard {
    /// Slabs may hold twice the records that are known to be in them, and a little: frames are being received, parts were sent from.
    /// Large frames that came in for a shard on another core lie in this one's slabs and are not known here: where letting go did not
    /// help, no more is let go.
    pub(super) fn let_go_of_scattered(&mut self) {
        let records = self.backlog.bytes() + self.tail_cache.bytes();
        let held = self.slabs.held_bytes();
        if held as u64 <= 2 * records + SCATTERED_BYTES_MAX {
            self.scattered_bytes = usize::MAX;
        } else if held < self.scattered_bytes {
            self.scattered_bytes = held;
            self.tail_cache.trim_to(self.tail_cache.bytes() / 2, &mut self.streams.slab);
            self.slabs.on_let_go(self.now);
        }
    }
}
