//! The frame: 16 bytes of header, then the body. The one cutter of server, codec and tools.
//!
//! ```text
//!  0 u32 body_bytes   at most FRAME_BODY_BYTES_MAX
//!  4 u8  kind         which layout the body has
//!  5 u8  flags        none defined: must be 0
//!  6 u16 reserved     must be 0
//!  8 u64 id           the request's, or the session's; 0 = the connection
//! 16 body
//! ```

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use nom::IResult;
use nom::error::{Error, ErrorKind, ParseError};
use nom::number::streaming::{le_u8, le_u16, le_u32, le_u64};

use crate::error::{DecodeError, ErrorCode};
use crate::limits::{FRAME_BODY_BYTES_MAX, FRAME_HEADER_BYTES};

pub use foreign::{Foreign, foreign};
pub use kind::{FrameClass, FrameKind};

mod foreign;
mod kind;

/// The fixed header in front of every body. `kind` is the byte as received: the cutter does not judge it, so that an
/// unknown kind is one refused request and not a broken connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameHeader {
    pub body_bytes: u32,
    pub kind: u8,
    pub flags: u8,
    pub id: u64,
}

impl FrameHeader {
    pub fn new(kind: FrameKind, id: u64, body_bytes: usize) -> Self {
        Self { body_bytes: length(body_bytes), kind: kind as u8, flags: 0, id }
    }

    pub fn write(&self, out: &mut BytesMut) {
        out.put_u32_le(self.body_bytes);
        out.put_u8(self.kind);
        out.put_u8(self.flags);
        out.put_u16_le(0);
        out.put_u64_le(self.id);
    }

    /// Header and body together.
    pub fn frame_bytes(&self) -> usize {
        FRAME_HEADER_BYTES + self.body_bytes as usize
    }
}

/// A frame cut from the stream of bytes, its body not yet parsed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    pub header: FrameHeader,
    pub body: Bytes,
}

impl Frame {
    pub fn new(kind: FrameKind, id: u64, body: Bytes) -> Self {
        Self { header: FrameHeader::new(kind, id, body.len()), body }
    }

    pub fn write(&self, out: &mut BytesMut) {
        out.reserve(self.header.frame_bytes());
        self.header.write(out);
        out.put_slice(&self.body);
    }
}

/// What `cut` found at the front of the bytes so far.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cut {
    /// A whole frame. `body` is where it lies in what was passed in; `consumed` is where the next frame begins.
    Complete { header: FrameHeader, body: Range<usize>, consumed: usize },
    /// Not yet a whole frame: at least `needed` more bytes are missing. `header` is there as soon as its 16 bytes are.
    Incomplete { needed: usize, header: Option<FrameHeader> },
}

/// Cuts the first frame off `buf`, which starts at a frame's first byte. Looks at the header only.
///
/// # Errors
/// A body longer than [`FRAME_BODY_BYTES_MAX`] (told by the first 4 bytes, before anything else is looked at), reserved
/// bytes that are not zero (`BadFrame`), unknown flags (`Unsupported`). After an error the place of the next frame is
/// not known: the connection has to end.
pub fn cut(buf: &[u8]) -> Result<Cut, DecodeError> {
    let header = match header(buf) {
        Ok((_, header)) => header,
        Err(nom::Err::Incomplete(_)) => {
            return Ok(Cut::Incomplete { needed: FRAME_HEADER_BYTES - buf.len(), header: None });
        }
        Err(nom::Err::Error(error) | nom::Err::Failure(error)) => return Err(refusal(buf, &error)),
    };
    let consumed = header.frame_bytes();
    match consumed.checked_sub(buf.len()) {
        None | Some(0) => Ok(Cut::Complete { header, body: FRAME_HEADER_BYTES..consumed, consumed }),
        Some(needed) => Ok(Cut::Incomplete { needed, header: Some(header) }),
    }
}

fn header(input: &[u8]) -> IResult<&[u8], FrameHeader> {
    let (rest, body_bytes) = le_u32(input)?;
    if body_bytes as usize > FRAME_BODY_BYTES_MAX {
        return refuse(input, ErrorKind::TooLarge);
    }
    let (input, kind) = le_u8(rest)?;
    let (rest, flags) = le_u8(input)?;
    if flags != 0 {
        return refuse(input, ErrorKind::Switch);
    }
    let (input, reserved) = le_u16(rest)?;
    if reserved != 0 {
        return refuse(rest, ErrorKind::Verify);
    }
    let (input, id) = le_u64(input)?;
    Ok((input, FrameHeader { body_bytes, kind, flags, id }))
}

fn refuse(at: &[u8], kind: ErrorKind) -> IResult<&[u8], FrameHeader> {
    Err(nom::Err::Failure(Error::from_error_kind(at, kind)))
}

fn refusal(buf: &[u8], error: &Error<&[u8]>) -> DecodeError {
    let (what, code) = match error.code {
        ErrorKind::TooLarge => (format!("frame body longer than {FRAME_BODY_BYTES_MAX} bytes"), ErrorCode::BadFrame),
        ErrorKind::Switch => ("frame flags that this version does not know".to_owned(), ErrorCode::Unsupported),
        _ => ("frame header's reserved bytes are not zero".to_owned(), ErrorCode::BadFrame),
    };
    DecodeError { what, offset: buf.len() - error.input.len(), code }
}

/// Writes one frame: the body first, then its length into the header.
pub(crate) fn write_frame(out: &mut BytesMut, kind: FrameKind, id: u64, body: impl FnOnce(&mut BytesMut)) {
    write_frame_head(out, kind, id, 0, body);
}

/// As `write_frame`, where `parts_bytes` more of the body follow by reference.
pub(crate) fn write_frame_head(
    out: &mut BytesMut,
    kind: FrameKind,
    id: u64,
    parts_bytes: usize,
    body: impl FnOnce(&mut BytesMut),
) {
    let start = out.len();
    FrameHeader::new(kind, id, 0).write(out);
    body(out);
    let body_bytes = out.len() - start - FRAME_HEADER_BYTES + parts_bytes;
    out[start..start + 4].copy_from_slice(&length(body_bytes).to_le_bytes());
}

/// A body over the limit is written as it is, for the receiver to refuse; one over 32 bits must not come out small.
fn length(body_bytes: usize) -> u32 {
    u32::try_from(body_bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ping() -> BytesMut {
        let mut out = BytesMut::new();
        Frame::new(FrameKind::Ping, 0x0102_0304_0506_0708, Bytes::from_static(&[9; 12])).write(&mut out);
        out
    }

    #[test]
    fn cut_at_every_byte_is_incomplete_until_it_is_complete() {
        let bytes = ping();
        for end in 0..bytes.len() {
            let Ok(Cut::Incomplete { needed, header }) = cut(&bytes[..end]) else { panic!("cut at {end}") };
            assert_eq!(header.is_some(), end >= FRAME_HEADER_BYTES);
            assert_eq!(needed, if end < 16 { 16 - end } else { 28 - end });
        }
        let Ok(Cut::Complete { header, body, consumed }) = cut(&bytes) else { panic!() };
        assert_eq!((header.kind, header.id, body, consumed), (2, 0x0102_0304_0506_0708, 16..28, 28));
    }

    #[test]
    fn the_length_is_judged_before_anything_else() {
        let max = (FRAME_BODY_BYTES_MAX as u32).to_le_bytes();
        assert_eq!(cut(&max), Ok(Cut::Incomplete { needed: 12, header: None }));
        let over = (FRAME_BODY_BYTES_MAX as u32 + 1).to_le_bytes();
        let error = cut(&over).unwrap_err();
        assert_eq!((error.code, error.offset), (ErrorCode::BadFrame, 0));
    }

    #[test]
    fn flags_and_reserved_bytes_are_refused() {
        let mut bytes = ping();
        bytes[5] = 1;
        let error = cut(&bytes).unwrap_err();
        assert_eq!((error.code, error.offset), (ErrorCode::Unsupported, 5));
        bytes[5] = 0;
        bytes[7] = 1;
        let error = cut(&bytes).unwrap_err();
        assert_eq!((error.code, error.offset), (ErrorCode::BadFrame, 6));
    }
}
