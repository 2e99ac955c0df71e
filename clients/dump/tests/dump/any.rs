//! Any frame of any kind, for properties.

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use riverrun_protocol::frame::FrameHeader;
use riverrun_protocol::request::{
    Append, AppendConditions, GrantCredit, Hello, ListBasins, ListStreams, OpenReadSession, Ping, Read, ReadParams,
    ReadStart, StreamRef,
};
use riverrun_protocol::response::{
    AppendAck, BasinInfo, BasinList, HelloAccepted, LocationInfo, ReadBatches, SessionOpened, StageHistogram,
    StageHistograms, StatusReport, StreamInfo, StreamList, TailReport,
};
use riverrun_protocol::types::{FencingToken, LocationName};
use riverrun_protocol::{
    BasinName, ErrorCode, ErrorFrame, FrameKind, Level, Outcome, Position, Push, Record, Request, Response, StreamId,
    StreamName, batch,
};

use crate::any_control;
use crate::samples::{error, page_of, push, request, response, session_append, stamped};

pub type Frame = BoxedStrategy<Bytes>;

/// A frame of any kind, one that this version does not know included.
pub fn frame() -> Frame {
    prop_oneof![proptest::sample::select(FrameKind::ALL).prop_flat_map(of_kind), unknown()].boxed()
}

/// A frame of this kind, as protocol writes it.
pub fn of_kind(kind: FrameKind) -> Frame {
    use FrameKind as K;
    match kind {
        K::Hello | K::Ping | K::Status | K::ListBasins | K::ListStreams => of_connection(kind),
        K::CreateBasin | K::EnsureBasin | K::ReconfigureBasin | K::GetBasinConfig | K::DeleteBasin => {
            any_control::of_basin(kind)
        }
        K::CreateStream | K::EnsureStream | K::ReconfigureStream | K::GetStreamConfig | K::DeleteStream => {
            any_control::of_stream(kind)
        }
        K::IssueAccessToken | K::ListAccessTokens | K::RevokeAccessToken => any_control::of_access_token(kind),
        K::RotateRootToken => Just(request(&Request::RotateRootToken)).boxed(),
        K::GetStages => Just(request(&Request::GetStages)).boxed(),
        K::ListLocations => Just(request(&Request::ListLocations)).boxed(),
        K::GetDefaultLocation => Just(request(&Request::GetDefaultLocation)).boxed(),
        K::SetDefaultLocation => location().prop_map(|at| request(&Request::SetDefaultLocation(at.name))).boxed(),
        K::LocationList => vec(location(), 0..4).prop_map(|all| response(&Response::LocationList(all))).boxed(),
        K::Location => location().prop_map(|at| response(&Response::Location(at))).boxed(),
        K::OpenAppendSession => target().prop_map(|to| request(&Request::OpenAppendSession(to))).boxed(),
        K::CheckTail => target().prop_map(|to| request(&Request::CheckTail(to))).boxed(),
        K::Append | K::SessionAppend => of_appending(kind),
        K::CloseAppendSession => Just(request(&Request::CloseAppendSession)).boxed(),
        K::Read | K::OpenReadSession => of_reading(kind),
        K::GrantCredit => any::<u64>().prop_map(|bytes| request(&Request::GrantCredit(GrantCredit { bytes }))).boxed(),
        K::CloseReadSession => Just(request(&Request::CloseReadSession)).boxed(),
        K::HelloAccepted | K::Pong | K::StatusReport => of_server(kind),
        K::StageHistograms => of_stages(),
        K::BasinList | K::StreamList => of_listing(kind),
        K::BasinProvisioned | K::StreamProvisioned => any_control::of_provisioned(kind),
        K::BasinConfig | K::StreamConfig => any_control::of_config(kind),
        K::Done => Just(response(&Response::Done)).boxed(),
        K::AccessTokenIssued | K::AccessTokenList => any_control::of_access_token_answer(kind),
        K::AppendAck | K::AppendSessionOpened | K::ReadSessionOpened | K::Tail => of_positions(kind),
        K::SessionEnded => Just(response(&Response::SessionEnded)).boxed(),
        K::ReadBatches => batches(0..4).prop_map(|all| response(&Response::ReadBatches(all))).boxed(),
        K::Records => batches(1..4).prop_map(|all| push(&Push::Records(all))).boxed(),
        K::Page => page(),
        K::Heartbeat => position().prop_map(|tail| push(&Push::Heartbeat { tail })).boxed(),
        K::Draining => Just(push(&Push::Draining)).boxed(),
        K::Throttled => any::<u32>().prop_map(|retry_after_ms| push(&Push::Throttled { retry_after_ms })).boxed(),
        K::Error => any_error(),
    }
}

/// Kinds of later versions, whose bodies may be anything.
pub fn unknown() -> Frame {
    let kind = any::<u8>().prop_filter("is known", |kind| FrameKind::from_byte(*kind).is_none());
    let parts = (kind, any::<u64>(), vec(any::<u8>(), 0..100));
    parts.prop_map(|(kind, id, body)| with_body(kind, id, &body)).boxed()
}

pub fn with_body(kind: u8, id: u64, body: &[u8]) -> Bytes {
    let mut out = BytesMut::new();
    FrameHeader { body_bytes: body.len() as u32, kind, flags: 0, id }.write(&mut out);
    out.extend_from_slice(body);
    out.freeze()
}

pub fn basin() -> impl Strategy<Value = BasinName> {
    "[a-z0-9][a-z0-9-]{6,20}[a-z0-9]".prop_map(|name| BasinName::new(&name).unwrap())
}

fn stream() -> impl Strategy<Value = StreamName> {
    "[^\0]{1,30}".prop_filter_map("a name", |name| StreamName::new(&name).ok())
}

pub fn target() -> impl Strategy<Value = StreamRef> {
    (basin(), stream()).prop_map(|(basin, stream)| StreamRef { basin, stream })
}

fn fencing_token() -> impl Strategy<Value = FencingToken> {
    "\\PC{0,9}".prop_map(|token| FencingToken::new(&token).unwrap())
}

fn position() -> impl Strategy<Value = Position> {
    any::<(u64, u64)>().prop_map(|(seq_num, timestamp)| Position { seq_num, timestamp })
}

fn level() -> impl Strategy<Value = Level> {
    proptest::sample::select(vec![Level::Memory, Level::Journal, Level::Object])
}

fn bytes(most: usize) -> impl Strategy<Value = Bytes> {
    prop_oneof![vec(any::<u8>(), 0..most).prop_map(Bytes::from), "\\PC{0,20}".prop_map(Bytes::from)]
}

fn record() -> impl Strategy<Value = Record> {
    // A header with an empty name makes a command, whose syntax has rules of its own.
    let header = (bytes(200).prop_filter("a name", |name| !name.is_empty()), bytes(200));
    (option::of(any::<u64>()), vec(header, 0..3), bytes(300)).prop_map(|(timestamp, headers, body)| Record {
        timestamp,
        headers,
        body,
    })
}

fn sent() -> impl Strategy<Value = BytesMut> {
    vec(record(), 1..5).prop_map(|records| batch::encode(&records).unwrap())
}

fn batches(count: std::ops::Range<usize>) -> impl Strategy<Value = ReadBatches> {
    let one = (sent(), any::<[u8; 16]>(), 0..u64::MAX / 2, any::<(u8, u8)>());
    (option::of(position()), vec(one, count)).prop_map(|(tail, all)| {
        let mut read = ReadBatches { tail, parts: Vec::new() };
        for (sent, id, first_seq_num, (start, end)) in all {
            let batch = stamped(sent, StreamId(id), first_seq_num);
            let start = u32::from(start) % batch.record_count();
            let end = start + 1 + u32::from(end) % (batch.record_count() - start);
            read.push(batch.slice(start..end));
        }
        read
    })
}

/// Batches without a gap; each has a header with zeros, so that compressing them makes them smaller.
fn page() -> Frame {
    (any::<[u8; 16]>(), 0..u64::MAX / 2, vec(sent(), 1..4))
        .prop_map(|(id, first_seq_num, all)| {
            let mut next = first_seq_num;
            let stamp = |sent| {
                let batch = stamped(sent, StreamId(id), next);
                next = batch.end_seq_num();
                batch
            };
            push(&Push::Page(page_of(&all.into_iter().map(stamp).collect::<Vec<_>>())))
        })
        .boxed()
}

fn of_connection(kind: FrameKind) -> Frame {
    let names = ("[a-z0-9-]{0,20}".prop_filter("a filter", |name| !name.starts_with('-')), "[^\0]{0,20}", any::<u32>());
    let hello = (any::<(u16, u16, u64)>(), vec(any::<u8>(), 0..50), "\\PC{0,20}");
    match kind {
        FrameKind::Ping => any::<u64>().prop_map(|nonce| request(&Request::Ping(Ping { nonce }))).boxed(),
        FrameKind::Status => Just(request(&Request::Status)).boxed(),
        FrameKind::Hello => hello
            .prop_map(|((one, other, features), token, agent): ((u16, u16, u64), _, _)| {
                let (version_min, version_max) = (one.min(other), one.max(other));
                request(&Request::Hello(Hello { version_min, version_max, features, token, agent }))
            })
            .boxed(),
        FrameKind::ListBasins => names
            .prop_map(|(prefix, _, limit)| {
                request(&Request::ListBasins(ListBasins { start_after: prefix.clone(), prefix, limit }))
            })
            .boxed(),
        _ => (basin(), names)
            .prop_map(|(basin, (_, prefix, limit))| {
                request(&Request::ListStreams(ListStreams { basin, start_after: prefix.clone(), prefix, limit }))
            })
            .boxed(),
    }
}

fn of_appending(kind: FrameKind) -> Frame {
    let is_session = kind == FrameKind::SessionAppend;
    let conditions = (option::of(any::<u64>()), option::of(fencing_token()))
        .prop_map(|(match_seq_num, fencing_token)| AppendConditions { match_seq_num, fencing_token });
    (target(), conditions, sent())
        .prop_map(move |(target, conditions, batch)| match is_session {
            true => request(&session_append(conditions, &batch)),
            false => request(&Request::Append(Append { target, conditions, batch: &batch })),
        })
        .boxed()
}

fn of_reading(kind: FrameKind) -> Frame {
    let start = (0..2, any::<u64>()).prop_map(|(kind, value)| match kind {
        0 => ReadStart::SeqNum(value),
        _ => ReadStart::TailOffset(value),
    });
    let bound = || option::of(any::<u64>());
    let params = (start, any::<bool>(), bound(), bound(), bound(), option::of(any::<u32>())).prop_map(
        |(start, clamp, count, bytes, until, wait_secs)| ReadParams { start, clamp, count, bytes, until, wait_secs },
    );
    let is_session = kind == FrameKind::OpenReadSession;
    (target(), params, any::<(u64, bool)>())
        .prop_map(move |(target, params, (credit_bytes, takes_pages))| match is_session {
            true => request(&Request::OpenReadSession(OpenReadSession { target, params, credit_bytes, takes_pages })),
            false => request(&Request::Read(Read { target, params })),
        })
        .boxed()
}

fn of_server(kind: FrameKind) -> Frame {
    let accepted = (any::<(u16, u16, u16, u64)>(), any::<(u32, u32, u32)>(), "\\PC{0,15}").prop_map(
        |((version, shards, shard, features), maxima, agent)| {
            let (frame_body_bytes_max, batch_bytes_max, batch_records_max) = maxima;
            response(&Response::HelloAccepted(HelloAccepted {
                version,
                features,
                shards,
                shard,
                frame_body_bytes_max,
                batch_bytes_max,
                batch_records_max,
                agent,
            }))
        },
    );
    match kind {
        FrameKind::HelloAccepted => accepted.boxed(),
        FrameKind::Pong => any::<u64>().prop_map(|nonce| response(&Response::Pong { nonce })).boxed(),
        _ => status(),
    }
}

fn status() -> Frame {
    let counters = vec(("[a-z_]{1,10}", any::<u64>()), 0..4);
    let numbers = any::<(u16, u64, u64, u64, u64)>();
    (numbers, level(), "\\PC{0,20}", "\\PC{0,10}", counters)
        .prop_map(|((shards, uptime_ms, connections, streams_open, epoch), level, store, version, counters)| {
            response(&Response::Status(StatusReport {
                shards,
                uptime_ms,
                connections,
                streams_open,
                epoch,
                level,
                store,
                version,
                counters,
            }))
        })
        .boxed()
}

fn of_stages() -> Frame {
    let stage = ("\\PC{0,15}", vec(any::<u8>(), 0..50))
        .prop_map(|(name, bytes)| StageHistogram { name, histogram: Bytes::from(bytes) });
    vec(stage, 0..4).prop_map(|stages| response(&Response::StageHistograms(StageHistograms { stages }))).boxed()
}

pub fn basin_info() -> impl Strategy<Value = BasinInfo> {
    (basin(), any::<(u64, Option<u64>)>()).prop_map(|(name, (created_at_ms, deleted_at_ms))| BasinInfo {
        name,
        created_at_ms,
        deleted_at_ms,
    })
}

pub fn stream_info() -> impl Strategy<Value = StreamInfo> {
    (stream(), any::<([u8; 16], u64, Option<u64>)>()).prop_map(|(name, (id, created_at_ms, deleted_at_ms))| {
        StreamInfo { name, id: StreamId(id), created_at_ms, deleted_at_ms }
    })
}

fn of_listing(kind: FrameKind) -> Frame {
    match kind {
        FrameKind::BasinList => (vec(basin_info(), 0..4), any::<bool>())
            .prop_map(|(basins, has_more)| response(&Response::BasinList(BasinList { basins, has_more })))
            .boxed(),
        _ => (vec(stream_info(), 0..4), any::<bool>())
            .prop_map(|(streams, has_more)| response(&Response::StreamList(StreamList { streams, has_more })))
            .boxed(),
    }
}

fn of_positions(kind: FrameKind) -> Frame {
    (position(), position(), position(), level(), any::<(u16, [u8; 16])>())
        .prop_map(move |(start, end, tail, level, (shard, id))| {
            let opened = SessionOpened { stream_id: StreamId(id), shard, tail };
            response(&match kind {
                FrameKind::AppendAck => Response::AppendAck(AppendAck { start, end, tail, level, shard }),
                FrameKind::AppendSessionOpened => Response::AppendSessionOpened(opened),
                FrameKind::ReadSessionOpened => Response::ReadSessionOpened(opened),
                _ => Response::Tail(TailReport { tail, level, shard }),
            })
        })
        .boxed()
}

fn any_error() -> Frame {
    let code = proptest::sample::select(&ErrorCode::ALL[..]);
    let outcome = proptest::sample::select(vec![Outcome::NotDone, Outcome::MaybeDone, Outcome::Terminal]);
    let facts = (option::of(position()), option::of(fencing_token()), option::of(any::<u64>()));
    (code, outcome, any::<u32>(), facts, "\\PC{0,40}")
        .prop_map(|(code, outcome, retry_after_ms, (tail, fencing_token, seq_num), message)| {
            error(&ErrorFrame { code, outcome, retry_after_ms, tail, fencing_token, seq_num, message })
        })
        .boxed()
}

fn location() -> impl Strategy<Value = LocationInfo> {
    ("[a-zA-Z0-9:.-]{1,64}", any::<bool>())
        .prop_map(|(name, is_private)| LocationInfo { name: LocationName::new(&name).unwrap(), is_private })
}
