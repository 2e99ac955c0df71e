//! Memory for what clients are sending, over all of them (reliability.md F44, F48): a call's body until it is answered, and of an append
//! session the input that has begun. Bytes count once they are here: who claims a length and sends nothing holds nothing.

use std::sync::Arc;

use riverrun_gateway_wire::{HttpError, S2Code};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// A permit for each byte.
#[derive(Clone, Debug)]
pub struct BodyRoom(Arc<Semaphore>);

/// What one client holds of it. Dropped, it is free again.
#[derive(Debug)]
pub struct Share {
    room: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
}

impl BodyRoom {
    pub fn new(bytes_max: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes_max)))
    }

    /// Of nothing yet.
    pub fn share(&self) -> Share {
        Share { room: self.0.clone(), held: None }
    }
}

impl Share {
    /// Holds so many bytes from now on, more or fewer than before.
    ///
    /// # Errors
    /// `rate_limited` where there is no room: what was held is held on.
    pub fn hold(&mut self, bytes: usize) -> Result<(), HttpError> {
        let held_bytes = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        match bytes.checked_sub(held_bytes) {
            Some(more) => self.hold_more(more),
            None => {
                let fewer = self.held.as_mut().and_then(|held| held.split(held_bytes - bytes));
                drop(fewer);
                Ok(())
            }
        }
    }

    /// As [`Self::hold`], so many bytes more.
    ///
    /// # Errors
    /// As [`Self::hold`].
    pub fn hold_more(&mut self, bytes: usize) -> Result<(), HttpError> {
        let permits = u32::try_from(bytes).map_err(|_| full())?;
        let more = self.room.clone().try_acquire_many_owned(permits).map_err(|_: TryAcquireError| full())?;
        match &mut self.held {
            Some(held) => held.merge(more),
            None => self.held = Some(more),
        }
        Ok(())
    }
}

fn full() -> HttpError {
    HttpError::new(S2Code::RateLimited, "too much is being sent to this server at the same time: try again later")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p13_all_together_hold_no_more_than_there_is() {
        let room = BodyRoom::new(100);
        let (mut one, mut other) = (room.share(), room.share());
        assert!(one.hold_more(60).is_ok() && other.hold(40).is_ok());
        assert_eq!(other.hold(41).expect_err("full").code(), Some("rate_limited"));
        assert!(one.hold(10).is_ok() && other.hold(90).is_ok(), "what one gives back, another gets");
        assert!(one.hold_more(1).is_err());
        drop(other);
        assert!(one.hold(100).is_ok() && one.hold(0).is_ok());
        assert_eq!(room.0.available_permits(), 100);
    }
}
