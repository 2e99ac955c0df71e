//! A record's headers inside the payload: name length, value length (varints), name, value.

use bytes::{BufMut, BytesMut};
use nom::bytes::complete::take;
use nom::number::complete::le_u8;

use crate::error::DecodeError;
use crate::wire::{self, Parsed};

/// A varint of the fewest bytes: 1 to 5.
pub(super) fn varint_bytes(value: u32) -> usize {
    match value {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        0x20_0000..0x1000_0000 => 4,
        _ => 5,
    }
}

pub(super) fn put_varint(out: &mut BytesMut, mut value: u32) {
    while value >= 0x80 {
        out.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

/// One value has one encoding: a varint with a needless last byte is refused, so that equal records are equal bytes.
#[inline]
fn varint(input: &[u8]) -> Parsed<'_, u32> {
    match input {
        // Nearly all lengths are below 128.
        [byte @ 0..0x80, rest @ ..] => Ok((rest, u32::from(*byte))),
        _ => long_varint(input),
    }
}

fn long_varint(input: &[u8]) -> Parsed<'_, u32> {
    let (mut rest, first) = le_u8(input)?;
    let mut value = u32::from(first & 0x7f);
    let (mut byte, mut shift) = (first, 7);
    while byte & 0x80 != 0 {
        (rest, byte) = le_u8(rest)?;
        let over = shift == 28 && byte > 0x0f;
        if byte == 0 || over {
            return wire::bad(input, "a varint that is not minimal or exceeds 32 bits");
        }
        value |= u32::from(byte & 0x7f) << shift;
        shift += 7;
    }
    Ok((rest, value))
}

/// A header as it lies in the payload.
pub(super) struct Header<'a> {
    pub name: &'a [u8],
    pub value: &'a [u8],
    /// Length bytes beyond the 2 that are metered.
    pub length_bytes_extra: usize,
}

#[inline]
fn header(input: &[u8]) -> Parsed<'_, Header<'_>> {
    let (rest, name_bytes) = varint(input)?;
    let (lengths_end, value_bytes) = varint(rest)?;
    let (rest, name) = take(name_bytes)(lengths_end)?;
    let (rest, value) = take(value_bytes)(rest)?;
    let length_bytes_extra = input.len() - lengths_end.len() - 2;
    Ok((rest, Header { name, value, length_bytes_extra }))
}

/// Calls `each` with every header; `bytes` must hold exactly `count`. `offset` is where they begin, for errors.
pub(super) fn walk<'a>(
    bytes: &'a [u8],
    count: u32,
    offset: usize,
    mut each: impl FnMut(Header<'a>),
) -> Result<(), DecodeError> {
    let walked = wire::whole("record headers", bytes, |mut input| {
        for _ in 0..count {
            let (rest, header) = header(input)?;
            each(header);
            input = rest;
        }
        Ok((input, ()))
    });
    walked.map_err(|error| DecodeError { offset: offset + error.offset, ..error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_are_written_minimal_and_parsed_back() {
        for value in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, 0x1f_ffff, 0x20_0000, 0xfff_ffff, 0x1000_0000, u32::MAX] {
            let mut out = BytesMut::new();
            put_varint(&mut out, value);
            assert_eq!(out.len(), varint_bytes(value));
            assert_eq!(varint(&out).unwrap(), (&[][..], value));
            for end in 0..out.len() {
                assert!(varint(&out[..end]).is_err());
            }
        }
    }

    #[test]
    fn varints_that_are_not_minimal_or_too_large_are_refused() {
        for bytes in [&[0x80, 0x00][..], &[0xff, 0x80, 0x00], &[0xff, 0xff, 0xff, 0xff, 0x10], &[0x80; 6]] {
            assert!(varint(bytes).is_err(), "{bytes:x?}");
        }
    }

    #[test]
    fn a_walk_consumes_exactly_its_bytes() {
        let bytes = [1, 2, b'a', b'b', b'b', 0, 0];
        let mut seen = Vec::new();
        walk(&bytes, 2, 0, |header| seen.push((header.name.to_vec(), header.value.to_vec()))).unwrap();
        assert_eq!(seen, [(b"a".to_vec(), b"bb".to_vec()), (vec![], vec![])]);
        assert_eq!(walk(&bytes, 1, 100, |_| {}).unwrap_err().offset, 105);
        assert!(walk(&bytes, 3, 0, |_| {}).is_err());
    }
}
