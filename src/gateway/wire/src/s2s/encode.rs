//! Frames into a buffer. A payload is written where it is sent from, and moved only where compressing it pays.

use bytes::{BufMut, BytesMut};
use riverrun_protocol::response::AppendAck;

use super::{COMPRESSION_SHIFT, RECONNECT_ADVISED, TERMINAL};
use crate::batch::ReadBatch;
use crate::compress::Compression;
use crate::error::{HttpError, S2Code};
use crate::limits::{COMPRESS_BYTES_MIN, S2S_LENGTH_BYTES, S2S_PAYLOAD_BYTES_MAX};
use crate::proto;

const HEADER_BYTES: usize = S2S_LENGTH_BYTES + 1;
/// A tail's tag and length, and two numbers of up to 10 bytes with their tags.
const TAIL_BYTES_MAX: usize = 2 + 2 * (1 + 10);

/// What holds for the regular frames of a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FrameOptions {
    /// What the peer takes ([`crate::headers::accepted_frames`]).
    pub compression: Compression,
    /// The server intends to stop: set on every frame from then on, heartbeats included.
    pub reconnect_advised: bool,
}

/// A payload that no frame can hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a payload of {payload_bytes} bytes, where {S2S_PAYLOAD_BYTES_MAX} are allowed")]
pub struct PayloadTooLarge {
    pub payload_bytes: usize,
}

impl From<PayloadTooLarge> for HttpError {
    fn from(error: PayloadTooLarge) -> Self {
        Self::new(S2Code::Other, error.to_string())
    }
}

/// Appends one regular frame around what `payload` appends.
///
/// # Errors
/// For a payload of more than 2 MiB - 1 bytes; `out` is then as it was.
pub fn put_frame(
    out: &mut BytesMut,
    options: FrameOptions,
    payload: impl FnOnce(&mut BytesMut),
) -> Result<(), PayloadTooLarge> {
    let start = begin(out);
    payload(out);
    end(out, start, options)
}

fn begin(out: &mut BytesMut) -> usize {
    let start = out.len();
    out.put_bytes(0, HEADER_BYTES);
    start
}

fn end(out: &mut BytesMut, start: usize, options: FrameOptions) -> Result<(), PayloadTooLarge> {
    let payload_bytes = payload_bytes(out, start);
    if payload_bytes > S2S_PAYLOAD_BYTES_MAX {
        out.truncate(start);
        return Err(PayloadTooLarge { payload_bytes });
    }
    let compression = compress(out, start + HEADER_BYTES, options.compression);
    let advised = if options.reconnect_advised { RECONNECT_ADVISED } else { 0 };
    put_header(out, start, compression << COMPRESSION_SHIFT | advised);
    Ok(())
}

/// Of the frame begun at `start`.
fn payload_bytes(out: &BytesMut, start: usize) -> usize {
    out.len() - start - HEADER_BYTES
}

/// Replaces the payload where that is allowed and saves anything. Returns the flags' two bits.
fn compress(out: &mut BytesMut, payload_start: usize, compression: Compression) -> u8 {
    let payload = &out[payload_start..];
    if payload.len() < COMPRESS_BYTES_MIN {
        return 0;
    }
    let Some(compressed) = compression.compress(payload) else {
        return 0;
    };
    out.truncate(payload_start);
    out.put_slice(&compressed);
    match compression {
        Compression::None => 0,
        Compression::Zstd => 1,
        Compression::Gzip => 2,
    }
}

fn put_header(out: &mut BytesMut, start: usize, flags: u8) {
    let length = (out.len() - start - S2S_LENGTH_BYTES) as u32;
    out[start..start + S2S_LENGTH_BYTES].copy_from_slice(&length.to_be_bytes()[1..]);
    out[start + S2S_LENGTH_BYTES] = flags;
}

/// The answer to one input of an append session.
///
/// # Errors
/// As [`put_frame`].
pub fn put_append_ack(out: &mut BytesMut, options: FrameOptions, ack: &AppendAck) -> Result<(), PayloadTooLarge> {
    put_frame(out, options, |out| proto::put_append_ack(out, ack))
}

/// One batch of a read session, or a heartbeat ([`ReadBatch::heartbeat`]). A batch with neither records nor a tail is a protocol
/// violation for one SDK (`s2-semantics.md` C8): nothing is written for it.
///
/// Headers of two bytes take eight as protobuf and four as metered, so a batch of nothing else would be larger than a frame can be: it
/// becomes two, and the tail goes with the last.
///
/// # Errors
/// `storage` for a batch that contradicts itself, `other` for a single record of that kind which fills more than a frame; `out` is
/// then as it was.
pub fn put_read_batch(out: &mut BytesMut, options: FrameOptions, batch: &ReadBatch) -> Result<(), HttpError> {
    if batch.is_empty() && batch.tail.is_none() {
        return Ok(());
    }
    let start = out.len();
    put_frames(out, options, batch).inspect_err(|_| out.truncate(start))
}

fn put_frames(out: &mut BytesMut, options: FrameOptions, batch: &ReadBatch) -> Result<(), HttpError> {
    let mut start = begin(out);
    proto::reserve(out, batch);
    for record in batch.records() {
        let record = record?;
        let payload_bytes = payload_bytes(out, start);
        if payload_bytes > 0 && payload_bytes + proto::record_bytes(&record) > S2S_PAYLOAD_BYTES_MAX - TAIL_BYTES_MAX {
            end(out, start, options)?;
            start = begin(out);
        }
        proto::put_record(out, &record);
    }
    proto::put_tail(out, batch.tail);
    Ok(end(out, start, options)?)
}

/// The last frame of a session that ends in an error: never compressed, nothing follows it.
pub fn put_terminal(out: &mut BytesMut, error: &HttpError) {
    let start = out.len();
    out.put_bytes(0, HEADER_BYTES);
    out.put_u16(error.status.as_u16());
    out.put_slice(&error.json());
    put_header(out, start, TERMINAL);
}
