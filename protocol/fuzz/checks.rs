//! What the fuzz targets run, and the ordinary tests over the corpus: parse anything, and where it parses, hold it to
//! its word. One copy, used by both.

use bytes::{Bytes, BytesMut};
use riverrun_protocol::batch::{BatchHeader, Stamp, check_ingest, stamp};
use riverrun_protocol::frame::{Cut, FrameClass, FrameKind, cut, foreign};
use riverrun_protocol::limits::PAGE_RAW_BYTES_MAX;
use riverrun_protocol::response::CompressedPage;
use riverrun_protocol::{Batch, ErrorFrame, Push, Request, Response, StreamId};

/// A connection's bytes: cut into frames, each parsed by its kind.
pub fn frame(mut bytes: &[u8]) {
    let _ = foreign(bytes);
    while let Ok(Cut::Complete { header, body, consumed }) = cut(bytes) {
        let kind_and_body = [&[header.kind], &bytes[body]].concat();
        match FrameKind::from_byte(header.kind).map(FrameKind::class) {
            Some(FrameClass::Request) => request(&kind_and_body),
            _ => response(&kind_and_body),
        }
        bytes = &bytes[consumed..];
    }
}

/// A kind, then a body. What parses is written as the same bytes.
pub fn request(bytes: &[u8]) {
    let Some((kind, body)) = bytes.split_first() else { return };
    let Ok(request) = Request::parse(*kind, body) else { return };
    assert_same_body(body, |out| request.write(0, out));
    match &request {
        Request::Append(append) => sent_batch(append.batch),
        Request::SessionAppend(append) => sent_batch(append.batch),
        _ => {}
    }
}

/// As `request`, for everything that a server sends.
pub fn response(bytes: &[u8]) {
    let Some((kind, body)) = bytes.split_first() else { return };
    let shared = Bytes::copy_from_slice(body);
    if let Ok(response) = Response::parse(*kind, shared.clone()) {
        assert_same_body(body, |out| response.write(0, out));
    }
    if let Ok(push) = Push::parse(*kind, shared) {
        assert_same_body(body, |out| push.write(0, out));
        match &push {
            Push::Records(records) => {
                let _ = records.batches().map(|batches| batches.iter().for_each(use_batch));
            }
            Push::Page(page) => assert_page(page),
            Push::Heartbeat { .. } | Push::Draining | Push::Throttled { .. } => {}
        }
    }
    if let Ok(error) = ErrorFrame::parse(body)
        && error.code != riverrun_protocol::ErrorCode::Other
    {
        assert_same_body(body, |out| error.write(0, out));
    }
}

/// What whoever opens a page counts on: that room for it is bounded, and that it is no dearer than what it stands for.
fn assert_page(page: &CompressedPage) {
    assert!(!page.stored.is_empty() && page.stored.len() < page.raw_bytes as usize);
    assert!(page.raw_bytes as usize <= PAGE_RAW_BYTES_MAX && page.first_seq_num < page.end_seq_num);
}

fn assert_same_body(body: &[u8], write: impl FnOnce(&mut BytesMut)) {
    let mut out = BytesMut::new();
    write(&mut out);
    assert_eq!(&out[16..], body, "one value, one encoding");
}

/// A batch, as sent and as stored, with its sums as they are and with sums that are right: otherwise hardly anything
/// random would come further than the first checksum.
pub fn batch(bytes: &[u8]) {
    sent_batch(bytes);
    stamped_batch(Bytes::copy_from_slice(bytes));
    let mut repaired = BytesMut::from(bytes);
    repair_sent(&mut repaired);
    sent_batch(&repaired);
    repair_stamped(&mut repaired);
    stamped_batch(repaired.freeze());
}

/// Whatever ingest accepts can be stamped, read and sliced.
pub fn sent_batch(bytes: &[u8]) {
    let Ok(ingested) = check_ingest(bytes) else { return };
    assert_eq!(ingested.batch_bytes, bytes.len());
    let mut stamped = BytesMut::from(bytes);
    let server = Stamp { stream_id: StreamId([1; 16]), first_seq_num: 7, arrival_ms: 5, expires_at_ms: 0 };
    stamp(&mut stamped, &server, |sent| sent.unwrap_or(5));
    let batch = Batch::parse(stamped.freeze()).expect("stamped after a check");
    batch.verify_payload().expect("checked at ingest");
    assert_eq!(batch.metered_bytes(), ingested.metered_bytes);
    let metered: u64 = batch.records().map(|record| record.expect("walked at ingest").metered_bytes()).sum();
    assert_eq!(metered, ingested.metered_bytes);
    use_batch(&batch);
}

pub fn stamped_batch(bytes: Bytes) {
    if let Ok(batch) = Batch::parse(bytes.clone()) {
        use_batch(&batch);
    }
    let mut rest = bytes;
    while let Ok(Some(batch)) = Batch::split_first(&mut rest) {
        use_batch(&batch);
    }
}

/// Everything one can do to a parsed batch; a slice of a sound one is sound.
fn use_batch(batch: &Batch) {
    let sound = batch.verify_payload().is_ok();
    let count = batch.record_count();
    let _ = (batch.first_timestamp(), batch.last_timestamp(), batch.end_seq_num(), batch.first_at_or_after(5));
    assert_eq!((0..count).map(|index| batch.record_metered_bytes(index)).sum::<u64>(), batch.metered_bytes());
    batch.records().for_each(drop);
    for range in [0..count, 0..count / 2, count / 2..count, count / 3..count - count / 3] {
        let slice = batch.slice(range);
        if !slice.is_empty() {
            let slice = Batch::parse(slice.to_bytes()).expect("a slice is a batch");
            assert_eq!(slice.verify_payload().is_ok(), sound);
        }
    }
}

/// Makes the producer's sums right, where the header makes sense.
pub fn repair_sent(batch: &mut BytesMut) {
    let Some(table_end) = table_end(batch) else { return };
    let columns: Vec<u8> = batch[128..table_end].chunks(24).flat_map(|entry| entry[8..].to_vec()).collect();
    put(batch, 16, crc32c::crc32c(&columns));
    put(batch, 20, crc32c::crc32c(&batch[table_end..]));
    let sum = [&batch[..12], &batch[16..48], &batch[128..table_end]].concat();
    put(batch, 12, crc32c::crc32c(&sum));
}

/// Makes the server's sum right, where the header makes sense.
pub fn repair_stamped(batch: &mut BytesMut) {
    let Some(table_end) = table_end(batch) else { return };
    let sum = [&batch[..12], &batch[16..120], &batch[128..table_end]].concat();
    put(batch, 120, crc32c::crc32c(&sum));
}

/// By hand where the header is refused, so that a batch over a limit can have right sums too.
fn table_end(batch: &[u8]) -> Option<usize> {
    let table_end = match BatchHeader::parse(batch) {
        Ok(header) => header.header_and_table_bytes(),
        Err(_) => 128 + 24 * u32::from_le_bytes(*batch.get(4..8)?.first_chunk()?) as usize,
    };
    (batch.len() >= table_end).then_some(table_end)
}

fn put(batch: &mut BytesMut, at: usize, sum: u32) {
    batch[at..at + 4].copy_from_slice(&sum.to_le_bytes());
}
