//! Lines of records, as `append` reads them and `read` prints them.

use bytes::Bytes;
use riverrun_cli::format::{Format, LineCutter, Rendered, lines};
use riverrun_protocol::Record;
use riverrun_protocol::batch::RecordView;
use riverrun_protocol::limits::BATCH_METERED_BYTES_MAX;

/// Input of `append`, in all three spellings.
pub fn records(data: &[u8]) {
    for format in [Format::Text, Format::Json, Format::JsonBase64] {
        lines(Bytes::copy_from_slice(data)).for_each(|line| one(format, line));
    }
    let whole: Vec<Bytes> = lines(Bytes::copy_from_slice(data)).collect();
    for size in [1, 7, 64] {
        assert_eq!(in_pieces(data, size), whole, "lines are the same however they come");
    }
}

/// What is read as a record is printed, and read, as the same one.
fn one(format: Format, line: Bytes) {
    let Ok(record) = format.parse(line.clone()) else { return };
    assert!(record.metered_bytes() <= BATCH_METERED_BYTES_MAX, "a record that no server takes");
    let held = record.headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() + record.body.len();
    assert!(held <= line.len(), "no spelling is shorter than what it stands for");
    let mut out = Rendered::default();
    format.render(&view(&record), &mut out);
    if format == Format::Text {
        assert_eq!(record.body, line, "text is the body");
        return;
    }
    assert_eq!(out.data.pop(), Some(b'\n'), "a line");
    assert!(!out.data.contains(&b'\n'), "one line");
    let again = format.parse(out.data.into()).expect("what is printed can be read");
    assert_eq!(again, Record { timestamp: Some(record.timestamp.unwrap_or(0)), ..record });
}

fn view(record: &Record) -> RecordView {
    let timestamp = record.timestamp.unwrap_or(0);
    RecordView { seq_num: 3, timestamp, headers: record.headers.clone(), body: record.body.clone() }
}

fn in_pieces(data: &[u8], size: usize) -> Vec<Bytes> {
    let mut cutter = LineCutter::default();
    let mut found = Vec::new();
    for piece in data.chunks(size) {
        found.extend(lines(cutter.push(piece)));
        cutter.check().expect("short lines");
    }
    found.extend(lines(cutter.finish()));
    found
}
