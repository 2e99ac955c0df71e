//! Tickets: Riverrun's own, for pages whose `EventSource` can send no header.

use bytes::Bytes;
use serde::Serialize;

#[derive(Serialize)]
struct TicketJson<'a> {
    ticket: &'a str,
    first_use_within_secs: u64,
}

/// The answer to POST `/streams/{stream}/tickets`: the only time that the ticket is shown.
pub fn ticket_issued(ticket: &str, first_use_within_secs: u64) -> Bytes {
    super::write(&TicketJson { ticket, first_use_within_secs })
}
