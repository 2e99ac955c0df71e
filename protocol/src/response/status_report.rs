//! Answers `Status`.

use bytes::{BufMut, BytesMut};
use nom::number::complete::{le_u16, le_u64};

use crate::limits::{AGENT_BYTES_MAX, COUNTER_NAME_BYTES_MAX, STATUS_COUNTERS_MAX, STORE_TEXT_BYTES_MAX};
use crate::types::Level;
use crate::wire::{self, Parsed};

/// ```text
///  0 u32 options: none
///  4 u16 shards | 6 u8 level | 7 u8 reserved, 0
///  8 u64 uptime_ms | 16 u64 connections | 24 u64 streams_open | 32 u64 epoch
/// 40 u16 length, store | u8 length, version
///    u16 count, then per counter: u8 length, name | u64 value
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StatusReport {
    pub shards: u16,
    pub uptime_ms: u64,
    pub connections: u64,
    pub streams_open: u64,
    pub epoch: u64,
    /// What an ack on a stream of the default class survives.
    pub level: Level,
    /// `fs:...` or `memory:`, without secrets.
    pub store: String,
    pub version: String,
    /// Named counters for people and benchmarks, sorted by name; docs/PROTOCOL.md lists them. At most
    /// `STATUS_COUNTERS_MAX` are written.
    pub counters: Vec<(String, u64)>,
}

impl StatusReport {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        out.put_u32_le(0);
        out.put_u16_le(self.shards);
        out.put_u8(self.level as u8);
        out.put_u8(0);
        [self.uptime_ms, self.connections, self.streams_open, self.epoch].into_iter().for_each(|n| out.put_u64_le(n));
        wire::put_text16(out, &self.store, STORE_TEXT_BYTES_MAX);
        wire::put_text8(out, &self.version, AGENT_BYTES_MAX);
        let counters = &self.counters[..self.counters.len().min(STATUS_COUNTERS_MAX)];
        out.put_u16_le(counters.len() as u16);
        for (name, value) in counters {
            wire::put_text8(out, name, COUNTER_NAME_BYTES_MAX);
            out.put_u64_le(*value);
        }
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, StatusReport> {
    let (input, _) = wire::options(input, 0)?;
    let (input, shards) = le_u16(input)?;
    let (input, level) = wire::level(input)?;
    let (input, ()) = wire::reserved(input, 1)?;
    let (input, uptime_ms) = le_u64(input)?;
    let (input, connections) = le_u64(input)?;
    let (input, streams_open) = le_u64(input)?;
    let (input, epoch) = le_u64(input)?;
    let (input, store) = wire::text16(input, "a store", STORE_TEXT_BYTES_MAX)?;
    let (input, version) = wire::text8(input, "a version", AGENT_BYTES_MAX)?;
    let (input, counters) = wire::list(input, STATUS_COUNTERS_MAX, 1 + 8, counter)?;
    let (store, version) = (store.to_owned(), version.to_owned());
    let report = StatusReport { shards, uptime_ms, connections, streams_open, epoch, level, store, version, counters };
    Ok((input, report))
}

fn counter(input: &[u8]) -> Parsed<'_, (String, u64)> {
    let (input, name) = wire::text8(input, "a counter's name", COUNTER_NAME_BYTES_MAX)?;
    let (input, value) = le_u64(input)?;
    Ok((input, (name.to_owned(), value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::response::tests::{body_of, refused, round_trip};
    use crate::{FrameKind, Response};

    fn report(counters: usize) -> Response {
        Response::Status(StatusReport {
            shards: 2,
            uptime_ms: 3,
            connections: 4,
            streams_open: 5,
            epoch: 6,
            level: Level::Journal,
            store: "fs:/data".into(),
            version: "0.1.0".into(),
            counters: (0..counters).map(|n| (format!("counter_{n}"), n as u64)).collect(),
        })
    }

    #[test]
    fn written_and_parsed() {
        round_trip(&report(0));
        round_trip(&report(STATUS_COUNTERS_MAX));
    }

    #[test]
    fn a_count_beyond_the_body_is_refused_before_room_is_made() {
        let mut body = body_of(&report(0));
        let end = body.len();
        body[end - 2..].copy_from_slice(&1000u16.to_le_bytes());
        assert_eq!(refused(FrameKind::StatusReport, &body), (ErrorCode::BadFrame, end));
    }
}
