//! Frames of every kind, with values in which no two fields look alike: one with all of its optional parts, named after
//! its kind, and more where a part can be missing or differ in kind.

use bytes::{Bytes, BytesMut};
use riverrun_protocol::access::{Operation, OperationGroups, Operations, ResourceSet, TokenRates, TokenScope};
use riverrun_protocol::batch::{Record, encode};
use riverrun_protocol::config::*;
use riverrun_protocol::limits::{BATCH_BYTES_MAX, BATCH_RECORDS_MAX, FRAME_BODY_BYTES_MAX};
use riverrun_protocol::request::*;
use riverrun_protocol::response::*;
use riverrun_protocol::types::{FencingToken, LocationName, RequestToken, TokenId};
use riverrun_protocol::{
    BasinName, Batch, ErrorCode, ErrorFrame, FrameKind, Level, Position, Push, Request, Response, StreamId, StreamName,
};

use crate::golden::from_hex;
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

fn stream_config() -> StreamConfig {
    StreamConfig {
        storage_class: StorageClass::Standard,
        retention: Retention::Age(0x0001_0203),
        timestamping_mode: TimestampingMode::Arrival,
        timestamping_uncapped: true,
        delete_on_empty_min_age_secs: 0x0405,
    }
}

fn basin_config() -> BasinConfig {
    let default_stream_config = PartialStreamConfig {
        retention: Some(Retention::Infinite),
        timestamping_mode: Some(TimestampingMode::ClientRequire),
        ..PartialStreamConfig::default()
    };
    BasinConfig { default_stream_config, create_stream_on_append: true, create_stream_on_read: false }
}

/// A field of every fate.
fn stream_patch() -> StreamConfigPatch {
    StreamConfigPatch {
        storage_class: Patch::Set(StorageClass::Express),
        retention: Patch::Clear,
        timestamping_mode: Patch::Set(TimestampingMode::ClientPrefer),
        timestamping_uncapped: Patch::Keep,
        delete_on_empty_min_age_secs: Patch::Clear,
    }
}

fn request_token() -> Option<RequestToken> {
    Some(RequestToken::new("once").unwrap())
}

fn conditions() -> AppendConditions {
    AppendConditions { match_seq_num: Some(0x29), fencing_token: Some(FencingToken::new("writer-1").unwrap()) }
}

fn scope() -> TokenScope {
    TokenScope {
        basins: ResourceSet::Exact("my-basin".into()),
        streams: ResourceSet::Prefix("logs/".into()),
        access_tokens: ResourceSet::Nothing,
        groups: OperationGroups::from_bits(0b01_0100).unwrap(),
        operations: Operations::NONE.with(Operation::Append).with(Operation::Fence),
    }
}

fn rates() -> TokenRates {
    TokenRates { append_bytes_per_sec: Some(0x0010_0000), requests_per_sec: Some(0x64) }
}

fn token_id() -> TokenId {
    TokenId::new("team a/ci").unwrap()
}

fn location() -> LocationInfo {
    LocationInfo { name: LocationName::new("aws:us-east-1").unwrap(), is_private: false }
}

fn open_read_session() -> OpenReadSession {
    OpenReadSession { target: target(), params: params(), credit_bytes: 1 << 20, takes_pages: false }
}

/// With a batch each, where one belongs.
pub fn requests(batch: &[u8]) -> Vec<(String, Request<'_>)> {
    let whole = whole_requests(batch).into_iter().map(|request| (name_of(request.kind(), ""), request));
    let other = other_requests(batch).into_iter().map(|(what, request)| (name_of(request.kind(), what), request));
    whole.chain(other).collect()
}

fn whole_requests(batch: &[u8]) -> Vec<Request<'_>> {
    vec![
        Request::Hello(Hello { features: 0x77, ..Hello::new("secret", "riverrun-client/0.1.0") }),
        Request::Ping(Ping { nonce: 0x0102_0304_0506_0708 }),
        Request::Status,
        Request::GetStages,
        Request::ListLocations,
        Request::GetDefaultLocation,
        Request::SetDefaultLocation(location().name),
        Request::CreateBasin(CreateBasin { basin: basin(), config: basin_config(), request_token: request_token() }),
        Request::ListBasins(ListBasins { prefix: "my-".into(), start_after: "my-a".into(), limit: 7 }),
        Request::CreateStream(CreateStream {
            target: target(),
            config: stream_config().into(),
            request_token: request_token(),
        }),
        Request::ListStreams(ListStreams {
            basin: basin(),
            prefix: "logs/".into(),
            start_after: "logs/1".into(),
            limit: 7,
        }),
        Request::GetBasinConfig(basin()),
        Request::ReconfigureBasin(ReconfigureBasin {
            basin: basin(),
            patch: BasinConfigPatch {
                default_stream_config: stream_patch(),
                create_stream_on_append: Some(false),
                create_stream_on_read: Some(true),
            },
        }),
        Request::DeleteBasin(basin()),
        Request::EnsureBasin(EnsureBasin { basin: basin(), config: basin_config() }),
        Request::GetStreamConfig(target()),
        Request::ReconfigureStream(ReconfigureStream { target: target(), patch: stream_patch() }),
        Request::DeleteStream(target()),
        Request::EnsureStream(EnsureStream { target: target(), config: stream_config().into() }),
        Request::IssueAccessToken(IssueAccessToken {
            id: token_id(),
            expires_at_ms: Some(0x99),
            auto_prefix_streams: true,
            scope: scope(),
            rates: rates(),
        }),
        Request::ListAccessTokens(ListAccessTokens {
            prefix: "team a/".into(),
            start_after: "team a/b".into(),
            limit: 7,
        }),
        Request::RevokeAccessToken(token_id()),
        Request::RotateRootToken,
        Request::Append(Append { target: target(), conditions: conditions(), batch }),
        Request::OpenAppendSession(target()),
        Request::SessionAppend(SessionAppend { conditions: conditions(), batch }),
        Request::CloseAppendSession,
        Request::CheckTail(target()),
        Request::Read(Read { target: target(), params: params() }),
        Request::OpenReadSession(open_read_session()),
        Request::GrantCredit(GrantCredit { bytes: 1 << 16 }),
        Request::CloseReadSession,
    ]
}

/// What is there in part, or not at all.
fn other_requests(batch: &[u8]) -> Vec<(&'static str, Request<'_>)> {
    let unconditional = AppendConditions::default();
    let numbered = AppendConditions { fencing_token: None, ..conditions() };
    let fenced = AppendConditions { match_seq_num: None, ..conditions() };
    vec![
        (
            "plain",
            Request::CreateBasin(CreateBasin { basin: basin(), config: BasinConfig::default(), request_token: None }),
        ),
        (
            "plain",
            Request::CreateStream(CreateStream {
                target: target(),
                config: PartialStreamConfig::default(),
                request_token: None,
            }),
        ),
        (
            "unchanged",
            Request::ReconfigureBasin(ReconfigureBasin { basin: basin(), patch: BasinConfigPatch::default() }),
        ),
        (
            "unchanged",
            Request::ReconfigureStream(ReconfigureStream { target: target(), patch: StreamConfigPatch::default() }),
        ),
        (
            "exact",
            Request::IssueAccessToken(IssueAccessToken {
                id: token_id(),
                expires_at_ms: None,
                auto_prefix_streams: false,
                scope: TokenScope { streams: ResourceSet::Exact("logs/2026".into()), ..scope() },
                rates: TokenRates::default(),
            }),
        ),
        ("plain", Request::Append(Append { target: target(), conditions: unconditional.clone(), batch })),
        ("match_seq_num", Request::Append(Append { target: target(), conditions: numbered.clone(), batch })),
        ("fencing_token", Request::Append(Append { target: target(), conditions: fenced.clone(), batch })),
        ("plain", Request::SessionAppend(SessionAppend { conditions: unconditional, batch })),
        ("match_seq_num", Request::SessionAppend(SessionAppend { conditions: numbered, batch })),
        ("fencing_token", Request::SessionAppend(SessionAppend { conditions: fenced, batch })),
        ("pages", Request::OpenReadSession(OpenReadSession { takes_pages: true, ..open_read_session() })),
    ]
}

fn basin_info() -> BasinInfo {
    BasinInfo { name: basin(), created_at_ms: 0x66, deleted_at_ms: None }
}

fn stream_info() -> StreamInfo {
    StreamInfo { name: target().stream, id: StreamId([0xab; 16]), created_at_ms: 0x77, deleted_at_ms: None }
}

fn token_info() -> AccessTokenInfo {
    AccessTokenInfo {
        id: token_id(),
        created_at_ms: 0x88,
        expires_at_ms: Some(0x99),
        auto_prefix_streams: true,
        scope: scope(),
        rates: rates(),
    }
}

pub fn responses() -> Vec<(String, Response)> {
    let whole = whole_responses().into_iter().map(|response| (name_of(response.kind(), ""), response));
    let other = other_responses().into_iter().map(|(what, response)| (name_of(response.kind(), what), response));
    whole.chain(other).collect()
}

fn whole_responses() -> Vec<Response> {
    let opened = SessionOpened { stream_id: StreamId([0xab; 16]), shard: 3, tail: at(44) };
    let deleted_basin = BasinInfo { deleted_at_ms: Some(0x6a), ..basin_info() };
    let deleted_stream = StreamInfo { deleted_at_ms: Some(0x7a), ..stream_info() };
    let permanent = AccessTokenInfo {
        id: TokenId::new("team b").unwrap(),
        expires_at_ms: None,
        auto_prefix_streams: false,
        rates: TokenRates::default(),
        ..token_info()
    };
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
        Response::StageHistograms(StageHistograms {
            stages: vec![
                StageHistogram {
                    name: "journal_write".into(),
                    histogram: Bytes::from_static(&[0x1c, 0x84, 0x93, 0x13]),
                },
                StageHistogram { name: "ack_send".into(), histogram: Bytes::new() },
            ],
        }),
        Response::LocationList(vec![location(), LocationInfo { is_private: true, ..location() }]),
        Response::Location(location()),
        Response::BasinProvisioned(Provisioned { info: basin_info(), result: ProvisionResult::Created }),
        Response::BasinList(BasinList { basins: vec![basin_info(), deleted_basin], has_more: true }),
        Response::StreamProvisioned(Provisioned { info: stream_info(), result: ProvisionResult::Updated }),
        Response::StreamList(StreamList { streams: vec![stream_info(), deleted_stream], has_more: false }),
        Response::BasinConfig(basin_config()),
        Response::StreamConfig(stream_config()),
        Response::Done,
        Response::AccessTokenIssued(AccessTokenIssued { secret: "rrt_secret".into() }),
        Response::AccessTokenList(AccessTokenList { tokens: vec![token_info(), permanent], has_more: true }),
        Response::AppendAck(AppendAck { start: at(41), end: at(44), tail: at(45), level: Level::Object, shard: 3 }),
        Response::AppendSessionOpened(opened),
        Response::SessionEnded,
        Response::Tail(TailReport { tail: at(44), level: Level::Journal, shard: 3 }),
        Response::ReadBatches(ReadBatches { tail: None, parts: vec![slice()] }),
        Response::ReadSessionOpened(opened),
    ]
}

fn other_responses() -> Vec<(&'static str, Response)> {
    let infinite = StreamConfig { retention: Retention::Infinite, ..stream_config() };
    vec![
        ("noop", Response::BasinProvisioned(Provisioned { info: basin_info(), result: ProvisionResult::Noop })),
        ("plain", Response::BasinConfig(BasinConfig::default())),
        ("infinite", Response::StreamConfig(infinite)),
    ]
}

/// The stamped batch, compressed once and for all: what another zstd would make of it is as good, and other bytes.
const COMPRESSED: &str = "
    28 b5 2f fd 20 ed f5 03 00 c4 05 01 00 00 00 03 00 00 00 25 00 aa 0a 45 20 08 0d b3 41 00 ab 29
    00 88 13 00 28 23 00 4f 30 81 3b 05 b0 9a 1b 6f 9c 01 00 00 02 00 00 00 0e 00 00 00 06 00 00 00
    01 07 66 69 72 73 74 05 04 6c 65 76 65 6c 77 61 72 6e 01 00 6b 73 65 63 6f 6e 64 00 05 66 65 6e
    63 65 74 6f 6b 65 6e 0e 00 47 05 98 2a ef c5 86 53 19 06 f9 00 89 ad 08 2c 15 10 e0 07 b8 03 0c
    08 3a 06 aa c4 40 17
";

pub fn page() -> CompressedPage {
    let stored = Bytes::from(from_hex(COMPRESSED));
    let (raw_bytes, crc) = (stamped().len() as u32, crc32c::crc32c(&stored));
    CompressedPage { raw_bytes, crc, first_seq_num: 41, end_seq_num: 44, stored }
}

pub fn pushes() -> Vec<(String, Push)> {
    let all = [
        Push::Records(ReadBatches { tail: Some(at(44)), parts: vec![stamped().freeze()] }),
        Push::Heartbeat { tail: at(44) },
        Push::Draining,
        Push::Throttled { retry_after_ms: 0x2ee },
        Push::Page(page()),
    ];
    all.into_iter().map(|push| (name_of(push.kind(), ""), push)).collect()
}

pub fn errors() -> Vec<(String, ErrorFrame)> {
    let unwritten = ErrorFrame {
        retry_after_ms: 0x88,
        tail: Some(at(44)),
        ..ErrorFrame::new(
            ErrorCode::Unwritten,
            "nothing is written at 44 yet: follow, or read from an earlier position",
        )
    };
    let fenced = ErrorFrame::fencing_token_mismatch(FencingToken::new("writer-2").unwrap());
    let moved = ErrorFrame::seq_num_mismatch(0x2c);
    let slowed = ErrorFrame {
        retry_after_ms: 0xfa,
        ..ErrorFrame::new(ErrorCode::Overloaded, "this access token's rate of requests is used up: wait 250 ms")
    };
    let all = [("", unwritten), ("fencing_token", fenced), ("seq_num", moved), ("plain", slowed)];
    all.into_iter().map(|(what, error)| (name_of(FrameKind::Error, what), error)).collect()
}

/// The id in every sample frame.
pub const ID: u64 = 0x1234;

fn name_of(kind: FrameKind, what: &str) -> String {
    let name = format!("{:02x}-{}", kind as u8, kind.name());
    if what.is_empty() { name } else { format!("{name}-{what}") }
}

/// Every sample's frame by its name.
pub fn all_frames() -> Vec<(String, BytesMut)> {
    let batch = sent();
    let requests = requests(&batch).into_iter().map(|(name, request)| (name, request_bytes(&request, ID)));
    let responses = responses().into_iter().map(|(name, response)| (name, response_bytes(&response, ID)));
    let pushes = pushes().into_iter().map(|(name, push)| (name, push_bytes(&push, ID)));
    let errors = errors().into_iter().map(|(name, error)| (name, error_bytes(&error, ID)));
    requests.chain(responses).chain(pushes).chain(errors).collect()
}
