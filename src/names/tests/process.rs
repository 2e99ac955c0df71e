//! One process over rows that outlive it.

use std::sync::Arc;

use riverrun_core::control::{BasinEntry, IdRow, PendingStream, StreamEntry, keys};
use riverrun_protocol::config::{BasinConfig, PartialStreamConfig, Retention, StreamConfigPatch};
use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::request::{CreateBasin, CreateStream, EnsureStream, ListStreams, ReconfigureStream, StreamRef};
use riverrun_protocol::response::{Provisioned, Response, StreamInfo};
use riverrun_protocol::types::{BasinName, StreamId};

use crate::catalog::model::ModelRows;
use crate::names::model::{ModelShards, names};
use crate::names::{EVERYTHING, Names};
use crate::publish::fixtures::{basin, target};

pub struct Process {
    pub rows: Arc<ModelRows>,
    pub names: Arc<Names>,
    pub shards: ModelShards,
}

impl Process {
    /// Over nothing.
    pub fn start() -> Self {
        Self::over(Arc::default())
    }

    /// With a basin whose streams are created on append.
    pub async fn with_basin() -> Self {
        let process = Self::start();
        process.create_basin(basin()).await.expect("created");
        process
    }

    /// Takes the rows over from whoever had them.
    pub fn over(rows: Arc<ModelRows>) -> Self {
        let (names, shards) = names(rows.open());
        Self { rows, names, shards }
    }

    /// The process is killed, and another one takes over.
    pub fn restarted(self) -> Self {
        self.rows.stop_after(None);
        self.rows.clear_faults();
        Self::over(self.rows)
    }

    pub async fn create_basin(&self, basin: BasinName) -> Result<Response, ErrorFrame> {
        let config = BasinConfig { create_stream_on_append: true, ..BasinConfig::default() };
        self.names.create_basin(CreateBasin { basin, config, request_token: None }).await
    }

    pub async fn create(&self, stream: &str) -> Result<Response, ErrorFrame> {
        self.names.create_stream(create(stream)).await
    }

    pub async fn ensure(&self, stream: &str, retention: Retention) -> Result<Response, ErrorFrame> {
        let config = PartialStreamConfig { retention: Some(retention), ..PartialStreamConfig::default() };
        self.names.ensure_stream(EnsureStream { target: target(stream), config }).await
    }

    pub async fn reconfigure(&self, stream: &str, retention: Retention) -> Result<Response, ErrorFrame> {
        let patch = StreamConfigPatch { retention: Some(retention).into(), ..StreamConfigPatch::default() };
        self.names.reconfigure_stream(ReconfigureStream { target: target(stream), patch }).await
    }

    pub async fn delete(&self, stream: &str) -> Result<Response, ErrorFrame> {
        self.names.delete_stream(target(stream)).await
    }

    pub async fn list(&self) -> Result<Vec<StreamInfo>, ErrorFrame> {
        let request = ListStreams { basin: basin(), prefix: String::new(), start_after: String::new(), limit: 0 };
        match self.names.list_streams(&request, &EVERYTHING, None).await? {
            Response::StreamList(page) => Ok(page.streams),
            other => panic!("a list, not {other:?}"),
        }
    }

    pub fn stream(&self, stream: &str) -> Option<StreamEntry> {
        let StreamRef { basin, stream } = target(stream);
        let rows = self.rows.rows();
        rows.get(&keys::stream(&basin, &stream)).map(|value| StreamEntry::decode(value).expect("a stream"))
    }

    pub fn basin(&self) -> Option<BasinEntry> {
        let rows = self.rows.rows();
        rows.get(&keys::basin(&basin())).map(|value| BasinEntry::decode(value).expect("a basin"))
    }

    /// The rows fit together: each stream has its id, what is pending is marked and what is marked pending, tombstones are ids of
    /// nothing.
    pub fn assert_consistent(&self) {
        let rows = self.rows.rows();
        let under = |prefix: &'static str| rows.iter().filter(move |(key, _)| key.starts_with(prefix.as_bytes()));
        let mut marked = Vec::new();
        for (_, value) in under("stream/") {
            let entry = StreamEntry::decode(value).expect("a stream");
            let id = IdRow::decode(&rows[&keys::id(entry.id)]).expect("an id");
            assert_eq!((&id.basin, &id.name, id.purged_at_ms), (&entry.basin, &entry.name, None));
            assert!(rows.contains_key(&keys::basin(&entry.basin)), "a stream without a basin");
            marked.extend(entry.deleted_at_ms.map(|_| entry.id));
        }
        let pending: Vec<StreamId> =
            under("pending/stream/").filter_map(|(key, _)| keys::parse_pending_stream(key)).collect();
        marked.sort();
        assert_eq!(pending, marked);
        for (_, value) in under("pending/stream/") {
            PendingStream::decode(value).expect("a pending stream");
        }
        for (key, value) in under("id/") {
            let id: StreamId = std::str::from_utf8(&key[3..]).expect("text").parse().expect("an id");
            let row = IdRow::decode(value).expect("an id");
            let there = rows.get(&keys::stream(&row.basin, &row.name));
            let is_named = there.is_some_and(|value| StreamEntry::decode(value).expect("a stream").id == id);
            assert_eq!(row.purged_at_ms.is_some(), !is_named, "{id} is a tombstone or a stream's");
            assert_eq!(row.purged_at_ms.is_some(), rows.contains_key(&keys::tombstone(id)));
        }
        for (key, _) in under("pending/basin/") {
            let name = keys::parse_pending_basin(key).expect("a name");
            let entry = BasinEntry::decode(&rows[&keys::basin(&name)]).expect("a basin");
            assert!(entry.deleted_at_ms.is_some());
        }
    }
}

pub fn create(stream: &str) -> CreateStream {
    CreateStream { target: target(stream), config: PartialStreamConfig::default(), request_token: None }
}

pub fn code(answer: Result<Response, ErrorFrame>) -> ErrorCode {
    answer.expect_err("refused").code
}

pub fn provisioned(answer: Result<Response, ErrorFrame>) -> Provisioned<StreamInfo> {
    match answer {
        Ok(Response::StreamProvisioned(provisioned)) => provisioned,
        other => panic!("provisioned, not {other:?}"),
    }
}
