//! Slabs of which little is still held.
//!
//! A slab of 4 MiB is used again when the last record in it is let go. Records that stay for readers keep it while what lay beside
//! them is gone: a stream that was deleted, frames that were refused. Measured with malformed requests: after 800,000 of them 51 MB of
//! records kept 98 MB. Nothing bounds that ratio, so where it is bad the cache of records for readers gets smaller, oldest first,
//! until it is not. What is not stored yet cannot be let go, and is stored soon. (Copying records together would keep them, and costs
//! what slabs save; parts that are given back one by one cost a look at each append.)
//!
//! All of that at one look: with one half for each look, slabs that grow faster than a half frees are never caught up with. It is not
//! asked what a half freed: the older one may lie well in its slabs, and the newer one in all the others.

use super::Shard;
use crate::limits::{SCATTERED_BYTES_MAX, SCATTERED_GROWTH_BYTES_MAX, SLAB_BYTES_PER_RECORD_BYTE_MAX};

impl Shard {
    /// Slabs may hold twice the records that are known to be in them, and a little: frames are being received, parts were sent from.
    /// Where others than records hold more, an empty cache does not help, and it is not emptied again before they hold more still.
    pub(super) fn let_go_of_scattered(&mut self) {
        self.scattered_in_vain_bytes = self.scattered_in_vain_bytes.min(self.scattered_bytes());
        while self.scattered_bytes() > self.scattered_bytes_max() {
            if self.tail_cache.bytes() == 0 {
                self.scattered_in_vain_bytes = self.scattered_bytes();
            }
            self.tail_cache.trim_to(self.tail_cache.bytes() / 2, &mut self.streams.slab);
            self.slabs.gather_all(self.now);
        }
    }

    fn scattered_bytes(&self) -> u64 {
        let records = self.backlog.bytes() + self.tail_cache.bytes() + self.waiting_bytes as u64;
        (self.slabs.held_bytes() as u64).saturating_sub(SLAB_BYTES_PER_RECORD_BYTE_MAX * records)
    }

    fn scattered_bytes_max(&self) -> u64 {
        SCATTERED_BYTES_MAX.max(self.scattered_in_vain_bytes + SCATTERED_GROWTH_BYTES_MAX)
    }
}
