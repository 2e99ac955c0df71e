//! S2S framing (`s2-semantics.md` H8): the bodies of sessions. Where HTTP divides a body means nothing; only frames count.
//!
//! ```text
//! 0 u24 length L, big-endian: what follows, 1 to 2 MiB
//! 3 u8 flags: 0x80 terminal | 0x60 compression: 0 none, 1 zstd, 2 gzip | 0x10 reconnect advised | 0x0f reserved
//! 4 [L - 1] payload: a protobuf message; of a terminal frame u16 status, big-endian, and the JSON error body
//! ```

pub use decode::{FrameDecoder, FrameError};
pub use encode::{FrameOptions, PayloadTooLarge, put_append_ack, put_frame, put_read_batch, put_terminal};
pub use frame::{Frame, Received};
pub use input::append_input;

mod decode;
mod encode;
mod frame;
mod input;

const TERMINAL: u8 = 0x80;
const COMPRESSION: u8 = 0x60;
const COMPRESSION_SHIFT: u8 = 5;
const RECONNECT_ADVISED: u8 = 0x10;

#[cfg(test)]
mod tests;
