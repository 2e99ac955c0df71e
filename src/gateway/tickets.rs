//! Tickets: how a page's `EventSource`, which can send no header, follows one stream (`POST /v1/streams/{stream}/tickets`).
//!
//! Whoever has a token exchanges it for a ticket and gives that to the page, in an address. Addresses end up in histories and in the logs of
//! proxies, so a ticket is worth little: it opens event sessions of one stream, with the rights of the token, while somebody uses it and
//! a minute longer. They are kept in memory alone: behind a restart a page needs a new one.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use riverrun_gateway_wire::{HttpError, S2Code};
use riverrun_protocol::request::StreamRef;
use sha2::{Digest, Sha256};

use crate::entropy::random_id;

/// To its first use, and from the end of its last session to the next one: a page that lost its connection comes back within seconds.
pub const UNUSED_MAX: Duration = Duration::from_secs(60);
/// From its issue to the beginning of its last session, however much it is used.
const AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Tickets that are good for something at the same time: more than there may be sessions.
const TICKETS_MAX: usize = 16_384;

/// Under their hashes, so that no comparison takes longer for a better guess.
#[derive(Clone, Debug, Default)]
pub struct Tickets {
    kept: Arc<Mutex<HashMap<[u8; 32], Ticket>>>,
}

/// What a ticket stands for.
#[derive(Clone)]
struct Ticket {
    target: StreamRef,
    token: String,
    sessions: u32,
    unused_since: Instant,
    issued_at: Instant,
}

/// One session of a ticket. Dropped, the session is over.
#[derive(Debug)]
pub struct Admission {
    tickets: Tickets,
    hash: [u8; 32],
    ticket: Ticket,
}

impl fmt::Debug for Ticket {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("target", &self.target).field("sessions", &self.sessions).finish_non_exhaustive()
    }
}

impl Ticket {
    fn is_good(&self, now: Instant) -> bool {
        let is_wanted = self.sessions > 0 || now.duration_since(self.unused_since) <= UNUSED_MAX;
        is_wanted && now.duration_since(self.issued_at) <= AGE_MAX
    }
}

impl Admission {
    pub fn target(&self) -> &StreamRef {
        &self.ticket.target
    }

    /// Whose rights the session has.
    pub fn token(&self) -> &str {
        &self.ticket.token
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if let Some(ticket) = self.tickets.kept().get_mut(&self.hash) {
            ticket.sessions -= 1;
            ticket.unused_since = Instant::now();
        }
    }
}

impl Tickets {
    /// A new ticket, for whoever has shown that `token` may read `target`.
    ///
    /// # Errors
    /// `rate_limited` where there are too many, `other` where the system gives no random bytes.
    pub fn issue(&self, target: StreamRef, token: &str, now: Instant) -> Result<String, HttpError> {
        let text = random_text()?;
        let mut kept = self.kept();
        // Everything is looked at for each ticket: some thousands, and whoever asks has paid for a call to the broker.
        kept.retain(|_, ticket| ticket.sessions > 0 || ticket.is_good(now));
        if kept.len() >= TICKETS_MAX {
            return Err(HttpError::new(S2Code::RateLimited, "too many tickets are in use: try again later"));
        }
        let ticket = Ticket { target, token: token.to_owned(), sessions: 0, unused_since: now, issued_at: now };
        kept.insert(hash(&text), ticket);
        Ok(text)
    }

    /// Begins a session.
    ///
    /// # Errors
    /// `authn` for a ticket that is not good, or not any more.
    pub fn admit(&self, text: &str, now: Instant) -> Result<Admission, HttpError> {
        let (hash, mut kept) = (hash(text), self.kept());
        let good = kept.get_mut(&hash).filter(|ticket| ticket.is_good(now));
        let ticket = good.ok_or_else(|| HttpError::authn("the ticket is unknown or over: get a new one"))?;
        ticket.sessions += 1;
        Ok(Admission { tickets: self.clone(), hash, ticket: ticket.clone() })
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<[u8; 32], Ticket>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

fn random_text() -> Result<String, HttpError> {
    let id = random_id().map_err(|why| HttpError::new(S2Code::Other, why))?;
    Ok(format!("{:032x}", u128::from_be_bytes(id)))
}

#[cfg(test)]
mod tests {
    use riverrun_protocol::types::{BasinName, StreamName};

    use super::*;

    const MOMENT: Duration = Duration::from_secs(1);

    fn target() -> StreamRef {
        StreamRef {
            basin: BasinName::new("ticket-basin").expect("a name"),
            stream: StreamName::new("s").expect("a name"),
        }
    }

    #[test]
    fn it_is_good_for_a_minute_unless_it_is_used() {
        let (tickets, begin) = (Tickets::default(), Instant::now());
        let text = tickets.issue(target(), "secret", begin).expect("issued");
        assert!(tickets.admit(&text, begin + UNUSED_MAX + MOMENT).is_err());
        let admission = tickets.admit(&text, begin + UNUSED_MAX).expect("good");
        assert_eq!((admission.target(), admission.token()), (&target(), "secret"));
        drop(tickets.admit(&text, begin + 60 * UNUSED_MAX).expect("somebody uses it"));
        // Before the session's own end, which the clock tells.
        let end = Instant::now();
        drop(admission);
        assert!(tickets.admit(&text, end + UNUSED_MAX).is_ok(), "a page comes back");
        assert!(tickets.admit(&text, Instant::now() + UNUSED_MAX + MOMENT).is_err());
    }

    #[test]
    fn however_much_it_is_used_it_is_over_after_a_day() {
        let (tickets, begin) = (Tickets::default(), Instant::now());
        let text = tickets.issue(target(), "", begin).expect("issued");
        let _session = tickets.admit(&text, begin).expect("good");
        assert!(tickets.admit(&text, begin + AGE_MAX).is_ok());
        assert!(tickets.admit(&text, begin + AGE_MAX + MOMENT).is_err());
        let other = tickets.issue(target(), "", begin + AGE_MAX + MOMENT).expect("issued");
        assert_ne!(text, other);
        assert_eq!(tickets.kept().len(), 2, "a session in progress is counted");
    }

    #[test]
    fn p13_there_are_only_so_many_and_those_that_are_over_make_room() {
        let (tickets, begin) = (Tickets::default(), Instant::now());
        for n in 0..TICKETS_MAX {
            tickets.kept().insert(
                hash(&n.to_string()),
                Ticket { target: target(), token: String::new(), sessions: 0, unused_since: begin, issued_at: begin },
            );
        }
        let full = tickets.issue(target(), "", begin).expect_err("full");
        assert_eq!(full.code(), Some("rate_limited"));
        assert!(tickets.issue(target(), "", begin + UNUSED_MAX + MOMENT).is_ok());
        assert_eq!(tickets.kept().len(), 1);
    }

    #[test]
    fn nothing_secret_is_shown() {
        let tickets = Tickets::default();
        let text = tickets.issue(target(), "rrt_secret", Instant::now()).expect("issued");
        let admission = tickets.admit(&text, Instant::now()).expect("good");
        let shown = format!("{tickets:?} {admission:?}");
        assert!(!shown.contains("rrt_secret") && !shown.contains(&text), "{shown}");
    }
}
