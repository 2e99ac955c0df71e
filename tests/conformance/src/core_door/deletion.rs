//! Deletion (`s2-semantics.md` E6, E8): closing before the answer, purging behind it, while time passes.

use riverrun_core::action::NotClosed;
use riverrun_core::control::{self, Deletion, Refusal};
use riverrun_core::event::{CallId, CloseWhen, Event, LoadFailure};
use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::response::Response;
use riverrun_protocol::types::{BasinName, Position, StreamId};

use super::CoreDoor;
use crate::door::Link;

/// A stream that the shard is closing, and who waits for it.
#[derive(Debug)]
pub(super) struct Closing {
    target: StreamRef,
    when: CloseWhen,
    client: Option<(Link, u64)>,
}

impl CoreDoor {
    pub(super) fn delete_stream(&mut self, client: Option<(Link, u64)>, target: &StreamRef) {
        match control::delete_stream(self.model.stream(target), target, CloseWhen::Always, self.now.wall_ms) {
            Err(refusal) => self.answer_deletion(client, Err(refusal.into())),
            Ok(Deletion::UnderWay | Deletion::NotDue) => self.answer_deletion(client, Ok(Response::Done)),
            Ok(Deletion::Begin(_)) => self.close_stream(client, target, CloseWhen::Always),
        }
        self.tell(Event::TimeoutReached);
    }

    fn close_stream(&mut self, client: Option<(Link, u64)>, target: &StreamRef, when: CloseWhen) {
        let call = self.next_call();
        self.closing.insert(call, Closing { target: target.clone(), when, client });
        self.tell(Event::CloseStream { call, target: target.clone(), when });
    }

    /// Decided again: what the shard waited for may have taken a while.
    pub(super) fn on_stream_closed(&mut self, call: CallId, outcome: Result<Position, NotClosed>) {
        let Some(Closing { target, when, client }) = self.closing.remove(&call) else { return };
        let answer = match outcome {
            Ok(_) => self.mark_stream(&target, when),
            Err(NotClosed::InUse) => Ok(Response::Done),
            Err(NotClosed::Load(LoadFailure::StreamDeletionPending)) => Ok(Response::Done),
            Err(NotClosed::Load(LoadFailure::StreamNotFound)) => Err(Refusal::StreamNotFound(target).into()),
            Err(NotClosed::Load(why)) => Err(ErrorFrame::new(ErrorCode::Unavailable, format!("{why:?}"))),
        };
        self.answer_deletion(client, answer);
    }

    fn mark_stream(&mut self, target: &StreamRef, when: CloseWhen) -> Result<Response, ErrorFrame> {
        if let Deletion::Begin(entry) =
            control::delete_stream(self.model.stream(target), target, when, self.now.wall_ms)?
        {
            let (stream_id, call) = (entry.id, self.next_call());
            self.model.put_stream(entry);
            self.vanishing.insert(call, stream_id);
            self.happened.push_back(Event::StreamDeleted { call, target: target.clone(), stream_id });
        }
        Ok(Response::Done)
    }

    pub(super) fn on_stream_gone(&mut self, call: CallId) {
        self.vanishing.remove(&call);
    }

    fn answer_deletion(&mut self, client: Option<(Link, u64)>, answer: Result<Response, ErrorFrame>) {
        if let Some((link, id)) = client {
            self.answer(link, id, answer);
        }
    }

    pub(super) fn mark_basin(&mut self, name: &BasinName) -> Result<Response, Refusal> {
        match control::delete_basin(self.model.basin(name), name, self.now.wall_ms)? {
            Deletion::Begin(entry) => self.model.put_basin(entry),
            Deletion::UnderWay | Deletion::NotDue => {}
        }
        Ok(Response::Done)
    }

    /// What a server does behind its answers.
    pub(super) fn tidy(&mut self) {
        self.purge_streams();
        self.delete_empty_streams();
        self.delete_basins();
    }

    fn purge_streams(&mut self) {
        let deleted = self.model.streams.values().filter(|entry| entry.deleted_at_ms.is_some());
        let gone: Vec<StreamId> =
            deleted.map(|entry| entry.id).filter(|id| !self.vanishing.values().any(|other| other == id)).collect();
        gone.into_iter().for_each(|id| self.model.forget(id));
    }

    fn delete_empty_streams(&mut self) {
        let all = self.model.streams.values().filter(|entry| entry.deleted_at_ms.is_none());
        let wanted = all.filter(|entry| entry.config.delete_on_empty_min_age_secs > 0);
        let wanted: Vec<(StreamRef, u64)> = wanted
            .filter(|entry| {
                let min_age_ms = entry.config.delete_on_empty_min_age_secs.saturating_mul(1000);
                entry.created_at_ms.saturating_add(min_age_ms) <= self.now.wall_ms
            })
            .map(|entry| {
                let target = StreamRef { basin: entry.basin.clone(), stream: entry.name.clone() };
                (target, entry.config.delete_on_empty_min_age_secs.saturating_mul(1000))
            })
            .collect();
        for (target, min_age_ms) in wanted {
            self.close_stream(None, &target, CloseWhen::Empty { min_age_ms });
        }
    }

    fn delete_basins(&mut self) {
        let marked = self.model.basins.values().filter(|entry| entry.deleted_at_ms.is_some());
        let marked: Vec<BasinName> = marked.map(|entry| entry.name.clone()).collect();
        for basin in marked {
            let streams = self.model.streams.values().filter(|entry| entry.basin == basin);
            let streams: Vec<StreamRef> =
                streams.map(|entry| StreamRef { basin: basin.clone(), stream: entry.name.clone() }).collect();
            if streams.is_empty() {
                self.model.basins.retain(|_, entry| entry.name != basin);
            }
            streams.iter().for_each(|target| self.delete_stream(None, target));
        }
    }
}
