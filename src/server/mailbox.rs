//! How threads talk: a queue per shard, and an eventfd that is written only when the owner sleeps (a wake costs about 17 us and
//! 27 us of CPU on both sides together, performance.md 0.7).
//!
//! The queue itself has no bound, because everything put into it is bounded where it arises: requests by
//! `CONNECTION_REQUESTS_MAX` per connection and by what one turn receives, output by each session's credit and output budget,
//! answers by the orders they answer.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::mail::Mail;

#[derive(Debug)]
struct Bell {
    event: Arc<OwnedFd>,
    sleeping: AtomicBool,
    waiting: AtomicUsize,
}

/// The writing end; any thread may hold one.
#[derive(Clone, Debug)]
pub struct Postbox {
    queue: Sender<Mail>,
    bell: Arc<Bell>,
}

/// The reading end; the shard's thread holds it.
#[derive(Debug)]
pub struct Mailbox {
    queue: Receiver<Mail>,
    bell: Arc<Bell>,
}

/// # Errors
/// No more descriptors.
pub fn mailbox() -> io::Result<(Postbox, Mailbox)> {
    let flags = rustix::event::EventfdFlags::CLOEXEC;
    let event = Arc::new(rustix::event::eventfd(0, flags)?);
    let bell = Arc::new(Bell { event, sleeping: AtomicBool::new(false), waiting: AtomicUsize::new(0) });
    let (sender, receiver) = channel();
    Ok((Postbox { queue: sender, bell: bell.clone() }, Mailbox { queue: receiver, bell }))
}

impl Postbox {
    /// Never blocks. Mail to a shard that has ended is dropped.
    pub fn post(&self, mail: Mail) {
        self.bell.waiting.fetch_add(1, Ordering::SeqCst);
        if self.queue.send(mail).is_ok() && self.bell.sleeping.swap(false, Ordering::SeqCst) {
            // Fails only if the counter is about to overflow, and then the owner is awake anyway.
            let _ = rustix::io::write(&*self.bell.event, &1u64.to_ne_bytes());
        }
    }
}

impl Mailbox {
    /// Becomes readable when mail arrives while the owner sleeps.
    pub fn event(&self) -> &Arc<OwnedFd> {
        &self.bell.event
    }

    pub fn take(&self) -> Option<Mail> {
        let mail = self.queue.try_recv().ok()?;
        self.bell.waiting.fetch_sub(1, Ordering::SeqCst);
        Some(mail)
    }

    /// Says that the owner is going to sleep, and whether it may: with mail waiting it must not.
    pub fn may_sleep(&self) -> bool {
        self.bell.sleeping.store(true, Ordering::SeqCst);
        let empty = self.bell.waiting.load(Ordering::SeqCst) == 0;
        if !empty {
            self.bell.sleeping.store(false, Ordering::SeqCst);
        }
        empty
    }

    pub fn awake(&self) {
        self.bell.sleeping.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use riverrun_core::event::ConnectionId;

    use super::*;
    use crate::server::mail::Flow;

    fn mail() -> Mail {
        Mail::Flow { from: 0, connection: ConnectionId(1), flow: Flow::Close }
    }

    /// Whether the owner, which waits for it, would be woken; it is awake then.
    fn rings(mailbox: &Mailbox) -> bool {
        let mut value = [0; 8];
        let event = rustix::event::PollFd::new(&**mailbox.event(), rustix::event::PollFlags::IN);
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        let has_rung = rustix::event::poll(&mut [event], Some(&now)).expect("polled") == 1;
        has_rung && rustix::io::read(&**mailbox.event(), &mut value).is_ok()
    }

    #[test]
    fn with_mail_waiting_the_owner_does_not_sleep() {
        let (postbox, mailbox) = mailbox().expect("descriptors");
        for waiting in 1..4 {
            (0..waiting).for_each(|_| postbox.post(mail()));
            for _ in 0..waiting {
                assert!(!mailbox.may_sleep(), "{waiting} were posted");
                assert!(mailbox.take().is_some());
            }
            assert!(mailbox.may_sleep());
            mailbox.awake();
        }
        assert!(!rings(&mailbox), "it was awake");
    }

    #[test]
    fn mail_for_a_sleeping_owner_rings_once() {
        let (postbox, mailbox) = mailbox().expect("descriptors");
        for _ in 0..3 {
            assert!(mailbox.may_sleep());
            (0..3).for_each(|_| postbox.post(mail()));
            assert!(rings(&mailbox), "it sleeps");
            assert!(!rings(&mailbox), "once is enough");
            while mailbox.take().is_some() {}
        }
    }
}
