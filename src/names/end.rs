//! Calls that change something run in a task of their own, to their end, so that a caller who stops waiting does not stop them half
//! way. Otherwise: the write of entry A is under way, its caller gives up and lets go of the name, a second creation sees nothing
//! yet and writes entry B; in between A becomes durable, somebody finds it and appends to its id; then B takes the name, and those
//! records are lost. A stream that was closed would stay closed.

use std::sync::{Arc, Mutex};

use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::timeout;

use super::{CALL_DEADLINE, NameError};

/// Whoever waits for a call, told once. The call may go on behind the answer.
pub struct Caller<T> {
    answer: Arc<Mutex<Option<Sender<T>>>>,
}

type Sender<T> = oneshot::Sender<Result<T, NameError>>;

impl<T> Caller<T> {
    /// For what is done without being asked.
    pub fn nobody() -> Self {
        Self { answer: Arc::default() }
    }

    pub fn tell(&self, answer: Result<T, NameError>) {
        let sender = self.answer.lock().expect("no panic while held").take();
        if let Some(sender) = sender {
            // Nobody waits any more: nobody need be told.
            let _ = sender.send(answer);
        }
    }

    fn again(&self) -> Self {
        Self { answer: Arc::clone(&self.answer) }
    }
}

/// Runs a call; its caller is told what it returns, unless the call has told it something before. `place` is held until it ends,
/// which may be long after its caller gave up.
pub async fn to_the_end<T, Call>(
    place: OwnedSemaphorePermit,
    call: impl FnOnce(Caller<T>) -> Call,
) -> Result<T, NameError>
where
    T: Send + 'static,
    Call: Future<Output = Result<T, NameError>> + Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    let caller = Caller { answer: Arc::new(Mutex::new(Some(sender))) };
    let call = call(caller.again());
    let task = tokio::spawn(async move {
        caller.tell(call.await);
        drop(place);
    });
    match receiver.await {
        Ok(answer) => answer,
        // It ended without a word: it panicked, or the runtime is going down.
        Err(_) => match task.await.map_err(tokio::task::JoinError::try_into_panic) {
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            _ => std::future::pending().await,
        },
    }
}

/// The answer to a client: within a deadline, and in its words.
pub async fn answered<T>(call: impl Future<Output = Result<T, NameError>>) -> Result<T, ErrorFrame> {
    match timeout(CALL_DEADLINE, call).await {
        Ok(answer) => answer.map_err(ErrorFrame::from),
        Err(_) => {
            let message = format!("no answer in {CALL_DEADLINE:?}; what was asked may have been done");
            Err(ErrorFrame::new(ErrorCode::Unavailable, message))
        }
    }
}

impl<T> std::fmt::Debug for Caller<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caller").finish_non_exhaustive()
    }
}
