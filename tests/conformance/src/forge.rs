//! Batches as no sound client would make them: encoded, summed and sealed, but against the rules. The layout is `batch.rs`'s.

use bytes::Bytes;
use riverrun_protocol::batch::{self, Record};
use riverrun_protocol::limits::{BATCH_HEADER_BYTES, TABLE_ENTRY_BYTES};

/// As the client's own encoder does it; forged where that refuses.
pub fn encode(records: &[Record]) -> Vec<u8> {
    batch::encode(records).map_or_else(|_| forge(records), |bytes| bytes.to_vec())
}

/// A whole batch of these records, whatever they are.
pub fn forge(records: &[Record]) -> Vec<u8> {
    let mut bytes = vec![0; BATCH_HEADER_BYTES];
    records.iter().for_each(|record| bytes.extend(entry(record)));
    let table_end = bytes.len();
    records.iter().for_each(|record| put_payload(&mut bytes, record));
    let columns: Vec<u8> =
        bytes[BATCH_HEADER_BYTES..table_end].chunks(TABLE_ENTRY_BYTES).flat_map(|entry| &entry[8..]).copied().collect();
    let payload_crc = crc32c(0, &bytes[table_end..]);
    let payload_bytes = bytes.len() - table_end;
    bytes[0] = 1;
    put_u32(&mut bytes, 4, records.len());
    put_u32(&mut bytes, 8, payload_bytes);
    put_u32(&mut bytes, 16, crc32c(0, &columns) as usize);
    put_u32(&mut bytes, 20, payload_crc as usize);
    let table_crc = [&bytes[..12], &bytes[16..48], &bytes[BATCH_HEADER_BYTES..table_end]];
    let table_crc = table_crc.into_iter().fold(0, crc32c);
    put_u32(&mut bytes, 12, table_crc as usize);
    bytes
}

/// What a batch of [`encode`]'s holds, for doors that send records and no batches.
pub fn records(batch: &[u8]) -> Vec<Record> {
    let table_bytes = u32_at(batch, 4) * TABLE_ENTRY_BYTES;
    let (table, mut payload) = batch[BATCH_HEADER_BYTES..].split_at(table_bytes);
    table.chunks(TABLE_ENTRY_BYTES).map(|entry| take_record(entry, &mut payload)).collect()
}

fn take_record(entry: &[u8], payload: &mut &[u8]) -> Record {
    let header_count = u32_at(entry, 8);
    let headers = (0..header_count).map(|_| {
        let (name, value) = (take_varint(payload), take_varint(payload));
        (take(payload, name), take(payload, value))
    });
    let headers = headers.collect();
    let timestamp = (entry[20] & 1 == 1).then(|| u64::from_le_bytes(*entry.first_chunk().expect("24 bytes")));
    Record { timestamp, headers, body: take(payload, u32_at(entry, 16)) }
}

fn take(bytes: &mut &[u8], count: usize) -> Bytes {
    let (taken, rest) = bytes.split_at(count);
    *bytes = rest;
    Bytes::copy_from_slice(taken)
}

fn take_varint(bytes: &mut &[u8]) -> usize {
    let byte = usize::from(take(bytes, 1)[0]);
    if byte < 0x80 { byte } else { byte - 0x80 + (take_varint(bytes) << 7) }
}

fn u32_at(bytes: &[u8], offset: usize) -> usize {
    u32::from_le_bytes(*bytes[offset..].first_chunk().expect("four bytes")) as usize
}

fn entry(record: &Record) -> [u8; TABLE_ENTRY_BYTES] {
    let mut entry = [0; TABLE_ENTRY_BYTES];
    let (mut headers, mut extra) = (Vec::new(), 0);
    for (name, value) in &record.headers {
        let before = headers.len();
        put_varint(&mut headers, name.len());
        put_varint(&mut headers, value.len());
        extra += headers.len() - before - 2;
        headers.extend_from_slice(name);
        headers.extend_from_slice(value);
    }
    let is_command = matches!(&record.headers[..], [(name, _)] if name.is_empty());
    entry[..8].copy_from_slice(&record.timestamp.unwrap_or(0).to_le_bytes());
    put_u32(&mut entry, 8, record.headers.len());
    put_u32(&mut entry, 12, headers.len());
    put_u32(&mut entry, 16, record.body.len());
    entry[20] = u8::from(record.timestamp.is_some()) | u8::from(is_command) << 1;
    entry[22..].copy_from_slice(&(extra as u16).to_le_bytes());
    entry
}

fn put_payload(out: &mut Vec<u8>, record: &Record) {
    for (name, value) in &record.headers {
        put_varint(out, name.len());
        put_varint(out, value.len());
        out.extend_from_slice(name);
        out.extend_from_slice(value);
    }
    out.extend_from_slice(&record.body);
}

fn put_varint(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_u32(bytes: &mut [u8], offset: usize, value: usize) {
    bytes[offset..offset + 4].copy_from_slice(&(value as u32).to_le_bytes());
}

/// Bit by bit: this crate must not judge a server's sums by the very library that made them.
fn crc32c(crc: u32, bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(!crc, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a4_what_is_forged_of_sound_records_is_what_the_client_encodes() {
        let headers = vec![("k".into(), vec![7; 200].into()), ("n".into(), "".into())];
        let records = [Record { timestamp: Some(9), headers, ..Record::new("body") }, Record::new("")];
        assert_eq!(forge(&records), batch::encode(&records).expect("sound").to_vec());
    }

    #[test]
    fn what_is_encoded_is_told_again_sound_or_not() {
        let headers = vec![("".into(), vec![7; 20_000].into()), ("n".into(), "".into())];
        let unsound = Record { timestamp: Some(0), headers, body: vec![1; 2 << 20].into() };
        for told in [vec![], vec![Record::new("a"); 1001], vec![Record::new(""), unsound, Record::new("b")]] {
            assert_eq!(records(&encode(&told)), told);
        }
    }
}
