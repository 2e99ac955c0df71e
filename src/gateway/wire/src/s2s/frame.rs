//! One frame, cut from a body and not yet looked into.

use bytes::Bytes;

use super::decode::FrameError;
use super::{COMPRESSION, COMPRESSION_SHIFT, RECONNECT_ADVISED, TERMINAL};
use crate::compress::Compression;
use crate::limits::S2S_PAYLOAD_BYTES_MAX;

/// Flags and payload as they were sent; the payload is a slice of the received bytes where it came in one piece.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    pub flags: u8,
    pub payload: Bytes,
}

/// What a client takes a server's frame for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Received {
    /// One message, decompressed.
    Message { payload: Bytes, reconnect_advised: bool },
    /// The session's end, with the error that a unary call would have had.
    Terminal { status: u16, body: Bytes },
}

impl Frame {
    /// As a server takes a client's frame: the message, decompressed to at most 2 MiB - 1 bytes. A client may compress as it likes.
    ///
    /// # Errors
    /// Also for a terminal frame: only servers send those (`s2-semantics.md` B10).
    pub fn into_input(self) -> Result<Bytes, FrameError> {
        if self.flags & TERMINAL != 0 {
            return Err(FrameError::TerminalFromClient);
        }
        self.decompressed()
    }

    /// As a client takes a server's frame.
    ///
    /// # Errors
    /// Also for a terminal frame without a status.
    pub fn into_received(self) -> Result<Received, FrameError> {
        if self.flags & TERMINAL == 0 {
            let reconnect_advised = self.flags & RECONNECT_ADVISED != 0;
            return self.decompressed().map(|payload| Received::Message { payload, reconnect_advised });
        }
        match self.payload[..] {
            [high, low, ..] => {
                let status = u16::from_be_bytes([high, low]);
                Ok(Received::Terminal { status, body: self.payload.slice(2..) })
            }
            _ => Err(FrameError::TerminalWithoutStatus),
        }
    }

    fn decompressed(&self) -> Result<Bytes, FrameError> {
        let compression = match (self.flags & COMPRESSION) >> COMPRESSION_SHIFT {
            0 => Compression::None,
            1 => Compression::Zstd,
            2 => Compression::Gzip,
            _ => return Err(FrameError::UnknownCompression),
        };
        Ok(compression.decompress(&self.payload, S2S_PAYLOAD_BYTES_MAX)?)
    }
}
