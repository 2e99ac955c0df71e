//! What every call that changes tokens goes through. First it waits for its turn and looks: until its deadline, at
//! which it is given up and its caller told that nothing was done. Then it writes, in a task of its own, because a
//! write cannot be taken back: whoever stops waiting must not stop it half way. The task keeps the turn, so there is
//! only one at a time, and nobody decides about rows that are being written.

use std::sync::Arc;

use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, oneshot};
use tokio::time::{Instant, timeout_at};

use super::{TokenError, Tokens};

/// Held by the one call that may write.
#[derive(Debug)]
pub struct Turn {
    _writing: OwnedMutexGuard<()>,
    _place: OwnedSemaphorePermit,
}

/// How a write tells its caller what became of it. It may go on behind that.
pub type Caller = oneshot::Sender<Result<(), TokenError>>;

impl Tokens {
    /// Waits for a turn, then looks. Nothing is done yet, so that it can be given up anywhere.
    pub(super) async fn take_turn<T>(
        &self,
        deadline: Instant,
        look: impl Future<Output = Result<T, TokenError>>,
    ) -> Result<(Turn, T), TokenError> {
        let place = Arc::clone(&self.changes).try_acquire_owned().map_err(|_| TokenError::Busy)?;
        let in_turn = async {
            let writing = Arc::clone(&self.writing).lock_owned().await;
            Ok((Turn { _writing: writing, _place: place }, look.await?))
        };
        timeout_at(deadline, in_turn).await.unwrap_or(Err(TokenError::Slow))
    }
}

/// Runs a write in a task of its own. Returns what it tells its caller, or that nobody knows yet.
pub async fn begin<Write>(deadline: Instant, write: impl FnOnce(Caller) -> Write) -> Result<(), TokenError>
where
    Write: Future<Output = ()> + Send + 'static,
{
    let (caller, told) = oneshot::channel();
    tokio::spawn(write(caller));
    match timeout_at(deadline, told).await {
        Ok(Ok(outcome)) => outcome,
        // The deadline has passed, or the task broke.
        Err(_) | Ok(Err(_)) => Err(TokenError::Unknown),
    }
}
