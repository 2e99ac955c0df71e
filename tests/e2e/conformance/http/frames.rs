//! S2S frames (`s2-semantics.md` H8), cut by hand.

const TERMINAL: u8 = 0x80;
const COMPRESSION: u8 = 0x60;
const ZSTD: u8 = 0x20;
/// Of the flags and the payload.
const LENGTH_MAX: usize = 2 << 20;
/// A smaller payload is not compressed.
const COMPRESSED_BYTES_MIN: usize = 1024;

/// What a server sends.
#[derive(Debug)]
pub enum Frame {
    /// A message, decompressed.
    Message(Vec<u8>),
    Terminal {
        status: u16,
        body: Vec<u8>,
    },
}

/// What a client sends.
pub fn regular(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32 + 1).to_be_bytes();
    [&length[1..], &[0], payload].concat()
}

/// Bytes that may be parts of frames: where HTTP divides a body means nothing.
#[derive(Debug, Default)]
pub struct Frames(Vec<u8>);

impl Frames {
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// No part of a frame is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn next(&mut self) -> Option<Frame> {
        let [high, middle, low, flags, ..] = self.0[..] else { return None };
        let length = u32::from_be_bytes([0, high, middle, low]) as usize;
        assert!((1..=LENGTH_MAX).contains(&length), "H8: a frame of {length}");
        if self.0.len() < 3 + length {
            return None;
        }
        let payload = self.0.drain(..3 + length).skip(4).collect();
        Some(frame(flags, payload))
    }
}

fn frame(flags: u8, payload: Vec<u8>) -> Frame {
    if flags & TERMINAL == 0 {
        return Frame::Message(decompressed(flags, payload));
    }
    assert_eq!(flags, TERMINAL, "H8: no other flag on a terminal frame");
    let (status, body) = payload.split_first_chunk().expect("H8: a status");
    Frame::Terminal { status: u16::from_be_bytes(*status), body: body.to_vec() }
}

fn decompressed(flags: u8, payload: Vec<u8>) -> Vec<u8> {
    match flags & COMPRESSION {
        0 => payload,
        ZSTD => {
            let whole = zstd::decode_all(&payload[..]).expect("H8: a zstd frame");
            assert!(whole.len() >= COMPRESSED_BYTES_MIN, "H8: {} bytes are not worth it", whole.len());
            whole
        }
        other => panic!("H8: compression {other:#x}, which was not accepted"),
    }
}
