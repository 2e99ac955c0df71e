//! A session of the broker, heard over HTTP: what comes next, and how it ends.

use riverrun_gateway_wire::{HttpError, S2Code};
use riverrun_protocol::error::{ErrorCode, ErrorFrame, Outcome};
use riverrun_protocol::request::Request;
use riverrun_protocol::response::{Push, Response};

use super::call::unexpected;
use super::inner::{Asking, Said};
use super::pool::Held;

/// What a session says, until it ends. Nothing is said behind an error.
#[derive(Debug)]
pub enum Next {
    Answer(Response),
    Push {
        push: Push,
        body_bytes: u64,
    },
    /// The clean end.
    Ended,
    Failed(ErrorFrame),
}

/// The half of a session that hears, with what keeps its place.
#[derive(Debug)]
pub struct Listening {
    held: super::pool::Hearing,
    id: u64,
}

/// Opens a session: the first answer says whether there is one.
///
/// # Errors
/// The broker's refusal: an answer like that of any call (`s2-semantics.md` B10).
pub async fn open(held: Held, request: &Request<'_>) -> Result<(Asking, Listening), HttpError> {
    let (mut asking, mut held) = held.split();
    let id = match asking.begin(request).await {
        Ok(id) => id,
        Err(_) => return Err(held.hearing.last_word().await.into()),
    };
    let mut listening = Listening { held, id };
    match listening.next().await {
        Next::Answer(Response::AppendSessionOpened(_) | Response::ReadSessionOpened(_)) => Ok((asking, listening)),
        Next::Answer(other) => Err(unexpected(&other)),
        Next::Failed(error) => Err(error.into()),
        Next::Push { .. } | Next::Ended => Err(gone()),
    }
}

impl Listening {
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The broker is about to stop.
    pub fn is_draining(&self) -> bool {
        self.held.hearing.is_draining()
    }

    pub async fn next(&mut self) -> Next {
        loop {
            match self.held.hearing.hear().await {
                Ok((id, _)) if id != self.id => {}
                Ok((_, Said::Answer(Response::SessionEnded))) => return Next::Ended,
                Ok((_, Said::Answer(response))) => return Next::Answer(response),
                Ok((_, Said::Push { push, body_bytes })) => return Next::Push { push, body_bytes },
                Ok((_, Said::Refused(error))) | Err(error) => return Next::Failed(error),
            }
        }
    }

    /// The last word of a session that failed while nothing of it was in doubt: the broker's outcome speaks of the whole connection, and
    /// "may have been done" would hide from the client why it ended. A server that drains ends sessions by its own will.
    pub fn end_of_quiet(&self, error: ErrorFrame) -> HttpError {
        match self.is_draining() && error.code == ErrorCode::Unavailable {
            true => HttpError::new(S2Code::ServerDraining, "the server is stopping: go on at another, or try again"),
            false => ErrorFrame { outcome: Outcome::NotDone, ..error }.into(),
        }
    }
}

fn gone() -> HttpError {
    ErrorFrame::new(ErrorCode::Unavailable, "the broker ended the session").into()
}
