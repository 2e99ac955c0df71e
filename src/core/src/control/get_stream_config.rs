//! A stream's configuration. What its basin is about to become does not matter (`s2-semantics.md` E6).

use riverrun_protocol::config::StreamConfig;
use riverrun_protocol::request::StreamRef;

use super::existing::open_stream;
use super::{Refusal, StreamEntry};

pub fn get_stream_config(stream: Option<&StreamEntry>, target: &StreamRef) -> Result<StreamConfig, Refusal> {
    open_stream(stream, target).map(|entry| entry.config)
}
