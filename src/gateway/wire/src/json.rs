//! S2's JSON bodies (`s2-semantics.md` E1-E5, E10, F, G, H4). One file per body.
//!
//! A body becomes a request in two steps with an error each: what it is made of (`bad_json`: syntax, types, missing fields, unknown
//! words, names against their rules) and what it says (`invalid`). Unknown fields are ignored.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use access_token::{access_token_issued, access_token_list, issue_access_token};
pub use append::append_input;
pub use basin::{basin_info, basin_list, create_basin, ensure_basin};
pub use basin_config::{basin_config, reconfigure_basin};
pub use cipher::Cipher;
pub use location::{default_location, location_info, location_list};
pub use metrics::{Metric, MetricInterval, MetricUnit, metric_set};
pub use position::{PositionJson, append_ack, tail};
pub(crate) use read::put_position;
pub use read::put_read_batch;
pub use stream::{create_stream, ensure_stream, stream_info, stream_list};
pub use stream_config::{reconfigure_stream, stream_config};
pub use ticket::ticket_issued;
pub use time::rfc3339;

use crate::error::HttpError;
use object::Object;

mod access_token;
mod append;
mod basin;
mod basin_config;
mod cipher;
mod field;
mod location;
mod metrics;
mod name;
mod object;
mod position;
mod read;
mod scope;
mod stream;
mod stream_config;
mod stream_patch;
pub(crate) mod text;
mod ticket;
mod time;

/// A whole body as `T`.
///
/// # Errors
/// `bad_json`, with the place in the text.
fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, HttpError> {
    serde_json::from_slice(body).map_err(|error| HttpError::bad_json(error.to_string()))
}

/// As [`parse`], of an object.
fn parse_object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, HttpError> {
    parse::<Object<T>>(body).map(|object| object.0)
}

pub(crate) fn write<T: Serialize>(value: &T) -> Bytes {
    serde_json::to_vec(value).expect("these bodies are structs of numbers, texts and lists").into()
}
