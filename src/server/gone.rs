//! Access tokens that were taken away a short while ago, for connections that were on their way to this shard
//! meanwhile.
//!
//! A shard that hears that a token is dead cuts the token's connections, and from then on moves none of them. A
//! connection that moves is in one mail, and mails to a shard arrive in the order in which they were posted. So a
//! connection that was posted to this shard
//!
//! - before the news of its token's death is adopted, and then cut by the news like any other;
//! - behind the news came from a shard that had not heard yet, for the news are posted to all shards: it is found here,
//!   and cut when it is adopted, before anything of it is carried out.
//!
//! A token that was taken away never comes back, so nothing is cut that should not be.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use riverrun_core::access::PublicId;

/// How long a token is remembered. A connection can come behind the news only until its shard has heard them too, and
/// this one has looked into its mailbox after that. All shards are told at once; each looks at all of its mail in every
/// turn, and no turn waits for anything but the next mail or completion: that is milliseconds, for a shard under full
/// load too. One that has stood still for a minute has lost its clients. It is only a bound on memory, by the
/// revocations of a minute, each of which is a write into the catalog; without another revocation nothing is forgotten.
pub const REMEMBERED: Duration = Duration::from_secs(60);

/// Moments are time since the process began.
#[derive(Debug, Default)]
pub struct GoneTokens {
    told_at: HashMap<PublicId, Duration>,
    oldest_first: VecDeque<(Duration, PublicId)>,
}

impl GoneTokens {
    pub fn insert(&mut self, public_id: PublicId, now: Duration) {
        self.forget_old(now);
        self.told_at.insert(public_id, now);
        self.oldest_first.push_back((now, public_id));
    }

    pub fn has(&self, public_id: PublicId) -> bool {
        self.told_at.contains_key(&public_id)
    }

    fn forget_old(&mut self, now: Duration) {
        let is_old = |told: &(Duration, PublicId)| now.saturating_sub(told.0) > REMEMBERED;
        while let Some((at, public_id)) = self.oldest_first.front().copied().filter(is_old) {
            self.oldest_first.pop_front();
            // It may have been told again since.
            if self.told_at.get(&public_id) == Some(&at) {
                self.told_at.remove(&public_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> PublicId {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&number.to_le_bytes());
        PublicId(bytes)
    }

    const STEP: Duration = Duration::from_millis(10);

    #[test]
    fn what_was_told_is_remembered_and_nothing_else() {
        let mut gone = GoneTokens::default();
        assert!(!gone.has(id(1)));
        gone.insert(id(1), STEP);
        assert!(gone.has(id(1)) && !gone.has(id(2)));
    }

    #[test]
    fn it_is_remembered_for_its_time_and_forgotten_with_the_next() {
        let mut gone = GoneTokens::default();
        gone.insert(id(1), STEP);
        gone.insert(id(2), STEP + REMEMBERED);
        assert!(gone.has(id(1)), "its time is not over");
        gone.insert(id(3), STEP * 2 + REMEMBERED);
        assert!(!gone.has(id(1)) && gone.has(id(2)) && gone.has(id(3)));
    }

    #[test]
    fn what_is_told_again_is_remembered_from_then_on() {
        let mut gone = GoneTokens::default();
        gone.insert(id(1), STEP);
        gone.insert(id(1), REMEMBERED);
        gone.insert(id(2), STEP * 2 + REMEMBERED);
        assert!(gone.has(id(1)));
        gone.insert(id(2), STEP + REMEMBERED * 2);
        assert!(!gone.has(id(1)));
    }

    #[test]
    fn there_are_no_more_than_the_tokens_of_its_time() {
        let mut gone = GoneTokens::default();
        let steps = (REMEMBERED.as_millis() / STEP.as_millis()) as u32;
        for number in 0..10 * steps {
            gone.insert(id(number), STEP * number);
            assert!(gone.told_at.len() <= steps as usize + 1);
            assert_eq!(gone.told_at.len(), gone.oldest_first.len());
        }
    }
}
