//! One frame of every kind, with values in which no two fields look alike.

use bytes::{Bytes, BytesMut};
use riverrun_protocol::batch::{Record, encode};
use riverrun_protocol::limits::{BATCH_BYTES_MAX, BATCH_RECORDS_MAX, FRAME_BODY_BYTES_MAX};
use riverrun_protocol::request::*;
use riverrun_protocol::response::*;
use riverrun_protocol::{
    BasinName, Batch, ErrorCode, ErrorFrame, FrameKind, Level, Position, Push, Request, Response, StreamId, StreamName,
};

use crate::support::{error_bytes, push_bytes, request_bytes, response_bytes, slice_of, stamped_bytes, with_headers};

fn basin() -> BasinName {
    BasinName::new("my-basin").unwrap()
}

fn target() -> StreamRef {
    StreamRef { basin: basin(), stream: StreamName::new("logs/2026").unwrap() }
}

fn at(seq_num: u64) -> Position {
    Position { seq_num, timestamp: 1_771_390_606_217 + seq_num }
}

fn params() -> ReadParams {
    ReadParams {
        start: ReadStart::Timestamp(0x11),
        clamp: true,
        count: Some(0x22),
        bytes: Some(0x33),
        until: Some(0x44),
        wait_secs: Some(0x55),
    }
}

/// Plain, with a timestamp and headers, and a command.
pub fn records() -> Vec<Record> {
    vec![
        Record::new("first"),
        Record { timestamp: Some(1_771_390_606_000), ..with_headers("second", &[("level", "warn"), ("k", "")]) },
        with_headers("token", &[("", "fence")]),
    ]
}

pub fn sent() -> BytesMut {
    encode(&records()).unwrap()
}

pub fn stamped() -> BytesMut {
    stamped_bytes(&records(), 41)
}

/// The middle record alone.
pub fn slice() -> Bytes {
    slice_of(&Batch::parse(stamped().freeze()).unwrap(), 1..2).bytes().clone()
}

/// With a batch each, where one belongs.
pub fn requests(batch: &[u8]) -> Vec<Request<'_>> {
    vec![
        Request::Hello(Hello { features: 0x77, ..Hello::new("secret", "riverrun-client/0.1.0") }),
        Request::Ping(Ping { nonce: 0x0102_0304_0506_0708 }),
        Request::Status,
        Request::CreateBasin(CreateBasin {
            basin: basin(),
            create_stream_on_append: true,
            create_stream_on_read: false,
        }),
        Request::ListBasins(ListBasins { prefix: "my-".into(), start_after: "my-a".into(), limit: 7 }),
        Request::CreateStream(target()),
        Request::ListStreams(ListStreams {
            basin: basin(),
            prefix: "logs/".into(),
            start_after: "logs/1".into(),
            limit: 7,
        }),
        Request::Append(Append { target: target(), batch }),
        Request::OpenAppendSession(target()),
        Request::SessionAppend(batch),
        Request::CloseAppendSession,
        Request::CheckTail(target()),
        Request::Read(Read { target: target(), params: params() }),
        Request::OpenReadSession(OpenReadSession { target: target(), params: params(), credit_bytes: 1 << 20 }),
        Request::GrantCredit(GrantCredit { bytes: 1 << 16 }),
        Request::CloseReadSession,
    ]
}

pub fn responses() -> Vec<Response> {
    let opened = SessionOpened { stream_id: StreamId([0xab; 16]), shard: 3, tail: at(44) };
    let basin =
        BasinInfo { name: basin(), created_at_ms: 0x66, create_stream_on_append: true, create_stream_on_read: false };
    let stream = StreamInfo { name: target().stream, id: StreamId([0xab; 16]), created_at_ms: 0x77 };
    vec![
        Response::HelloAccepted(HelloAccepted {
            version: 1,
            features: 0,
            shards: 4,
            shard: 3,
            frame_body_bytes_max: FRAME_BODY_BYTES_MAX as u32,
            batch_bytes_max: BATCH_BYTES_MAX as u32,
            batch_records_max: BATCH_RECORDS_MAX as u32,
            agent: "riverrun/0.1.0".into(),
        }),
        Response::Pong { nonce: 0x0102_0304_0506_0708 },
        Response::Status(StatusReport {
            shards: 4,
            uptime_ms: 0x11,
            connections: 0x22,
            streams_open: 0x33,
            epoch: 0x44,
            level: Level::Journal,
            store: "fs:/data/objects".into(),
            version: "0.1.0".into(),
            counters: vec![("appends_total".into(), 0x55), ("records_total".into(), 0x66)],
        }),
        Response::BasinCreated(basin.clone()),
        Response::BasinList(BasinList { basins: vec![basin], has_more: true }),
        Response::StreamCreated(stream.clone()),
        Response::StreamList(StreamList { streams: vec![stream], has_more: false }),
        Response::AppendAck(AppendAck { start: at(41), end: at(44), tail: at(45), level: Level::Object, shard: 3 }),
        Response::AppendSessionOpened(opened),
        Response::SessionEnded,
        Response::Tail(TailReport { tail: at(44), level: Level::Journal, shard: 3 }),
        Response::ReadBatches(ReadBatches { tail: None, parts: vec![slice()] }),
        Response::ReadSessionOpened(opened),
    ]
}

pub fn pushes() -> Vec<Push> {
    vec![
        Push::Records(ReadBatches { tail: Some(at(44)), parts: vec![stamped().freeze()] }),
        Push::Heartbeat { tail: at(44) },
        Push::Draining,
    ]
}

pub fn error() -> ErrorFrame {
    ErrorFrame {
        retry_after_ms: 0x88,
        tail: Some(at(44)),
        ..ErrorFrame::new(
            ErrorCode::Unwritten,
            "nothing is written at 44 yet: follow, or read from an earlier position",
        )
    }
}

/// The id in every sample frame.
pub const ID: u64 = 0x1234;

/// Every kind's frame, named after it, in the order of the kinds' numbers.
pub fn all_frames() -> Vec<(String, BytesMut)> {
    let name = |kind: FrameKind| format!("{:02x}-{}", kind as u8, kind.name());
    let batch = sent();
    let requests = requests(&batch);
    let requests = requests.iter().map(|request| (name(request.kind()), request_bytes(request, ID)));
    let responses = responses();
    let responses = responses.iter().map(|response| (name(response.kind()), response_bytes(response, ID)));
    let pushes = pushes();
    let pushes = pushes.iter().map(|push| (name(push.kind()), push_bytes(push, ID)));
    let error = std::iter::once((name(FrameKind::Error), error_bytes(&error(), ID)));
    requests.chain(responses).chain(pushes).chain(error).collect()
}
