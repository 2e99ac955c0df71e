//! The calls about one stream, but for its deletion.

use std::sync::Arc;

use riverrun_core::control::{
    BasinEntry, Refusal, StreamEntry, Verdict, create_stream, ensure_stream, get_stream_config, reconfigure_stream,
};
use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::request::{CreateStream, EnsureStream, ReconfigureStream, StreamRef};
use riverrun_protocol::response::{ProvisionResult, Provisioned, Response};

use super::end::{Caller, answered, to_the_end};
use super::{NameError, Names, rows};

type Decided = Result<Verdict<StreamEntry>, Refusal>;

impl Names {
    pub async fn create_stream(self: &Arc<Self>, request: CreateStream) -> Result<Response, ErrorFrame> {
        let (target, fresh, defaults) = (request.target.clone(), self.fresh()?, self.defaults);
        let decide = move |basin: Option<&BasinEntry>, stream: Option<&StreamEntry>| {
            create_stream(basin, stream, &request, &defaults, fresh)
        };
        self.change_stream(target, decide).await.map(provisioned)
    }

    pub async fn ensure_stream(self: &Arc<Self>, request: EnsureStream) -> Result<Response, ErrorFrame> {
        let (target, fresh, defaults) = (request.target.clone(), self.fresh()?, self.defaults);
        let decide = move |basin: Option<&BasinEntry>, stream: Option<&StreamEntry>| {
            ensure_stream(basin, stream, &request, &defaults, fresh)
        };
        self.change_stream(target, decide).await.map(provisioned)
    }

    pub async fn reconfigure_stream(self: &Arc<Self>, request: ReconfigureStream) -> Result<Response, ErrorFrame> {
        let (target, defaults) = (request.target.clone(), self.defaults);
        let decide = move |basin: Option<&BasinEntry>, stream: Option<&StreamEntry>| {
            reconfigure_stream(basin, stream, &request, &defaults)
        };
        let decided = self.change_stream(target, decide).await?;
        Ok(Response::StreamConfig(decided.entry.config))
    }

    pub async fn stream_config(&self, target: &StreamRef) -> Result<Response, ErrorFrame> {
        let config =
            answered(async { Ok(get_stream_config(self.stream_row(target).await?.as_ref(), target)?) }).await?;
        Ok(Response::StreamConfig(config))
    }

    async fn change_stream(
        self: &Arc<Self>,
        target: StreamRef,
        decide: impl FnOnce(Option<&BasinEntry>, Option<&StreamEntry>) -> Decided + Send + 'static,
    ) -> Result<Verdict<StreamEntry>, ErrorFrame> {
        let names = Arc::clone(self);
        let change = |caller| async move { names.decide_and_write(target, decide, caller).await };
        answered(to_the_end(self.place()?, change)).await
    }

    /// A new configuration is durable first, then the shard's: what was accepted under it must not be found under the old one after
    /// a crash.
    async fn decide_and_write(
        &self,
        target: StreamRef,
        decide: impl FnOnce(Option<&BasinEntry>, Option<&StreamEntry>) -> Decided,
        caller: Caller<Verdict<StreamEntry>>,
    ) -> Result<Verdict<StreamEntry>, NameError> {
        let _turn = self.locks.turn(&target).await;
        let decided = self.write_decided(&target, decide, &caller).await?;
        if decided.result == ProvisionResult::Updated {
            self.shards.reconfigure(Arc::new(decided.entry.clone())).await?;
        }
        Ok(decided)
    }

    async fn write_decided(
        &self,
        target: &StreamRef,
        decide: impl FnOnce(Option<&BasinEntry>, Option<&StreamEntry>) -> Decided,
        caller: &Caller<Verdict<StreamEntry>>,
    ) -> Result<Verdict<StreamEntry>, NameError> {
        let _name = self.locks.stream(target).await;
        let _basin = self.locks.hold_basin(&target.basin).await;
        let (basin, stream) = (self.basin_row(&target.basin).await?, self.stream_row(target).await?);
        let decided = decide(basin.as_ref(), stream.as_ref())?;
        match decided.result {
            ProvisionResult::Noop => {}
            ProvisionResult::Created => self.commit(rows::create_stream(&decided.entry), caller).await?,
            ProvisionResult::Updated => {
                let mut changes = vec![rows::put_stream(&decided.entry)];
                let before = stream.as_ref().and_then(StreamEntry::delete_on_empty_min_age_ms);
                if decided.entry.delete_on_empty_min_age_ms() != before {
                    changes.extend(rows::look_when_empty(&decided.entry, self.now_ms()));
                }
                self.commit(changes, caller).await?;
            }
        }
        Ok(decided)
    }
}

fn provisioned(decided: Verdict<StreamEntry>) -> Response {
    Response::StreamProvisioned(Provisioned { info: decided.entry.info(), result: decided.result })
}
