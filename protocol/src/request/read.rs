//! One batch of records, now. Answered by `ReadBatches`. Also the parameters that it shares with the read session.

use bytes::{BufMut, BytesMut};
use nom::number::complete::{le_u8, le_u32, le_u64};

use super::StreamRef;
use crate::wire::{self, Parsed};

/// Where a read starts (`s2-semantics.md` C1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadStart {
    SeqNum(u64),
    Timestamp(u64),
    TailOffset(u64),
}

impl ReadStart {
    fn kind_and_value(self) -> (u8, u64) {
        match self {
            Self::SeqNum(value) => (0, value),
            Self::Timestamp(value) => (1, value),
            Self::TailOffset(value) => (2, value),
        }
    }
}

const CLAMP: u32 = 1;
const HAS_COUNT: u32 = 2;
const HAS_BYTES: u32 = 4;
const HAS_UNTIL: u32 = 8;
const HAS_WAIT: u32 = 16;

/// Parameters shared by the single-batch read and the read session (`s2-semantics.md` C1).
///
/// ```text
///  0 u32 options: bit 0 = clamp, bits 1-4 = count, bytes, until, wait_secs are there
///  4 u8 start kind: 0 seq_num, 1 timestamp, 2 tail_offset | 5 u64 start value
/// 13 [u64 count] [u64 bytes] [u64 until] [u32 wait_secs]
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReadParams {
    pub start: ReadStart,
    pub clamp: bool,
    pub count: Option<u64>,
    pub bytes: Option<u64>,
    /// Exclusive upper timestamp.
    pub until: Option<u64>,
    pub wait_secs: Option<u32>,
}

impl ReadParams {
    /// From `start`, without bounds.
    pub fn new(start: ReadStart) -> Self {
        Self { start, clamp: false, count: None, bytes: None, until: None, wait_secs: None }
    }

    fn options(&self) -> u32 {
        let bits = [
            (self.clamp, CLAMP),
            (self.count.is_some(), HAS_COUNT),
            (self.bytes.is_some(), HAS_BYTES),
            (self.until.is_some(), HAS_UNTIL),
            (self.wait_secs.is_some(), HAS_WAIT),
        ];
        bits.into_iter().filter(|(set, _)| *set).map(|(_, bit)| bit).sum()
    }

    pub(super) fn write(&self, out: &mut BytesMut) {
        self.write_with(0, out);
    }

    /// With option bits that are not the parameters' own.
    pub(super) fn write_with(&self, more_options: u32, out: &mut BytesMut) {
        out.put_u32_le(self.options() | more_options);
        let (kind, value) = self.start.kind_and_value();
        out.put_u8(kind);
        out.put_u64_le(value);
        [self.count, self.bytes, self.until].into_iter().flatten().for_each(|value| out.put_u64_le(value));
        if let Some(wait_secs) = self.wait_secs {
            out.put_u32_le(wait_secs);
        }
    }
}

pub(super) fn parse_params(input: &[u8]) -> Parsed<'_, ReadParams> {
    let (input, (params, _)) = parse_params_with(input, 0)?;
    Ok((input, params))
}

/// Where option bits are allowed that are not the parameters' own, with those that are set.
pub(super) fn parse_params_with(input: &[u8], more_options: u32) -> Parsed<'_, (ReadParams, u32)> {
    let (at_start, options) =
        wire::options(input, CLAMP | HAS_COUNT | HAS_BYTES | HAS_UNTIL | HAS_WAIT | more_options)?;
    let (input, start) = parse_start(at_start)?;
    let (input, count) = wire::optional(input, options & HAS_COUNT != 0, le_u64)?;
    let (input, bytes) = wire::optional(input, options & HAS_BYTES != 0, le_u64)?;
    let (input, until) = wire::optional(input, options & HAS_UNTIL != 0, le_u64)?;
    let (input, wait_secs) = wire::optional(input, options & HAS_WAIT != 0, le_u32)?;
    if let (ReadStart::Timestamp(from), Some(until)) = (start, until)
        && from >= until
    {
        // Judged from the request alone, before the stream is looked up: it must not create one (C1).
        return wire::invalid(at_start, "start `timestamp` exceeds or equal to `until`");
    }
    let params = ReadParams { start, clamp: options & CLAMP != 0, count, bytes, until, wait_secs };
    Ok((input, (params, options & more_options)))
}

fn parse_start(input: &[u8]) -> Parsed<'_, ReadStart> {
    let (rest, kind) = le_u8(input)?;
    let (rest, value) = le_u64(rest)?;
    match kind {
        0 => Ok((rest, ReadStart::SeqNum(value))),
        1 => Ok((rest, ReadStart::Timestamp(value))),
        2 => Ok((rest, ReadStart::TailOffset(value))),
        kind => wire::unsupported(input, format!("kind of start {kind} that this version does not know")),
    }
}

/// ```text
/// 0 read parameters, as above
///   u8 length, basin | u16 length, stream
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Read {
    pub target: StreamRef,
    pub params: ReadParams,
}

impl Read {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        self.params.write(out);
        self.target.write(out);
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, Read> {
    let (input, params) = parse_params(input)?;
    let (input, target) = super::stream_ref::parse(input)?;
    Ok((input, Read { target, params }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::request::tests::{body_of, refused, round_trip, target};
    use crate::{FrameKind, Request};

    fn read(params: ReadParams) -> Request<'static> {
        Request::Read(Read { target: target(), params })
    }

    #[test]
    fn written_and_parsed_with_each_bound_apart() {
        let plain = ReadParams::new(ReadStart::TailOffset(3));
        for params in [
            plain.clone(),
            ReadParams { clamp: true, ..plain.clone() },
            ReadParams { count: Some(0), ..plain.clone() },
            ReadParams { bytes: Some(u64::MAX), ..plain.clone() },
            ReadParams { until: Some(1), ..plain.clone() },
            ReadParams { wait_secs: Some(60), ..plain },
            ReadParams { until: Some(2), ..ReadParams::new(ReadStart::Timestamp(1)) },
        ] {
            round_trip(&read(params));
        }
    }

    #[test]
    fn c1_a_start_at_or_behind_until_is_invalid() {
        for from in [5, 6] {
            let params = ReadParams { until: Some(5), ..ReadParams::new(ReadStart::Timestamp(from)) };
            assert_eq!(refused(FrameKind::Read, &body_of(&read(params))), (ErrorCode::Invalid, 4));
        }
        round_trip(&read(ReadParams { until: Some(5), ..ReadParams::new(ReadStart::SeqNum(6)) }));
    }

    #[test]
    fn unknown_kinds_of_start_are_unsupported() {
        let mut body = body_of(&read(ReadParams::new(ReadStart::SeqNum(0))));
        body[4] = 3;
        assert_eq!(refused(FrameKind::Read, &body), (ErrorCode::Unsupported, 4));
    }
}
