//! `tokio-util` framing over [`crate::frame::cut`], for clients and tools. The server cuts frames itself, in its own
//! buffers.

use std::io;

use bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder};

use crate::error::DecodeError;
use crate::frame::{Cut, Frame, cut};

/// Room is made for no more than this beyond what has arrived, whatever the header claims.
const RESERVE_BYTES_MIN: usize = 64 << 10;

/// Cuts frames from a byte stream and writes them to one. Bodies are slices of the receive buffer.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct FrameCodec;

/// Why a framed connection ended.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The peer sent what is no frame, or stopped inside one.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

impl Decoder for FrameCodec {
    type Item = Frame;
    type Error = CodecError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Frame>, CodecError> {
        match cut(src)? {
            Cut::Complete { header, body, consumed } => {
                let frame = src.split_to(consumed).freeze();
                Ok(Some(Frame { header, body: frame.slice(body) }))
            }
            Cut::Incomplete { needed, .. } => {
                src.reserve(needed.min(src.len().max(RESERVE_BYTES_MIN)));
                Ok(None)
            }
        }
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Frame>, CodecError> {
        match self.decode(src)? {
            None if !src.is_empty() => {
                Err(DecodeError::bad(src.len(), "the connection was closed inside a frame").into())
            }
            frame => Ok(frame),
        }
    }
}

impl Encoder<Frame> for FrameCodec {
    type Error = CodecError;

    fn encode(&mut self, frame: Frame, dst: &mut BytesMut) -> Result<(), CodecError> {
        frame.write(dst);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut, Bytes};

    use super::*;
    use crate::frame::FrameKind;

    fn frames() -> Vec<Frame> {
        [0usize, 1, 100_000].map(|n| Frame::new(FrameKind::Ping, n as u64, Bytes::from(vec![7; n]))).to_vec()
    }

    #[test]
    fn frames_survive_any_division_into_reads() {
        let mut wire = BytesMut::new();
        frames().into_iter().for_each(|frame| FrameCodec.encode(frame, &mut wire).unwrap());
        for read in [1, 17, 4096, wire.len()] {
            let (mut src, mut got) = (BytesMut::new(), Vec::new());
            for part in wire.chunks(read) {
                src.put_slice(part);
                while let Some(frame) = FrameCodec.decode(&mut src).unwrap() {
                    got.push(frame);
                }
            }
            assert_eq!(got, frames());
            assert!(FrameCodec.decode_eof(&mut src).unwrap().is_none());
        }
    }

    #[test]
    fn a_claimed_length_makes_no_room() {
        let mut src = BytesMut::from(&[0, 0, 0x20, 0][..]);
        assert!(FrameCodec.decode(&mut src).unwrap().is_none());
        src.put_slice(&[0; 12]);
        assert!(FrameCodec.decode(&mut src).unwrap().is_none());
        assert!(src.capacity() < 256 << 10, "{}", src.capacity());
    }

    #[test]
    fn an_end_inside_a_frame_is_an_error() {
        let mut src = BytesMut::from(&[1, 0, 0][..]);
        assert!(matches!(FrameCodec.decode_eof(&mut src), Err(CodecError::Decode(_))));
    }
}
