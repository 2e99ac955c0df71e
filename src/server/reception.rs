//! How visitors from inside this process come in: as connections of the binary protocol, over a pair of sockets. They are let in, limited,
//! heard of in the audit stream, held up and cut off like any other, by the same code.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use bytes::BytesMut;
use riverrun_core::control::{placement, shard_of};
use riverrun_protocol::error::{ErrorCode, ErrorFrame, Outcome};
use riverrun_protocol::request::StreamRef;

use super::clock::Clock;
use super::mail::{Mail, MovedConnection};
use super::mailbox::Postbox;
use super::side::denied_hello;
use crate::access::audit::AuditSender;
use crate::access::{Admitted, Door, Rated, Tokens};

/// Lets visitors in.
#[derive(Clone, Debug)]
pub(crate) struct Reception {
    pub(super) door: Door,
    pub(super) tokens: Arc<Tokens>,
    pub(super) shards: Vec<Postbox>,
    pub(super) clock: Clock,
    pub(super) audit: AuditSender,
}

impl Reception {
    /// Whether this visitor comes in without its token being looked up.
    pub fn is_open_to(&self, token: &[u8]) -> bool {
        self.door.lets_in(token).is_some()
    }

    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// The shard that owns a stream: a connection that begins there need not move.
    pub fn owner(&self, target: &StreamRef) -> u16 {
        shard_of(placement(&target.basin, &target.stream), self.shards.len() as u16)
    }

    /// The other end of a connection that has said hello with this token, on this shard. `address` is the visitor's, for the audit stream.
    ///
    /// # Errors
    /// `Authn`; `Overloaded` where the process has no descriptors left; what the look-up of the token says.
    pub async fn admit(&self, token: &[u8], address: &str, shard: u16) -> Result<UnixStream, ErrorFrame> {
        let (inside, outside) = UnixStream::pair().map_err(|error| no_descriptors(&error))?;
        let mut inside = Some(OwnedFd::from(inside));
        let mut outcome = Ok(());
        let mut tell = |admitted: Result<Admitted, ErrorFrame>| match (admitted, inside.take()) {
            (Ok(admitted), Some(socket)) => self.hand_over(socket, address, admitted, shard),
            (Err(error), _) => outcome = Err(error),
            (Ok(_), None) => {}
        };
        match self.door.lets_in(token) {
            Some(principal) => tell(Ok(Admitted { principal, rated: Rated::default() })),
            None => self.tokens.authenticate(token, self.clock.now().monotonic, tell).await,
        }
        if let Err(error) = outcome {
            self.audit.note(self.clock.now(), denied_hello(address.to_owned()));
            return Err(ErrorFrame { outcome: Outcome::NotDone, ..error });
        }
        Ok(outside)
    }

    fn hand_over(&self, socket: OwnedFd, address: &str, admitted: Admitted, shard: u16) {
        let moved = MovedConnection {
            socket,
            peer: address.to_owned(),
            received: BytesMut::new(),
            told_of_drain: false,
            admitted,
        };
        self.shards[usize::from(shard)].post(Mail::Moved(Box::new(moved)));
    }
}

fn no_descriptors(error: &io::Error) -> ErrorFrame {
    let message = format!("the broker is out of descriptors ({error}): try again later, or allow it more (ulimit -n)");
    ErrorFrame { outcome: Outcome::NotDone, ..ErrorFrame::new(ErrorCode::Overloaded, message) }
}
