//! A slice is a batch: the same records, the producer's sum, by reference.

use proptest::prelude::*;
use riverrun_protocol::batch::Record;
use riverrun_protocol::{Batch, ErrorCode};

use crate::strategies::records;
use crate::support::{contents, records_of, slice_of, stamped};

fn records_and_range() -> impl Strategy<Value = (Vec<Record>, u32, u32)> {
    records().prop_flat_map(|records| {
        let count = records.len() as u32;
        (Just(records), 0..count).prop_flat_map(move |(records, start)| (Just(records), Just(start), start + 1..=count))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_slice_verifies_and_holds_its_records((records, start, end) in records_and_range()) {
        let whole = stamped(&records, 100);
        let slice = slice_of(&whole, start..end);
        slice.verify_payload().unwrap();
        prop_assert_eq!(slice.first_seq_num(), 100 + u64::from(start));
        prop_assert_eq!(slice.end_seq_num(), 100 + u64::from(end));
        prop_assert_eq!(slice.stream_id(), whole.stream_id());
        prop_assert_eq!((slice.arrival_ms(), slice.expires_at_ms()), (whole.arrival_ms(), whole.expires_at_ms()));
        prop_assert_eq!(slice.payload_crc(), whole.payload_crc());
        prop_assert_eq!(contents(&slice), &contents(&whole)[start as usize..end as usize]);
        let metered: u64 = (start..end).map(|index| whole.record_metered_bytes(index)).sum();
        prop_assert_eq!(slice.metered_bytes(), metered);
    }

    #[test]
    fn a_slice_of_a_slice_is_the_slice(
        (records, start, end) in records_and_range(),
        from: prop::sample::Index,
        to: prop::sample::Index,
    ) {
        let whole = stamped(&records, 100);
        let outer = slice_of(&whole, start..end);
        let from = from.index(outer.record_count() as usize) as u32;
        let to = from + 1 + to.index((outer.record_count() - from) as usize) as u32;
        let inner = slice_of(&outer, from..to);
        inner.verify_payload().unwrap();
        prop_assert_eq!(inner, slice_of(&whole, start + from..start + to));
    }

    /// F23: what was kept is compared with what the producer sent, not with what the server has.
    #[test]
    fn damage_to_a_slice_s_payload_is_found(
        (records, start, end) in records_and_range(),
        at: prop::sample::Index,
        bit in 0u32..8,
    ) {
        let slice = slice_of(&stamped(&records, 100), start..end);
        let payload = slice.header_and_table_bytes()..slice.bytes().len();
        prop_assume!(!payload.is_empty());
        let mut bytes = slice.bytes().to_vec();
        bytes[payload.start + at.index(payload.len())] ^= 1 << bit;
        let damaged = Batch::parse(bytes.into()).unwrap();
        prop_assert_eq!(damaged.verify_payload().unwrap_err().code, ErrorCode::Corrupt);
    }

    /// F23: bytes that went bad in the server's memory before it cut them are found as well: slicing reads what it
    /// leaves out and takes nothing for granted.
    #[test]
    fn damage_before_slicing_is_found(
        (records, start, end) in records_and_range(),
        at: prop::sample::Index,
        bit in 0u32..8,
    ) {
        let whole = stamped(&records, 100);
        let payload = whole.header_and_table_bytes()..whole.bytes().len();
        prop_assume!(!payload.is_empty());
        let mut bytes = whole.bytes().to_vec();
        bytes[payload.start + at.index(payload.len())] ^= 1 << bit;
        let damaged = Batch::parse(bytes.into()).unwrap();
        prop_assert_eq!(slice_of(&damaged, start..end).verify_payload().unwrap_err().code, ErrorCode::Corrupt);
    }
}

#[test]
fn the_whole_range_is_the_batch_itself() {
    let batch = stamped(&records_of(&["a", "b", "c"]), 0);
    for range in [0..3, 0..u32::MAX] {
        let slice = batch.slice(range);
        assert_eq!(slice.header.as_ptr(), batch.bytes().as_ptr());
        assert_eq!((slice.len(), slice.to_bytes()), (batch.bytes().len(), batch.bytes().clone()));
        assert_eq!(slice.parts().count(), 1);
    }
}

#[test]
fn a_slice_shares_table_and_payload_with_its_batch() {
    let batch = stamped(&records_of(&["a", "bb", "ccc"]), 0);
    let slice = batch.slice(1..2);
    let within = batch.bytes().as_ptr_range();
    assert!(within.contains(&slice.table.as_ptr()) && within.contains(&slice.payload.as_ptr()));
    assert_eq!(slice.payload, "bb");
    assert_eq!(slice.len(), slice.to_bytes().len());
    assert_eq!(slice.clone().parts().map(|part| part.len()).collect::<Vec<_>>(), [128, 24, 2]);
}

#[test]
fn records_without_bytes_can_be_sliced() {
    let batch = stamped(&records_of(&["", "", ""]), 0);
    let slice = batch.slice(1..3);
    assert_eq!(slice.clone().parts().count(), 2);
    Batch::parse(slice.to_bytes()).unwrap().verify_payload().unwrap();
}

#[test]
fn an_empty_range_has_no_bytes() {
    let batch = stamped(&records_of(&["a", "b"]), 0);
    for (start, end) in [(0, 0), (1, 1), (2, 2), (2, 9), (9, 9), (1, 0)] {
        let slice = batch.slice(start..end);
        assert!(slice.is_empty() && slice.parts().count() == 0, "{start}..{end}");
    }
}
