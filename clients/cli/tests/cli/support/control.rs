//! The model's control plane: basins, streams and access tokens, as far as `s2-semantics.md` E and F are looked at
//! here.

use riverrun_protocol::config::{
    BasinConfig, PartialStreamConfig, Patch, Retention, StorageClass, StreamConfig, StreamConfigPatch, TimestampingMode,
};
use riverrun_protocol::request::{Request, StreamRef};
use riverrun_protocol::response::{
    AccessTokenInfo, AccessTokenIssued, AccessTokenList, BasinInfo, BasinList, ProvisionResult, Provisioned, Response,
    StreamInfo, StreamList,
};
use riverrun_protocol::types::RequestToken;
use riverrun_protocol::{BasinName, ErrorCode, ErrorFrame, StreamId};

use super::model::{ARRIVAL_MS, Answer, Basin, State, Stream};

/// What a stream has that says nothing, in a basin that says nothing (`s2-semantics.md` E1).
pub const SYSTEM: StreamConfig = StreamConfig {
    storage_class: StorageClass::Express,
    retention: Retention::Age(604_800),
    timestamping_mode: TimestampingMode::ClientPrefer,
    timestamping_uncapped: false,
    delete_on_empty_min_age_secs: 0,
};

fn refusal(code: ErrorCode, message: &str) -> ErrorFrame {
    ErrorFrame::new(code, message)
}

impl State {
    pub fn control(&mut self, request: &Request<'_>) -> Answer {
        match request {
            Request::CreateBasin(create) => self.create_basin(&create.basin, create.config),
            Request::ListBasins(list) => {
                let (names, has_more) = page(self.basins.keys(), &list.prefix, &list.start_after, list.limit);
                let basins = names.iter().map(|name| basin_info(name, &self.basins[name])).collect();
                Ok(Response::BasinList(BasinList { basins, has_more }))
            }
            Request::GetBasinConfig(basin) => Ok(Response::BasinConfig(self.basin(basin)?.config)),
            Request::ReconfigureBasin(change) => {
                let config = &mut self.live_basin(&change.basin)?.config;
                let unset = PartialStreamConfig::default();
                config.default_stream_config =
                    patched(config.default_stream_config, change.patch.default_stream_config, unset);
                config.create_stream_on_append =
                    change.patch.create_stream_on_append.unwrap_or(config.create_stream_on_append);
                config.create_stream_on_read =
                    change.patch.create_stream_on_read.unwrap_or(config.create_stream_on_read);
                Ok(Response::BasinConfig(*config))
            }
            Request::DeleteBasin(basin) => {
                self.basin(basin)?.deleted_at_ms = Some(ARRIVAL_MS);
                Ok(Response::Done)
            }
            Request::CreateStream(create) => self.create_stream(&create.target, create.config, &create.request_token),
            Request::ListStreams(list) => {
                let basin = self.basin(&list.basin)?;
                let (names, has_more) = page(basin.streams.keys(), &list.prefix, &list.start_after, list.limit);
                let streams = names.iter().map(|name| stream_info(name, &basin.streams[name])).collect();
                Ok(Response::StreamList(StreamList { streams, has_more }))
            }
            Request::GetStreamConfig(target) => Ok(Response::StreamConfig(self.live_stream(target)?.config)),
            Request::ReconfigureStream(change) => {
                let defaults = self.basin(&change.target.basin)?.config.default_stream_config;
                let stream = self.live_stream(&change.target)?;
                let cleared = whole(defaults).into();
                stream.config = whole(patched(stream.config.into(), change.patch, cleared));
                Ok(Response::StreamConfig(stream.config))
            }
            Request::DeleteStream(target) => {
                self.stored(target)?.deleted_at_ms = Some(ARRIVAL_MS);
                Ok(Response::Done)
            }
            request => self.access_tokens(request),
        }
    }

    fn access_tokens(&mut self, request: &Request<'_>) -> Answer {
        match request {
            Request::IssueAccessToken(issue) => {
                let id = issue.id.to_string();
                if self.access_tokens.contains_key(&id) {
                    return Err(refusal(ErrorCode::AlreadyExists, "the access token exists"));
                }
                let secret = format!("secret-of-{id}");
                let info = AccessTokenInfo {
                    id: issue.id.clone(),
                    created_at_ms: ARRIVAL_MS,
                    expires_at_ms: issue.expires_at_ms,
                    auto_prefix_streams: issue.auto_prefix_streams,
                    scope: issue.scope.clone(),
                    rates: issue.rates,
                };
                self.access_tokens.insert(id, info);
                Ok(Response::AccessTokenIssued(AccessTokenIssued { secret }))
            }
            Request::ListAccessTokens(list) => {
                let (ids, has_more) = page(self.access_tokens.keys(), &list.prefix, &list.start_after, list.limit);
                let tokens = ids.iter().map(|id| self.access_tokens[id].clone()).collect();
                Ok(Response::AccessTokenList(AccessTokenList { tokens, has_more }))
            }
            Request::RevokeAccessToken(id) => match self.access_tokens.remove(id.as_str()) {
                Some(_) => Ok(Response::Done),
                None => Err(refusal(ErrorCode::AccessTokenNotFound, "there is no access token of this id")),
            },
            Request::RotateRootToken => Ok(Response::Done),
            other => Err(ErrorFrame::new(ErrorCode::Unsupported, format!("{:?}", other.kind()))),
        }
    }

    fn create_basin(&mut self, name: &BasinName, config: BasinConfig) -> Answer {
        if self.basins.contains_key(name.as_str()) {
            self.live_basin(name)?;
            return Err(refusal(ErrorCode::AlreadyExists, "the basin exists"));
        }
        let basin = Basin { config, ..Basin::default() };
        let info = basin_info(name.as_str(), &basin);
        self.basins.insert(name.to_string(), basin);
        Ok(Response::BasinProvisioned(Provisioned { info, result: ProvisionResult::Created }))
    }

    fn create_stream(
        &mut self,
        target: &StreamRef,
        config: PartialStreamConfig,
        request_token: &Option<RequestToken>,
    ) -> Answer {
        assert!(request_token.is_some(), "the command line's creations are safe to repeat");
        let basin = self.live_basin(&target.basin)?;
        let name = target.stream.to_string();
        match basin.streams.get(&name).map(|stream| stream.deleted_at_ms) {
            Some(Some(_)) => return Err(refusal(ErrorCode::StreamDeletionPending, "stream deletion pending")),
            Some(None) => return Err(refusal(ErrorCode::AlreadyExists, "the stream exists")),
            None => {}
        }
        let defaults = StreamConfigPatch::from(config);
        let config = whole(patched(basin.config.default_stream_config, defaults, PartialStreamConfig::default()));
        let stream = Stream { config, ..Stream::default() };
        let info = stream_info(&name, &stream);
        basin.streams.insert(name, stream);
        Ok(Response::StreamProvisioned(Provisioned { info, result: ProvisionResult::Created }))
    }

    fn basin(&mut self, name: &BasinName) -> Result<&mut Basin, ErrorFrame> {
        let basin = self.basins.get_mut(name.as_str());
        basin.ok_or_else(|| refusal(ErrorCode::BasinNotFound, "no basin"))
    }

    fn live_basin(&mut self, name: &BasinName) -> Result<&mut Basin, ErrorFrame> {
        let basin = self.basin(name)?;
        match basin.deleted_at_ms {
            Some(_) => Err(refusal(ErrorCode::BasinDeletionPending, &format!("basin `{name}` is being deleted"))),
            None => Ok(basin),
        }
    }

    fn stored(&mut self, target: &StreamRef) -> Result<&mut Stream, ErrorFrame> {
        let stream = self.basins.get_mut(target.basin.as_str()).and_then(|b| b.streams.get_mut(target.stream.as_str()));
        stream.ok_or_else(|| refusal(ErrorCode::StreamNotFound, "no stream"))
    }

    /// Not being deleted (`s2-semantics.md` E6).
    fn live_stream(&mut self, target: &StreamRef) -> Result<&mut Stream, ErrorFrame> {
        let stream = self.stored(target)?;
        match stream.deleted_at_ms {
            Some(_) => Err(refusal(ErrorCode::StreamDeletionPending, "stream deletion pending")),
            None => Ok(stream),
        }
    }
}

fn patched(stored: PartialStreamConfig, patch: StreamConfigPatch, cleared: PartialStreamConfig) -> PartialStreamConfig {
    fn field<T>(patch: Patch<T>, stored: Option<T>, cleared: Option<T>) -> Option<T> {
        match patch {
            Patch::Keep => stored,
            Patch::Clear => cleared,
            Patch::Set(value) => Some(value),
        }
    }
    PartialStreamConfig {
        storage_class: field(patch.storage_class, stored.storage_class, cleared.storage_class),
        retention: field(patch.retention, stored.retention, cleared.retention),
        timestamping_mode: field(patch.timestamping_mode, stored.timestamping_mode, cleared.timestamping_mode),
        timestamping_uncapped: field(
            patch.timestamping_uncapped,
            stored.timestamping_uncapped,
            cleared.timestamping_uncapped,
        ),
        delete_on_empty_min_age_secs: field(
            patch.delete_on_empty_min_age_secs,
            stored.delete_on_empty_min_age_secs,
            cleared.delete_on_empty_min_age_secs,
        ),
    }
}

fn whole(config: PartialStreamConfig) -> StreamConfig {
    StreamConfig {
        storage_class: config.storage_class.unwrap_or(SYSTEM.storage_class),
        retention: config.retention.unwrap_or(SYSTEM.retention),
        timestamping_mode: config.timestamping_mode.unwrap_or(SYSTEM.timestamping_mode),
        timestamping_uncapped: config.timestamping_uncapped.unwrap_or(SYSTEM.timestamping_uncapped),
        delete_on_empty_min_age_secs: config
            .delete_on_empty_min_age_secs
            .unwrap_or(SYSTEM.delete_on_empty_min_age_secs),
    }
}

/// `s2-semantics.md` E3.
fn page<'a>(
    names: impl Iterator<Item = &'a String>,
    prefix: &str,
    start_after: &str,
    limit: u32,
) -> (Vec<String>, bool) {
    let limit = if limit == 0 { 1000 } else { limit as usize };
    let mut names = names.filter(|name| name.starts_with(prefix) && name.as_str() > start_after).cloned();
    let page: Vec<String> = names.by_ref().take(limit).collect();
    (page, names.next().is_some())
}

fn basin_info(name: &str, basin: &Basin) -> BasinInfo {
    BasinInfo { name: name.parse().unwrap(), created_at_ms: ARRIVAL_MS, deleted_at_ms: basin.deleted_at_ms }
}

fn stream_info(name: &str, stream: &Stream) -> StreamInfo {
    let (name, deleted_at_ms) = (name.parse().unwrap(), stream.deleted_at_ms);
    StreamInfo { name, id: StreamId([1; 16]), created_at_ms: ARRIVAL_MS, deleted_at_ms }
}
