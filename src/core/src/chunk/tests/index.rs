//! The footer's index leads to the right pages, and knows sizes and times.

use super::*;
use crate::event::ChunkRange;
use crate::limits::PAGE_RAW_BYTES_TARGET;

/// Stream 1: 40 batches of 5 records, several pages. Streams 2 and 3 share a page.
fn example() -> Bytes {
    let batches: Vec<Vec<Vec<u8>>> = (0..40).map(|n| (0..5).map(|m| noise(n * 5 + m, 6_000)).collect()).collect();
    let small = |id, first| stream(stream_id(id), first, &[log_lines(3, 10), log_lines(4, 10)]);
    encoded(&input(vec![small(3, 50), stream(stream_id(1), 100, &batches), small(2, 0)])).to_bytes()
}

#[test]
fn streams_with_enough_bytes_have_pages_of_their_own_and_small_ones_share() {
    let footer = chunk(&example()).footer;
    let pages = |id| footer.find(stream_id(id)).unwrap().runs.iter().map(|run| run.page).collect::<Vec<_>>();
    assert_eq!(pages(1), [0, 1, 2, 3, 4]);
    assert_eq!((pages(2), pages(3)), (vec![5], vec![5]));
    assert!(footer.pages.iter().all(|page| page.raw_bytes as usize <= PAGE_RAW_BYTES_TARGET));
}

#[test]
fn a_range_tells_what_the_shard_keeps_of_it() {
    let footer = chunk(&example()).footer;
    let range =
        ChunkRange { chunk: ID, first_seq_num: 100, end_seq_num: 300, first_timestamp: 1100, last_timestamp: 1299 };
    assert_eq!(footer.find(stream_id(1)).unwrap().range(ID), Some(range));
}

/// For every start, the pages found hold the first record at or after it, and the page before them does not.
#[test]
fn every_start_finds_its_page() {
    let object = example();
    let footer = chunk(&object).footer;
    for seq_num in 95..305u64 {
        for from in [PagesFrom::SeqNum(seq_num), PagesFrom::Timestamp(seq_num + 1000)] {
            let runs = footer.pages_from(stream_id(1), from);
            match runs.first() {
                Some(run) => assert!(run.end_seq_num > seq_num && run.first_seq_num <= seq_num.max(100), "{from:?}"),
                None => assert!(seq_num >= 300, "{from:?}"),
            }
        }
    }
    assert!(footer.pages_from(stream_id(9), PagesFrom::SeqNum(0)).is_empty());
}

#[test]
fn a_reader_gets_batches_from_its_page_on() {
    let object = example();
    let batches = read(&object, stream_id(1), PagesFrom::SeqNum(299));
    assert!(batches.first().unwrap().first_seq_num() > 200);
    assert_eq!(batches.last().unwrap().end_seq_num(), 300);
    assert!(read(&object, stream_id(1), PagesFrom::Timestamp(1300)).is_empty());
}

#[test]
fn counts_sizes_and_times_are_those_of_the_batches() {
    let object = example();
    let footer = chunk(&object).footer;
    let batches = read(&object, stream_id(1), PagesFrom::SeqNum(0));
    let index = footer.find(stream_id(1)).unwrap();
    assert_eq!(index.record_count(), 200);
    assert_eq!(index.metered_bytes(), batches.iter().map(Batch::metered_bytes).sum::<u64>());
    assert_eq!(index.raw_bytes(), batches.iter().map(|batch| batch.bytes().len() as u64).sum::<u64>());
    let (first, last) = (index.runs.first().unwrap(), index.runs.last().unwrap());
    assert_eq!((first.arrival_ms_min, last.arrival_ms_max, last.expires_at_ms_max), (1100, 1295, 1795));
}

/// E8: a run may be dropped when its latest expiry has passed, so "never" must win over any time.
#[test]
fn one_batch_that_never_expires_keeps_its_run() {
    let mut streams = stream(stream_id(1), 0, &[vec![vec![1]], vec![vec![2]]]);
    let forever = Stamp { stream_id: stream_id(1), first_seq_num: 0, arrival_ms: 5, expires_at_ms: 0 };
    let mut bytes = encode_batch(&[Record::new(vec![1])]).unwrap();
    stamp(&mut bytes, &forever, |_| 1000);
    streams.batches[0] = bytes.freeze();
    let footer = encoded(&input(vec![streams])).footer;
    let run = footer.streams[0].runs[0];
    assert_eq!((run.arrival_ms_min, run.arrival_ms_max, run.expires_at_ms_max), (5, 1001, 0));
}

/// P8: an index that leads to other bytes is noticed.
#[test]
fn a_page_of_another_stream_is_not_taken_for_ones_own() {
    let object = example();
    let footer = chunk(&object).footer;
    let run = footer.find(stream_id(2)).unwrap().runs[0];
    let page = footer.page(&run);
    let stored = object.slice(page.range().start as usize..page.range().end as usize);
    let raw = decode_page(page, &stored, &mut Decompressor::new().unwrap()).unwrap();
    assert!(run.batches(stream_id(2), &raw).is_ok());
    assert!(run.batches(stream_id(3), &raw).is_err());
    assert!(PageRun { first_seq_num: 1, ..run }.batches(stream_id(2), &raw).is_err());
    assert!(PageRun { end_seq_num: 21, ..run }.batches(stream_id(2), &raw).is_err());
    assert!(PageRun { batch_count: 1, ..run }.batches(stream_id(2), &raw).is_err());
    assert!(PageRun { raw_bytes: run.raw_bytes - 1, ..run }.batches(stream_id(2), &raw).is_err());
    assert!(PageRun { raw_offset: u32::MAX, ..run }.batches(stream_id(2), &raw).is_err());
}
