//! Frames out of a body that arrives in pieces.

use bytes::{Buf, Bytes, BytesMut};

use super::frame::Frame;
use crate::compress::DecompressError;
use crate::error::HttpError;
use crate::limits::{S2S_FRAME_BYTES_MAX, S2S_LENGTH_BYTES};

/// Why a body is not one of S2S frames.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum FrameError {
    #[error("a frame without a flag byte")]
    Empty,
    #[error("a frame of {frame_bytes} bytes, where {S2S_FRAME_BYTES_MAX} are allowed")]
    TooLarge { frame_bytes: usize },
    #[error("a compression that there is not")]
    UnknownCompression,
    #[error(transparent)]
    Decompress(#[from] DecompressError),
    #[error("a terminal frame from a client")]
    TerminalFromClient,
    #[error("a terminal frame without a status")]
    TerminalWithoutStatus,
    #[error("the body ends inside a frame")]
    Partial,
}

impl From<FrameError> for HttpError {
    fn from(error: FrameError) -> Self {
        undecodable(error.to_string())
    }
}

/// What the terminal frame says (`s2-semantics.md` H8).
pub(super) fn undecodable(why: String) -> HttpError {
    HttpError::bad_frame(format!("Failed to decode S2S frame: {why}"))
}

/// Cuts frames from the pieces of a body. Holds the begun part of one frame and nothing else: at most `S2S_LENGTH_BYTES` and
/// `S2S_FRAME_BYTES_MAX`, and never more than has arrived.
///
/// For every piece: [`Self::next`] until it gives `None`, which is when the piece is used up. At the body's end: [`Self::finish`].
/// Behind an error there is nothing to be decoded any more; it is given again.
#[derive(Debug, Default)]
pub struct FrameDecoder {
    begun: BytesMut,
    failed: Option<FrameError>,
}

impl FrameDecoder {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes from the front of `piece` what belongs to the next frame. A frame that lies in one piece is not copied.
    ///
    /// # Errors
    /// As soon as a length is seen that cannot be.
    pub fn next(&mut self, piece: &mut Bytes) -> Result<Option<Frame>, FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let cut = self.cut(piece);
        self.failed = cut.as_ref().err().copied();
        cut
    }

    /// # Errors
    /// `Partial` where the body ended inside a frame (`s2-semantics.md` B10).
    pub fn finish(&self) -> Result<(), FrameError> {
        match (self.failed, self.begun.is_empty()) {
            (Some(error), _) => Err(error),
            (None, true) => Ok(()),
            (None, false) => Err(FrameError::Partial),
        }
    }

    /// Bytes of a begun frame that are held.
    pub fn buffered_bytes(&self) -> usize {
        self.begun.len()
    }

    fn cut(&mut self, piece: &mut Bytes) -> Result<Option<Frame>, FrameError> {
        if self.begun.is_empty() && piece.len() >= S2S_LENGTH_BYTES {
            return self.cut_whole(piece);
        }
        if !self.take(piece, S2S_LENGTH_BYTES) {
            return Ok(None);
        }
        let whole_bytes = S2S_LENGTH_BYTES + frame_bytes(&self.begun)?;
        if !self.take(piece, whole_bytes) {
            return Ok(None);
        }
        frame(self.begun.split().freeze()).map(Some)
    }

    /// Where nothing is begun and a length is there.
    fn cut_whole(&mut self, piece: &mut Bytes) -> Result<Option<Frame>, FrameError> {
        let whole_bytes = S2S_LENGTH_BYTES + frame_bytes(piece)?;
        if piece.len() >= whole_bytes {
            return frame(piece.split_to(whole_bytes)).map(Some);
        }
        let rest_bytes = piece.len();
        self.take(piece, rest_bytes);
        Ok(None)
    }

    /// Moves bytes to the begun frame until it has `wanted_bytes`; whether it has.
    fn take(&mut self, piece: &mut Bytes, wanted_bytes: usize) -> bool {
        let missing_bytes = wanted_bytes.saturating_sub(self.begun.len()).min(piece.len());
        self.begun.extend_from_slice(&piece[..missing_bytes]);
        piece.advance(missing_bytes);
        self.begun.len() >= wanted_bytes
    }
}

/// What the length at the front says, if it can be.
fn frame_bytes(bytes: &[u8]) -> Result<usize, FrameError> {
    let length = bytes.iter().take(S2S_LENGTH_BYTES).fold(0, |length, byte| length << 8 | usize::from(*byte));
    match length {
        0 => Err(FrameError::Empty),
        1..=S2S_FRAME_BYTES_MAX => Ok(length),
        frame_bytes => Err(FrameError::TooLarge { frame_bytes }),
    }
}

/// Of a length with everything that it counts.
fn frame(mut bytes: Bytes) -> Result<Frame, FrameError> {
    bytes.advance(S2S_LENGTH_BYTES);
    let flags = bytes.try_get_u8().map_err(|_| FrameError::Empty)?;
    Ok(Frame { flags, payload: bytes })
}
