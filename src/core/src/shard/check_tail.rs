//! Check tail (`s2-semantics.md` D): the stable tail, never one that could still vanish.

use riverrun_protocol::request::StreamRef;
use riverrun_protocol::response::{Response, TailReport};

use super::connection::{ConnectionKey, InProgress};
use super::load::Deferred;
use super::stream::StreamKey;
use super::streams::Located;
use super::{Shard, Turn};
use crate::action::LoadCause;

impl Shard {
    pub(super) fn on_check_tail(
        &mut self,
        turn: &mut Turn<'_>,
        connection: ConnectionKey,
        id: u64,
        target: &StreamRef,
    ) {
        match self.locate(turn, connection, target, LoadCause::Read, 0) {
            Err(error) => self.fail(turn, connection, id, error),
            Ok(Located::Open(stream)) => self.answer_check_tail(turn, connection, id, stream),
            Ok(Located::Loading(load)) => {
                self.connections[connection].begin(id, InProgress::Request);
                self.defer(turn, load, connection, Deferred::CheckTail { id });
            }
        }
    }

    pub(super) fn answer_check_tail(
        &mut self,
        turn: &mut Turn<'_>,
        connection: ConnectionKey,
        id: u64,
        key: StreamKey,
    ) {
        let level = self.level_of(key);
        let stream = &mut self.streams[key];
        stream.recently_used = true;
        let report = TailReport { tail: stream.stable, level, shard: self.config.shard };
        self.reply(turn, connection, id, Response::Tail(report));
        self.end_request(connection, id);
    }
}
