//! What of the HTTP side may grow, and how long it may take (reliability.md F46, F47, F60).

use std::time::Duration;

/// How many sockets are served at the same time, and how many calls and sessions are in progress: each of these holds a pair of sockets
/// into the broker. All together take half of the process's descriptors, which is left to them (reliability.md F28).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Places {
    /// Further ones are accepted and closed at once, so that a client hears of it.
    pub sockets_max: usize,
    /// Further ones are refused with `rate_limited`.
    pub inner_max: usize,
    /// Connections into the broker that wait for the next call.
    pub idle_max: usize,
}

/// However many descriptors there are.
const SOCKETS_MAX: usize = 16_384;
const INNER_MAX: usize = 8_192;
const IDLE_MAX: usize = 256;
/// What a session holds whose client takes nothing: one push of a whole batch in the client's form, and the buffers around it. Measured with
/// batches of 0.9 MiB, as server-sent events and as S2S: 1.0 MiB.
const SESSION_BYTES_MAX: u64 = 3 << 19;
/// The part of memory that all sessions may hold then.
const SESSIONS_MEMORY_SHARE: u64 = 4;

impl Places {
    pub fn new(descriptors: usize, memory_bytes: u64) -> Self {
        let sessions_max = memory_bytes / SESSIONS_MEMORY_SHARE / SESSION_BYTES_MAX;
        let sessions_max = usize::try_from(sessions_max).unwrap_or(usize::MAX);
        let inner_max = (descriptors / 8).min(sessions_max).clamp(2, INNER_MAX);
        Self {
            sockets_max: (descriptors / 8).clamp(2, SOCKETS_MAX),
            inner_max,
            idle_max: (inner_max / 4).min(IDLE_MAX),
        }
    }
}

/// From a socket's first moment to its first request: not reset by more bytes.
pub const FIRST_REQUEST_DEADLINE: Duration = Duration::from_secs(10);
/// From a socket's first moment to the end of its TLS handshake.
pub const TLS_DEADLINE: Duration = Duration::from_secs(10);
/// From a request's first byte to the end of its headers (HTTP/1.1), and how long a socket may be idle between two requests.
pub const HEADER_DEADLINE: Duration = Duration::from_secs(30);
/// How long the body of a single call may take to come.
pub const BODY_DEADLINE: Duration = Duration::from_secs(30);
/// How long the broker may take over a single call, the wait that a read asks for aside.
pub const CALL_DEADLINE: Duration = Duration::from_secs(30);
/// A request's line and headers, in bytes, and how many headers there may be.
pub const HEAD_BYTES_MAX: usize = 32 << 10;
pub const HEADERS_MAX: usize = 64;
/// The body of a call that is no append.
pub const CONTROL_BODY_BYTES_MAX: usize = 64 << 10;
/// Bodies that are on their way in or being answered, and inputs of append sessions that have begun, over all clients.
pub const BODIES_BYTES_MAX: usize = 256 << 20;
/// Streams of one HTTP/2 connection: official clients open up to 100 (`s2-semantics.md` H9).
pub const HTTP2_STREAMS_MAX: u32 = 250;
/// Windows of several MiB: 1 MiB batches are pipelined 5 MiB deep by default (`s2-semantics.md` H9).
pub const HTTP2_STREAM_WINDOW_BYTES: u32 = 4 << 20;
pub const HTTP2_CONNECTION_WINDOW_BYTES: u32 = 16 << 20;
/// What waits to be sent on one HTTP/2 stream.
pub const HTTP2_SEND_BYTES_MAX: usize = 1 << 20;
/// Streams that a peer opened and reset before they were looked at (rapid reset, reliability.md F60).
pub const HTTP2_RESETS_MAX: usize = 20;
/// A peer that vanished is noticed.
pub const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(15);
pub const HTTP2_PING_DEADLINE: Duration = Duration::from_secs(15);
/// Credit that a read session has: what is on its way from a shard to the HTTP side, in bytes.
pub const READ_CREDIT_BYTES: u64 = 512 << 10;
/// How long sessions may take to say goodbye when the broker stops.
pub const STOP_DEADLINE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f28_the_http_side_keeps_to_its_half() {
        for descriptors in [100, 256, 1024, 20_000, 1 << 20, usize::MAX] {
            let Places { sockets_max, inner_max, idle_max } = Places::new(descriptors, u64::MAX);
            let held = sockets_max + 2 * (inner_max + idle_max);
            assert!(held <= descriptors / 2 + 1, "{held} of {descriptors}");
        }
    }

    #[test]
    fn f44_clients_that_take_nothing_hold_a_quarter_of_memory_at_most() {
        for memory_bytes in [1 << 28, 1 << 30, 1 << 34, 1 << 40] {
            let held = Places::new(usize::MAX, memory_bytes).inner_max as u64 * SESSION_BYTES_MAX;
            assert!(held <= memory_bytes / 4, "{held} of {memory_bytes}");
        }
    }
}
