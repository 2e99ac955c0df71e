//! The control plane's calls: core decides, the model is the catalog.

use std::sync::Arc;

use riverrun_core::control::{self, BasinEntry, Listing, Refusal, SYSTEM_DEFAULTS, StreamEntry, Verdict};
use riverrun_core::event::Event;
use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::request::{
    CreateStream, EnsureStream, ListBasins, ListStreams, ReconfigureBasin, ReconfigureStream, Request,
};
use riverrun_protocol::response::{BasinList, ProvisionResult, Provisioned, Response, StreamList};

use super::CoreDoor;
use crate::door::Link;

type Answer = Result<Response, Refusal>;

impl CoreDoor {
    pub(super) fn control(&mut self, link: Link, request: Request<'_>) -> Result<Response, ErrorFrame> {
        let now_ms = self.now.wall_ms;
        let answer = match request {
            Request::Ping(ping) => Ok(Response::Pong { nonce: ping.nonce }),
            Request::CreateBasin(create) => {
                let verdict = control::create_basin(self.model.basin(&create.basin), &create, now_ms);
                verdict.map(|verdict| self.keep_basin(verdict))
            }
            Request::EnsureBasin(ensure) => {
                let verdict = control::ensure_basin(self.model.basin(&ensure.basin), &ensure, now_ms);
                verdict.map(|verdict| self.keep_basin(verdict))
            }
            Request::GetBasinConfig(name) => {
                control::get_basin_config(self.model.basin(&name), &name).map(Response::BasinConfig)
            }
            Request::ReconfigureBasin(reconfigure) => self.reconfigure_basin(&reconfigure),
            Request::DeleteBasin(name) => self.mark_basin(&name),
            Request::ListBasins(list) => Ok(self.list_basins(link, &list)),
            Request::CreateStream(create) => self.create_stream(&create),
            Request::EnsureStream(ensure) => self.ensure_stream(&ensure),
            Request::GetStreamConfig(target) => {
                control::get_stream_config(self.model.stream(&target), &target).map(Response::StreamConfig)
            }
            Request::ReconfigureStream(reconfigure) => self.reconfigure_stream(&reconfigure),
            Request::ListStreams(list) => Ok(self.list_streams(link, &list)),
            Request::IssueAccessToken(issue) => return self.issue(link, &issue),
            Request::ListAccessTokens(list) => return Ok(self.list_tokens(link, &list)),
            Request::RevokeAccessToken(id) => return self.revoke(&id),
            other => return Err(ErrorFrame::new(ErrorCode::Unsupported, format!("{} is not modelled", other.kind()))),
        };
        answer.map_err(ErrorFrame::from)
    }

    fn keep_basin(&mut self, verdict: Verdict<BasinEntry>) -> Response {
        let provisioned = Provisioned { info: verdict.entry.info(), result: verdict.result };
        self.model.put_basin(verdict.entry);
        Response::BasinProvisioned(provisioned)
    }

    fn reconfigure_basin(&mut self, request: &ReconfigureBasin) -> Answer {
        let verdict = control::reconfigure_basin(self.model.basin(&request.basin), request)?;
        let config = verdict.entry.config;
        self.model.put_basin(verdict.entry);
        Ok(Response::BasinConfig(config))
    }

    fn create_stream(&mut self, create: &CreateStream) -> Answer {
        let fresh = self.model.fresh(self.now.wall_ms);
        let (basin, stream) = (self.model.basin(&create.target.basin), self.model.stream(&create.target));
        let verdict = control::create_stream(basin, stream, create, &SYSTEM_DEFAULTS, fresh)?;
        Ok(self.keep_stream(verdict))
    }

    fn ensure_stream(&mut self, ensure: &EnsureStream) -> Answer {
        let fresh = self.model.fresh(self.now.wall_ms);
        let (basin, stream) = (self.model.basin(&ensure.target.basin), self.model.stream(&ensure.target));
        let verdict = control::ensure_stream(basin, stream, ensure, &SYSTEM_DEFAULTS, fresh)?;
        Ok(self.keep_stream(verdict))
    }

    fn reconfigure_stream(&mut self, reconfigure: &ReconfigureStream) -> Answer {
        let target = &reconfigure.target;
        let (basin, stream) = (self.model.basin(&target.basin), self.model.stream(target));
        let verdict = control::reconfigure_stream(basin, stream, reconfigure, &SYSTEM_DEFAULTS)?;
        let config = verdict.entry.config;
        self.keep_stream(verdict);
        Ok(Response::StreamConfig(config))
    }

    /// The shard hears of a change before the client does.
    fn keep_stream(&mut self, verdict: Verdict<StreamEntry>) -> Response {
        let provisioned = Provisioned { info: verdict.entry.info(), result: verdict.result };
        self.model.put_stream(verdict.entry.clone());
        if verdict.result == ProvisionResult::Updated {
            let call = self.next_call();
            self.tell(Event::StreamReconfigured { call, entry: Arc::new(verdict.entry) });
        }
        Response::StreamProvisioned(provisioned)
    }

    fn list_basins(&self, link: Link, request: &ListBasins) -> Response {
        let listing = Listing::basins(request, self.tokens.principal(link).basins());
        let found = self.model.basins.range(listing.keys.clone()).take(listing.scan_max());
        let page = listing.page(found.filter(|(key, _)| listing.shows(key)).map(|(_, entry)| entry.info()).collect());
        Response::BasinList(BasinList { basins: page.entries, has_more: page.has_more })
    }

    fn list_streams(&self, link: Link, request: &ListStreams) -> Response {
        let principal = self.tokens.principal(link);
        let listing = Listing::streams(request, principal.streams(), principal.namespace());
        let found = self.model.streams.range(listing.keys.clone()).take(listing.scan_max());
        let page = listing.page(found.filter(|(key, _)| listing.shows(key)).map(|(_, entry)| entry.info()).collect());
        Response::StreamList(StreamList { streams: page.entries, has_more: page.has_more })
    }
}
