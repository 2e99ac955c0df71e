//! A connection whose other end is a channel: how the broker itself asks one of its shards, one request at a time.

use std::time::Duration;

use riverrun_core::event::{ConnectionId, ShardRequest};
use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::response::Response;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use super::mail::{ForwardedRequest, Mail, Output};
use super::mailbox::Postbox;

/// How long a shard may take to answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);
/// Accepted connections count from 1.
const SERIAL: u64 = 0;

/// What shards say to internal connections; at most one answer for each request is on its way.
pub type Answers = UnboundedSender<(u64, Output)>;

#[derive(Debug)]
pub struct Internal {
    connection: ConnectionId,
    shard: Postbox,
    answers: UnboundedReceiver<(u64, Output)>,
    id: u64,
}

/// Where an internal connection's answers go, and where they come out.
pub fn answers() -> (Answers, UnboundedReceiver<(u64, Output)>) {
    unbounded_channel()
}

pub fn is_internal(connection: ConnectionId) -> bool {
    connection == ConnectionId::new(connection.home_shard(), SERIAL)
}

impl Internal {
    pub fn new(shard: u16, postbox: Postbox, answers: UnboundedReceiver<(u64, Output)>) -> Self {
        Self { connection: ConnectionId::new(shard, SERIAL), shard: postbox, answers, id: 0 }
    }

    /// # Errors
    /// The shard's; `Unavailable`, which may have been done, if it does not answer.
    pub async fn ask(&mut self, request: ShardRequest<'_>) -> Result<Response, ErrorFrame> {
        self.id += 1;
        let (connection, id, request) = (self.connection, self.id, ForwardedRequest::new(request));
        self.shard.post(Mail::Request { connection, id, request });
        match timeout(ANSWER_DEADLINE, self.answer(id)).await {
            Ok(answer) => answer,
            Err(_) => Err(ErrorFrame::new(ErrorCode::Unavailable, "the shard did not answer in time")),
        }
    }

    /// What comes for an earlier request came too late.
    async fn answer(&mut self, id: u64) -> Result<Response, ErrorFrame> {
        while let Some((of, output)) = self.answers.recv().await {
            match output {
                Output::Reply(response) if of == id => return Ok(response),
                Output::Fail(error) if of == id => return Err(error),
                _ => {}
            }
        }
        Err(ErrorFrame::new(ErrorCode::Unavailable, "the broker has ended"))
    }
}
