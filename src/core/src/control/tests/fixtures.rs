//! A basin and a stream in every state that a call may meet them in.

use riverrun_protocol::config::{BasinConfig, PartialStreamConfig, Retention, StorageClass};
use riverrun_protocol::request::{CreateBasin, CreateStream, StreamRef};
use riverrun_protocol::types::{BasinName, RequestToken, StreamId};

use crate::control::*;

pub const CREATED_MS: u64 = 1000;
pub const NOW_MS: u64 = 2000;
pub const FRESH: Fresh = Fresh { id: StreamId([9; 16]), now_ms: NOW_MS };

pub fn name() -> BasinName {
    "logs-basin".parse().expect("a name")
}

pub fn target() -> StreamRef {
    StreamRef { basin: name(), stream: "a/b".parse().expect("a name") }
}

pub fn token(text: &str) -> Option<RequestToken> {
    Some(RequestToken::new(text).expect("short enough"))
}

/// Standard storage by default, so that inheritance shows.
pub fn basin_config() -> BasinConfig {
    let default_stream_config =
        PartialStreamConfig { storage_class: Some(StorageClass::Standard), ..PartialStreamConfig::default() };
    BasinConfig { default_stream_config, create_stream_on_append: true, create_stream_on_read: false }
}

pub fn zero_age() -> PartialStreamConfig {
    PartialStreamConfig { retention: Some(Retention::Age(0)), ..PartialStreamConfig::default() }
}

pub fn create_basin_request(request_token: Option<RequestToken>) -> CreateBasin {
    CreateBasin { basin: name(), config: basin_config(), request_token }
}

pub fn create_stream_request(request_token: Option<RequestToken>) -> CreateStream {
    CreateStream { target: target(), config: PartialStreamConfig::default(), request_token }
}

/// Created with the token `first`.
pub fn basin() -> BasinEntry {
    let verdict = create_basin(None, &create_basin_request(token("first")), CREATED_MS);
    verdict.expect("created").entry
}

pub fn deleting_basin() -> BasinEntry {
    BasinEntry { deleted_at_ms: Some(1500), ..basin() }
}

/// Created with the token `first`.
pub fn stream() -> StreamEntry {
    let fresh = Fresh { id: StreamId([1; 16]), now_ms: CREATED_MS };
    let request = create_stream_request(token("first"));
    create_stream(Some(&basin()), None, &request, &SYSTEM_DEFAULTS, fresh).expect("created").entry
}

pub fn deleting_stream() -> StreamEntry {
    StreamEntry { deleted_at_ms: Some(1500), ..stream() }
}
