//! How a creation is known again when it is repeated (`s2-semantics.md` E4).
//!
//! ```text
//! SHA-256 of: u8 what: 1 basin, 2 stream | u16 length, request token
//!   basin: u8 create stream on append | u8 create stream on read
//!   configuration as it was asked for, before defaults (stored_config.rs)
//! ```
//! Stored for as long as the basin or stream lives, so what is hashed never changes: a new field of the configuration goes behind
//! these, and only where it is set.

use bytes::BufMut;
use riverrun_protocol::config::PartialStreamConfig;
use riverrun_protocol::request::{CreateBasin, CreateStream};
use riverrun_protocol::types::RequestToken;
use sha2::{Digest, Sha256};

use super::CreationHash;
use super::stored_config::put_partial_config;
use crate::stored::Write;

const BASIN: u8 = 1;
const STREAM: u8 = 2;

/// `None`: without a token nothing makes the call safe to repeat.
pub(super) fn of_basin(request: &CreateBasin) -> Option<CreationHash> {
    let switches = [request.config.create_stream_on_append, request.config.create_stream_on_read].map(u8::from);
    let token = request.request_token.as_ref()?;
    Some(hash(BASIN, token, &switches, &request.config.default_stream_config))
}

/// `None`: without a token nothing makes the call safe to repeat.
pub(super) fn of_stream(request: &CreateStream) -> Option<CreationHash> {
    Some(hash(STREAM, request.request_token.as_ref()?, &[], &request.config))
}

fn hash(what: u8, token: &RequestToken, switches: &[u8], config: &PartialStreamConfig) -> CreationHash {
    let mut canonical = vec![what];
    canonical.put_text(token.as_str());
    canonical.put_slice(switches);
    put_partial_config(&mut canonical, config);
    Sha256::digest(&canonical).into()
}

/// Whether what is there was made by this very call.
pub(super) fn is_repeated(now: Option<&CreationHash>, stored: Option<&CreationHash>) -> bool {
    now.is_some() && now == stored
}
