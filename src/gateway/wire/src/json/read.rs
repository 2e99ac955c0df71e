//! A read batch, written from the broker's batches straight into the answer (`s2-semantics.md` C9, C10, H4).

use bytes::{BufMut, Bytes, BytesMut};
use riverrun_protocol::batch::RecordView;
use riverrun_protocol::types::Position;

use super::text::{put_base64, put_decimal, put_raw};
use crate::batch::ReadBatch;
use crate::error::HttpError;
use crate::headers::RecordFormat;

/// What a record costs beyond its metered bytes, roughly: room that is made at once.
const RECORD_TEXT_BYTES: usize = 64;

/// `{"records":[..]}`, with `tail` where the batch has one.
///
/// # Errors
/// `storage` for a batch that contradicts itself; `out` is then as it was.
pub fn put_read_batch(out: &mut BytesMut, batch: &ReadBatch, format: RecordFormat) -> Result<(), HttpError> {
    let start = out.len();
    let text_bytes = batch.metered_bytes() as usize + batch.record_count() as usize * RECORD_TEXT_BYTES;
    out.reserve(text_bytes);
    out.put_slice(br#"{"records":["#);
    let mut separator: &[u8] = b"";
    for record in batch.records() {
        let record = record.inspect_err(|_| out.truncate(start))?;
        out.put_slice(separator);
        put_record(out, &record, format);
        separator = b",";
    }
    out.put_u8(b']');
    if let Some(tail) = batch.tail {
        out.put_slice(br#","tail":"#);
        put_position(out, tail);
    }
    out.put_u8(b'}');
    Ok(())
}

fn put_record(out: &mut BytesMut, record: &RecordView, format: RecordFormat) {
    out.put_slice(br#"{"seq_num":"#);
    put_decimal(out, record.seq_num);
    out.put_slice(br#","timestamp":"#);
    put_decimal(out, record.timestamp);
    if !record.headers.is_empty() {
        put_headers(out, &record.headers, format);
    }
    if !record.body.is_empty() {
        out.put_slice(br#","body":"#);
        put_bytes(out, &record.body, format);
    }
    out.put_u8(b'}');
}

fn put_headers(out: &mut BytesMut, headers: &[(Bytes, Bytes)], format: RecordFormat) {
    let mut opening: &[u8] = br#","headers":[["#;
    for (name, value) in headers {
        out.put_slice(opening);
        put_bytes(out, name, format);
        out.put_u8(b',');
        put_bytes(out, value, format);
        opening = b"],[";
    }
    out.put_slice(b"]]");
}

fn put_bytes(out: &mut BytesMut, bytes: &[u8], format: RecordFormat) {
    match format {
        RecordFormat::Raw => put_raw(out, bytes),
        RecordFormat::Base64 => put_base64(out, bytes),
    }
}

pub(crate) fn put_position(out: &mut BytesMut, position: Position) {
    out.put_slice(br#"{"seq_num":"#);
    put_decimal(out, position.seq_num);
    out.put_slice(br#","timestamp":"#);
    put_decimal(out, position.timestamp);
    out.put_u8(b'}');
}

#[cfg(test)]
mod tests {
    use riverrun_protocol::batch::Record;

    use super::*;
    use crate::batch::testing::read_batch;

    fn text(batch: &ReadBatch, format: RecordFormat) -> String {
        let mut out = BytesMut::new();
        put_read_batch(&mut out, batch, format).unwrap();
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn c9_records_are_always_there_and_tail_only_when_known() {
        assert_eq!(text(&ReadBatch::default(), RecordFormat::Raw), r#"{"records":[]}"#);
        let heartbeat = ReadBatch::heartbeat(Position::default());
        assert_eq!(text(&heartbeat, RecordFormat::Raw), r#"{"records":[],"tail":{"seq_num":0,"timestamp":0}}"#);
    }

    #[test]
    fn h4_both_formats() {
        let records = [
            Record {
                headers: vec![("a".into(), "\u{e4}".into()), ("b".into(), "".into())],
                ..Record::new(&b"x\xff"[..])
            },
            Record::new(""),
            Record::trim(1),
        ];
        let mut batch = read_batch(&[(7, &records)]);
        batch.tail = Some(Position { seq_num: 10, timestamp: 9 });
        let raw = "{\"records\":[{\"seq_num\":7,\"timestamp\":7,\"headers\":[[\"a\",\"\u{e4}\"],[\"b\",\"\"]],\"body\":\"x\u{fffd}\"},\
            {\"seq_num\":8,\"timestamp\":8},{\"seq_num\":9,\"timestamp\":9,\"headers\":[[\"\",\"trim\"]],\
            \"body\":\"\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0001\"}],\"tail\":{\"seq_num\":10,\"timestamp\":9}}";
        assert_eq!(text(&batch, RecordFormat::Raw), raw);
        let base64 = r#"{"records":[{"seq_num":7,"timestamp":7,"headers":[["YQ==","w6Q="],["Yg==",""]],"body":"eP8="},{"seq_num":8,"timestamp":8},{"seq_num":9,"timestamp":9,"headers":[["","dHJpbQ=="]],"body":"AAAAAAAAAAE="}],"tail":{"seq_num":10,"timestamp":9}}"#;
        assert_eq!(text(&batch, RecordFormat::Base64), base64);
    }

    #[test]
    fn several_batches_are_one_list() {
        let (first, second) = ([Record::new("a")], [Record::new("b")]);
        let batch = read_batch(&[(1, &first), (5, &second)]);
        let expected = r#"{"records":[{"seq_num":1,"timestamp":1,"body":"a"},{"seq_num":5,"timestamp":5,"body":"b"}]}"#;
        assert_eq!(text(&batch, RecordFormat::Raw), expected);
    }
}
