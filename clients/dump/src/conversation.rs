//! Which answer belongs to which request, so that answers tell their latency and a caller knows when all have come.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::SystemTime;

use riverrun_protocol::FrameKind;
use riverrun_protocol::frame::FrameClass;

/// Requests waiting for answers, over all connections. Later ones are not paired; nothing else is lost by that.
const WAITING_MAX: usize = 1 << 16;

/// One connection and one id: a request's, or a session's with all that is in flight within it.
pub type Key = (u64, u64);

#[derive(Clone, Copy, PartialEq, Debug)]
struct Waiting {
    request: FrameKind,
    since: SystemTime,
}

/// An answer and what it answers.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Answered {
    pub request: FrameKind,
    pub since: SystemTime,
}

/// All requests seen and not yet answered.
#[derive(Debug, Default)]
pub struct Conversation {
    waiting: HashMap<Key, VecDeque<Waiting>>,
    count: usize,
    /// Sessions that were opened and have neither ended nor been closed.
    open: HashSet<Key>,
    /// Sessions that an error ended. Until the client closes them, nothing that it says in them is answered.
    failed: HashSet<Key>,
    /// Connections of which not every frame was seen.
    given_up: HashSet<u64>,
}

impl Conversation {
    /// Requests that no answer has come for.
    pub fn waiting(&self) -> usize {
        self.count
    }

    /// Notes a frame; for an answer, tells what it answers.
    pub fn on_frame(&mut self, connection: u64, kind: FrameKind, id: u64, when: SystemTime) -> Option<Answered> {
        if self.given_up.contains(&connection) {
            return None;
        }
        let key = (connection, id);
        match kind.class() {
            FrameClass::Request => {
                self.on_request(key, kind, when);
                None
            }
            FrameClass::Response => {
                if kind == FrameKind::SessionEnded {
                    self.open.remove(&key);
                }
                self.on_answer(key, |waiting| answer_to(waiting.request) == Some(kind))
            }
            FrameClass::Error => self.on_error(key),
            FrameClass::Push => None,
        }
    }

    /// Some of a connection's frames were not seen. Only their order tells which input an ack is for, so that every pair
    /// from here on could be a wrong one: nothing of this connection is paired any more.
    pub fn give_up(&mut self, connection: u64) {
        self.forget(connection);
        self.given_up.insert(connection);
    }

    /// A connection is gone, and with it everything that waited on it.
    pub fn on_closed(&mut self, connection: u64) {
        self.forget(connection);
        self.given_up.remove(&connection);
    }

    fn forget(&mut self, connection: u64) {
        self.waiting.retain(|key, _| key.0 != connection);
        self.count = self.waiting.values().map(VecDeque::len).sum();
        self.open.retain(|key| key.0 != connection);
        self.failed.retain(|key| key.0 != connection);
    }

    fn on_request(&mut self, key: Key, request: FrameKind, since: SystemTime) {
        if !self.is_answered(key, request) || self.count >= WAITING_MAX {
            return;
        }
        self.count += 1;
        self.waiting.entry(key).or_default().push_back(Waiting { request, since });
    }

    /// Whether anything will come for `request`; notes what it does to its session.
    fn is_answered(&mut self, key: Key, request: FrameKind) -> bool {
        match request {
            FrameKind::OpenAppendSession | FrameKind::OpenReadSession => {
                self.failed.remove(&key);
                if self.open.len() < WAITING_MAX {
                    self.open.insert(key);
                }
                true
            }
            FrameKind::SessionAppend => !self.failed.contains(&key),
            FrameKind::CloseAppendSession | FrameKind::CloseReadSession => {
                self.failed.remove(&key);
                self.open.remove(&key)
            }
            _ => answer_to(request).is_some(),
        }
    }

    fn on_answer(&mut self, key: Key, answers: impl Fn(&Waiting) -> bool) -> Option<Answered> {
        let queue = self.waiting.get_mut(&key)?;
        let found = queue.remove(queue.iter().position(answers)?)?;
        self.count -= 1;
        if queue.is_empty() {
            self.waiting.remove(&key);
        }
        Some(Answered { request: found.request, since: found.since })
    }

    /// An error ends its session or request: it is the answer to the oldest, and to the rest none will come. Id 0 is the
    /// connection's (and the hello's).
    fn on_error(&mut self, key: Key) -> Option<Answered> {
        let first = self.on_answer(key, |_| true);
        if self.open.remove(&key) && self.failed.len() < WAITING_MAX {
            self.failed.insert(key);
        }
        if key.1 == 0 {
            self.forget(key.0);
        } else if let Some(rest) = self.waiting.remove(&key) {
            self.count -= rest.len();
        }
        first
    }
}

/// The kind that answers `request` when all goes well.
fn answer_to(request: FrameKind) -> Option<FrameKind> {
    use FrameKind as K;
    match request {
        K::Hello => Some(K::HelloAccepted),
        K::Ping => Some(K::Pong),
        K::Status => Some(K::StatusReport),
        K::GetStages => Some(K::StageHistograms),
        K::ListLocations => Some(K::LocationList),
        K::GetDefaultLocation | K::SetDefaultLocation => Some(K::Location),
        K::CreateBasin => Some(K::BasinProvisioned),
        K::ListBasins => Some(K::BasinList),
        K::CreateStream => Some(K::StreamProvisioned),
        K::ListStreams => Some(K::StreamList),
        K::EnsureBasin => Some(K::BasinProvisioned),
        K::EnsureStream => Some(K::StreamProvisioned),
        K::GetBasinConfig | K::ReconfigureBasin => Some(K::BasinConfig),
        K::GetStreamConfig | K::ReconfigureStream => Some(K::StreamConfig),
        K::DeleteBasin | K::DeleteStream | K::RevokeAccessToken | K::RotateRootToken => Some(K::Done),
        K::IssueAccessToken => Some(K::AccessTokenIssued),
        K::ListAccessTokens => Some(K::AccessTokenList),
        K::Append | K::SessionAppend => Some(K::AppendAck),
        K::OpenAppendSession => Some(K::AppendSessionOpened),
        K::CloseAppendSession | K::CloseReadSession => Some(K::SessionEnded),
        K::CheckTail => Some(K::Tail),
        K::Read => Some(K::ReadBatches),
        K::OpenReadSession => Some(K::ReadSessionOpened),
        // Credit is never answered, and the rest are not requests.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn at(ms: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(ms)
    }

    fn since(answered: Option<Answered>) -> Option<u64> {
        answered.map(|a| a.since.duration_since(UNIX_EPOCH).unwrap().as_millis() as u64)
    }

    #[test]
    fn an_append_sessions_acks_answer_its_inputs_in_order() {
        let mut all = Conversation::default();
        all.on_frame(1, FrameKind::OpenAppendSession, 7, at(0));
        (1..=3).for_each(|ms| assert_eq!(all.on_frame(1, FrameKind::SessionAppend, 7, at(ms)), None));
        assert_eq!(since(all.on_frame(1, FrameKind::AppendSessionOpened, 7, at(9))), Some(0));
        assert_eq!(since(all.on_frame(1, FrameKind::AppendAck, 7, at(9))), Some(1));
        assert_eq!(since(all.on_frame(1, FrameKind::AppendAck, 7, at(9))), Some(2));
        assert_eq!(all.waiting(), 1);
        assert_eq!(since(all.on_frame(1, FrameKind::Error, 7, at(9))), Some(3));
        assert_eq!(all.waiting(), 0);
    }

    #[test]
    fn one_id_on_two_connections_is_two_requests() {
        let mut all = Conversation::default();
        all.on_frame(1, FrameKind::Ping, 7, at(1));
        all.on_frame(2, FrameKind::Ping, 7, at(2));
        assert_eq!(since(all.on_frame(2, FrameKind::Pong, 7, at(3))), Some(2));
        all.on_closed(1);
        assert_eq!(all.waiting(), 0);
    }

    #[test]
    fn nothing_is_awaited_in_a_session_that_is_over() {
        use FrameKind as K;
        let refused = [K::OpenAppendSession, K::SessionAppend, K::Error, K::SessionAppend, K::CloseAppendSession];
        let closed_twice = [K::OpenAppendSession, K::AppendSessionOpened, K::CloseAppendSession, K::SessionEnded]
            .into_iter()
            .chain([K::CloseAppendSession]);
        let ended = [K::OpenReadSession, K::ReadSessionOpened, K::SessionEnded, K::CloseReadSession];
        // The server answers for what never was a session.
        let unopened = [K::SessionAppend, K::Error, K::SessionAppend, K::Error];
        for kinds in [Vec::from(refused), closed_twice.collect(), ended.into(), unopened.into()] {
            let mut all = Conversation::default();
            kinds.iter().for_each(|kind| _ = all.on_frame(1, *kind, 7, at(0)));
            assert_eq!(all.waiting(), 0, "{kinds:?}");
        }
        let mut all = Conversation::default();
        [K::OpenReadSession, K::ReadSessionOpened, K::CloseReadSession]
            .iter()
            .for_each(|kind| _ = all.on_frame(1, *kind, 7, at(0)));
        assert_eq!(all.waiting(), 1, "an open session's close is answered");
    }

    #[test]
    fn a_connection_seen_in_part_is_not_paired_until_it_closes() {
        let mut all = Conversation::default();
        (1..=3).for_each(|ms| _ = all.on_frame(1, FrameKind::SessionAppend, 7, at(ms)));
        all.on_frame(2, FrameKind::Ping, 7, at(1));
        all.give_up(1);
        assert_eq!(all.waiting(), 1);
        all.on_frame(1, FrameKind::SessionAppend, 7, at(4));
        assert_eq!(all.on_frame(1, FrameKind::AppendAck, 7, at(9)), None);
        assert_eq!(all.waiting(), 1);
        all.on_closed(1);
        all.on_frame(1, FrameKind::Ping, 8, at(5));
        assert_eq!(since(all.on_frame(1, FrameKind::Pong, 8, at(9))), Some(5));
    }

    #[test]
    fn an_error_of_the_connection_answers_everything() {
        let mut all = Conversation::default();
        all.on_frame(1, FrameKind::Ping, 7, at(1));
        all.on_frame(1, FrameKind::Read, 8, at(1));
        all.on_frame(1, FrameKind::Error, 0, at(2));
        assert_eq!(all.waiting(), 0);
    }

    #[test]
    fn what_is_remembered_has_a_limit() {
        let mut all = Conversation::default();
        (0..WAITING_MAX as u64 + 5).for_each(|id| _ = all.on_frame(1, FrameKind::Ping, id, at(0)));
        assert_eq!(all.waiting(), WAITING_MAX);
        assert_eq!(all.on_frame(1, FrameKind::Pong, WAITING_MAX as u64 + 1, at(0)), None);
    }

    #[test]
    fn every_request_has_an_answer_of_the_answering_classes_or_none() {
        for kind in FrameKind::ALL {
            let answer = answer_to(*kind);
            let is_request = kind.class() == FrameClass::Request;
            assert_eq!(answer.is_some(), is_request && *kind != FrameKind::GrantCredit, "{kind}");
            assert!(answer.is_none_or(|a| a.class() == FrameClass::Response), "{kind}");
        }
    }
}
