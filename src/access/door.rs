//! Who comes in without being asked for a token.

use std::net::SocketAddr;

use riverrun_core::access::{Principal, TokenSecret};

/// Whether tokens are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Auth {
    /// On a loopback address only of those who show one; on any other address of everybody
    #[default]
    Auto,
    /// Of everybody
    Required,
    /// Of nobody: whoever can connect may do anything
    Off,
}

/// [`Auth`] at the address that is listened on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Door {
    /// Everybody comes in, and tokens are not looked at.
    Open { local: bool },
    /// Every process of this machine comes in; who shows a token is held to it.
    Local,
    /// Only with a token.
    Guarded,
}

impl Door {
    pub fn new(auth: Auth, listen: SocketAddr) -> Self {
        let local = listen.ip().is_loopback();
        match auth {
            Auth::Off => Self::Open { local },
            Auth::Auto if local => Self::Local,
            Auth::Auto | Auth::Required => Self::Guarded,
        }
    }

    pub fn is_guarded(self) -> bool {
        self == Self::Guarded
    }

    /// Who it is, if that can be told without looking the token up.
    pub fn lets_in(self, token: &[u8]) -> Option<Principal> {
        match self {
            Self::Open { local } => Some(Principal::Everyone { local }),
            // Whoever shows what was once a token means to be held to it: neither a revoked one nor one that lost a
            // character must open everything.
            Self::Local if !TokenSecret::looks_like(token) => Some(Principal::Everyone { local: true }),
            Self::Local | Self::Guarded => None,
        }
    }

    /// For the banner.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Open { local: true } => "open to every process on this machine: tokens are off (--auth off)",
            Self::Open { local: false } => "OPEN TO THE NETWORK: tokens are off (--auth off)",
            Self::Local => {
                "open to every process on this machine: bound to loopback; tokens that are shown are enforced"
            }
            Self::Guarded => "with an access token only",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(auth: Auth, listen: &str) -> Door {
        Door::new(auth, listen.parse().unwrap())
    }

    #[test]
    fn only_a_loopback_address_or_an_explicit_word_opens_the_door() {
        for listen in ["0.0.0.0:1", "192.168.1.1:1", "[::]:1", "[2001:db8::1]:1"] {
            assert_eq!(door(Auth::Auto, listen), Door::Guarded, "{listen}");
            assert_eq!(door(Auth::Required, listen), Door::Guarded, "{listen}");
            assert_eq!(door(Auth::Off, listen), Door::Open { local: false }, "{listen}");
        }
        for listen in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1"] {
            assert_eq!(door(Auth::Auto, listen), Door::Local, "{listen}");
            assert_eq!(door(Auth::Required, listen), Door::Guarded, "{listen}");
            assert_eq!(door(Auth::Off, listen), Door::Open { local: true }, "{listen}");
        }
    }

    #[test]
    fn what_looks_like_a_token_is_always_looked_up_where_tokens_count() {
        let token = TokenSecret::new([1; 16], [2; 32]).reveal();
        let everyone = Some(Principal::Everyone { local: true });
        assert_eq!(Door::Local.lets_in(b""), everyone);
        assert_eq!(Door::Local.lets_in(b"s2-token"), everyone);
        assert_eq!(Door::Local.lets_in(token.as_bytes()), None);
        assert_eq!(Door::Local.lets_in(&token.as_bytes()[..token.len() - 1]), None);
        assert_eq!(Door::Local.lets_in(b"rrt_"), None);
        assert_eq!(Door::Guarded.lets_in(b""), None);
        assert_eq!(Door::Guarded.lets_in(b"s2-token"), None);
        assert_eq!(Door::Open { local: true }.lets_in(token.as_bytes()), everyone);
    }
}
