//! A flipped bit anywhere in a batch is found: at ingest by the producer's sums, afterwards by the server's or the
//! producer's.

use proptest::prelude::*;
use riverrun_protocol::batch::{check_ingest, encode};
use riverrun_protocol::limits::{BATCH_HEADER_BYTES, TABLE_ENTRY_BYTES};
use riverrun_protocol::{Batch, ErrorCode};

use crate::strategies::records;
use crate::support::{records_of, stamped_bytes};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn on_the_way_in(records in records(), at: prop::sample::Index, bit in 0u32..8) {
        let mut bytes = encode(&records).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(check_ingest(&bytes).is_err(), "bit {} of byte {}", bit, at);
    }

    #[test]
    fn after_the_stamp(records in records(), at: prop::sample::Index, bit in 0u32..8) {
        let mut bytes = stamped_bytes(&records, 7);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let found = Batch::parse(bytes.freeze()).and_then(|batch| batch.verify_payload());
        // The sum over the table as sent holds no more once the server has stamped: the one place that nothing covers.
        prop_assert!(found.is_err() || (12..16).contains(&at), "bit {} of byte {}", bit, at);
    }

    #[test]
    fn a_batch_cut_short_or_too_long_is_refused(records in records(), cut: prop::sample::Index) {
        let sent = encode(&records).unwrap();
        prop_assert!(check_ingest(&sent[..cut.index(sent.len())]).is_err());
        prop_assert!(check_ingest(&[&sent[..], b"x"].concat()).is_err());
        let stamped = stamped_bytes(&records, 7).freeze();
        prop_assert!(Batch::parse(stamped.slice(..cut.index(stamped.len()))).is_err());
        let mut short = stamped.slice(..cut.index(stamped.len()));
        let before = short.clone();
        prop_assert!(short.is_empty() || Batch::split_first(&mut short).is_err());
        prop_assert_eq!(short, before);
    }
}

/// Every bit of one small batch, so that no field is left to luck.
#[test]
fn every_single_bit_of_a_small_batch() {
    let sent = encode(&records_of(&["one", "two"])).unwrap();
    let stamped = stamped_bytes(&records_of(&["one", "two"]), 7);
    for bit in 0..sent.len() * 8 {
        let mut damaged = sent.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(check_ingest(&damaged).is_err(), "bit {bit} as sent");
        let mut damaged = stamped.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let found = Batch::parse(damaged.freeze()).and_then(|batch| batch.verify_payload());
        assert!(found.is_err() || (12 * 8..16 * 8).contains(&bit), "bit {bit} as stamped");
    }
}

#[test]
fn each_sum_has_its_own_words() {
    let code_and_text = |at: usize| {
        let mut bytes = stamped_bytes(&records_of(&["one", "two"]), 7);
        bytes[at] ^= 1;
        let error = Batch::parse(bytes.freeze()).and_then(|batch| batch.verify_payload()).unwrap_err();
        (error.code, error.to_string())
    };
    let (code, text) = code_and_text(70);
    assert_eq!(code, ErrorCode::Corrupt);
    assert!(text.contains("server's checksum"), "{text}");
    let (code, text) = code_and_text(BATCH_HEADER_BYTES + 2 * TABLE_ENTRY_BYTES);
    assert_eq!(code, ErrorCode::Corrupt);
    assert!(text.contains("payload does not match the producer's checksum"), "{text}");
}

/// What a later version will mean by these is not ours to guess.
#[test]
fn later_versions_and_flags_are_unsupported() {
    for (at, value) in [(0, 2), (1, 1), (24, 1), (32, 1), (40, 1)] {
        let mut bytes = encode(&records_of(&["one"])).unwrap();
        bytes[at] = value;
        crate::corpus::checks::repair_sent(&mut bytes);
        assert_eq!(check_ingest(&bytes).unwrap_err().code, ErrorCode::Unsupported, "byte {at}");
    }
    let mut bytes = encode(&records_of(&["one"])).unwrap();
    bytes[BATCH_HEADER_BYTES + 20] = 4;
    crate::corpus::checks::repair_sent(&mut bytes);
    assert_eq!(check_ingest(&bytes).unwrap_err().code, ErrorCode::Unsupported);
}

/// A producer that fills in the server's part would have it believed by whoever forgets to overwrite it.
#[test]
fn the_server_s_part_comes_empty() {
    for at in [48, 64, 72, 80, 88, 104, 120] {
        let mut bytes = encode(&records_of(&["one"])).unwrap();
        bytes[at] = 1;
        let error = check_ingest(&bytes).unwrap_err();
        assert_eq!((error.code, error.offset), (ErrorCode::BadFrame, 48), "byte {at}");
    }
}
