//! Work that keeps a core busy: compressing, decompressing, checking. It would hold up the runtime's own threads, so it goes
//! elsewhere, a bounded number of pieces at once, since the cores belong to the shards first.

use std::any::Any;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};
use tokio::sync::{Semaphore, oneshot};

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

    /// `at_once` threads that step back where others want to run.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn background(at_once: usize, step_back: StepBack) -> io::Result<Self> {
        let (sender, jobs) = channel();
        let jobs = Arc::new(Mutex::new(jobs));
        for n in 0..at_once.max(1) {
            let jobs = Arc::clone(&jobs);
            let name = format!("{}-{n}", step_back.thread_name());
            std::thread::Builder::new().name(name).spawn(move || work_off(&jobs, step_back))?;
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

fn work_off(jobs: &Mutex<Receiver<Job>>, step_back: StepBack) {
    step_back.apply();
    loop {
        // Held while waiting: the next thread takes the next job.
        let job = jobs.lock().expect("no holder panics").recv();
        let Ok(job) = job else { return };
        job();
    }
}

/// How far work steps back for others. Compression costs seven times what all the rest of an append does (about 5 CPU-seconds per
/// GiB against 0.7), and mostly nobody waits for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StepBack {
    /// `SCHED_IDLE` (sched(7)): whoever wakes has the core at once, where a nicer thread of the ordinary class finishes its slice of
    /// some milliseconds first. That slice stood in every tail that was measured beside a backlog (docs/BENCHMARKS-RESULTS.md).
    /// But next to a neighbour that never sleeps it gets three thousandths of a core: not for what appends wait for.
    Wholly,
    /// A tenth of a core that others want as well. A thread that has left `SCHED_IDLE` would do, if it were allowed to.
    Somewhat,
}

const SOMEWHAT_NICENESS: i32 = 10;

impl StepBack {
    fn thread_name(self) -> &'static str {
        match self {
            Self::Wholly => "compress-idle",
            Self::Somewhat => "compress",
        }
    }

    /// For the calling thread alone. A niceness is refused where the process is nicer already, which serves as well.
    fn apply(self) {
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        let refused = || set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle).is_err();
        if self == Self::Somewhat || refused() {
            let _ = rustix::process::setpriority_process(None, SOMEWHAT_NICENESS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> ThreadSchedulePolicy {
        thread_priority::thread_schedule_policy().expect("a policy")
    }

    #[tokio::test]
    async fn background_work_steps_back_and_answers() {
        let offload = Offload::background(2, StepBack::Wholly).expect("threads");
        let before = policy();
        let (there, answer) = tokio::join!(offload.run(policy), offload.run(|| 6 * 7));
        assert_eq!((there, answer), (ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle), 42));
        assert_eq!(policy(), before, "only those threads");
    }

    #[tokio::test]
    async fn work_that_somebody_waits_for_keeps_a_share() {
        let niceness = || rustix::process::getpriority_process(None).expect("a niceness");
        let offload = Offload::background(1, StepBack::Somewhat).expect("threads");
        let (there, policy_there) = offload.run(move || (niceness(), policy())).await;
        assert_eq!((there, policy_there), (niceness().max(SOMEWHAT_NICENESS), policy()));
    }

    #[tokio::test]
    async fn a_panic_reaches_whoever_asked_and_the_thread_goes_on() {
        let offload = Offload::background(1, StepBack::Somewhat).expect("threads");
        let asked = tokio::spawn({
            let offload = offload.clone();
            async move { offload.run(|| panic!("as asked")).await }
        });
        assert!(asked.await.expect_err("it panicked").is_panic());
        assert_eq!(offload.run(|| 1).await, 1);
    }
}
