//! Rubbish is refused; it never panics, and makes no room for what it claims.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use riverrun_protocol::FrameKind;

use crate::corpus::checks;
use crate::samples::all_frames;
use crate::strategies::records;
use crate::support::stamped_bytes;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_bytes(bytes in vec(any::<u8>(), 0..400)) {
        checks::frame(&bytes);
        checks::request(&bytes);
        checks::response(&bytes);
        checks::batch(&bytes);
    }

    #[test]
    fn random_bodies_of_every_kind(
        kind in prop::sample::select(FrameKind::ALL.to_vec()),
        body in vec(any::<u8>(), 0..200),
    ) {
        let bytes = [&[kind as u8][..], &body].concat();
        checks::request(&bytes);
        checks::response(&bytes);
    }

    #[test]
    fn good_frames_with_flipped_bits(
        which: prop::sample::Index,
        flips in vec((any::<prop::sample::Index>(), 0u32..8), 1..5),
    ) {
        let frames = all_frames();
        let mut bytes = frames[which.index(frames.len())].1.to_vec();
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        checks::frame(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// A hostile client or server gets its sums right. Neither may reach a panic.
    #[test]
    fn changed_batches_with_right_sums(
        records in records(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut sent = riverrun_protocol::batch::encode(&records).unwrap();
        let mut stamped = stamped_bytes(&records, u64::MAX - 100);
        for (at, byte) in changes {
            let at = at.index(sent.len());
            sent[at] = byte;
            stamped[at] = byte;
        }
        checks::repair_sent(&mut sent);
        checks::sent_batch(&sent);
        checks::repair_stamped(&mut stamped);
        checks::stamped_batch(Bytes::from(stamped));
    }
}
