//! What threads tell each other.

use std::fs::File;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytes::BytesMut;
use riverrun_core::access::PublicId;
use riverrun_core::event::{BatchBytes, ConnectionId, Event, ShardRequest};
use riverrun_protocol::access::Operation;
use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::response::{Push, Response};

use super::send_marks::Timed;
use crate::access::Admitted;

/// A message to a shard's thread.
#[derive(Debug)]
pub enum Mail {
    /// A request for a stream of this shard, received by another.
    Request {
        connection: ConnectionId,
        id: u64,
        request: ForwardedRequest,
    },
    /// What another shard (`None`: the tokio side) has to say on a connection that lives here.
    Output {
        from: Option<u16>,
        connection: ConnectionId,
        id: u64,
        output: Output,
        timed: Option<Timed>,
    },
    /// Flow of a connection that lives here.
    Flow {
        from: u16,
        connection: ConnectionId,
        flow: Flow,
    },
    /// Something happened, on the tokio side or to a connection that lives elsewhere.
    Happened(Event<'static>),
    JournalFile {
        id: u32,
        bytes: u64,
        file: Arc<File>,
    },
    /// Who a connection that lives here is: the answer to its hello.
    Authenticated {
        connection: ConnectionId,
        id: u64,
        outcome: Result<Admitted, ErrorFrame>,
    },
    /// A connection that lives here brought records that it may not append.
    Denied {
        connection: ConnectionId,
        operation: Operation,
        target: StreamRef,
    },
    /// An access token is dead.
    TokenGone(PublicId),
    /// A connection comes to live here.
    Moved(Box<MovedConnection>),
    /// Say goodbye to connections and end the thread.
    Stop,
}

#[derive(Debug)]
pub enum Output {
    Reply(Response),
    Push(Push),
    Fail(ErrorFrame),
}

#[derive(Clone, Copy, Debug)]
pub enum Flow {
    StopReceiving,
    ResumeReceiving,
    /// A forwarded append of this size is in the hands of its shard.
    Handled {
        bytes: usize,
    },
    Close,
}

/// A connection on its way to another shard, with what was received and not yet handled.
#[derive(Debug)]
pub struct MovedConnection {
    pub socket: OwnedFd,
    pub peer: String,
    pub received: BytesMut,
    pub told_of_drain: bool,
    pub admitted: Admitted,
}

/// A request without borrowed bytes.
#[derive(Debug)]
pub struct ForwardedRequest {
    request: ShardRequest<'static>,
    /// The bytes of a small batch, in whose place `request` holds none.
    small_batch: Option<Vec<u8>>,
}

impl ForwardedRequest {
    /// Copies small batches, once more than on the home shard; clients avoid it by a connection per shard.
    pub fn new(request: ShardRequest<'_>) -> Self {
        let mut small_batch = None;
        let mut own = |batch: BatchBytes<'_>| match batch {
            BatchBytes::Received { frame, batch } => BatchBytes::Received { frame, batch },
            BatchBytes::Borrowed(bytes) => {
                small_batch = Some(bytes.to_vec());
                BatchBytes::Received { frame: BytesMut::new(), batch: Range::default() }
            }
        };
        let request = match request {
            ShardRequest::Append { target, conditions, rights, batch } => {
                ShardRequest::Append { target, conditions, rights, batch: own(batch) }
            }
            ShardRequest::SessionAppend { conditions, batch } => {
                ShardRequest::SessionAppend { conditions, batch: own(batch) }
            }
            ShardRequest::BadSessionAppend(error) => ShardRequest::BadSessionAppend(error),
            ShardRequest::OpenAppendSession { target, rights } => ShardRequest::OpenAppendSession { target, rights },
            ShardRequest::CloseAppendSession => ShardRequest::CloseAppendSession,
            ShardRequest::CheckTail(target) => ShardRequest::CheckTail(target),
            ShardRequest::Read(read) => ShardRequest::Read(read),
            ShardRequest::OpenReadSession(open) => ShardRequest::OpenReadSession(open),
            ShardRequest::GrantCredit(grant) => ShardRequest::GrantCredit(grant),
            ShardRequest::CloseReadSession => ShardRequest::CloseReadSession,
        };
        Self { request, small_batch }
    }

    /// Bytes of the append it carries, if any.
    pub fn append_bytes(&self) -> usize {
        match &self.request {
            ShardRequest::Append { batch: BatchBytes::Received { frame, .. }, .. }
            | ShardRequest::SessionAppend { batch: BatchBytes::Received { frame, .. }, .. } => {
                self.small_batch.as_ref().map_or(frame.len(), Vec::len)
            }
            _ => 0,
        }
    }

    /// Hands the request to `handle` as it was.
    pub fn with(self, handle: impl FnOnce(ShardRequest<'_>)) {
        let Some(bytes) = self.small_batch else { return handle(self.request) };
        match self.request {
            ShardRequest::Append { target, conditions, rights, .. } => {
                handle(ShardRequest::Append { target, conditions, rights, batch: BatchBytes::Borrowed(&bytes) });
            }
            ShardRequest::SessionAppend { conditions, .. } => {
                handle(ShardRequest::SessionAppend { conditions, batch: BatchBytes::Borrowed(&bytes) });
            }
            other => handle(other),
        }
    }
}
