//! Work that keeps a core busy: compressing, decompressing, checking. It would hold up the runtime's own threads, so it goes
//! elsewhere, a bounded number of pieces at once, since the cores belong to the shards first.

use std::any::Any;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use tokio::sync::{Semaphore, oneshot};

/// Compression costs seven times what all the rest of an append does (about 3 CPU-seconds per GiB against 0.45), and nobody waits
/// for it while the backlog has room. At this niceness it gets a tenth of a core that a shard wants as well; when the backlog
/// is full the shards wait, and it gets the whole.
const BACKGROUND_NICENESS: i32 = 10;

type Job = Box<dyn FnOnce() + Send>;

#[derive(Clone, Debug)]
pub struct Offload {
    permits: Arc<Semaphore>,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    BlockingPool,
    Background(Sender<Job>),
    Inline,
}

impl Offload {
    /// For what a client waits for. At most `at_once` pieces of work run at the same time; others wait in order.
    pub fn threads(at_once: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(at_once.max(1))), place: Place::BlockingPool }
    }

    /// For what nobody waits for: `at_once` threads that step back where others want to run.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn background(at_once: usize) -> io::Result<Self> {
        let (sender, jobs) = channel();
        let jobs = Arc::new(Mutex::new(jobs));
        for n in 0..at_once.max(1) {
            let jobs = Arc::clone(&jobs);
            std::thread::Builder::new().name(format!("compress-{n}")).spawn(move || work_off(&jobs))?;
        }
        Ok(Self { permits: Arc::new(Semaphore::new(at_once.max(1))), place: Place::Background(sender) })
    }

    /// Runs everything where it is asked for: for the simulator, which has no threads.
    pub fn inline() -> Self {
        Self { permits: Arc::new(Semaphore::new(1)), place: Place::Inline }
    }

    /// # Panics
    /// As `work` does.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let _permit = self.permits.acquire().await.expect("never closed");
        let outcome = match &self.place {
            Place::Inline => return work(),
            Place::BlockingPool => {
                tokio::task::spawn_blocking(work).await.map_err(tokio::task::JoinError::try_into_panic)
            }
            Place::Background(jobs) => in_background(jobs, work).await.map_err(Ok),
        };
        match outcome {
            Ok(done) => done,
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            // The runtime is going away, and whoever waits here with it.
            Err(Err(_)) => std::future::pending().await,
        }
    }
}

async fn in_background<T: Send + 'static>(
    jobs: &Sender<Job>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Box<dyn Any + Send>> {
    let (sender, outcome) = oneshot::channel();
    let job = Box::new(move || {
        // Whoever asked may have gone.
        let _ = sender.send(std::panic::catch_unwind(AssertUnwindSafe(work)));
    });
    jobs.send(job).expect("the threads end with the last sender");
    outcome.await.expect("every job answers")
}

fn work_off(jobs: &Mutex<Receiver<Job>>) {
    // On Linux this is about the calling thread alone. Refused where the whole process is nicer already, which serves as well.
    let _ = rustix::process::setpriority_process(None, BACKGROUND_NICENESS);
    loop {
        // Held while waiting: the next thread takes the next job.
        let job = jobs.lock().expect("no holder panics").recv();
        let Ok(job) = job else { return };
        job();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn niceness() -> i32 {
        rustix::process::getpriority_process(None).expect("a niceness")
    }

    #[tokio::test]
    async fn background_work_steps_back_and_answers() {
        let offload = Offload::background(2).expect("threads");
        let before = niceness();
        let (a, b) = tokio::join!(offload.run(niceness), offload.run(|| 6 * 7));
        assert_eq!((a, b), (before.max(BACKGROUND_NICENESS), 42));
        assert_eq!(niceness(), before, "only those threads");
    }

    #[tokio::test]
    async fn a_panic_reaches_whoever_asked_and_the_thread_goes_on() {
        let offload = Offload::background(1).expect("threads");
        let asked = tokio::spawn({
            let offload = offload.clone();
            async move { offload.run(|| panic!("as asked")).await }
        });
        assert!(asked.await.expect_err("it panicked").is_panic());
        assert_eq!(offload.run(|| 1).await, 1);
    }
}
