//! The hash that stands for a stream's content. The same numbers as S2's collector and model compute, so that histories
//! can be exchanged.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// What stands for a record: xxh3 of its body. Headers and timestamps do not count.
///
/// The checker knows records by this number only, so a harness gives each record a body of its own.
pub fn record_hash(body: &[u8]) -> u64 {
    xxh3_64(body)
}

/// The hash of a stream that had `stream_hash` and got one more record: xxh3 of the record's hash, the stream's as seed.
pub fn chain_hash(stream_hash: u64, record_hash: u64) -> u64 {
    xxh3_64_with_seed(&record_hash.to_le_bytes(), stream_hash)
}

/// The hash of a stream with these records; 0 when there are none.
pub fn stream_hash(record_hashes: &[u64]) -> u64 {
    extend(0, record_hashes)
}

pub(crate) fn extend(stream_hash: u64, record_hashes: &[u64]) -> u64 {
    record_hashes.iter().fold(stream_hash, |hash, record| chain_hash(hash, *record))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors that S2's collector and S2's model hold each other to.
    #[test]
    fn the_chain_is_s2s() {
        let (foo, bar, baz) = (record_hash(b"foo"), record_hash(b"bar"), record_hash(b"baz"));
        assert_eq!(foo, 0xab6e_5f64_077e_7d8a);
        assert_eq!(stream_hash(&[foo]), 0x4d2b_003e_e417_c3a5);
        assert_eq!(stream_hash(&[foo, bar]), 0x132e_5d5d_d793_6edd);
        assert_eq!(stream_hash(&[foo, bar, baz]), 0x732e_e99a_bc50_02ff);
    }

    #[test]
    fn an_empty_stream_hashes_to_zero() {
        assert_eq!(stream_hash(&[]), 0);
    }
}
