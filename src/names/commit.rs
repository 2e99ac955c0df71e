//! Writes whose outcome is known before anybody else may decide about the same name.

use std::time::Duration;

use super::end::Caller;
use super::{NameError, Names};
use crate::catalog::{CatalogError, Change};

/// How long to wait before what failed is repeated, at first and at most.
const REPEAT_AFTER_MIN: Duration = Duration::from_millis(5);
const REPEAT_AFTER_MAX: Duration = Duration::from_secs(5);

impl Names {
    /// Durable when this returns. A write without an answer is repeated until it has one, or the process is over: meanwhile the
    /// holder of the name's lock keeps it, because nobody can tell what the row is. The caller is told at once that it does not
    /// know, and not kept.
    ///
    /// # Errors
    /// It was not written, and will not be; or this process is over.
    pub(super) async fn commit<T>(&self, changes: Vec<Change>, caller: &Caller<T>) -> Result<(), NameError> {
        let mut pause = Pause::default();
        loop {
            match self.catalog.write(changes.clone()).await {
                Err(error @ CatalogError::Unavailable(_)) => {
                    tracing::warn!(%error, "a write about a name is repeated until its outcome is known");
                    caller.tell(Err(error.into()));
                }
                written => return Ok(written?),
            }
            pause.take().await;
        }
    }

    /// For what nobody waits for: repeats what fails until it works or the process is over.
    pub(super) async fn until_done<Attempt>(&self, attempt: impl Fn() -> Attempt) -> Result<(), NameError>
    where
        Attempt: Future<Output = Result<(), NameError>>,
    {
        let mut pause = Pause::default();
        loop {
            match attempt().await {
                Err(error) if !error.is_fatal() => {
                    tracing::warn!(%error, "a step of a deletion failed and is repeated: mend the cause");
                }
                done => return done,
            }
            pause.take().await;
        }
    }
}

/// Longer each time.
struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(REPEAT_AFTER_MIN)
    }
}

impl Pause {
    async fn take(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(REPEAT_AFTER_MAX);
    }
}
