//! One frame of every kind, each field with a value of its own.

use bytes::{Bytes, BytesMut};
use riverrun_protocol::access::{Operation, OperationGroups, Operations, ResourceSet, TokenRates, TokenScope};
use riverrun_protocol::batch::{self, Batch, Stamp};
use riverrun_protocol::config::*;
use riverrun_protocol::request::*;
use riverrun_protocol::response::*;
use riverrun_protocol::types::{FencingToken, LocationName, RequestToken, TokenId};
use riverrun_protocol::{
    BasinName, ErrorCode, ErrorFrame, FrameKind, Level, Outcome, Position, Push, Record, Request, Response, StreamId,
    StreamName,
};

pub const ID: u64 = 7;
pub const TOKEN: &[u8] = b"very-secret-token";
/// A time in 2023.
pub const NOW_MS: u64 = 1_700_000_000_000;

pub fn stream_id() -> StreamId {
    StreamId(std::array::from_fn(|i| i as u8 + 0x10))
}

pub fn target() -> StreamRef {
    StreamRef { basin: BasinName::new("my-basin").unwrap(), stream: StreamName::new("logs/web 1").unwrap() }
}

pub fn at(seq_num: u64) -> Position {
    Position { seq_num, timestamp: NOW_MS + seq_num }
}

/// Three records: with header and timestamp, with text, with bytes that are no text.
pub fn records() -> Vec<Record> {
    let header = (Bytes::from_static(b"color"), Bytes::from_static(b"green"));
    let first = Record { timestamp: Some(NOW_MS), headers: vec![header], body: Bytes::from_static(b"first") };
    vec![first, Record::new(&b"second \x1b[2J"[..]), Record::new(&b"\xff\xfe"[..])]
}

/// As a producer sends it.
pub fn sent_batch() -> BytesMut {
    batch::encode(&records()).unwrap()
}

/// As a server stores and pushes it.
pub fn stamped_batch(first_seq_num: u64) -> Batch {
    stamped(sent_batch(), stream_id(), first_seq_num)
}

pub fn stamped(mut batch: BytesMut, stream_id: StreamId, first_seq_num: u64) -> Batch {
    let stamp = Stamp { stream_id, first_seq_num, arrival_ms: NOW_MS + 5, expires_at_ms: NOW_MS + 6 };
    let mut timestamp = NOW_MS + first_seq_num;
    batch::stamp(&mut batch, &stamp, |sent| {
        timestamp += 1;
        sent.unwrap_or(timestamp).max(timestamp)
    });
    Batch::parse(batch.freeze()).unwrap()
}

pub fn request(request: &Request<'_>) -> Bytes {
    let mut out = BytesMut::new();
    request.write(ID, &mut out);
    out.freeze()
}

pub fn response(response: &Response) -> Bytes {
    let mut out = BytesMut::new();
    response.write(ID, &mut out);
    out.freeze()
}

pub fn push(push: &Push) -> Bytes {
    let mut out = BytesMut::new();
    push.write(ID, &mut out);
    out.freeze()
}

pub fn error(error: &ErrorFrame) -> Bytes {
    let mut out = BytesMut::new();
    error.write(ID, &mut out);
    out.freeze()
}

/// The sample frame of a kind. Exhaustive: a new kind needs one.
pub fn sample(kind: FrameKind) -> Bytes {
    use FrameKind as K;
    match kind {
        K::Hello => request(&Request::Hello(Hello { features: 3, ..Hello::new(TOKEN, "tester/1") })),
        K::Ping => request(&Request::Ping(Ping { nonce: 99 })),
        K::Status => request(&Request::Status),
        K::GetStages => request(&Request::GetStages),
        K::ListLocations => request(&Request::ListLocations),
        K::GetDefaultLocation => request(&Request::GetDefaultLocation),
        K::SetDefaultLocation => request(&Request::SetDefaultLocation(location().name)),
        K::CreateBasin => request(&Request::CreateBasin(create_basin())),
        K::ListBasins => request(&Request::ListBasins(list_basins())),
        K::CreateStream => request(&Request::CreateStream(create_stream())),
        K::ListStreams => request(&Request::ListStreams(list_streams())),
        K::GetBasinConfig => request(&Request::GetBasinConfig(target().basin)),
        K::ReconfigureBasin => request(&Request::ReconfigureBasin(reconfigure_basin())),
        K::DeleteBasin => request(&Request::DeleteBasin(target().basin)),
        K::EnsureBasin => request(&Request::EnsureBasin(EnsureBasin { basin: target().basin, config: basin_config() })),
        K::GetStreamConfig => request(&Request::GetStreamConfig(target())),
        K::ReconfigureStream => {
            request(&Request::ReconfigureStream(ReconfigureStream { target: target(), patch: stream_patch() }))
        }
        K::DeleteStream => request(&Request::DeleteStream(target())),
        K::EnsureStream => {
            request(&Request::EnsureStream(EnsureStream { target: target(), config: stream_config().into() }))
        }
        K::IssueAccessToken => request(&Request::IssueAccessToken(issue_access_token())),
        K::ListAccessTokens => request(&Request::ListAccessTokens(list_access_tokens())),
        K::RevokeAccessToken => request(&Request::RevokeAccessToken(token_id())),
        K::RotateRootToken => request(&Request::RotateRootToken),
        K::Append => {
            request(&Request::Append(Append { target: target(), conditions: conditions(), batch: &sent_batch() }))
        }
        K::OpenAppendSession => request(&Request::OpenAppendSession(target())),
        K::SessionAppend => request(&session_append(AppendConditions::default(), &sent_batch())),
        K::CloseAppendSession => request(&Request::CloseAppendSession),
        K::CheckTail => request(&Request::CheckTail(target())),
        K::Read => request(&Request::Read(Read { target: target(), params: bounded() })),
        K::OpenReadSession => request(&Request::OpenReadSession(open_read_session())),
        K::GrantCredit => request(&Request::GrantCredit(GrantCredit { bytes: 65_536 })),
        K::CloseReadSession => request(&Request::CloseReadSession),
        K::HelloAccepted => response(&Response::HelloAccepted(hello_accepted())),
        K::Pong => response(&Response::Pong { nonce: 99 }),
        K::StatusReport => response(&Response::Status(status_report())),
        K::StageHistograms => response(&Response::StageHistograms(stage_histograms())),
        K::LocationList => response(&Response::LocationList(vec![location(); 2])),
        K::Location => response(&Response::Location(location())),
        K::BasinProvisioned => {
            response(&Response::BasinProvisioned(Provisioned { info: basin_info(), result: ProvisionResult::Created }))
        }
        K::BasinList => response(&Response::BasinList(BasinList { basins: vec![basin_info(); 2], has_more: true })),
        K::StreamProvisioned => {
            response(&Response::StreamProvisioned(Provisioned { info: stream_info(), result: ProvisionResult::Noop }))
        }
        K::StreamList => response(&Response::StreamList(StreamList { streams: vec![stream_info()], has_more: false })),
        K::BasinConfig => response(&Response::BasinConfig(basin_config())),
        K::StreamConfig => response(&Response::StreamConfig(stream_config())),
        K::Done => response(&Response::Done),
        K::AccessTokenIssued => response(&Response::AccessTokenIssued(issued())),
        K::AccessTokenList => {
            response(&Response::AccessTokenList(AccessTokenList { tokens: vec![token_info()], has_more: true }))
        }
        K::AppendAck => response(&Response::AppendAck(append_ack())),
        K::AppendSessionOpened => response(&Response::AppendSessionOpened(session_opened())),
        K::SessionEnded => response(&Response::SessionEnded),
        K::Tail => response(&Response::Tail(TailReport { tail: at(40), level: Level::Object, shard: 2 })),
        K::ReadBatches => response(&Response::ReadBatches(read_batches())),
        K::ReadSessionOpened => response(&Response::ReadSessionOpened(session_opened())),
        K::Records => push(&Push::Records(read_batches())),
        K::Page => push(&Push::Page(page_of(&[stamped_batch(20), stamped_batch(23)]))),
        K::Heartbeat => push(&Push::Heartbeat { tail: at(40) }),
        K::Draining => push(&Push::Draining),
        K::Throttled => push(&Push::Throttled { retry_after_ms: 750 }),
        K::Error => error(&unwritten()),
    }
}

fn create_basin() -> CreateBasin {
    CreateBasin { basin: target().basin, config: basin_config(), request_token: request_token("once") }
}

fn create_stream() -> CreateStream {
    CreateStream { target: target(), config: stream_config().into(), request_token: request_token("") }
}

fn request_token(token: &str) -> Option<RequestToken> {
    Some(RequestToken::new(token).unwrap())
}

pub fn fencing_token(token: &str) -> Option<FencingToken> {
    Some(FencingToken::new(token).unwrap())
}

fn conditions() -> AppendConditions {
    AppendConditions { match_seq_num: Some(20), fencing_token: fencing_token("writer-1") }
}

pub fn session_append(conditions: AppendConditions, batch: &[u8]) -> Request<'_> {
    Request::SessionAppend(SessionAppend { conditions, batch })
}

fn stream_config() -> StreamConfig {
    StreamConfig {
        storage_class: StorageClass::Standard,
        retention: Retention::Age(604_800),
        timestamping_mode: TimestampingMode::ClientRequire,
        timestamping_uncapped: true,
        delete_on_empty_min_age_secs: 3600,
    }
}

/// A field of every fate, and a switch that is off.
pub fn stream_patch() -> StreamConfigPatch {
    StreamConfigPatch {
        storage_class: Patch::Set(StorageClass::Express),
        retention: Patch::Clear,
        timestamping_mode: Patch::Keep,
        timestamping_uncapped: Patch::Set(false),
        delete_on_empty_min_age_secs: Patch::Clear,
    }
}

fn basin_config() -> BasinConfig {
    let default_stream_config =
        PartialStreamConfig { retention: Some(Retention::Infinite), ..PartialStreamConfig::default() };
    BasinConfig { default_stream_config, create_stream_on_append: false, create_stream_on_read: true }
}

fn reconfigure_basin() -> ReconfigureBasin {
    let patch = BasinConfigPatch {
        default_stream_config: stream_patch(),
        create_stream_on_append: Some(true),
        create_stream_on_read: Some(false),
    };
    ReconfigureBasin { basin: target().basin, patch }
}

fn token_id() -> TokenId {
    TokenId::new("team a/ci").unwrap()
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
    TokenRates { append_bytes_per_sec: Some(1_048_576), requests_per_sec: Some(100) }
}

fn issue_access_token() -> IssueAccessToken {
    IssueAccessToken {
        id: token_id(),
        expires_at_ms: Some(NOW_MS + 9),
        auto_prefix_streams: true,
        scope: scope(),
        rates: rates(),
    }
}

fn list_access_tokens() -> ListAccessTokens {
    ListAccessTokens { prefix: "team".into(), start_after: "team a".into(), limit: 52 }
}

fn location() -> LocationInfo {
    LocationInfo { name: LocationName::new("aws:us-east-1").unwrap(), is_private: true }
}

fn issued() -> AccessTokenIssued {
    AccessTokenIssued { secret: std::str::from_utf8(TOKEN).unwrap().to_owned() }
}

fn token_info() -> AccessTokenInfo {
    AccessTokenInfo {
        id: token_id(),
        created_at_ms: NOW_MS,
        expires_at_ms: Some(NOW_MS + 9),
        auto_prefix_streams: true,
        scope: scope(),
        rates: rates(),
    }
}

fn list_basins() -> ListBasins {
    ListBasins { prefix: "my-".into(), start_after: "my-a".into(), limit: 50 }
}

fn list_streams() -> ListStreams {
    ListStreams { basin: target().basin, prefix: "logs/".into(), start_after: "logs/a".into(), limit: 51 }
}

pub fn bounded() -> ReadParams {
    ReadParams {
        clamp: true,
        count: Some(11),
        bytes: Some(12),
        until: Some(13),
        wait_secs: Some(14),
        ..ReadParams::new(ReadStart::SeqNum(10))
    }
}

fn open_read_session() -> OpenReadSession {
    let params = ReadParams::new(ReadStart::TailOffset(5));
    OpenReadSession { target: target(), params, credit_bytes: 1_048_576, takes_pages: true }
}

fn hello_accepted() -> HelloAccepted {
    HelloAccepted {
        version: 1,
        features: 3,
        shards: 4,
        shard: 2,
        frame_body_bytes_max: 2_097_152,
        batch_bytes_max: 1_114_112,
        batch_records_max: 1000,
        agent: "riverrun/0.1.0".into(),
    }
}

fn status_report() -> StatusReport {
    StatusReport {
        shards: 4,
        uptime_ms: 61_000,
        connections: 3,
        streams_open: 17,
        epoch: 9,
        level: Level::Journal,
        store: "fs:./riverrun-data".into(),
        version: "0.1.0".into(),
        counters: vec![("appends".into(), 100), ("reads".into(), 200)],
    }
}

fn stage_histograms() -> StageHistograms {
    let stage = |name: &str, bytes| StageHistogram { name: name.into(), histogram: Bytes::from_static(bytes) };
    StageHistograms { stages: vec![stage("journal_write", b"\x1c\x84\x93\x13"), stage("ack_send", b"")] }
}

fn basin_info() -> BasinInfo {
    BasinInfo { name: target().basin, created_at_ms: NOW_MS, deleted_at_ms: Some(NOW_MS + 8) }
}

fn stream_info() -> StreamInfo {
    StreamInfo { name: target().stream, id: stream_id(), created_at_ms: NOW_MS, deleted_at_ms: None }
}

fn append_ack() -> AppendAck {
    AppendAck { start: at(20), end: at(23), tail: at(40), level: Level::Journal, shard: 2 }
}

fn session_opened() -> SessionOpened {
    SessionOpened { stream_id: stream_id(), shard: 2, tail: at(40) }
}

/// A slice without its batch's first record, and a whole batch.
pub fn read_batches() -> ReadBatches {
    let mut all = ReadBatches { tail: Some(at(26)), parts: Vec::new() };
    all.push(stamped_batch(20).slice(1..3));
    all.push(stamped_batch(23).slice(0..3));
    all
}

/// These batches as they are stored.
pub fn page_of(batches: &[Batch]) -> CompressedPage {
    let raw: Vec<u8> = batches.iter().flat_map(|batch| batch.bytes().to_vec()).collect();
    let stored = zstd::bulk::compress(&raw, 3).unwrap();
    CompressedPage {
        raw_bytes: raw.len() as u32,
        crc: crc32c(&stored),
        first_seq_num: batches[0].first_seq_num(),
        end_seq_num: batches[batches.len() - 1].end_seq_num(),
        stored: stored.into(),
    }
}

fn unwritten() -> ErrorFrame {
    ErrorFrame {
        outcome: Outcome::NotDone,
        retry_after_ms: 250,
        tail: Some(at(40)),
        ..ErrorFrame::new(ErrorCode::Unwritten, "nothing there yet")
    }
}

pub fn crc32c(bytes: &[u8]) -> u32 {
    // Bit by bit: the test must not lean on the library that it checks.
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 })
    })
}
