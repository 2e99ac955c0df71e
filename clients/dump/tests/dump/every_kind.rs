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
    insta::assert_snapshot!(lines.join("\n"), @r#"
        -> Hello id=7 64B version_min=1 version_max=1 features=3 token=<17 bytes, redacted> agent=tester/1
        -> Ping id=7 28B nonce=99
        -> Status id=7 20B
        -> CreateBasin id=7 29B my-basin create_stream_on_read
        -> ListBasins id=7 35B limit=50 prefix=my- start_after=my-a
        -> CreateStream id=7 41B my-basin/"logs/web 1"
        -> ListStreams id=7 48B my-basin limit=51 prefix=logs/ start_after=logs/a
        -> Append id=7 271B my-basin/"logs/web 1" records=3 payload=30B metered=54B
        -> OpenAppendSession id=7 41B my-basin/"logs/web 1"
        -> SessionAppend id=7 246B records=3 payload=30B metered=54B
        -> CloseAppendSession id=7 20B
        -> CheckTail id=7 41B my-basin/"logs/web 1"
        -> Read id=7 78B my-basin/"logs/web 1" clamp start=seq_num:10 count=11 bytes=12 until=13 wait_secs=14
        -> OpenReadSession id=7 58B my-basin/"logs/web 1" start=tail_offset:5 credit_bytes=1048576
        -> GrantCredit id=7 28B bytes=65536
        -> CloseReadSession id=7 20B
        <- HelloAccepted id=7 67B version=1 shards=4 shard=2 features=3 frame_body_bytes_max=2097152 batch_bytes_max=1114112 batch_records_max=1000 agent=riverrun/0.1.0
        <- Pong id=7 28B nonce=99
        <- StatusReport id=7 114B shards=4 level=journal uptime_ms=61000 connections=3 streams_open=17 epoch=9 store=fs:./riverrun-data version=0.1.0 counters=[2]
        <- BasinCreated id=7 38B created_at_ms=1700000000000 flags=create_stream_on_append name=my-basin
        <- BasinList id=7 58B has_more basins=[2]
        <- StreamCreated id=7 56B stream_id=101112131415161718191a1b1c1d1e1f created_at_ms=1700000000000 name="logs/web 1"
        <- StreamList id=7 58B streams=[1]
        <- AppendAck id=7 72B level=journal shard=2 start=20@1700000000020 end=23@1700000000023 tail=40@1700000000040
        <- AppendSessionOpened id=7 56B shard=2 stream_id=101112131415161718191a1b1c1d1e1f tail=40@1700000000040
        <- SessionEnded id=7 20B
        <- Tail id=7 40B level=object shard=2 tail=40@1700000000040
        <- ReadBatches id=7 455B tail=26@1700000000026 batches=2 records=5 payload=43B metered=83B seq=21..26 time=1700000000022..=1700000000026
        <- ReadSessionOpened id=7 56B shard=2 stream_id=101112131415161718191a1b1c1d1e1f tail=40@1700000000040
        <- Records id=7 455B tail=26@1700000000026 batches=2 records=5 payload=43B metered=83B seq=21..26 time=1700000000022..=1700000000026
        <- Heartbeat id=7 36B tail=40@1700000000040
        <- Draining id=7 20B
        <- Error id=7 63B code=unwritten outcome=not_done retry_after_ms=250 tail=40@1700000000040 message="nothing there yet"
        "#);
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
