//! Basins and streams.

use riverrun_protocol::config::{
    BasinConfig, BasinConfigPatch, PartialStreamConfig, Patch, StreamConfig, StreamConfigPatch,
};
use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::request::{
    CreateBasin, CreateStream, EnsureBasin, EnsureStream, ListBasins, ListStreams, ReconfigureBasin, ReconfigureStream,
    Request, StreamRef,
};
use riverrun_protocol::response::{BasinInfo, BasinList, Provisioned, Response, StreamInfo, StreamList};
use riverrun_protocol::types::{BasinName, RequestToken};

use super::{Stage, done, only, stream_name};

pub type Outcome<T> = Result<T, ErrorFrame>;

impl Stage<'_> {
    pub fn create_basin(
        &mut self,
        basin: &BasinName,
        config: BasinConfig,
        token: Option<&str>,
    ) -> Outcome<Provisioned<BasinInfo>> {
        let request_token = token.map(request_token);
        let outcome = self.call(&Request::CreateBasin(CreateBasin { basin: basin.clone(), config, request_token }));
        only!(outcome, Response::BasinProvisioned)
    }

    pub fn ensure_basin(&mut self, basin: &BasinName, config: BasinConfig) -> Outcome<Provisioned<BasinInfo>> {
        let outcome = self.call(&Request::EnsureBasin(EnsureBasin { basin: basin.clone(), config }));
        only!(outcome, Response::BasinProvisioned)
    }

    pub fn patch_basin(&mut self, basin: &BasinName, patch: BasinConfigPatch) -> Outcome<BasinConfig> {
        let outcome = self.call(&Request::ReconfigureBasin(ReconfigureBasin { basin: basin.clone(), patch }));
        only!(outcome, Response::BasinConfig)
    }

    pub fn basin_config(&mut self, basin: &BasinName) -> Outcome<BasinConfig> {
        only!(self.call(&Request::GetBasinConfig(basin.clone())), Response::BasinConfig)
    }

    pub fn delete_basin(&mut self, basin: &BasinName) -> Outcome<()> {
        is_done(self.call(&Request::DeleteBasin(basin.clone())))
    }

    pub fn list_basins(&mut self, prefix: &str, start_after: &str, limit: u32) -> Outcome<BasinList> {
        let (prefix, start_after) = (prefix.to_owned(), start_after.to_owned());
        only!(self.call(&Request::ListBasins(ListBasins { prefix, start_after, limit })), Response::BasinList)
    }

    pub fn create_stream(
        &mut self,
        target: &StreamRef,
        config: PartialStreamConfig,
        token: Option<&str>,
    ) -> Outcome<Provisioned<StreamInfo>> {
        let request_token = token.map(request_token);
        let outcome = self.call(&Request::CreateStream(CreateStream { target: target.clone(), config, request_token }));
        only!(outcome, Response::StreamProvisioned)
    }

    pub fn ensure_stream(
        &mut self,
        target: &StreamRef,
        config: PartialStreamConfig,
    ) -> Outcome<Provisioned<StreamInfo>> {
        let outcome = self.call(&Request::EnsureStream(EnsureStream { target: target.clone(), config }));
        only!(outcome, Response::StreamProvisioned)
    }

    pub fn patch_stream(&mut self, target: &StreamRef, patch: StreamConfigPatch) -> Outcome<StreamConfig> {
        let outcome = self.call(&Request::ReconfigureStream(ReconfigureStream { target: target.clone(), patch }));
        only!(outcome, Response::StreamConfig)
    }

    pub fn stream_config(&mut self, target: &StreamRef) -> Outcome<StreamConfig> {
        only!(self.call(&Request::GetStreamConfig(target.clone())), Response::StreamConfig)
    }

    pub fn delete_stream(&mut self, target: &StreamRef) -> Outcome<()> {
        is_done(self.call(&Request::DeleteStream(target.clone())))
    }

    pub fn list_streams(
        &mut self,
        basin: &BasinName,
        prefix: &str,
        start_after: &str,
        limit: u32,
    ) -> Outcome<StreamList> {
        let (prefix, start_after) = (prefix.to_owned(), start_after.to_owned());
        let list = ListStreams { basin: basin.clone(), prefix, start_after, limit };
        only!(self.call(&Request::ListStreams(list)), Response::StreamList)
    }

    /// A fresh basin without defaults.
    pub fn basin(&mut self) -> BasinName {
        self.basin_with(BasinConfig::default())
    }

    pub fn basin_with(&mut self, config: BasinConfig) -> BasinName {
        let basin = self.basin_name();
        done(self.create_basin(&basin, config, None));
        basin
    }

    /// A fresh stream in a fresh basin.
    pub fn stream(&mut self) -> StreamRef {
        self.stream_with(PartialStreamConfig::default())
    }

    pub fn stream_with(&mut self, config: PartialStreamConfig) -> StreamRef {
        let target = self.no_stream();
        done(self.create_stream(&target, config, None));
        target
    }

    /// Streams with these names in a fresh basin, all asked for at once: there may be many.
    pub fn streams(&mut self, names: &[&str]) -> BasinName {
        let basin = self.basin();
        let create = |name: &&str| {
            let target = StreamRef { basin: basin.clone(), stream: stream_name(name) };
            CreateStream { target, config: PartialStreamConfig::default(), request_token: None }
        };
        let ids: Vec<u64> = names.iter().map(|name| self.send(&Request::CreateStream(create(name)))).collect();
        for id in ids {
            done(self.answer(id));
        }
        basin
    }

    /// Deletes, and waits until nothing of it is left.
    pub fn purge(&mut self, target: &StreamRef) {
        done(self.delete_stream(target));
        self.until("the deleted stream is purged", |stage| {
            let code = stage.stream_config(target).expect_err("a deleted stream has no configuration").code;
            (code == ErrorCode::StreamNotFound).then_some(())
        });
    }

    pub fn purge_basin(&mut self, basin: &BasinName) {
        done(self.delete_basin(basin));
        self.until("the deleted basin is purged", |stage| match stage.basin_config(basin) {
            Err(error) if error.code == ErrorCode::BasinNotFound => Some(()),
            Err(error) => panic!("a basin that is being deleted shows its configuration: {error}"),
            Ok(_) => None,
        });
    }
}

fn is_done(outcome: Outcome<Response>) -> Outcome<()> {
    outcome.map(|response| assert_eq!(response, Response::Done))
}

pub fn request_token(text: &str) -> RequestToken {
    RequestToken::new(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub fn names(list: &StreamList) -> Vec<&str> {
    list.streams.iter().map(|info| info.name.as_str()).collect()
}

/// A change of one field.
pub fn set<T>(value: T) -> Patch<T> {
    Patch::Set(value)
}
