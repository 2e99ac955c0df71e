//! How a client behaves: times, retries, who it says it is.

use std::fmt;
use std::time::Duration;

/// Settings of a [`Client`](crate::Client). `Default` suits a server in the same location. `Duration::MAX` is no limit.
///
/// ```
/// use std::time::Duration;
/// use riverrun_client::{ClientConfig, RetryPolicy};
///
/// let config = ClientConfig {
///     request_timeout: Duration::from_secs(30),
///     retry: RetryPolicy { attempts: 5, ..RetryPolicy::default() },
///     ..ClientConfig::default()
/// };
/// # let _ = config;
/// ```
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// For the TCP connection and the hello together.
    pub connect_timeout: Duration,
    /// For one answer to a call, and for the next ack of an append session, not counting the time in which the server says that
    /// it reads nothing because the token's rate is used up. A read that waits has its wait on top.
    pub request_timeout: Duration,
    /// For calls that are safe to repeat, and for connecting. Never used to repeat what may have been done.
    pub retry: RetryPolicy,
    /// The access token, where the server wants one. Once the server does not accept it any more, calls and sessions
    /// fail with the code `Authn` and are not retried; a client with another token has to be made.
    pub token: Option<Token>,
    /// Free text for the server's log, at most `AGENT_BYTES_MAX` (64) bytes; more is cut off.
    pub agent: String,
    /// After this long without a byte from the server, a ping asks whether it is there.
    pub keep_alive_interval: Duration,
    /// After this long without a byte although something is pending (the ping counts), the connection is given up. S2's
    /// clients give up after 20 s (`s2-semantics.md` I5); this is looked at once a second.
    pub silence_max: Duration,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            request_timeout: Duration::from_secs(10),
            retry: RetryPolicy::default(),
            token: None,
            agent: concat!("riverrun-client/", env!("CARGO_PKG_VERSION")).to_owned(),
            keep_alive_interval: Duration::from_secs(5),
            silence_max: Duration::from_secs(15),
        }
    }
}

/// How often and how fast to try again (`s2-semantics.md` I3, reliability.md D22).
///
/// The wait before attempt n+1 is uniform between 0 and `backoff_base` x 2^(n-1), capped at `backoff_max` (full jitter: many
/// clients that lost the same server do not come back in step), on top of what the server asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RetryPolicy {
    /// Attempts in all; 1 never retries, 0 counts as 1.
    pub attempts: u32,
    pub backoff_base: Duration,
    pub backoff_max: Duration,
}

impl RetryPolicy {
    /// One attempt only.
    pub const NEVER: Self = Self { attempts: 1, backoff_base: Duration::ZERO, backoff_max: Duration::ZERO };

    /// Tries until it works: for followers that are to outlive any restart of the server.
    pub fn forever() -> Self {
        Self { attempts: u32::MAX, ..Self::default() }
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 3, backoff_base: Duration::from_millis(100), backoff_max: Duration::from_secs(1) }
    }
}

/// An access token. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself, to be written where only its owner can read it.
    ///
    /// ```
    /// use riverrun_client::Token;
    ///
    /// let token = Token::new("s3cret");
    /// assert_eq!(format!("{token:?} {}", token.secret()), "Token(..) s3cret");
    /// ```
    pub fn secret(&self) -> &str {
        &self.0
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl From<&str> for Token {
    fn from(secret: &str) -> Self {
        Self::new(secret)
    }
}

impl From<String> for Token {
    fn from(secret: String) -> Self {
        Self::new(secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_shown() {
        let config = ClientConfig { token: Some("s3cret".into()), ..ClientConfig::default() };
        assert!(!format!("{config:?}").contains("s3cret"));
    }
}
