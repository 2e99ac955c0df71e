//! Any request, response, push and error; any records.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use riverrun_protocol::access::{OperationGroups, Operations, ResourceSet, TokenRates, TokenScope};
use riverrun_protocol::batch::Record;
use riverrun_protocol::config::*;
use riverrun_protocol::limits::PAGE_RAW_BYTES_MAX;
use riverrun_protocol::request::*;
use riverrun_protocol::response::*;
use riverrun_protocol::types::{FencingToken, LocationName, RequestToken, TokenId};
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

fn storage_class() -> impl Strategy<Value = StorageClass> {
    prop::sample::select(vec![StorageClass::Express, StorageClass::Standard])
}

fn retention() -> impl Strategy<Value = Retention> {
    prop_oneof![(1..=u64::MAX).prop_map(Retention::Age), Just(Retention::Infinite)]
}

fn timestamping_mode() -> impl Strategy<Value = TimestampingMode> {
    use TimestampingMode::{Arrival, ClientPrefer, ClientRequire};
    prop::sample::select(vec![ClientPrefer, ClientRequire, Arrival])
}

fn stream_config() -> impl Strategy<Value = StreamConfig> {
    (storage_class(), retention(), timestamping_mode(), any::<(bool, u64)>()).prop_map(
        |(storage_class, retention, timestamping_mode, (timestamping_uncapped, delete_on_empty_min_age_secs))| {
            StreamConfig {
                storage_class,
                retention,
                timestamping_mode,
                timestamping_uncapped,
                delete_on_empty_min_age_secs,
            }
        },
    )
}

fn partial_stream_config() -> impl Strategy<Value = PartialStreamConfig> {
    let switch_and_age = any::<(Option<bool>, Option<u64>)>();
    (of(storage_class()), of(retention()), of(timestamping_mode()), switch_and_age).prop_map(
        |(storage_class, retention, timestamping_mode, (timestamping_uncapped, delete_on_empty_min_age_secs))| {
            PartialStreamConfig {
                storage_class,
                retention,
                timestamping_mode,
                timestamping_uncapped,
                delete_on_empty_min_age_secs,
            }
        },
    )
}

fn patch<T: std::fmt::Debug + Clone>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Patch<T>> {
    (value, 0..3u8).prop_map(|(value, choice)| match choice {
        0 => Patch::Keep,
        1 => Patch::Clear,
        _ => Patch::Set(value),
    })
}

fn stream_config_patch() -> impl Strategy<Value = StreamConfigPatch> {
    let switch_and_age = (patch(any::<bool>()), patch(any::<u64>()));
    (patch(storage_class()), patch(retention()), patch(timestamping_mode()), switch_and_age).prop_map(
        |(storage_class, retention, timestamping_mode, (timestamping_uncapped, delete_on_empty_min_age_secs))| {
            StreamConfigPatch {
                storage_class,
                retention,
                timestamping_mode,
                timestamping_uncapped,
                delete_on_empty_min_age_secs,
            }
        },
    )
}

fn basin_config() -> impl Strategy<Value = BasinConfig> {
    (partial_stream_config(), any::<(bool, bool)>()).prop_map(
        |(default_stream_config, (create_stream_on_append, create_stream_on_read))| BasinConfig {
            default_stream_config,
            create_stream_on_append,
            create_stream_on_read,
        },
    )
}

fn basin_config_patch() -> impl Strategy<Value = BasinConfigPatch> {
    (stream_config_patch(), any::<(Option<bool>, Option<bool>)>()).prop_map(
        |(default_stream_config, (create_stream_on_append, create_stream_on_read))| BasinConfigPatch {
            default_stream_config,
            create_stream_on_append,
            create_stream_on_read,
        },
    )
}

fn request_token() -> impl Strategy<Value = Option<RequestToken>> {
    of("[ -~]{0,36}".prop_map(|token| RequestToken::new(&token).unwrap()))
}

fn fencing_token() -> impl Strategy<Value = FencingToken> {
    "\\PC{0,9}".prop_map(|token| FencingToken::new(&token).unwrap())
}

fn conditions() -> impl Strategy<Value = AppendConditions> {
    (any::<Option<u64>>(), of(fencing_token()))
        .prop_map(|(match_seq_num, fencing_token)| AppendConditions { match_seq_num, fencing_token })
}

fn token_id() -> impl Strategy<Value = TokenId> {
    "[^\0]{1,24}".prop_filter_map("an id of dots", |id| TokenId::new(&id).ok())
}

fn resource_set() -> impl Strategy<Value = ResourceSet> {
    prop_oneof![
        Just(ResourceSet::Nothing),
        "\\PC{0,60}".prop_map(ResourceSet::Exact),
        "\\PC{0,60}".prop_map(ResourceSet::Prefix),
    ]
}

fn scope() -> impl Strategy<Value = TokenScope> {
    (resource_set(), resource_set(), resource_set(), 0..64u8, 0..1u32 << 24).prop_map(
        |(basins, streams, access_tokens, groups, operations)| TokenScope {
            basins,
            streams,
            access_tokens,
            groups: OperationGroups::from_bits(groups).unwrap(),
            operations: Operations::from_bits(operations).unwrap(),
        },
    )
}

/// A rate of 0 is none.
fn rates() -> impl Strategy<Value = TokenRates> {
    (of(1..=u64::MAX), of(1..=u64::MAX))
        .prop_map(|(append_bytes_per_sec, requests_per_sec)| TokenRates { append_bytes_per_sec, requests_per_sec })
}

fn location_name() -> impl Strategy<Value = LocationName> {
    "[a-zA-Z0-9:.-]{1,64}".prop_map(|name| LocationName::new(&name).unwrap())
}

fn location() -> impl Strategy<Value = LocationInfo> {
    (location_name(), any::<bool>()).prop_map(|(name, is_private)| LocationInfo { name, is_private })
}

/// Requests that carry no batch.
pub fn request() -> impl Strategy<Value = Request<'static>> {
    prop_oneof![
        hello().prop_map(Request::Hello),
        any::<u64>().prop_map(|nonce| Request::Ping(Ping { nonce })),
        Just(Request::Status),
        Just(Request::GetStages),
        Just(Request::ListLocations),
        Just(Request::GetDefaultLocation),
        location_name().prop_map(Request::SetDefaultLocation),
        basin_request(),
        stream_request(),
        access_token_request(),
        target().prop_map(Request::OpenAppendSession),
        Just(Request::CloseAppendSession),
        target().prop_map(Request::CheckTail),
        (target(), params()).prop_map(|(target, params)| Request::Read(Read { target, params })),
        (target(), params(), any::<u64>(), any::<bool>()).prop_map(|(target, params, credit_bytes, takes_pages)| {
            Request::OpenReadSession(OpenReadSession { target, params, credit_bytes, takes_pages })
        }),
        any::<u64>().prop_map(|bytes| Request::GrantCredit(GrantCredit { bytes })),
        Just(Request::CloseReadSession),
    ]
}

fn basin_request() -> impl Strategy<Value = Request<'static>> {
    prop_oneof![
        (basin(), basin_config(), request_token()).prop_map(|(basin, config, request_token)| Request::CreateBasin(
            CreateBasin { basin, config, request_token }
        )),
        (basin(), basin_config()).prop_map(|(basin, config)| Request::EnsureBasin(EnsureBasin { basin, config })),
        (basin(), basin_config_patch())
            .prop_map(|(basin, patch)| Request::ReconfigureBasin(ReconfigureBasin { basin, patch })),
        basin().prop_map(Request::GetBasinConfig),
        basin().prop_map(Request::DeleteBasin),
        ("[a-z0-9][a-z0-9-]{0,47}", "([a-z0-9][a-z0-9-]{0,47})?", any::<u32>())
            .prop_map(|(prefix, start_after, limit)| Request::ListBasins(ListBasins { prefix, start_after, limit })),
    ]
}

fn stream_request() -> impl Strategy<Value = Request<'static>> {
    prop_oneof![
        (target(), partial_stream_config(), request_token()).prop_map(|(target, config, request_token)| {
            Request::CreateStream(CreateStream { target, config, request_token })
        }),
        (target(), partial_stream_config())
            .prop_map(|(target, config)| Request::EnsureStream(EnsureStream { target, config })),
        (target(), stream_config_patch())
            .prop_map(|(target, patch)| Request::ReconfigureStream(ReconfigureStream { target, patch })),
        target().prop_map(Request::GetStreamConfig),
        target().prop_map(Request::DeleteStream),
        (basin(), "[^\0]{0,60}", "[^\0]{0,60}", any::<u32>()).prop_map(|(basin, prefix, start_after, limit)| {
            Request::ListStreams(ListStreams { basin, prefix, start_after, limit })
        }),
    ]
}

fn access_token_request() -> impl Strategy<Value = Request<'static>> {
    let issue = (token_id(), any::<(Option<u64>, bool)>(), scope(), rates());
    prop_oneof![
        issue.prop_map(|(id, (expires_at_ms, auto_prefix_streams), scope, rates)| {
            Request::IssueAccessToken(IssueAccessToken { id, expires_at_ms, auto_prefix_streams, scope, rates })
        }),
        ("[^\0]{0,24}", "[^\0]{0,24}", any::<u32>()).prop_map(|(prefix, start_after, limit)| {
            Request::ListAccessTokens(ListAccessTokens { prefix, start_after, limit })
        }),
        token_id().prop_map(Request::RevokeAccessToken),
        Just(Request::RotateRootToken),
    ]
}

/// What an `Append` is made of; the request itself borrows the batch.
pub fn append() -> impl Strategy<Value = (StreamRef, AppendConditions, Vec<u8>)> {
    (target(), conditions(), vec(any::<u8>(), 0..300))
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

fn stage_histograms() -> impl Strategy<Value = StageHistograms> {
    let stage = ("[a-z_]{1,64}", vec(any::<u8>(), 0..300))
        .prop_map(|(name, bytes)| StageHistogram { name, histogram: bytes.into() });
    vec(stage, 0..20).prop_map(|stages| StageHistograms { stages })
}

fn basin_info() -> impl Strategy<Value = BasinInfo> {
    (basin(), any::<(u64, Option<u64>)>()).prop_map(|(name, (created_at_ms, deleted_at_ms))| BasinInfo {
        name,
        created_at_ms,
        deleted_at_ms,
    })
}

fn stream_info() -> impl Strategy<Value = StreamInfo> {
    (stream(), stream_id(), any::<(u64, Option<u64>)>())
        .prop_map(|(name, id, (created_at_ms, deleted_at_ms))| StreamInfo { name, id, created_at_ms, deleted_at_ms })
}

fn provisioned<T: std::fmt::Debug>(info: impl Strategy<Value = T>) -> impl Strategy<Value = Provisioned<T>> {
    use ProvisionResult::{Created, Noop, Updated};
    (info, prop::sample::select(vec![Created, Updated, Noop])).prop_map(|(info, result)| Provisioned { info, result })
}

fn access_token_info() -> impl Strategy<Value = AccessTokenInfo> {
    (token_id(), any::<(u64, Option<u64>, bool)>(), scope(), rates()).prop_map(
        |(id, (created_at_ms, expires_at_ms, auto_prefix_streams), scope, rates)| AccessTokenInfo {
            id,
            created_at_ms,
            expires_at_ms,
            auto_prefix_streams,
            scope,
            rates,
        },
    )
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

/// Answers about one basin, stream or access token, and the token listing.
fn control_response() -> impl Strategy<Value = Response> {
    prop_oneof![
        provisioned(basin_info()).prop_map(Response::BasinProvisioned),
        provisioned(stream_info()).prop_map(Response::StreamProvisioned),
        basin_config().prop_map(Response::BasinConfig),
        stream_config().prop_map(Response::StreamConfig),
        Just(Response::Done),
        vec(location(), 0..10).prop_map(Response::LocationList),
        location().prop_map(Response::Location),
        "[ -~]{0,256}".prop_map(|secret| Response::AccessTokenIssued(AccessTokenIssued { secret })),
        (vec(access_token_info(), 0..10), any::<bool>())
            .prop_map(|(tokens, has_more)| Response::AccessTokenList(AccessTokenList { tokens, has_more })),
    ]
}

pub fn response() -> impl Strategy<Value = Response> {
    prop_oneof![
        hello_accepted().prop_map(Response::HelloAccepted),
        any::<u64>().prop_map(|nonce| Response::Pong { nonce }),
        status().prop_map(Response::Status),
        stage_histograms().prop_map(Response::StageHistograms),
        control_response(),
        (vec(basin_info(), 0..20), any::<bool>())
            .prop_map(|(basins, has_more)| Response::BasinList(BasinList { basins, has_more })),
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

/// What is in the frame is nobody's business here.
fn page() -> impl Strategy<Value = CompressedPage> {
    let numbers = (0..u64::MAX).prop_flat_map(|first| (Just(first), first + 1..=u64::MAX));
    (bytes(1..300), 300..=PAGE_RAW_BYTES_MAX as u32, any::<u32>(), numbers).prop_map(
        |(stored, raw_bytes, crc, (first_seq_num, end_seq_num))| CompressedPage {
            raw_bytes,
            crc,
            first_seq_num,
            end_seq_num,
            stored,
        },
    )
}

pub fn push() -> impl Strategy<Value = Push> {
    prop_oneof![
        read_batches(1).prop_map(Push::Records),
        page().prop_map(Push::Page),
        position().prop_map(|tail| Push::Heartbeat { tail }),
        Just(Push::Draining),
        any::<u32>().prop_map(|retry_after_ms| Push::Throttled { retry_after_ms }),
    ]
}

pub fn error() -> impl Strategy<Value = ErrorFrame> {
    let outcomes = prop::sample::select(vec![Outcome::NotDone, Outcome::MaybeDone, Outcome::Terminal]);
    let codes = prop::sample::select(ErrorCode::ALL.to_vec());
    let facts = (of(position()), of(fencing_token()), any::<Option<u64>>());
    (codes, outcomes, any::<u32>(), facts, "[ -~]{0,200}").prop_map(
        |(code, outcome, retry_after_ms, (tail, fencing_token, seq_num), message)| ErrorFrame {
            code,
            outcome,
            retry_after_ms,
            tail,
            fencing_token,
            seq_num,
            message,
        },
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
