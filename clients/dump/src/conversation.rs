//! Which answer belongs to which request, so that answers tell their latency and a caller knows when all have come.

use std::collections::{HashMap, VecDeque};
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
}

impl Conversation {
    /// Requests that no answer has come for.
    pub fn waiting(&self) -> usize {
        self.count
    }

    /// Notes a frame; for an answer, tells what it answers.
    pub fn on_frame(&mut self, connection: u64, kind: FrameKind, id: u64, when: SystemTime) -> Option<Answered> {
        match kind.class() {
            FrameClass::Request => {
                self.on_request((connection, id), kind, when);
                None
            }
            FrameClass::Response => {
                self.on_answer((connection, id), |waiting| answer_to(waiting.request) == Some(kind))
            }
            FrameClass::Error => self.on_error((connection, id)),
            FrameClass::Push => None,
        }
    }

    /// A connection is gone, and with it everything that waited on it.
    pub fn on_closed(&mut self, connection: u64) {
        self.waiting.retain(|key, _| key.0 != connection);
        self.count = self.waiting.values().map(VecDeque::len).sum();
    }

    fn on_request(&mut self, key: Key, request: FrameKind, since: SystemTime) {
        if answer_to(request).is_none() || self.count >= WAITING_MAX {
            return;
        }
        self.count += 1;
        self.waiting.entry(key).or_default().push_back(Waiting { request, since });
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
        if key.1 == 0 {
            self.on_closed(key.0);
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
        K::CreateBasin => Some(K::BasinCreated),
        K::ListBasins => Some(K::BasinList),
        K::CreateStream => Some(K::StreamCreated),
        K::ListStreams => Some(K::StreamList),
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
