//! Every size and count that S2's HTTP bytes know and the protocol's own limits do not.

pub use riverrun_protocol::limits::{BATCH_METERED_BYTES_MAX, BATCH_RECORDS_MAX, ERROR_MESSAGE_BYTES_MAX};

/// The length field of an S2S frame, which does not count itself (`s2-semantics.md` H8).
pub const S2S_LENGTH_BYTES: usize = 3;
/// What the length field counts: the flag byte and the payload (`s2-semantics.md` H8).
pub const S2S_FRAME_BYTES_MAX: usize = 2 << 20;
/// A payload, as it is sent and decompressed (`s2-semantics.md` H8).
pub const S2S_PAYLOAD_BYTES_MAX: usize = S2S_FRAME_BYTES_MAX - 1;
/// An S2S payload is compressed from this size on (`s2-semantics.md` H8), a unary answer above it (H6).
pub const COMPRESS_BYTES_MIN: usize = 1024;
/// The window that a zstd frame may ask a decoder to hold: 8 MiB, which RFC 8878 wants every decoder to support. Compressors at their
/// usual levels ask for less.
pub const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// A unary request's body, decompressed (`s2-semantics.md` A5).
pub const UNARY_BODY_BYTES_MAX: usize = 2 << 20;
/// Entries of a listing's page (`s2-semantics.md` E3).
pub const LIST_LIMIT_MAX: u32 = 1000;
/// An encryption key as a header's text, and as it is (`s2-semantics.md` A2, E9).
pub const ENCRYPTION_KEY_TEXT_BYTES_MAX: usize = 44;
pub const ENCRYPTION_KEY_BYTES: usize = 32;
/// A range of metrics, and how far its end may lie ahead (`s2-semantics.md` G).
pub const METRICS_SPAN_SECS_MAX: u32 = 30 * 24 * 60 * 60;
pub const METRICS_AHEAD_SECS_MAX: u32 = 5 * 60;
/// The longest path has this many segments; no longer one is looked at (`s2-semantics.md` H2).
pub const PATH_SEGMENTS_MAX: usize = 5;

/// A frame's length fits its three bytes.
const _: () = assert!(S2S_FRAME_BYTES_MAX < 1 << (8 * S2S_LENGTH_BYTES));
/// Protobuf can double what is metered and no more, but for each record's few bytes; what then exceeds a frame is divided
/// ([`crate::s2s::put_read_batch`]).
const _: () = assert!(S2S_FRAME_BYTES_MAX as u64 >= 2 * BATCH_METERED_BYTES_MAX);
