//! Any request, response, push and error; any records.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use riverrun_protocol::batch::Record;
use riverrun_protocol::request::*;
use riverrun_protocol::response::*;
use riverrun_protocol::{
    BasinName, ErrorCode, ErrorFrame, Level, Outcome, Position, Push, Request, Response, StreamId, StreamName,
};

pub fn basin() -> impl Strategy<Value = BasinName> {
    "[a-z0-9][a-z0-9-]{6,46}[a-z0-9]".prop_map(|name| BasinName::new(&name).unwrap())
}

pub fn stream() -> impl Strategy<Value = StreamName> {
    "[^\0]{1,60}".prop_filter_map("a name of dots", |name| StreamName::new(&name).ok())
}

fn target() -> impl Strategy<Value = StreamRef> {
    (basin(), stream()).prop_map(|(basin, stream)| StreamRef { basin, stream })
}

fn position() -> impl Strategy<Value = Position> {
    any::<(u64, u64)>().prop_map(|(seq_num, timestamp)| Position { seq_num, timestamp })
}

fn level() -> impl Strategy<Value = Level> {
    prop::sample::select(vec![Level::Memory, Level::Journal, Level::Object])
}

fn stream_id() -> impl Strategy<Value = StreamId> {
    any::<[u8; 16]>().prop_map(StreamId)
}

fn start() -> impl Strategy<Value = ReadStart> {
    prop_oneof![
        any::<u64>().prop_map(ReadStart::SeqNum),
        any::<u64>().prop_map(ReadStart::Timestamp),
        any::<u64>().prop_map(ReadStart::TailOffset),
    ]
}

fn params() -> impl Strategy<Value = ReadParams> {
    (start(), any::<(bool, Option<u64>, Option<u64>, Option<u64>, Option<u32>)>())
        .prop_map(|(start, (clamp, count, bytes, until, wait_secs))| ReadParams {
            start,
            clamp,
            count,
            bytes,
            until,
            wait_secs,
        })
        .prop_filter("a timestamp at or behind until is refused (C1)", |params| {
            !matches!((params.start, params.until), (ReadStart::Timestamp(from), Some(until)) if from >= until)
        })
}

fn hello() -> impl Strategy<Value = Hello> {
    (any::<(u16, u16, u64)>(), vec(any::<u8>(), 0..257), "[ -~]{0,64}").prop_map(|((a, b, features), token, agent)| {
        Hello { version_min: a.min(b), version_max: a.max(b), features, token, agent }
    })
}

/// Requests that carry no batch.
pub fn request() -> impl Strategy<Value = Request<'static>> {
    prop_oneof![
        hello().prop_map(Request::Hello),
        any::<u64>().prop_map(|nonce| Request::Ping(Ping { nonce })),
        Just(Request::Status),
        (basin(), any::<(bool, bool)>()).prop_map(|(basin, (create_stream_on_append, create_stream_on_read))| {
            Request::CreateBasin(CreateBasin { basin, create_stream_on_append, create_stream_on_read })
        }),
        ("[a-z0-9][a-z0-9-]{0,47}", "([a-z0-9][a-z0-9-]{0,47})?", any::<u32>())
            .prop_map(|(prefix, start_after, limit)| Request::ListBasins(ListBasins { prefix, start_after, limit })),
        target().prop_map(Request::CreateStream),
        (basin(), "[^\0]{0,60}", "[^\0]{0,60}", any::<u32>()).prop_map(|(basin, prefix, start_after, limit)| {
            Request::ListStreams(ListStreams { basin, prefix, start_after, limit })
        }),
        target().prop_map(Request::OpenAppendSession),
        Just(Request::CloseAppendSession),
        target().prop_map(Request::CheckTail),
        (target(), params()).prop_map(|(target, params)| Request::Read(Read { target, params })),
        (target(), params(), any::<u64>()).prop_map(|(target, params, credit_bytes)| {
            Request::OpenReadSession(OpenReadSession { target, params, credit_bytes })
        }),
        any::<u64>().prop_map(|bytes| Request::GrantCredit(GrantCredit { bytes })),
        Just(Request::CloseReadSession),
    ]
}

/// What an `Append` is made of; the request itself borrows the batch.
pub fn append() -> impl Strategy<Value = (StreamRef, Vec<u8>)> {
    (target(), vec(any::<u8>(), 0..300))
}

fn hello_accepted() -> impl Strategy<Value = HelloAccepted> {
    (any::<(u16, u64, u16, u16)>(), any::<(u32, u32, u32)>(), "[ -~]{0,64}").prop_map(
        |((version, features, shards, shard), (frame_body_bytes_max, batch_bytes_max, batch_records_max), agent)| {
            HelloAccepted {
                version,
                features,
                shards,
                shard,
                frame_body_bytes_max,
                batch_bytes_max,
                batch_records_max,
                agent,
            }
        },
    )
}

fn status() -> impl Strategy<Value = StatusReport> {
    let numbers = any::<(u16, u64, u64, u64, u64)>();
    let counters = vec(("[a-z_]{1,64}", any::<u64>()), 0..20);
    (numbers, level(), "[ -~]{0,100}", "[0-9.]{0,20}", counters).prop_map(
        |((shards, uptime_ms, connections, streams_open, epoch), level, store, version, counters)| StatusReport {
            shards,
            uptime_ms,
            connections,
            streams_open,
            epoch,
            level,
            store,
            version,
            counters,
        },
    )
}

fn basin_info() -> impl Strategy<Value = BasinInfo> {
    (basin(), any::<(u64, bool, bool)>()).prop_map(
        |(name, (created_at_ms, create_stream_on_append, create_stream_on_read))| BasinInfo {
            name,
            created_at_ms,
            create_stream_on_append,
            create_stream_on_read,
        },
    )
}

fn stream_info() -> impl Strategy<Value = StreamInfo> {
    (stream(), stream_id(), any::<u64>()).prop_map(|(name, id, created_at_ms)| StreamInfo { name, id, created_at_ms })
}

fn session_opened() -> impl Strategy<Value = SessionOpened> {
    (stream_id(), any::<u16>(), position()).prop_map(|(stream_id, shard, tail)| SessionOpened {
        stream_id,
        shard,
        tail,
    })
}

/// In one part, as a client parses them; the bytes stand for batches that nobody looks at here.
fn read_batches(bytes_min: usize) -> impl Strategy<Value = ReadBatches> {
    (of(position()), vec(any::<u8>(), bytes_min..300)).prop_map(|(tail, bytes)| ReadBatches {
        tail,
        parts: if bytes.is_empty() { vec![] } else { vec![Bytes::from(bytes)] },
    })
}

pub fn response() -> impl Strategy<Value = Response> {
    prop_oneof![
        hello_accepted().prop_map(Response::HelloAccepted),
        any::<u64>().prop_map(|nonce| Response::Pong { nonce }),
        status().prop_map(Response::Status),
        basin_info().prop_map(Response::BasinCreated),
        (vec(basin_info(), 0..20), any::<bool>())
            .prop_map(|(basins, has_more)| Response::BasinList(BasinList { basins, has_more })),
        stream_info().prop_map(Response::StreamCreated),
        (vec(stream_info(), 0..20), any::<bool>())
            .prop_map(|(streams, has_more)| Response::StreamList(StreamList { streams, has_more })),
        (position(), position(), position(), level(), any::<u16>()).prop_map(|(start, end, tail, level, shard)| {
            Response::AppendAck(AppendAck { start, end, tail, level, shard })
        }),
        session_opened().prop_map(Response::AppendSessionOpened),
        session_opened().prop_map(Response::ReadSessionOpened),
        Just(Response::SessionEnded),
        (position(), level(), any::<u16>()).prop_map(|(tail, level, shard)| Response::Tail(TailReport {
            tail,
            level,
            shard
        })),
        read_batches(0).prop_map(Response::ReadBatches),
    ]
}

pub fn push() -> impl Strategy<Value = Push> {
    prop_oneof![
        read_batches(1).prop_map(Push::Records),
        position().prop_map(|tail| Push::Heartbeat { tail }),
        Just(Push::Draining),
    ]
}

pub fn error() -> impl Strategy<Value = ErrorFrame> {
    let outcomes = prop::sample::select(vec![Outcome::NotDone, Outcome::MaybeDone, Outcome::Terminal]);
    let codes = prop::sample::select(ErrorCode::ALL.to_vec());
    (codes, outcomes, any::<u32>(), of(position()), "[ -~]{0,200}").prop_map(
        |(code, outcome, retry_after_ms, tail, message)| ErrorFrame { code, outcome, retry_after_ms, tail, message },
    )
}

fn bytes(length: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), length).prop_map(Bytes::from)
}

fn command() -> impl Strategy<Value = (Vec<(Bytes, Bytes)>, Bytes)> {
    let nameless = |word: &'static [u8]| vec![(Bytes::new(), Bytes::from_static(word))];
    prop_oneof![
        "[a-z]{0,36}".prop_map(move |token| (nameless(b"fence"), Bytes::from(token))),
        any::<u64>().prop_map(move |earliest| (nameless(b"trim"), Bytes::copy_from_slice(&earliest.to_be_bytes()))),
    ]
}

/// A record that obeys every rule: plain, with headers (some long enough for a second length byte), or a command.
pub fn record() -> impl Strategy<Value = Record> {
    let headers = vec((bytes(1..140), bytes(0..140)), 0..4);
    let contents = prop_oneof![8 => (headers, bytes(0..200)).boxed(), 1 => command().boxed()];
    (of(any::<u64>()), contents).prop_map(|(timestamp, (headers, body))| Record { timestamp, headers, body })
}

pub fn records() -> impl Strategy<Value = Vec<Record>> {
    vec(record(), 1..30)
}
