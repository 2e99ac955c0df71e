//! The small parsers and writers that all bodies share. Lengths are checked against the bytes that are there before
//! anything is taken, so nothing is ever allocated from a claimed length.

use bytes::{BufMut, BytesMut};
use nom::bytes::complete::take;
use nom::error::{ErrorKind, ParseError};
use nom::number::complete::{le_u8, le_u16, le_u32, le_u64};
use nom::{Err, IResult};

use crate::error::{DecodeError, ErrorCode};
use crate::limits::LOCATION_NAME_BYTES_MAX;
use crate::types::{
    BasinName, FencingToken, Level, LocationName, NameError, Position, RequestToken, StreamId, StreamName, TokenId,
};

pub(crate) type Parsed<'a, T> = IResult<&'a [u8], T, Fault>;

/// What a parser found wrong, and how many bytes lay before it at that moment (which tells the offset).
#[derive(Debug)]
pub(crate) struct Fault {
    what: String,
    remaining: usize,
    code: ErrorCode,
}

impl ParseError<&[u8]> for Fault {
    fn from_error_kind(input: &[u8], kind: ErrorKind) -> Self {
        let what = match kind {
            ErrorKind::Eof => "the body ends too early".to_owned(),
            kind => kind.description().to_owned(),
        };
        Self { what, remaining: input.len(), code: ErrorCode::BadFrame }
    }

    fn append(_: &[u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}

/// Runs `parser` over a whole body: bytes that it leaves are an error. Errors about layout name the frame; a broken
/// rule says enough by itself, in S2's words where it has them.
pub(crate) fn whole<'a, T>(
    name: &str,
    body: &'a [u8],
    parser: impl FnOnce(&'a [u8]) -> Parsed<'a, T>,
) -> Result<T, DecodeError> {
    let fault = match parser(body) {
        Ok(([], parsed)) => return Ok(parsed),
        Ok((rest, _)) => {
            Fault { what: "bytes behind the body's end".to_owned(), remaining: rest.len(), code: ErrorCode::BadFrame }
        }
        Err(Err::Error(fault) | Err::Failure(fault)) => fault,
        Err(Err::Incomplete(_)) => Fault::from_error_kind(body, ErrorKind::Eof),
    };
    let what = if fault.code == ErrorCode::Invalid { fault.what } else { format!("{name}: {}", fault.what) };
    Err(DecodeError { what, offset: body.len() - fault.remaining, code: fault.code })
}

fn fail<'a, T>(input: &'a [u8], code: ErrorCode, what: impl Into<String>) -> Parsed<'a, T> {
    Err(Err::Failure(Fault { what: what.into(), remaining: input.len(), code }))
}

pub(crate) fn bad<'a, T>(input: &'a [u8], what: impl Into<String>) -> Parsed<'a, T> {
    fail(input, ErrorCode::BadFrame, what)
}

pub(crate) fn invalid<'a, T>(input: &'a [u8], what: impl Into<String>) -> Parsed<'a, T> {
    fail(input, ErrorCode::Invalid, what)
}

pub(crate) fn unsupported<'a, T>(input: &'a [u8], what: impl Into<String>) -> Parsed<'a, T> {
    fail(input, ErrorCode::Unsupported, what)
}

/// The `u32` of option bits that opens a body. A bit outside `known` is refused, never ignored.
pub(crate) fn options(input: &[u8], known: u32) -> Parsed<'_, u32> {
    let (rest, options) = le_u32(input)?;
    match options & !known {
        0 => Ok((rest, options)),
        unknown => unsupported(input, format!("option bits {unknown:#x} that this version does not know")),
    }
}

/// `count` bytes that must be zero.
pub(crate) fn reserved(input: &[u8], count: usize) -> Parsed<'_, ()> {
    let (rest, bytes) = take(count)(input)?;
    if bytes.iter().any(|b| *b != 0) { bad(input, "reserved bytes are not zero") } else { Ok((rest, ())) }
}

/// `parser` where `there`, nothing consumed otherwise.
pub(crate) fn optional<'a, T>(
    input: &'a [u8],
    there: bool,
    parser: impl FnOnce(&'a [u8]) -> Parsed<'a, T>,
) -> Parsed<'a, Option<T>> {
    if !there {
        return Ok((input, None));
    }
    parser(input).map(|(rest, value)| (rest, Some(value)))
}

/// A `u16` count, then the values. `entry_bytes_min` bounds the count by the bytes that are there, so that room is
/// never made for entries that cannot follow.
pub(crate) fn list<'a, T>(
    at_count: &'a [u8],
    count_max: usize,
    entry_bytes_min: usize,
    parser: impl Fn(&'a [u8]) -> Parsed<'a, T>,
) -> Parsed<'a, Vec<T>> {
    let (mut input, count) = le_u16(at_count)?;
    let count = usize::from(count);
    if count > count_max {
        return bad(at_count, format!("{count} entries where at most {count_max} are allowed"));
    }
    if count > input.len() / entry_bytes_min {
        return bad(input, format!("{count} entries do not fit into {} bytes", input.len()));
    }
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        let (rest, entry) = parser(input)?;
        entries.push(entry);
        input = rest;
    }
    Ok((input, entries))
}

pub(crate) fn level(input: &[u8]) -> Parsed<'_, Level> {
    let (rest, byte) = le_u8(input)?;
    Level::try_from(byte).map(|level| (rest, level)).or_else(|error| unsupported(input, error.to_string()))
}

pub(crate) fn stream_id(input: &[u8]) -> Parsed<'_, StreamId> {
    let (rest, bytes) = take(16usize)(input)?;
    let mut id = StreamId::default();
    id.0.copy_from_slice(bytes);
    Ok((rest, id))
}

pub(crate) fn position(input: &[u8]) -> Parsed<'_, Position> {
    let (input, seq_num) = le_u64(input)?;
    let (input, timestamp) = le_u64(input)?;
    Ok((input, Position { seq_num, timestamp }))
}

pub(crate) fn bytes16<'a>(input: &'a [u8], what: &str, bytes_max: usize) -> Parsed<'a, &'a [u8]> {
    let (rest, length) = le_u16(input)?;
    bounded(input, rest, usize::from(length), what, bytes_max)
}

pub(crate) fn text16<'a>(input: &'a [u8], what: &str, bytes_max: usize) -> Parsed<'a, &'a str> {
    let (rest, bytes) = bytes16(input, what, bytes_max)?;
    utf8(input, rest, what, bytes)
}

pub(crate) fn text8<'a>(input: &'a [u8], what: &str, bytes_max: usize) -> Parsed<'a, &'a str> {
    let (rest, length) = le_u8(input)?;
    let (rest, bytes) = bounded(input, rest, usize::from(length), what, bytes_max)?;
    utf8(input, rest, what, bytes)
}

fn bounded<'a>(start: &'a [u8], input: &'a [u8], length: usize, what: &str, bytes_max: usize) -> Parsed<'a, &'a [u8]> {
    if length > bytes_max {
        return invalid(start, format!("{what} has at most {bytes_max} bytes, this one has {length}"));
    }
    take(length)(input)
}

fn utf8<'a>(start: &'a [u8], rest: &'a [u8], what: &str, bytes: &'a [u8]) -> Parsed<'a, &'a str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok((rest, text)),
        Err(_) => invalid(start, format!("{what} is UTF-8, this one is not")),
    }
}

/// The length is left to the name's own rule, whose text says more than a bound could.
pub(crate) fn basin_name(input: &[u8]) -> Parsed<'_, BasinName> {
    let (rest, text) = text8(input, "a basin name", usize::from(u8::MAX))?;
    named(input, rest, BasinName::new(text))
}

pub(crate) fn stream_name(input: &[u8]) -> Parsed<'_, StreamName> {
    let (rest, text) = text16(input, "a stream name", usize::from(u16::MAX))?;
    named(input, rest, StreamName::new(text))
}

pub(crate) fn token_id(input: &[u8]) -> Parsed<'_, TokenId> {
    let (rest, text) = text8(input, "an access token id", usize::from(u8::MAX))?;
    named(input, rest, TokenId::new(text))
}

pub(crate) fn location_name(input: &[u8]) -> Parsed<'_, LocationName> {
    let (rest, name) = text8(input, "a location name", LOCATION_NAME_BYTES_MAX)?;
    named(input, rest, LocationName::new(name))
}

pub(crate) fn fencing_token(input: &[u8]) -> Parsed<'_, FencingToken> {
    let (rest, text) = text8(input, "a fencing token", usize::from(u8::MAX))?;
    named(input, rest, FencingToken::new(text))
}

pub(crate) fn request_token(input: &[u8]) -> Parsed<'_, RequestToken> {
    let (rest, text) = text8(input, "a request token", usize::from(u8::MAX))?;
    named(input, rest, RequestToken::new(text))
}

/// A byte that is 0 or 1.
pub(crate) fn boolean(input: &[u8]) -> Parsed<'_, bool> {
    let (rest, byte) = le_u8(input)?;
    match byte {
        0 => Ok((rest, false)),
        1 => Ok((rest, true)),
        other => bad(input, format!("{other} where 0 or 1 is expected")),
    }
}

/// A listing's prefix or start_after, under the looser `rule` of `s2-semantics.md` A2.
pub(crate) fn filter(input: &[u8], rule: fn(&str) -> Result<(), NameError>) -> Parsed<'_, String> {
    let (rest, text) = text16(input, "a filter", usize::from(u16::MAX))?;
    named(input, rest, rule(text).map(|()| text.to_owned()))
}

pub(crate) fn named<'a, T>(start: &'a [u8], rest: &'a [u8], name: Result<T, NameError>) -> Parsed<'a, T> {
    name.map(|name| (rest, name)).or_else(|error| invalid(start, error.to_string()))
}

pub(crate) fn put_position(out: &mut BytesMut, position: Position) {
    out.put_u64_le(position.seq_num);
    out.put_u64_le(position.timestamp);
}

/// Bytes behind a `u16` length. More than that length can say is cut; the reader refuses what is left, since every
/// limit is lower.
pub(crate) fn put_bytes16(out: &mut BytesMut, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.put_u16_le(length);
    out.put_slice(&bytes[..usize::from(length)]);
}

/// Free text behind a `u16` length, cut between characters at `bytes_max`.
pub(crate) fn put_text16(out: &mut BytesMut, text: &str, bytes_max: usize) {
    put_bytes16(out, &text.as_bytes()[..text.floor_char_boundary(bytes_max)]);
}

/// Whole text behind a `u8` length. More than that length can say is cut; the reader refuses what is left, since every
/// limit is lower.
pub(crate) fn put_name8(out: &mut BytesMut, text: &str) {
    put_text8(out, text, usize::from(u8::MAX));
}

/// Free text behind a `u8` length, cut between characters at `bytes_max` (at most 255).
pub(crate) fn put_text8(out: &mut BytesMut, text: &str, bytes_max: usize) {
    let cut = text.floor_char_boundary(bytes_max.min(usize::from(u8::MAX)));
    out.put_u8(cut as u8);
    out.put_slice(&text.as_bytes()[..cut]);
}
