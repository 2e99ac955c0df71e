//! Pages that follow one stream with a ticket.

use std::time::Instant;

use riverrun_gateway_wire::headers::{ReadMode, read_mode};
use riverrun_gateway_wire::query::ReadQuery;
use riverrun_gateway_wire::{HttpError, S2Code, json};
use riverrun_protocol::request::{OpenReadSession, ReadParams, ReadStart, Request, StreamRef};
use riverrun_protocol::types::StreamName;

use super::answer::{self, Answer};
use super::call::Call;
use super::session;
use super::tickets::{Admission, UNUSED_MAX};

impl Call<'_> {
    /// A ticket for whoever may follow the stream: whether that is so is asked by beginning to, because `EventSource` hides from a page why
    /// it was refused.
    pub async fn issue_ticket(&self, stream: StreamName) -> Answer {
        let target = self.target(stream)?;
        let held = self.enter_at(&target).await?;
        let params = ReadParams::new(ReadStart::TailOffset(0));
        let open = OpenReadSession { target: target.clone(), params, credit_bytes: 0, takes_pages: false };
        session::open(held, &Request::OpenReadSession(open)).await?;
        let ticket = self.app.tickets.issue(target, self.token()?, Instant::now())?;
        Ok(answer::created(json::ticket_issued(&ticket, UNUSED_MAX.as_secs()), &self.parts.headers))
    }

    /// # Errors
    /// `permission_denied` for anything but event sessions of the ticket's stream, `authn`.
    pub(super) async fn visit(&self, ticket: &str, stream: StreamName, query: &ReadQuery) -> Answer {
        let admission = self.app.tickets.admit(ticket, Instant::now())?;
        if read_mode(&self.parts.headers) != ReadMode::Sse || !self.is_about(&admission, &stream) {
            let message = "a ticket is for server-sent events of the stream that it was issued for";
            return Err(HttpError::new(S2Code::PermissionDenied, message));
        }
        let target = admission.target().clone();
        self.events(target, query, Some(admission)).await
    }

    /// A page cannot name the basin; where its address does, it is the ticket's.
    fn is_about(&self, admission: &Admission, stream: &StreamName) -> bool {
        let StreamRef { basin, stream: of } = admission.target();
        let other = self.basin().is_ok_and(|named| named != *basin);
        of == stream && !other
    }
}
