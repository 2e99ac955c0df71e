//! Every kind has a line, and what the line says is what the protocol crate says.

use bytes::Bytes;
use riverrun_dump::describe::{Described, Detail, describe};
use riverrun_dump::field::{self, Field, Show, Value};
use riverrun_protocol::frame::{self, Cut};
use riverrun_protocol::limits::FRAME_HEADER_BYTES;
use riverrun_protocol::{ErrorFrame, FrameKind, Push, Request, Response};

use crate::samples::{sample, sent_batch, stamped_batch};
use crate::see;

pub fn explain(frame: &Bytes) -> Described {
    let Ok(Cut::Complete { header, .. }) = frame::cut(frame) else { panic!("a whole frame") };
    describe(header, frame, Detail::Records)
}

#[test]
fn one_line_of_every_kind() {
    let lines: Vec<String> = FrameKind::ALL.iter().map(|kind| see::line(&sample(*kind))).collect();
    insta::assert_snapshot!(lines.join("\n"), @"");
}

/// Offsets and lengths: nothing overlaps, nothing is left out, down to the last nested field.
#[test]
fn the_fields_of_every_kind_cover_its_body_without_gaps() {
    for kind in FrameKind::ALL {
        let frame = sample(*kind);
        let described = explain(&frame);
        assert_eq!(described.judged.error, None, "{kind}");
        assert_eq!(described.undecoded(), None, "{kind}");
        assert_eq!(field::gaps(&described.fields, FRAME_HEADER_BYTES..frame.len()), [], "{kind}");
        described.fields.iter().for_each(|field| no_gaps_inside(*kind, field));
    }
}

fn no_gaps_inside(kind: FrameKind, field: &Field) {
    let (Value::Group(inner) | Value::List(inner)) = &field.value else { return };
    // A list begins with its count, where it has one.
    let start = inner.first().map_or(field.range.end, |first| first.range.start);
    assert!(start - field.range.start <= 2, "{kind} {}", field.name);
    assert_eq!(field::gaps(inner, start..field.range.end), [], "{kind} {}", field.name);
    inner.iter().for_each(|field| no_gaps_inside(kind, field));
}

/// The layouts cannot drift from the protocol: each number must stand under the same name in what protocol parsed.
#[test]
fn every_number_is_what_protocol_calls_it() {
    for kind in FrameKind::ALL {
        let frame = sample(*kind);
        let parsed = parsed_by_protocol(*kind, &frame.slice(FRAME_HEADER_BYTES..));
        for field in explain(&frame).fields {
            check_numbers(*kind, &field, &parsed);
        }
    }
}

fn parsed_by_protocol(kind: FrameKind, body: &Bytes) -> String {
    let byte = kind as u8;
    let batches = [stamped_batch(20).slice(1..3).to_bytes(), stamped_batch(23).bytes().clone(), sent_batch().freeze()];
    let batches: Vec<String> = batches.iter().map(batch_by_protocol).collect();
    let frame = Request::parse(byte, body)
        .map(|request| format!("{request:?}"))
        .or_else(|_| Response::parse(byte, body.clone()).map(|response| format!("{response:?}")))
        .or_else(|_| Push::parse(byte, body.clone()).map(|push| format!("{push:?}")))
        .or_else(|_| ErrorFrame::parse(body).map(|error| format!("{error:?}")));
    format!("{} {}", frame.unwrap(), batches.join(" ")).to_lowercase()
}

fn batch_by_protocol(batch: &Bytes) -> String {
    use riverrun_protocol::batch::{BatchHeader, TableEntry};
    let header = BatchHeader::parse(batch).unwrap();
    let table = &batch[128..header.header_and_table_bytes()];
    let entries: Vec<TableEntry> = table.as_chunks::<24>().0.iter().map(TableEntry::read).collect();
    format!("{header:?} {entries:?}")
}

fn check_numbers(kind: FrameKind, field: &Field, parsed: &str) {
    match &field.value {
        Value::Group(inner) | Value::List(inner) => inner.iter().for_each(|field| check_numbers(kind, field, parsed)),
        // Told by the variant of an enum there, and by the sample's line here.
        Value::Number { .. } if ["kind", "value", "name_bytes", "value_bytes"].contains(&field.name) => {}
        Value::Number { value: 0, .. } | Value::Bits { .. } => {}
        // The version of a batch is not kept: there is one only.
        Value::Number { .. } if field.name == "version" && kind != FrameKind::HelloAccepted => {}
        Value::Number { value, show: Show::Named(name_of) } => {
            let name = name_of(*value).unwrap().replace('_', "");
            assert!(parsed.contains(&format!("{}: {name}", field.name)), "{kind}: {}={name} in {parsed}", field.name);
        }
        Value::Number { value, .. } => {
            let told = [format!("{}: {value}", field.name), format!("({value})"), format!("some({value})")];
            assert!(told.iter().any(|told| parsed.contains(told)), "{kind}: {}={value} in {parsed}", field.name);
        }
        _ => {}
    }
}
