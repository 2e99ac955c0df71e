//! Any frame about a basin, a stream's configuration or an access token, for properties.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use riverrun_protocol::access::{OperationGroups, Operations, ResourceSet, TokenRates, TokenScope};
use riverrun_protocol::config::*;
use riverrun_protocol::request::*;
use riverrun_protocol::response::*;
use riverrun_protocol::types::{RequestToken, TokenId};
use riverrun_protocol::{FrameKind, Request, Response};

use crate::any::{Frame, basin, basin_info, stream_info, target};
use crate::samples::{request, response};

pub fn of_basin(kind: FrameKind) -> Frame {
    match kind {
        FrameKind::CreateBasin => (basin(), basin_config(), request_token())
            .prop_map(|(basin, config, request_token)| {
                request(&Request::CreateBasin(CreateBasin { basin, config, request_token }))
            })
            .boxed(),
        FrameKind::EnsureBasin => (basin(), basin_config())
            .prop_map(|(basin, config)| request(&Request::EnsureBasin(EnsureBasin { basin, config })))
            .boxed(),
        FrameKind::ReconfigureBasin => (basin(), basin_patch())
            .prop_map(|(basin, patch)| request(&Request::ReconfigureBasin(ReconfigureBasin { basin, patch })))
            .boxed(),
        FrameKind::GetBasinConfig => basin().prop_map(|basin| request(&Request::GetBasinConfig(basin))).boxed(),
        _ => basin().prop_map(|basin| request(&Request::DeleteBasin(basin))).boxed(),
    }
}

pub fn of_stream(kind: FrameKind) -> Frame {
    match kind {
        FrameKind::CreateStream => (target(), partial_config(), request_token())
            .prop_map(|(target, config, request_token)| {
                request(&Request::CreateStream(CreateStream { target, config, request_token }))
            })
            .boxed(),
        FrameKind::EnsureStream => (target(), partial_config())
            .prop_map(|(target, config)| request(&Request::EnsureStream(EnsureStream { target, config })))
            .boxed(),
        FrameKind::ReconfigureStream => (target(), stream_patch())
            .prop_map(|(target, patch)| request(&Request::ReconfigureStream(ReconfigureStream { target, patch })))
            .boxed(),
        FrameKind::GetStreamConfig => target().prop_map(|to| request(&Request::GetStreamConfig(to))).boxed(),
        _ => target().prop_map(|to| request(&Request::DeleteStream(to))).boxed(),
    }
}

pub fn of_access_token(kind: FrameKind) -> Frame {
    let filter = || "[^\0]{0,20}";
    match kind {
        FrameKind::IssueAccessToken => token_info()
            .prop_map(|AccessTokenInfo { id, expires_at_ms, auto_prefix_streams, scope, rates, .. }| {
                let issue = IssueAccessToken { id, expires_at_ms, auto_prefix_streams, scope, rates };
                request(&Request::IssueAccessToken(issue))
            })
            .boxed(),
        FrameKind::ListAccessTokens => (filter(), filter(), any::<u32>())
            .prop_map(|(prefix, start_after, limit)| {
                request(&Request::ListAccessTokens(ListAccessTokens { prefix, start_after, limit }))
            })
            .boxed(),
        _ => token_id().prop_map(|id| request(&Request::RevokeAccessToken(id))).boxed(),
    }
}

pub fn of_provisioned(kind: FrameKind) -> Frame {
    use ProvisionResult::{Created, Noop, Updated};
    let result = proptest::sample::select(vec![Created, Updated, Noop]);
    match kind {
        FrameKind::BasinProvisioned => (basin_info(), result)
            .prop_map(|(info, result)| response(&Response::BasinProvisioned(Provisioned { info, result })))
            .boxed(),
        _ => (stream_info(), result)
            .prop_map(|(info, result)| response(&Response::StreamProvisioned(Provisioned { info, result })))
            .boxed(),
    }
}

pub fn of_config(kind: FrameKind) -> Frame {
    match kind {
        FrameKind::BasinConfig => basin_config().prop_map(|config| response(&Response::BasinConfig(config))).boxed(),
        _ => stream_config().prop_map(|config| response(&Response::StreamConfig(config))).boxed(),
    }
}

pub fn of_access_token_answer(kind: FrameKind) -> Frame {
    match kind {
        FrameKind::AccessTokenIssued => {
            "\\PC{0,40}".prop_map(|secret| response(&Response::AccessTokenIssued(AccessTokenIssued { secret }))).boxed()
        }
        _ => (vec(token_info(), 0..4), any::<bool>())
            .prop_map(|(tokens, has_more)| response(&Response::AccessTokenList(AccessTokenList { tokens, has_more })))
            .boxed(),
    }
}

fn storage_class() -> impl Strategy<Value = StorageClass> {
    proptest::sample::select(vec![StorageClass::Express, StorageClass::Standard])
}

fn retention() -> impl Strategy<Value = Retention> {
    prop_oneof![(1..=u64::MAX).prop_map(Retention::Age), Just(Retention::Infinite)]
}

fn mode() -> impl Strategy<Value = TimestampingMode> {
    use TimestampingMode::{Arrival, ClientPrefer, ClientRequire};
    proptest::sample::select(vec![ClientPrefer, ClientRequire, Arrival])
}

fn stream_config() -> impl Strategy<Value = StreamConfig> {
    (storage_class(), retention(), mode(), any::<(bool, u64)>()).prop_map(
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

/// A change that clears nothing says what a partial configuration says.
fn partial_config() -> impl Strategy<Value = PartialStreamConfig> {
    fn set<T>(patch: Patch<T>) -> Option<T> {
        match patch {
            Patch::Set(value) => Some(value),
            Patch::Keep | Patch::Clear => None,
        }
    }
    stream_patch().prop_map(|patch| PartialStreamConfig {
        storage_class: set(patch.storage_class),
        retention: set(patch.retention),
        timestamping_mode: set(patch.timestamping_mode),
        timestamping_uncapped: set(patch.timestamping_uncapped),
        delete_on_empty_min_age_secs: set(patch.delete_on_empty_min_age_secs),
    })
}

fn patch<T: std::fmt::Debug + Clone>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Patch<T>> {
    (value, 0..3u8).prop_map(|(value, choice)| match choice {
        0 => Patch::Keep,
        1 => Patch::Clear,
        _ => Patch::Set(value),
    })
}

fn stream_patch() -> impl Strategy<Value = StreamConfigPatch> {
    let switch_and_age = (patch(any::<bool>()), patch(any::<u64>()));
    (patch(storage_class()), patch(retention()), patch(mode()), switch_and_age).prop_map(
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
    (partial_config(), any::<(bool, bool)>()).prop_map(
        |(default_stream_config, (create_stream_on_append, create_stream_on_read))| BasinConfig {
            default_stream_config,
            create_stream_on_append,
            create_stream_on_read,
        },
    )
}

fn basin_patch() -> impl Strategy<Value = BasinConfigPatch> {
    (stream_patch(), any::<(Option<bool>, Option<bool>)>()).prop_map(
        |(default_stream_config, (create_stream_on_append, create_stream_on_read))| BasinConfigPatch {
            default_stream_config,
            create_stream_on_append,
            create_stream_on_read,
        },
    )
}

fn request_token() -> impl Strategy<Value = Option<RequestToken>> {
    of("\\PC{0,9}".prop_map(|token| RequestToken::new(&token).unwrap()))
}

fn token_id() -> impl Strategy<Value = TokenId> {
    "[^\0]{1,20}".prop_filter_map("an id", |id| TokenId::new(&id).ok())
}

fn names() -> impl Strategy<Value = ResourceSet> {
    prop_oneof![
        Just(ResourceSet::Nothing),
        "\\PC{0,20}".prop_map(ResourceSet::Exact),
        "\\PC{0,20}".prop_map(ResourceSet::Prefix),
    ]
}

fn scope() -> impl Strategy<Value = TokenScope> {
    (names(), names(), names(), 0..64u8, 0..1u32 << 24).prop_map(
        |(basins, streams, access_tokens, groups, operations)| TokenScope {
            basins,
            streams,
            access_tokens,
            groups: OperationGroups::from_bits(groups).unwrap(),
            operations: Operations::from_bits(operations).unwrap(),
        },
    )
}

fn token_info() -> impl Strategy<Value = AccessTokenInfo> {
    let rate = || of(1..=u64::MAX);
    (token_id(), any::<(u64, Option<u64>, bool)>(), scope(), rate(), rate()).prop_map(
        |(id, (created_at_ms, expires_at_ms, auto_prefix_streams), scope, append_bytes_per_sec, requests_per_sec)| {
            let rates = TokenRates { append_bytes_per_sec, requests_per_sec };
            AccessTokenInfo { id, created_at_ms, expires_at_ms, auto_prefix_streams, scope, rates }
        },
    )
}
