//! Operations with everything they own, and what comes out of them.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::receive_pool::ReceivedBuffer;

/// A socket that stays open while any operation on it is in flight, so that its number cannot be given to another.
pub type Socket = Rc<OwnedFd>;

#[derive(Debug)]
pub(super) enum Operation {
    Accept { _listener: Socket },
    Receive { _socket: Socket },
    Fill { _socket: Socket, buffer: BytesMut },
    Send { _socket: Socket, parts: Vec<Bytes>, _iovecs: Iovecs, _header: Box<libc::msghdr> },
    Poll { _socket: Socket },
    Write { _file: Arc<File>, _buffers: Vec<Bytes>, _iovecs: Iovecs },
    Sync { _file: Arc<File> },
    Wake { _event: Arc<OwnedFd>, _value: Box<u64> },
    Cancel,
}

/// Names an operation that was in flight when it was given out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OperationId(pub(super) u64);

/// Raw pointers into buffers that the same operation owns.
#[derive(Debug)]
pub(super) struct Iovecs(Box<[libc::iovec]>);

impl Iovecs {
    pub fn new(parts: &[Bytes]) -> Self {
        Self(parts.iter().map(|p| libc::iovec { iov_base: p.as_ptr() as *mut _, iov_len: p.len() }).collect())
    }

    pub fn as_ptr(&self) -> *const libc::iovec {
        self.0.as_ptr()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// What became of an operation. `tag` is the caller's own, as given with the operation.
#[derive(Debug)]
pub enum Completion {
    /// A connection came in. `more` false: the kernel has stopped accepting and wants a new order.
    Accepted {
        tag: u64,
        outcome: io::Result<OwnedFd>,
        more: bool,
    },
    /// Bytes arrived in a buffer of the pool; `None` = the peer will send nothing more.
    Received {
        tag: u64,
        outcome: io::Result<Option<ReceivedBuffer>>,
    },
    /// The buffer has grown by this many received bytes (0 = the peer will send nothing more).
    Filled {
        tag: u64,
        buffer: BytesMut,
        outcome: io::Result<usize>,
    },
    /// The first `outcome` bytes of `parts` were taken by the socket.
    Sent {
        tag: u64,
        parts: Vec<Bytes>,
        outcome: io::Result<usize>,
    },
    /// The socket has room again, or failed: the next send tells.
    Writable {
        tag: u64,
    },
    Written {
        tag: u64,
        outcome: io::Result<usize>,
    },
    Synced {
        tag: u64,
        outcome: io::Result<()>,
    },
    Woken {
        tag: u64,
    },
}
