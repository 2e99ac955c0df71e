//! A stream's new configuration, as the catalog has it. It holds for what is accepted from now on (`s2-semantics.md` E5, B7).

use std::sync::Arc;

use riverrun_protocol::request::StreamRef;

use super::streams::Located;
use super::{Shard, Turn};
use crate::action::Action;
use crate::control::StreamEntry;
use crate::event::CallId;

impl Shard {
    /// Where the stream is being loaded, whoever loads it may have read the catalog before the change: the newer entry wins when
    /// it arrives.
    pub(super) fn on_stream_reconfigured(&mut self, turn: &mut Turn<'_>, call: CallId, entry: Arc<StreamEntry>) {
        let target = StreamRef { basin: entry.basin.clone(), stream: entry.name.clone() };
        match self.streams.find(&target) {
            Some(Located::Open(stream)) => self.streams[stream].reconfigure(entry),
            Some(Located::Loading(load)) => self.loads.reconfigure_when_loaded(load, entry),
            None => {}
        }
        turn.actions.push(Action::StreamConfigured { call });
    }
}
