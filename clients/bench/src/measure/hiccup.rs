//! How late a thread that has nothing to do is woken: stalls of the machine, to be told from those of the broker.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::latencies::Latencies;

const INTERVAL: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub struct Hiccup {
    /// Dropped to end it.
    stop: mpsc::Sender<()>,
    thread: JoinHandle<Latencies>,
}

impl Hiccup {
    pub fn start() -> Self {
        let (stop, stopped) = mpsc::channel();
        Self { stop, thread: std::thread::spawn(move || watch(&stopped)) }
    }

    pub fn finish(self) -> Latencies {
        drop(self.stop);
        self.thread.join().unwrap_or_default()
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
