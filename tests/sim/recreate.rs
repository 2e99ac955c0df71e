//! A stream's end, and another one of its name (reliability.md F31): everything of the old life is read once more and judged, then
//! the stream is deleted, through however many crashes that takes; the next append or read makes the new one. Bodies never
//! repeat: a record of the old life would be known in the new one.

use futures::FutureExt;
use rand::RngExt;

use crate::client::{Client, Role};
use crate::node::{Done, Pending};
use crate::peace::judge;
use crate::world::{STANDARD_STREAM, StreamFacts, World, target};

/// How far a stream is on its way out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leaving {
    /// Somebody reads all of it for the last time.
    BeingRead,
    /// It is to be deleted.
    Judged,
    /// The process has been asked.
    BeingDeleted,
}

impl World {
    /// The standard stream stays: what its class promises is checked at every ack.
    pub fn begin_to_recreate(&mut self) {
        let stream = self.random.random_range(0..STANDARD_STREAM);
        if self.facts[stream].leaving.is_some() {
            return;
        }
        for client in 0..self.clients.len() {
            if self.clients[client].stream == stream {
                self.disconnect(client);
            }
        }
        self.trace.add(|| format!("stream {stream} is to go"));
        self.facts[stream].leaving = Some(Leaving::BeingRead);
        let mut last = Client::new(200 + stream, stream, Role::Last);
        last.damage_is_allowed = self.store_may_lie;
        self.clients.push(last);
    }

    /// One step further, where it is time for one.
    pub fn go_on_leaving(&mut self) {
        for stream in 0..STANDARD_STREAM {
            let leaving = self.facts[stream].leaving;
            match leaving {
                Some(Leaving::BeingRead) if self.has_been_read(stream) => {
                    judge(&self.facts[stream]);
                    self.facts[stream].leaving = Some(Leaving::Judged);
                }
                Some(Leaving::Judged) => {
                    self.facts[stream].leaving = Some(Leaving::BeingDeleted);
                    self.node.pending.push(self.deletion(stream));
                }
                _ => {}
            }
        }
    }

    /// By its last reader, who is not needed any more.
    fn has_been_read(&mut self, stream: usize) -> bool {
        let last = |client: &Client| client.stream == stream && client.role == Role::Last;
        let Some(at) = self.clients.iter().position(|client| last(client) && client.has_read_all) else { return false };
        self.disconnect(at);
        drop(self.clients.remove(at));
        true
    }

    fn deletion(&self, stream: usize) -> Pending {
        let names = self.node.names.clone();
        async move { Done::Deleted(stream, names.delete_stream(target(stream)).await.map(drop)) }.boxed_local()
    }

    /// With the process went whoever had been asked.
    pub fn forget_deletions(&mut self) {
        for facts in &mut self.facts {
            if facts.leaving == Some(Leaving::BeingDeleted) {
                facts.leaving = Some(Leaving::Judged);
                self.coverage.sometimes("a deletion is interrupted by a crash", true);
            }
        }
    }

    pub fn on_deleted(&mut self, stream: usize, outcome: Result<(), riverrun_protocol::error::ErrorFrame>) {
        use riverrun_protocol::error::ErrorCode::StreamNotFound;
        self.trace.add(|| format!("stream {stream} is deleted: {outcome:?}"));
        let facts = &mut self.facts[stream];
        match outcome {
            Err(error) if error.code != StreamNotFound => facts.leaving = Some(Leaving::Judged),
            _ => {
                let last_id = facts.last_id;
                self.judged_operations += facts.history.operations().len();
                *facts = StreamFacts { last_id, is_recreated: true, ..StreamFacts::default() };
                let clients = self.clients.iter_mut().filter(|client| client.stream == stream);
                clients.for_each(Client::forget_stream);
                self.coverage.sometimes("a stream is deleted", true);
            }
        }
    }
}
