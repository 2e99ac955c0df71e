//! What a client encodes is what a reader gets, through the server's check and stamp.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use riverrun_protocol::Batch;
use riverrun_protocol::batch::{Record, check_ingest, encode, encode_into, stamp};
use riverrun_protocol::limits::{BATCH_HEADER_BYTES, TABLE_ENTRY_BYTES};
use riverrun_protocol::response::ReadBatches;

use crate::strategies::records;
use crate::support::{contents, plain_stamp, records_of, stamped, with_headers};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn written_checked_stamped_and_read(records in records(), first in 0u64..1 << 60, arrival: u64) {
        let mut bytes = encode(&records).unwrap();
        let ingested = check_ingest(&bytes).unwrap();
        prop_assert_eq!(ingested.record_count as usize, records.len());
        prop_assert_eq!(ingested.metered_bytes, records.iter().map(Record::metered_bytes).sum::<u64>());
        prop_assert_eq!(ingested.batch_bytes, bytes.len());
        let table_end = BATCH_HEADER_BYTES + records.len() * TABLE_ENTRY_BYTES;
        prop_assert_eq!(ingested.payload_bytes as usize, bytes.len() - table_end);
        prop_assert_eq!(ingested.payload_crc, crc32c::crc32c(&bytes[table_end..]));

        let mut seen = Vec::new();
        stamp(&mut bytes[..table_end], &plain_stamp(first), |sent| {
            seen.push(sent);
            sent.unwrap_or(arrival)
        });
        prop_assert_eq!(&seen, &records.iter().map(|record| record.timestamp).collect::<Vec<_>>());

        let batch = Batch::parse(bytes.freeze()).unwrap();
        batch.verify_payload().unwrap();
        prop_assert_eq!(batch.metered_bytes(), ingested.metered_bytes);
        prop_assert_eq!(batch.payload_crc(), ingested.payload_crc);
        prop_assert_eq!(batch.header_and_table_bytes(), table_end);
        prop_assert_eq!((batch.first_seq_num(), batch.end_seq_num()), (first, first + records.len() as u64));
        let with_timestamps = |record: Record| Record { timestamp: record.timestamp.or(Some(arrival)), ..record };
        prop_assert_eq!(contents(&batch), records.into_iter().map(with_timestamps).collect::<Vec<_>>());
    }

    #[test]
    fn every_record_is_numbered_and_metered_as_its_view_says(records in records()) {
        let batch = stamped(&records, 70);
        for (index, view) in batch.records().enumerate() {
            let view = view.unwrap();
            prop_assert_eq!(view.seq_num, 70 + index as u64);
            prop_assert_eq!(view.timestamp, batch.timestamp(index as u32));
            prop_assert_eq!(view.metered_bytes(), batch.record_metered_bytes(index as u32));
            prop_assert_eq!(view.is_command(), records[index].headers.first().is_some_and(|(name, _)| name.is_empty()));
        }
    }

    #[test]
    fn a_command_is_reported_at_ingest(records in records()) {
        let commands = records.iter().any(|record| matches!(&record.headers[..], [(name, _)] if name.is_empty()));
        prop_assert_eq!(check_ingest(&encode(&records).unwrap()).unwrap().has_commands, commands);
    }

    #[test]
    fn back_to_back_batches_are_told_apart(batches in prop::collection::vec(records(), 0..4)) {
        let batches: Vec<Batch> = batches.iter().map(|records| stamped(records, 7)).collect();
        let mut bytes = Bytes::from(batches.iter().flat_map(|batch| batch.bytes().to_vec()).collect::<Vec<_>>());
        let read = ReadBatches { tail: None, parts: vec![bytes.clone()] };
        prop_assert_eq!(&read.batches().unwrap(), &batches);
        for batch in &batches {
            let first = Batch::split_first(&mut bytes).unwrap();
            prop_assert_eq!(first.as_ref(), Some(batch));
        }
        prop_assert_eq!(Batch::split_first(&mut bytes), Ok(None));
    }
}

#[test]
fn a4_metered_sizes() {
    let metered = |record: &Record| {
        let encoded = encode(std::slice::from_ref(record)).unwrap();
        let ingested = check_ingest(&encoded).unwrap();
        assert_eq!(ingested.metered_bytes, record.metered_bytes());
        ingested.metered_bytes
    };
    assert_eq!(metered(&Record::new("")), 8);
    assert_eq!(metered(&Record::new("hello")), 13);
    assert_eq!(metered(&Record { timestamp: Some(u64::MAX), ..Record::new("hello") }), 13);
    assert_eq!(metered(&with_headers("body", &[("k", "v"), ("k", "")])), 8 + 4 + 2 + 1 + 4);
    assert_eq!(metered(&with_headers("abc", &[("", "fence")])), 18);
    assert_eq!(metered(&with_headers("12345678", &[("", "trim")])), 22);
    // Length bytes beyond two per header are paid on the wire only.
    assert_eq!(metered(&with_headers("", &[("k", &"v".repeat(20_000))])), 8 + 2 + 1 + 20_000);
}

#[test]
fn encoding_goes_behind_what_is_there_and_leaves_it_alone_on_an_error() {
    let mut out = BytesMut::from("frame head");
    encode_into(&records_of(&["a", "b"]), &mut out).unwrap();
    assert!(out.starts_with(b"frame head"));
    assert_eq!(out[10..], encode(&records_of(&["a", "b"])).unwrap());
    let before = out.clone();
    encode_into(&[], &mut out).unwrap_err();
    assert_eq!(out, before);
}

#[test]
fn timestamps_are_searched() {
    let at = |timestamp| Record { timestamp: Some(timestamp), ..Record::new("") };
    let batch = stamped(&[at(10), at(20), at(20), at(30)], 0);
    for (timestamp, index) in [(0, 0), (10, 0), (11, 1), (20, 1), (21, 3), (30, 3), (31, 4), (u64::MAX, 4)] {
        assert_eq!(batch.first_at_or_after(timestamp), index, "{timestamp}");
    }
    assert_eq!((batch.first_timestamp(), batch.last_timestamp()), (10, 30));
}

#[test]
fn a_batch_shows_what_it_is_and_not_its_bytes() {
    let shown = format!("{:?}", stamped(&records_of(&["a"]), 7));
    assert_eq!(shown, "Batch(abababababababababababababababab 7..8, 153 bytes)");
}

#[test]
fn records_are_slices_of_the_received_bytes() {
    let batch = stamped(&[with_headers("body", &[("name", "value")])], 0);
    let range = batch.bytes().as_ptr_range();
    let view = batch.records().next().unwrap().unwrap();
    for part in [&view.body, &view.headers[0].0, &view.headers[0].1] {
        assert!(range.contains(&part.as_ptr()));
    }
}
