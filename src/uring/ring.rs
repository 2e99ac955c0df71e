//! Set-up, submission and completion.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use io_uring::types::{CancelBuilder, Fd, FsyncFlags, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};

use super::features::Features;
use super::operation::{Completion, Iovecs, Operation, OperationId, Socket};
use super::receive_pool::{ReceivePool, ReceivedBuffer};
use super::refusal::RingRefused;
use super::slots::{Entry, Slots};

/// Submissions that fit before the queue must be handed to the kernel.
const SUBMISSIONS: u32 = 1024;
/// A completion queue larger than the submission queue: a flood of arrivals must not overflow into the kernel's slow path.
const COMPLETIONS: u32 = 8 * SUBMISSIONS;
/// Kernel worker threads (bounded, unbounded work) that this ring may start; two cores cannot feed more.
const WORKERS_MAX: [u32; 2] = [4, 4];
/// Receive buffers of one ring. They are given back within the turn that took them, so they bound the bytes taken per turn.
const RECEIVE_BUFFERS: u16 = 64;
const RECEIVE_BUFFER_BYTES: usize = 64 << 10;

/// Counts since the ring was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RingCounters {
    pub enters: u64,
    pub submissions: u64,
    pub completions: u64,
    pub overflows: u64,
}

/// One thread's io_uring. Neither `Send` nor used from any other thread than the one that built it.
///
/// Fields are dropped in order: the kernel's ring first, so that it has let go of everything when the buffers go.
pub struct Ring {
    ring: IoUring,
    receive_pool: ReceivePool,
    slots: Slots,
    arrived: Vec<cqueue::Entry>,
    next: usize,
    counters: RingCounters,
    features: Features,
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring")
            .field("counters", &self.counters)
            .field("features", &self.features)
            .finish_non_exhaustive()
    }
}

impl Ring {
    /// Builds the ring for the calling thread, using what is offered of `wanted` beyond the baseline.
    ///
    /// # Errors
    /// The kernel or a security filter forbids io_uring, or the kernel is older than 6.1.
    pub fn new(wanted: Features) -> Result<Self, RingRefused> {
        let (ring, mut features) = set_up(wanted).map_err(RingRefused::new)?;
        features.registered_ring_fd = wanted.registered_ring_fd && ring.submitter().register_ring_fd().is_ok();
        ring.submitter().register_iowq_max_workers(&mut WORKERS_MAX.clone()).map_err(RingRefused::new)?;
        let receive_pool =
            ReceivePool::register(&ring, RECEIVE_BUFFERS, RECEIVE_BUFFER_BYTES).map_err(RingRefused::new)?;
        Ok(Self {
            ring,
            receive_pool,
            slots: Slots::default(),
            arrived: Vec::new(),
            next: 0,
            counters: RingCounters::default(),
            features,
        })
    }

    pub fn counters(&self) -> RingCounters {
        self.counters
    }

    pub fn features(&self) -> Features {
        self.features
    }

    /// Accepts connections until told otherwise (multishot).
    pub fn accept(&mut self, tag: u64, listener: &Socket) {
        let sqe = opcode::AcceptMulti::new(Fd(listener.as_raw_fd())).flags(libc::SOCK_CLOEXEC).build();
        self.push(tag, Operation::Accept { _listener: listener.clone() }, sqe);
    }

    /// Receives up to `bytes_max` bytes into a buffer of the pool, picked when they arrive.
    pub fn receive(&mut self, tag: u64, socket: &Socket, bytes_max: usize) {
        let len = bytes_max.min(self.receive_pool.buffer_bytes()) as u32;
        let sqe = opcode::Recv::new(Fd(socket.as_raw_fd()), std::ptr::null_mut(), len)
            .buf_group(self.receive_pool.group())
            .build()
            .flags(squeue::Flags::BUFFER_SELECT);
        self.push(tag, Operation::Receive { _socket: socket.clone() }, sqe);
    }

    /// Receives exactly `bytes` more bytes (fewer only at the stream's end or after a signal) behind what `buffer` holds.
    ///
    /// # Panics
    /// If the buffer's spare capacity is smaller.
    pub fn fill(&mut self, tag: u64, socket: &Socket, mut buffer: BytesMut, bytes: usize) {
        let spare = buffer.spare_capacity_mut();
        assert!(spare.len() >= bytes, "the buffer was allocated for the whole frame");
        let sqe = opcode::Recv::new(Fd(socket.as_raw_fd()), spare.as_mut_ptr().cast(), bytes as u32)
            .flags(libc::MSG_WAITALL)
            .build();
        self.push(tag, Operation::Fill { _socket: socket.clone(), buffer }, sqe);
    }

    /// Sends the parts one behind the other; may take fewer bytes than given.
    pub fn send(&mut self, tag: u64, socket: &Socket, parts: Vec<Bytes>) -> OperationId {
        let iovecs = Iovecs::new(&parts);
        // SAFETY: an all-zero `msghdr` is valid: null pointers with zero lengths.
        let mut header: Box<libc::msghdr> = Box::new(unsafe { std::mem::zeroed() });
        header.msg_iov = iovecs.as_ptr().cast_mut();
        header.msg_iovlen = iovecs.len() as _;
        let flags = (libc::MSG_NOSIGNAL | libc::MSG_WAITALL) as u32;
        let sqe = opcode::SendMsg::new(Fd(socket.as_raw_fd()), &raw const *header).flags(flags).build();
        self.push(tag, Operation::Send { _socket: socket.clone(), parts, _iovecs: iovecs, _header: header }, sqe)
    }

    /// Completes when a good part of the socket's send buffer is free (tcp(7): a third), at once where it is.
    pub fn await_writable(&mut self, tag: u64, socket: &Socket) {
        let sqe = opcode::PollAdd::new(Fd(socket.as_raw_fd()), libc::POLLOUT as u32).build();
        self.push(tag, Operation::Poll { _socket: socket.clone() }, sqe);
    }

    /// Asks the kernel to give the operation up, if it is still in flight. It completes all the same: with what was done of it
    /// (a send that was cut short says how much was taken), or with `ECANCELED` if that is nothing.
    pub fn cancel(&mut self, operation: OperationId) {
        self.cancel_matching(CancelBuilder::user_data(operation.0));
    }

    /// Writes the buffers at `offset`. With `dsync` the completion means durable (`RWF_DSYNC`).
    ///
    /// Done by one of the kernel's workers from the start (`IOSQE_ASYNC`). What is submitted is tried at once otherwise, on this thread,
    /// and that attempt is not without waiting: where a file's time of change is a clock tick old it is updated first, and ext4 waits
    /// for that until its own journal's commit is over (`do_get_write_access` below `file_update_time`, kernel 6.18, whatever
    /// `IOCB_NOWAIT` says). Any fsync on the file system is such a commit; on a disk that hung in one, a core answered nobody, not
    /// even a ping (reliability.md F7).
    pub fn write(&mut self, tag: u64, file: &Arc<File>, offset: u64, buffers: Vec<Bytes>, dsync: bool) {
        let iovecs = Iovecs::new(&buffers);
        let sqe = opcode::Writev::new(Fd(file.as_raw_fd()), iovecs.as_ptr(), iovecs.len() as u32)
            .offset(offset)
            .rw_flags(if dsync { libc::RWF_DSYNC } else { 0 })
            .build()
            .flags(squeue::Flags::ASYNC);
        self.push(tag, Operation::Write { _file: file.clone(), _buffers: buffers, _iovecs: iovecs }, sqe);
    }

    /// fdatasync through the very descriptor that wrote (reliability.md F8).
    pub fn sync(&mut self, tag: u64, file: &Arc<File>) {
        let sqe = opcode::Fsync::new(Fd(file.as_raw_fd())).flags(FsyncFlags::DATASYNC).build();
        self.push(tag, Operation::Sync { _file: file.clone() }, sqe);
    }

    /// Completes when another thread writes to the eventfd.
    pub fn wake_on(&mut self, tag: u64, event: &Arc<OwnedFd>) {
        let mut value = Box::new(0u64);
        let sqe = opcode::Read::new(Fd(event.as_raw_fd()), (&raw mut *value).cast(), 8).build();
        self.push(tag, Operation::Wake { _event: event.clone(), _value: value }, sqe);
    }

    /// Gives a received buffer back to the kernel.
    pub fn give_back(&mut self, buffer: ReceivedBuffer) {
        self.receive_pool.give_back(buffer);
    }

    /// Submits everything queued and waits until something completes, at most for `timeout` (`None` = for ever). The one
    /// system call of a turn.
    ///
    /// # Errors
    /// The ring itself is broken; nothing can go on.
    pub fn turn(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let want = usize::from(timeout != Some(Duration::ZERO));
        self.counters.enters += 1;
        let entered = match timeout.filter(|t| !t.is_zero()) {
            Some(timeout) => {
                let timespec = Timespec::from(timeout);
                self.ring.submitter().submit_with_args(want, &SubmitArgs::new().timespec(&timespec))
            }
            None => self.ring.submit_and_wait(want),
        };
        if let Err(error) = entered {
            match error.raw_os_error() {
                // ETIME: nothing completed in time. EINTR: a signal. EBUSY, EAGAIN: completions must be taken first.
                Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN) => {}
                _ => return Err(error),
            }
        }
        self.collect();
        Ok(())
    }

    /// The next completion of this turn.
    pub fn pop(&mut self) -> Option<Completion> {
        while let Some(cqe) = self.arrived.get(self.next).cloned() {
            self.next += 1;
            if let Some(completion) = self.complete(&cqe) {
                return Some(completion);
            }
        }
        None
    }

    fn collect(&mut self) {
        if self.next == self.arrived.len() {
            self.arrived.clear();
            self.next = 0;
        }
        let queue = self.ring.completion();
        self.counters.overflows = u64::from(queue.overflow());
        let before = self.arrived.len();
        self.arrived.extend(queue);
        self.counters.completions += (self.arrived.len() - before) as u64;
    }

    fn push(&mut self, tag: u64, operation: Operation, sqe: squeue::Entry) -> OperationId {
        let user_data = self.slots.insert(Entry { tag, operation });
        self.push_entry(&sqe.user_data(user_data));
        OperationId(user_data)
    }

    fn push_entry(&mut self, sqe: &squeue::Entry) {
        self.counters.submissions += 1;
        loop {
            // SAFETY: everything the entry points to is owned by the operation in the slot that its `user_data` names, and
            // stays there, unmoved on the heap, until the completion takes it out.
            if unsafe { self.ring.submission().push(sqe) }.is_ok() {
                return;
            }
            // The queue is full: hand it over without waiting. EBUSY means that completions must be taken first.
            self.counters.enters += 1;
            if self.ring.submit().is_err() {
                self.collect();
            }
        }
    }

    fn complete(&mut self, cqe: &cqueue::Entry) -> Option<Completion> {
        let outcome = match cqe.result() {
            n if n < 0 => Err(io::Error::from_raw_os_error(-n)),
            n => Ok(n as usize),
        };
        if cqueue::more(cqe.flags()) {
            return self.complete_multishot(cqe.user_data(), outcome);
        }
        let Entry { tag, operation } = self.slots.remove(cqe.user_data())?;
        Some(match operation {
            Operation::Accept { .. } => Completion::Accepted { tag, outcome: outcome.map(accepted), more: false },
            Operation::Receive { .. } => {
                let buffer = cqueue::buffer_select(cqe.flags());
                Completion::Received { tag, outcome: outcome.map(|len| self.received(buffer, len)) }
            }
            Operation::Fill { mut buffer, .. } => {
                if let Ok(len) = outcome {
                    // SAFETY: the kernel wrote `len` bytes behind what the buffer held, within its capacity: `fill` asserted
                    // that the spare capacity is at least what was asked for.
                    unsafe { buffer.set_len(buffer.len() + len) };
                }
                Completion::Filled { tag, buffer, outcome }
            }
            Operation::Send { parts, .. } => Completion::Sent { tag, parts, outcome },
            Operation::Poll { .. } => Completion::Writable { tag },
            Operation::Write { .. } => Completion::Written { tag, outcome },
            Operation::Sync { .. } => Completion::Synced { tag, outcome: outcome.map(drop) },
            Operation::Wake { .. } => Completion::Woken { tag },
            Operation::Cancel => return None,
        })
    }

    fn complete_multishot(&mut self, user_data: u64, outcome: io::Result<usize>) -> Option<Completion> {
        let entry = self.slots.get_mut(user_data)?;
        match entry.operation {
            Operation::Accept { .. } => {
                Some(Completion::Accepted { tag: entry.tag, outcome: outcome.map(accepted), more: true })
            }
            _ => None,
        }
    }

    fn received(&mut self, buffer: Option<u16>, len: usize) -> Option<ReceivedBuffer> {
        let received = self.receive_pool.take(buffer?, len)?;
        if len == 0 {
            self.receive_pool.give_back(received);
            return None;
        }
        Some(received)
    }

    fn cancel_matching(&mut self, which: CancelBuilder) {
        self.push(0, Operation::Cancel, opcode::AsyncCancel2::new(which).build());
    }
}

impl Drop for Ring {
    /// Takes every buffer back from the kernel, or leaks it: memory that the kernel may still write to is never freed.
    fn drop(&mut self) {
        self.cancel_matching(CancelBuilder::any().all());
        for _ in 0..100 {
            if self.slots.is_empty() || self.turn(Some(Duration::from_millis(50))).is_err() {
                break;
            }
            while self.pop().is_some() {}
        }
        if !self.slots.is_empty() {
            self.slots.leak();
        }
    }
}

/// The descriptor that an accept's completion carries.
fn accepted(fd: usize) -> OwnedFd {
    // SAFETY: the kernel has just opened this descriptor for us and told nobody else.
    unsafe { OwnedFd::from_raw_fd(fd as i32) }
}

fn set_up(wanted: Features) -> io::Result<(IoUring, Features)> {
    let build = |no_sqarray: bool| {
        let mut builder = IoUring::builder();
        builder.dontfork();
        builder.setup_single_issuer().setup_defer_taskrun().setup_taskrun_flag().setup_submit_all();
        builder.setup_cqsize(COMPLETIONS);
        if no_sqarray {
            builder.setup_no_sqarray();
        }
        builder.build(SUBMISSIONS)
    };
    match build(wanted.no_sqarray) {
        Err(error) if wanted.no_sqarray && error.raw_os_error() == Some(libc::EINVAL) => {
            Ok((build(false)?, Features { no_sqarray: false, ..wanted }))
        }
        ring => Ok((ring?, wanted)),
    }
}
