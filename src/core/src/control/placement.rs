//! Which shard owns a stream (design.md 2, partition).

use riverrun_protocol::types::{BasinName, StreamName};

/// A stable hash of a stream's full name: FNV-1a, 64 bits, over the basin's bytes, a zero byte and the stream's bytes,
/// followed by SplitMix64's finalizer, because FNV alone leaves names that differ in their last byte close together, and
/// `% shards` looks at the lowest bits.
///
/// Stored with the stream at creation. Requests are routed by what it says of the name, so it may not change while streams
/// placed otherwise exist: [`super::StreamEntry::checked`] refuses them.
pub fn placement(basin: &BasinName, stream: &StreamName) -> u64 {
    let name = basin.as_str().bytes().chain([0]).chain(stream.as_str().bytes());
    finalize(
        name.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)),
    )
}

/// The shard among those running now. `shards` is at least 1; 0 is taken as 1.
pub fn shard_of(placement: u64, shards: u16) -> u16 {
    (placement % u64::from(shards.max(1))) as u16
}

fn finalize(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
