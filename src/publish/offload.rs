//! Work that keeps a core busy: compressing, decompressing, checking. It would hold up the runtime's own threads, so it goes to
//! the blocking pool, a bounded number of pieces at once, since the cores belong to the shards first.

use std::sync::Arc;

use tokio::sync::Semaphore;

#[derive(Clone, Debug)]
pub struct Offload {
    permits: Arc<Semaphore>,
    inline: bool,
}

impl Offload {
    /// At most `at_once` pieces of work run at the same time; others wait in order.
    pub fn threads(at_once: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(at_once.max(1))), inline: false }
    }

    /// Runs everything where it is asked for: for the simulator, which has no threads.
    pub fn inline() -> Self {
        Self { permits: Arc::new(Semaphore::new(1)), inline: true }
    }

    /// # Panics
    /// As `work` does.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let _permit = self.permits.acquire().await.expect("never closed");
        if self.inline {
            return work();
        }
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is going away, and whoever waits here with it.
                Err(_) => std::future::pending().await,
            },
        }
    }
}
