//! One direction's bytes, cut into frames as they come, whatever they are.

use bytes::{Buf, Bytes, BytesMut};
use riverrun_protocol::FrameKind;
use riverrun_protocol::frame::{self, Cut};
use riverrun_protocol::limits::{FRAME_BODY_BYTES_MAX, FRAME_HEADER_BYTES};

use crate::judge;

/// Bytes that belong to no frame are handed on in pieces of at most this size.
const RUBBISH_BYTES_MAX: usize = 64 << 10;

/// What a direction's bytes turned out to be. Offsets count from the direction's first byte.
#[derive(Clone, PartialEq, Debug)]
pub enum Piece {
    /// A whole frame, header included.
    Frame { offset: u64, bytes: Bytes },
    /// From here on the places of frames are not known. What follows is searched for the next one.
    Bad { offset: u64, reason: String },
    /// Bytes that belong to no frame.
    Rubbish { offset: u64, bytes: Bytes },
    /// Bytes that went by without having been looked at.
    Missed { offset: u64, bytes: u64 },
}

/// Cuts frames off a direction's bytes. Holds at most one frame's worth of them and what was pushed last.
#[derive(Debug, Default)]
pub struct Cutter {
    buf: BytesMut,
    /// Where `buf` begins.
    offset: u64,
    /// Whether the place of the next frame is unknown; then so many bytes of `buf` are known not to be its beginning.
    lost: Option<usize>,
    has_ended: bool,
}

impl Cutter {
    pub fn push(&mut self, bytes: &[u8]) {
        self.buf.extend_from_slice(bytes);
    }

    /// What the bytes so far hold; `None` until more are pushed.
    pub fn poll(&mut self) -> Option<Piece> {
        match self.lost {
            None => self.cut(),
            Some(rejected) => self.search(rejected),
        }
    }

    /// Says that bytes went by unseen. The next frame is searched for behind them.
    pub fn miss(&mut self, bytes: u64) -> Vec<Piece> {
        let mut pieces = Vec::from_iter(self.take_rubbish(self.buf.len()));
        pieces.push(Piece::Missed { offset: self.offset, bytes });
        self.offset += bytes;
        self.lost = Some(0);
        pieces
    }

    /// Nothing more will come: what is left is part of a frame, or rubbish with frames in it.
    pub fn finish(&mut self) -> Vec<Piece> {
        self.has_ended = true;
        let mut pieces: Vec<Piece> = std::iter::from_fn(|| self.poll()).collect();
        pieces.extend(self.cut_short());
        pieces.extend(self.take_rubbish(self.buf.len()));
        pieces
    }

    fn cut_short(&self) -> Option<Piece> {
        match (self.lost, frame::cut(&self.buf)) {
            (None, Ok(Cut::Incomplete { needed, .. })) if !self.buf.is_empty() => {
                let reason = format!("the bytes end inside a frame: at least {needed} more would follow");
                Some(Piece::Bad { offset: self.offset, reason })
            }
            _ => None,
        }
    }

    fn cut(&mut self) -> Option<Piece> {
        match frame::cut(&self.buf) {
            Ok(Cut::Complete { consumed, .. }) => Some(self.take_frame(consumed)),
            Ok(Cut::Incomplete { .. }) => None,
            Err(error) => {
                self.lost = Some(0);
                Some(Piece::Bad { offset: self.offset, reason: self.explain(&error.what) })
            }
        }
    }

    /// At a connection's first bytes, another protocol is a likelier story than a bad length.
    fn explain(&self, what: &str) -> String {
        match frame::foreign(&self.buf).filter(|_| self.offset == 0) {
            Some(foreign) => format!("this is {}, not Riverrun's protocol", foreign.name()),
            None => what.to_owned(),
        }
    }

    /// Looks for the next frame behind the first `rejected` bytes.
    fn search(&mut self, mut rejected: usize) -> Option<Piece> {
        while rejected < self.buf.len() && rejected < RUBBISH_BYTES_MAX {
            match plausible(&self.buf[rejected..]) {
                Plausible::Undecided if !self.has_ended => break,
                Plausible::No | Plausible::Undecided => rejected += 1,
                Plausible::Yes => {
                    self.lost = None;
                    return self.take_rubbish(rejected).or_else(|| self.cut());
                }
            }
        }
        self.lost = Some(rejected);
        if rejected < RUBBISH_BYTES_MAX {
            return None;
        }
        self.lost = Some(0);
        self.take_rubbish(rejected)
    }

    fn take_frame(&mut self, bytes: usize) -> Piece {
        let offset = self.offset;
        self.offset += bytes as u64;
        Piece::Frame { offset, bytes: self.buf.split_to(bytes).freeze() }
    }

    fn take_rubbish(&mut self, bytes: usize) -> Option<Piece> {
        let offset = self.offset;
        self.offset += bytes as u64;
        (bytes > 0).then(|| Piece::Rubbish { offset, bytes: self.buf.split_to(bytes).freeze() })
    }
}

enum Plausible {
    Yes,
    No,
    /// Its header is right and its body not yet whole.
    Undecided,
}

/// Whether `bytes` begin with a frame. A header alone is plausible by chance once in millions of random offsets, so that
/// waiting for its body costs little; the body must then parse as well.
fn plausible(bytes: &[u8]) -> Plausible {
    const _: () = assert!(FRAME_BODY_BYTES_MAX < 1 << 24, "or random lengths would be plausible");
    match frame::cut(bytes) {
        Err(_) => Plausible::No,
        Ok(Cut::Incomplete { header: None, .. }) => Plausible::Undecided,
        Ok(Cut::Incomplete { header: Some(header), .. } | Cut::Complete { header, .. })
            if FrameKind::from_byte(header.kind).is_none() =>
        {
            Plausible::No
        }
        Ok(Cut::Incomplete { .. }) => Plausible::Undecided,
        Ok(Cut::Complete { header, consumed, .. }) => {
            let body = Bytes::copy_from_slice(&bytes[FRAME_HEADER_BYTES..consumed]);
            if judge::judge(header.kind, &body).error.is_none() { Plausible::Yes } else { Plausible::No }
        }
    }
}

/// Everything in `bytes`, in order.
pub fn pieces(bytes: &[u8]) -> Vec<Piece> {
    let mut cutter = Cutter::default();
    cutter.push(bytes);
    let mut pieces: Vec<Piece> = std::iter::from_fn(|| cutter.poll()).collect();
    pieces.extend(cutter.finish());
    pieces
}

/// The bytes that `piece` carries.
pub fn bytes_of(piece: &Piece) -> &[u8] {
    match piece {
        Piece::Frame { bytes, .. } | Piece::Rubbish { bytes, .. } => bytes.chunk(),
        Piece::Bad { .. } | Piece::Missed { .. } => &[],
    }
}
