//! What the calls take: plain structs with defaults, so that a call says only what it wants different.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use riverrun_protocol::config::{BasinConfig, PartialStreamConfig};
use riverrun_protocol::limits::CREDIT_BYTES_MAX;
use riverrun_protocol::request::{ReadParams, ReadStart};
use riverrun_protocol::types::RequestToken;

use crate::config::RetryPolicy;

/// What makes a creation safe to repeat (`s2-semantics.md` E4). With a request token, a creation whose outcome is
/// unknown is repeated by itself: had it been done, the repeat finds its own work and says [`ProvisionResult::Noop`].
///
/// [`ProvisionResult::Noop`]: riverrun_protocol::response::ProvisionResult::Noop
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Idempotency {
    /// A request token drawn for this call: the call repeats itself safely, another call is another creation.
    #[default]
    PerCall,
    /// The caller's own token: the same creation again, be it by another process, is done once.
    Token(RequestToken),
    /// None: a creation whose outcome is unknown is not repeated.
    None,
}

impl Idempotency {
    /// The token to send.
    pub(crate) fn into_token(self) -> Option<RequestToken> {
        match self {
            Self::PerCall => Some(drawn_token()),
            Self::Token(token) => Some(token),
            Self::None => None,
        }
    }
}

/// 128 random bits as 32 hex digits.
fn drawn_token() -> RequestToken {
    // As in `retry`: the standard library's random hash keys, new ones for each call.
    let half = || RandomState::new().hash_one(0_u8);
    RequestToken::new(&format!("{:016x}{:016x}", half(), half())).expect("32 bytes are within the limit")
}

/// A new basin: its configuration (`s2-semantics.md` E1), and how its creation is made safe to repeat.
///
/// ```
/// use riverrun_client::{BasinConfig, BasinOptions, PartialStreamConfig, Retention};
///
/// let a_day = PartialStreamConfig { retention: Some(Retention::Age(86_400)), ..PartialStreamConfig::default() };
/// let config = BasinConfig { create_stream_on_append: true, default_stream_config: a_day, ..BasinConfig::default() };
/// let options = BasinOptions::from(config);
/// # let _ = options;
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BasinOptions {
    pub config: BasinConfig,
    pub idempotency: Idempotency,
}

impl From<BasinConfig> for BasinOptions {
    fn from(config: BasinConfig) -> Self {
        Self { config, idempotency: Idempotency::default() }
    }
}

/// A new stream: what of its configuration is not to be inherited from the basin (`s2-semantics.md` E2), and how its
/// creation is made safe to repeat.
///
/// ```
/// use riverrun_client::{Idempotency, PartialStreamConfig, StreamOptions, TimestampingMode};
///
/// let arrival =
///     PartialStreamConfig { timestamping_mode: Some(TimestampingMode::Arrival), ..PartialStreamConfig::default() };
/// let once_a_day = Idempotency::Token("daily-2026-02-18".parse()?);
/// let options = StreamOptions { config: arrival, idempotency: once_a_day };
/// # let _ = options;
/// # Ok::<(), riverrun_client::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StreamOptions {
    pub config: PartialStreamConfig,
    pub idempotency: Idempotency,
}

impl From<PartialStreamConfig> for StreamOptions {
    fn from(config: PartialStreamConfig) -> Self {
        Self { config, idempotency: Idempotency::default() }
    }
}

/// Which page of a listing: names that begin with `prefix` and sort behind `start_after`, at most `limit` (0 = 1000).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ListOptions {
    pub prefix: String,
    pub start_after: String,
    pub limit: u32,
}

/// Where a read starts and where it ends (`s2-semantics.md` C1). The default reads from the first record, without bounds: as
/// a session that is history, then live, for ever.
///
/// ```
/// use std::time::Duration;
/// use riverrun_client::ReadOptions;
///
/// let last_ten = ReadOptions::from_tail(10).clamp(true);
/// let an_hour = ReadOptions::from_timestamp(1_700_000_000_000).until(1_700_003_600_000);
/// let next_five = ReadOptions::from_seq_num(42).count(5).wait(Duration::from_secs(30));
/// # let _ = (last_ten, an_hour, next_five);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReadOptions {
    pub(crate) params: ReadParams,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self::from_seq_num(0)
    }
}

impl ReadOptions {
    /// From this sequence number on, or the first surviving one after it.
    pub fn from_seq_num(seq_num: u64) -> Self {
        Self::starting(ReadStart::SeqNum(seq_num))
    }

    /// From the first record whose timestamp is not below this one.
    pub fn from_timestamp(timestamp: u64) -> Self {
        Self::starting(ReadStart::Timestamp(timestamp))
    }

    /// From this many numbers before the tail; 0 = only what comes from now on.
    pub fn from_tail(offset: u64) -> Self {
        Self::starting(ReadStart::TailOffset(offset))
    }

    fn starting(start: ReadStart) -> Self {
        Self { params: ReadParams { start, clamp: false, count: None, bytes: None, until: None, wait_secs: None } }
    }

    /// A start beyond the tail becomes the tail instead of an error.
    pub fn clamp(mut self, clamp: bool) -> Self {
        self.params.clamp = clamp;
        self
    }

    /// At most this many records in all.
    pub fn count(mut self, count: u64) -> Self {
        self.params.count = Some(count);
        self
    }

    /// At most this many metered bytes in all (`s2-semantics.md` A4). Strict: a first record above it is not returned.
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.params.bytes = Some(bytes);
        self
    }

    /// Only records below this timestamp.
    pub fn until(mut self, timestamp: u64) -> Self {
        self.params.until = Some(timestamp);
        self
    }

    /// How long to wait at the tail for more, in whole seconds (rounded up). In a session it is a gap between records, not a
    /// total; a single read waits 60 s at most.
    pub fn wait(mut self, wait: Duration) -> Self {
        let secs = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
        self.params.wait_secs = Some(u32::try_from(secs).unwrap_or(u32::MAX));
        self
    }

    /// As sent.
    pub fn params(&self) -> &ReadParams {
        &self.params
    }
}

/// How a read session behaves between client and server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadSessionConfig {
    /// How far the server may run ahead of the application, in bytes of frames; 1 byte to 64 MiB (`CREDIT_BYTES_MAX`). It is
    /// also about the memory the session can hold, plus one frame.
    pub window_bytes: u64,
    /// For reconnecting. The count starts anew with every frame received. `None`: as the client's.
    pub retry: Option<RetryPolicy>,
    /// Silence after which the session reconnects: the server speaks at least every 15 s (`s2-semantics.md` C8, I5).
    pub silence_max: Duration,
}

impl ReadSessionConfig {
    pub(crate) fn window(&self) -> u64 {
        self.window_bytes.clamp(1, CREDIT_BYTES_MAX)
    }
}

impl Default for ReadSessionConfig {
    fn default() -> Self {
        Self { window_bytes: 4 << 20, retry: None, silence_max: Duration::from_secs(20) }
    }
}

/// How far an append session may run ahead of its acks. A batch larger than `inflight_bytes_max` goes alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AppendSessionConfig {
    /// Metered bytes submitted and not yet acked (`s2-semantics.md` I4: S2's default is 5 MiB).
    pub inflight_bytes_max: u32,
    /// Batches submitted and not yet acked.
    pub inflight_batches_max: u32,
}

impl Default for AppendSessionConfig {
    fn default() -> Self {
        Self { inflight_bytes_max: 8 << 20, inflight_batches_max: 1024 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e4_each_call_draws_a_token_of_its_own() {
        let token = |idempotency: Idempotency| idempotency.into_token().map(|token| token.to_string());
        let drawn = token(Idempotency::PerCall).expect("drawn");
        assert_eq!(drawn.len(), 32);
        assert_ne!(token(Idempotency::PerCall), Some(drawn));
        let own = RequestToken::new("mine").expect("short");
        assert_eq!(token(Idempotency::Token(own)).as_deref(), Some("mine"));
        assert_eq!(token(Idempotency::None), None);
    }

    #[test]
    fn waits_are_rounded_up_to_whole_seconds() {
        let secs = |wait| ReadOptions::default().wait(wait).params.wait_secs;
        assert_eq!(secs(Duration::ZERO), Some(0));
        assert_eq!(secs(Duration::from_millis(1)), Some(1));
        assert_eq!(secs(Duration::from_secs(2)), Some(2));
        assert_eq!(secs(Duration::MAX), Some(u32::MAX));
    }

    #[test]
    fn windows_have_a_floor_and_a_ceiling() {
        let window = |window_bytes| ReadSessionConfig { window_bytes, ..ReadSessionConfig::default() }.window();
        assert_eq!(window(0), 1);
        assert_eq!(window(u64::MAX), CREDIT_BYTES_MAX);
    }
}
