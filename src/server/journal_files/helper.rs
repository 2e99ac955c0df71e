//! The thread that has journal files ready before they are needed. Zeroing one takes a quarter of a second of the disk's time and
//! blocks in the kernel, so no shard does it.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{JournalFiles, JournalFilesError, Pace};

/// A wish of a shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JournalOrder {
    /// One file, please. Answered by [`Ready`], in the order of asking; while there is no space, not at all.
    Prepare { shard: u16 },
    /// Nothing in the file is needed any more, and a durable block in another file says so.
    Release { file: u32 },
    /// No shard will ask again.
    End,
}

/// A file for a shard to fill from offset 0.
#[derive(Clone, Debug)]
pub struct Ready {
    pub shard: u16,
    pub file: u32,
    pub bytes: u64,
    pub handle: Arc<File>,
}

const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(10);

/// Runs until it is told to end or the senders of `orders` are gone; then the locks are given back, those of files that shards still hold when
/// they let go of them. Keeps `ahead` files free while there is room for them.
///
/// # Errors
/// The thread cannot be started.
pub fn start(
    files: JournalFiles,
    ahead: usize,
    orders: Receiver<JournalOrder>,
    ready: impl FnMut(Ready) + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let helper = Helper { files, ahead, wanted: VecDeque::new(), ready, trouble: None };
    std::thread::Builder::new().name("journal-files".to_owned()).spawn(move || helper.run(&orders))
}

struct Helper<R> {
    files: JournalFiles,
    ahead: usize,
    /// Shards that wait for a file. One order each at most, so it is as short as they are few.
    wanted: VecDeque<u16>,
    ready: R,
    /// Making a file failed: how often to try again, and when next.
    trouble: Option<Trouble>,
}

struct Trouble {
    pause: Duration,
    again_at: Instant,
}

impl<R: FnMut(Ready)> Helper<R> {
    fn run(mut self, orders: &Receiver<JournalOrder>) {
        loop {
            self.hand_out();
            let order = match self.next_attempt() {
                Some(wait) => orders.recv_timeout(wait),
                None => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match order {
                Ok(JournalOrder::Prepare { shard }) => self.on_wanted(shard),
                Ok(JournalOrder::Release { file }) => self.files.release(file),
                Err(RecvTimeoutError::Timeout) => self.make_one(),
                Ok(JournalOrder::End) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Whoever waits is worth an attempt now, and a word if it fails.
    fn on_wanted(&mut self, shard: u16) {
        self.wanted.push_back(shard);
        self.trouble = None;
    }

    fn hand_out(&mut self) {
        while !self.wanted.is_empty() {
            let Some((file, bytes, handle)) = self.files.take_free() else { return };
            let shard = self.wanted.pop_front().expect("just seen");
            (self.ready)(Ready { shard, file, bytes, handle });
        }
    }

    /// How long until a file should be made; `None` = none should.
    fn next_attempt(&self) -> Option<Duration> {
        if self.wanted.is_empty() && self.files.free_count() >= self.ahead {
            return None;
        }
        let pause = self.trouble.as_ref().map(|trouble| trouble.again_at.saturating_duration_since(Instant::now()));
        Some(pause.unwrap_or(Duration::ZERO))
    }

    fn make_one(&mut self) {
        let pace = if self.wanted.is_empty() { Pace::Quiet } else { Pace::Unlimited };
        match self.files.create(pace) {
            Ok(_) if self.trouble.take().is_some() => tracing::info!("journal files can be made again"),
            Ok(_) => {}
            Err(error) => self.on_failure(&error),
        }
    }

    /// Said once when it begins and once when it is over (F16). A shard without a file stops taking appends, by itself.
    fn on_failure(&mut self, error: &JournalFilesError) {
        let pause = self.trouble.as_ref().map_or(RETRY_MIN, |trouble| (trouble.pause * 2).min(RETRY_MAX));
        let limit_is_the_plan = matches!(error, JournalFilesError::Full { .. }) && self.wanted.is_empty();
        if self.trouble.is_none() && !limit_is_the_plan {
            let what_to_do = error.what_to_do();
            tracing::warn!(%error, what_to_do, waiting_shards = self.wanted.len(), "cannot make a journal file; trying again");
        }
        self.trouble = Some(Trouble { pause, again_at: Instant::now() + pause });
    }
}
