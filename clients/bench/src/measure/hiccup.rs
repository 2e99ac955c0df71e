//! How late a thread that has nothing to do is woken: stalls of the machine, to be told from those of the broker.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::latencies::Latencies;

/// Its waiting is not the generator's.
pub const THREAD_NAME: &str = "hiccup";
const INTERVAL: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub struct Hiccup {
    /// Dropped to end it.
    stop: mpsc::Sender<()>,
    /// `None`: the system has no thread for it, and stalls are not told apart.
    thread: Option<JoinHandle<Latencies>>,
}

impl Hiccup {
    pub fn start() -> Self {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new().name(THREAD_NAME.to_owned()).spawn(move || watch(&stopped));
        Self { stop, thread: thread.ok() }
    }

    pub fn finish(self) -> Latencies {
        drop(self.stop);
        self.thread.and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

fn watch(stopped: &mpsc::Receiver<()>) -> Latencies {
    let mut late = Latencies::default();
    loop {
        let asleep = Instant::now();
        if stopped.recv_timeout(INTERVAL) != Err(RecvTimeoutError::Timeout) {
            return late;
        }
        late.record_ns(asleep.elapsed().saturating_sub(INTERVAL).as_nanos() as u64);
    }
}
