//! The first reason why a broker cannot go on, for whoever waits for it.

use tokio::sync::watch;

#[derive(Clone, Debug)]
pub struct Failure {
    reason: watch::Sender<Option<String>>,
}

impl Failure {
    pub fn new() -> Self {
        Self { reason: watch::Sender::new(None) }
    }

    /// Only the first one counts: the others follow from it.
    pub fn report(&self, reason: String) {
        self.reason.send_if_modified(|first| {
            let is_first = first.is_none();
            if is_first {
                tracing::error!(reason, "the broker cannot go on");
                *first = Some(reason);
            }
            is_first
        });
    }

    pub fn get(&self) -> Option<String> {
        self.reason.borrow().clone()
    }

    pub async fn happened(&self) -> String {
        let mut reason = self.reason.subscribe();
        // The sender lives in `self`: the wait ends only by a reason.
        let reason = reason.wait_for(Option::is_some).await.map(|r| r.clone());
        reason.ok().flatten().unwrap_or_default()
    }
}
