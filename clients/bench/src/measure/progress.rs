//! Where a run is, on stderr: a bar on a terminal, a line every few seconds otherwise.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;

const LINE_INTERVAL: Duration = Duration::from_secs(5);
const BAR_INTERVAL: Duration = Duration::from_millis(250);
const MIB: f64 = (1 << 20) as f64;

/// What all tasks have moved so far.
#[derive(Debug, Default)]
pub struct Moved {
    pub appended_bytes: AtomicU64,
    pub read_bytes: AtomicU64,
}

/// Shown until dropped.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    task: JoinHandle<()>,
}

impl Progress {
    pub fn show(duration: Duration, moved: Arc<Moved>) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:40} {elapsed} {msg}").expect("a sound template");
            ProgressBar::new(duration.as_millis() as u64).with_style(style)
        });
        let task = tokio::spawn(tick(bar.clone(), moved));
        Self { bar, task }
    }
}

async fn tick(bar: Option<ProgressBar>, moved: Arc<Moved>) {
    let begun = Instant::now();
    let mut interval = tokio::time::interval(if bar.is_some() { BAR_INTERVAL } else { LINE_INTERVAL });
    interval.tick().await;
    let mut last = (0.0, 0, 0);
    loop {
        interval.tick().await;
        let now = begun.elapsed().as_secs_f64();
        let (appended, read) = (moved.appended_bytes.load(Ordering::Relaxed), moved.read_bytes.load(Ordering::Relaxed));
        let rate = |now_bytes: u64, then: u64| (now_bytes - then) as f64 / MIB / (now - last.0);
        let message = format!("{:.0} MiB/s appended, {:.0} read", rate(appended, last.1), rate(read, last.2));
        last = (now, appended, read);
        match &bar {
            Some(bar) => {
                bar.set_position((now * 1000.0) as u64);
                bar.set_message(message);
            }
            None => eprintln!("{now:.0} s: {message}"),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
