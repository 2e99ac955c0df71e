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
use tokio::sync::oneshot;

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
    /// Somebody looks at metrics, and may have gone when the answer comes.
    MeasureReaderLag(oneshot::Sender<u64>),
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

    /// Copies a large frame, once more than on the home shard, into memory that `take` has for so many bytes. It lies in a slab of
    /// the home shard, which cannot tell how long the records that stay for readers elsewhere will keep that.
    pub fn take_over(&mut self, take: impl FnOnce(usize) -> BytesMut) {
        if let ShardRequest::Append { batch: BatchBytes::Received { frame, .. }, .. }
        | ShardRequest::SessionAppend { batch: BatchBytes::Received { frame, .. }, .. } = &mut self.request
            && self.small_batch.is_none()
        {
            let mut copy = take(frame.len());
            copy.extend_from_slice(frame);
            *frame = copy;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn append(batch: BatchBytes<'_>) -> ForwardedRequest {
        ForwardedRequest::new(ShardRequest::SessionAppend { conditions: Default::default(), batch })
    }

    fn batch_of(request: ForwardedRequest) -> Vec<u8> {
        let mut got = Vec::new();
        request.with(|request| match request {
            ShardRequest::SessionAppend { batch, .. } => got.extend_from_slice(batch.batch()),
            other => panic!("{other:?}"),
        });
        got
    }

    #[test]
    fn a_large_frame_that_is_taken_over_keeps_nothing_of_the_shard_that_received_it() {
        let mut slab = BytesMut::with_capacity(1 << 20);
        slab.extend_from_slice(b"a frame with a batch");
        let frame = slab.split();
        let mut request = append(BatchBytes::Received { batch: 15..20, frame });
        assert!(!slab.try_reclaim(1 << 20), "it is held");
        request.take_over(BytesMut::with_capacity);
        assert!(slab.try_reclaim(1 << 20));
        assert_eq!(request.append_bytes(), 20);
        assert_eq!(batch_of(request), b"batch");
    }

    #[test]
    fn a_small_batch_was_copied_already() {
        let mut request = append(BatchBytes::Borrowed(b"batch"));
        request.take_over(|_| panic!("nothing to take over"));
        assert_eq!(batch_of(request), b"batch");
    }
}
