//! Every kind has a line, and what the line says is what the protocol crate says.

use bytes::Bytes;
use riverrun_dump::describe::{Described, Detail, describe};
use riverrun_dump::field::{self, Field, Show, Value};
use riverrun_protocol::access::{ResourceSet, TokenRates, TokenScope};
use riverrun_protocol::config::PartialStreamConfig;
use riverrun_protocol::frame::{self, Cut};
use riverrun_protocol::limits::FRAME_HEADER_BYTES;
use riverrun_protocol::request::{AppendConditions, CreateStream, IssueAccessToken};
use riverrun_protocol::types::TokenId;
use riverrun_protocol::{ErrorFrame, FrameKind, Push, Request, Response};

use crate::samples::{error, fencing_token, request, sample, sent_batch, session_append, stamped_batch, target};
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
        -> GetStages id=7 20B
        -> ListLocations id=7 20B
        -> GetDefaultLocation id=7 20B
        -> SetDefaultLocation id=7 34B location=aws:us-east-1
        -> CreateBasin id=7 46B my-basin config={switches=create_stream_on_read default_stream_config={retention=infinite}} request_token=once
        -> ListBasins id=7 35B limit=50 prefix=my- start_after=my-a
        -> CreateStream id=7 64B my-basin/"logs/web 1" config={storage_class=standard retention=age:604800 timestamping_mode=client-require timestamping_uncapped=true delete_on_empty_min_age_secs=3600} request_token=""
        -> ListStreams id=7 48B my-basin limit=51 prefix=logs/ start_after=logs/a
        -> GetBasinConfig id=7 29B my-basin
        -> ReconfigureBasin id=7 35B my-basin config={switches_set=create_stream_on_append|create_stream_on_read switches=create_stream_on_append default_stream_config={cleared=retention|delete_on_empty_min_age_secs storage_class=express timestamping_uncapped=false}}
        -> DeleteBasin id=7 29B my-basin
        -> EnsureBasin id=7 41B my-basin config={switches=create_stream_on_read default_stream_config={retention=infinite}}
        -> GetStreamConfig id=7 41B my-basin/"logs/web 1"
        -> ReconfigureStream id=7 45B my-basin/"logs/web 1" config={cleared=retention|delete_on_empty_min_age_secs storage_class=express timestamping_uncapped=false}
        -> DeleteStream id=7 41B my-basin/"logs/web 1"
        -> EnsureStream id=7 63B my-basin/"logs/web 1" config={storage_class=standard retention=age:604800 timestamping_mode=client-require timestamping_uncapped=true delete_on_empty_min_age_secs=3600}
        -> IssueAccessToken id=7 79B auto_prefix_streams token_id="team a/ci" expires_at_ms=1700000000009 scope={groups=basin_read|stream_read operations=append|fence basins=exact:my-basin streams=prefix:logs/ access_tokens=nothing} rates={append_bytes_per_sec=1048576 requests_per_sec=100}
        -> ListAccessTokens id=7 38B limit=52 prefix=team start_after="team a"
        -> RevokeAccessToken id=7 30B token_id="team a/ci"
        -> RotateRootToken id=7 20B
        -> Append id=7 288B my-basin/"logs/web 1" match_seq_num=20 fencing_token=writer-1 records=3 payload=30B metered=54B
        -> OpenAppendSession id=7 41B my-basin/"logs/web 1"
        -> SessionAppend id=7 250B records=3 payload=30B metered=54B
        -> CloseAppendSession id=7 20B
        -> CheckTail id=7 41B my-basin/"logs/web 1"
        -> Read id=7 78B my-basin/"logs/web 1" clamp start=seq_num:10 count=11 bytes=12 until=13 wait_secs=14
        -> OpenReadSession id=7 58B my-basin/"logs/web 1" takes_pages start=tail_offset:5 credit_bytes=1048576
        -> GrantCredit id=7 28B bytes=65536
        -> CloseReadSession id=7 20B
        <- HelloAccepted id=7 67B version=1 shards=4 shard=2 features=3 frame_body_bytes_max=2097152 batch_bytes_max=1114112 batch_records_max=1000 agent=riverrun/0.1.0
        <- Pong id=7 28B nonce=99
        <- StatusReport id=7 114B shards=4 level=journal uptime_ms=61000 connections=3 streams_open=17 epoch=9 store=fs:./riverrun-data version=0.1.0 counters=[2]
        <- StageHistograms id=7 53B stages=[2]
        <- LocationList id=7 52B locations=[2]
        <- Location id=7 35B is_private=true name=aws:us-east-1
        <- BasinProvisioned id=7 47B result=created created_at_ms=1700000000000 flags=deleted_at_ms deleted_at_ms=1700000000008 name=my-basin
        <- BasinList id=7 74B has_more basins=[2]
        <- StreamProvisioned id=7 58B result=noop stream_id=101112131415161718191a1b1c1d1e1f created_at_ms=1700000000000 name="logs/web 1"
        <- StreamList id=7 59B streams=[1]
        <- BasinConfig id=7 32B config={switches=create_stream_on_read default_stream_config={retention=infinite}}
        <- StreamConfig id=7 42B config={storage_class=standard retention=age:604800 timestamping_mode=client-require timestamping_uncapped=true delete_on_empty_min_age_secs=3600}
        <- Done id=7 20B
        <- AccessTokenIssued id=7 39B secret=<17 bytes, redacted>
        <- AccessTokenList id=7 90B has_more tokens=[1]
        <- AppendAck id=7 72B level=journal shard=2 start=20@1700000000020 end=23@1700000000023 tail=40@1700000000040
        <- AppendSessionOpened id=7 56B shard=2 stream_id=101112131415161718191a1b1c1d1e1f tail=40@1700000000040
        <- SessionEnded id=7 20B
        <- Tail id=7 40B level=object shard=2 tail=40@1700000000040
        <- ReadBatches id=7 455B tail=26@1700000000026 batches=2 records=5 payload=43B metered=83B seq=21..26 time=1700000000022..=1700000000026
        <- ReadSessionOpened id=7 56B shard=2 stream_id=101112131415161718191a1b1c1d1e1f tail=40@1700000000040
        <- Records id=7 455B tail=26@1700000000026 batches=2 records=5 payload=43B metered=83B seq=21..26 time=1700000000022..=1700000000026
        <- Heartbeat id=7 36B tail=40@1700000000040
        <- Draining id=7 20B
        <- Throttled id=7 24B retry_after_ms=750
        <- Page id=7 203B raw_bytes=460 stored=159B batches=2 records=6 payload=60B metered=108B seq=20..26 time=1700000000021..=1700000000026
        <- Error id=7 63B code=unwritten outcome=not_done retry_after_ms=250 tail=40@1700000000040 message="nothing there yet"
        "#);
}

/// What a frame does not hold is not on its line, and an empty token is not the same as none.
#[test]
fn one_line_of_what_may_be_missing() {
    let append = |conditions| request(&session_append(conditions, &sent_batch()));
    let none = AppendConditions::default();
    let issue = IssueAccessToken {
        id: TokenId::new("a").unwrap(),
        expires_at_ms: None,
        auto_prefix_streams: false,
        scope: TokenScope { basins: ResourceSet::Exact(String::new()), ..TokenScope::default() },
        rates: TokenRates::default(),
    };
    let frames = [
        append(AppendConditions { match_seq_num: Some(0), ..none.clone() }),
        append(AppendConditions { fencing_token: fencing_token(""), ..none }),
        request(&Request::CreateStream(CreateStream {
            target: target(),
            config: PartialStreamConfig::default(),
            request_token: None,
        })),
        request(&Request::IssueAccessToken(issue)),
        error(&ErrorFrame::fencing_token_mismatch(fencing_token("writer-2").unwrap())),
        error(&ErrorFrame::seq_num_mismatch(41)),
    ];
    let lines: Vec<String> = frames.iter().map(|frame| see::line(frame)).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
        -> SessionAppend id=7 258B match_seq_num=0 records=3 payload=30B metered=54B
        -> SessionAppend id=7 251B fencing_token="" records=3 payload=30B metered=54B
        -> CreateStream id=7 43B my-basin/"logs/web 1"
        -> IssueAccessToken id=7 48B token_id=a scope={basins=exact:"" streams=nothing access_tokens=nothing}
        <- Error id=7 103B code=fencing_token_mismatch outcome=terminal fencing_token=writer-2 message="fencing token mismatch: the stream's current token is `writer-2`"
        <- Error id=7 97B code=seq_num_mismatch outcome=not_done seq_num=41 message="sequence number mismatch: the next one to be assigned is 41"
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
        Value::Number { value, show: Show::Switch } => check_word(kind, field.name, &(*value == 1).to_string(), parsed),
        Value::Number { value: 0, .. } | Value::Bits { .. } => {}
        // The version of a batch is not kept: there is one only.
        Value::Number { .. } if field.name == "version" && kind != FrameKind::HelloAccepted => {}
        Value::Number { value, show: Show::Named(name_of) } => {
            check_word(kind, field.name, &name_of(*value).unwrap().replace(['_', '-'], ""), parsed);
        }
        Value::Number { value, .. } => {
            let told = [format!("{}: {value}", field.name), format!("({value})"), format!("some({value})")];
            assert!(told.iter().any(|told| parsed.contains(told)), "{kind}: {}={value} in {parsed}", field.name);
        }
        _ => {}
    }
}

/// Also where it need not be there, or is part of a change.
fn check_word(kind: FrameKind, name: &str, word: &str, parsed: &str) {
    let told = ["", "some(", "set("].map(|open| format!("{name}: {open}{word}"));
    assert!(told.iter().any(|told| parsed.contains(told)), "{kind}: {name}={word} in {parsed}");
}
