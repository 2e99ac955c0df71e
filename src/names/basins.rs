//! The calls about one basin.

use std::sync::Arc;

use riverrun_core::control::{
    BasinEntry, Deletion, Verdict, create_basin, delete_basin, ensure_basin, get_basin_config, reconfigure_basin,
};
use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::request::{CreateBasin, EnsureBasin, ReconfigureBasin};
use riverrun_protocol::response::{Provisioned, Response};
use riverrun_protocol::types::BasinName;

use super::end::{Caller, answered, to_the_end};
use super::{NameError, Names, rows};

impl Names {
    pub async fn create_basin(self: &Arc<Self>, request: CreateBasin) -> Result<Response, ErrorFrame> {
        let name = request.basin.clone();
        let decide = move |there: Option<&BasinEntry>, now_ms| Ok(create_basin(there, &request, now_ms)?);
        self.change_basin(name, decide).await.map(provisioned)
    }

    pub async fn ensure_basin(self: &Arc<Self>, request: EnsureBasin) -> Result<Response, ErrorFrame> {
        let name = request.basin.clone();
        let decide = move |there: Option<&BasinEntry>, now_ms| Ok(ensure_basin(there, &request, now_ms)?);
        self.change_basin(name, decide).await.map(provisioned)
    }

    pub async fn reconfigure_basin(self: &Arc<Self>, request: ReconfigureBasin) -> Result<Response, ErrorFrame> {
        let name = request.basin.clone();
        let decide = move |there: Option<&BasinEntry>, _| Ok(reconfigure_basin(there, &request)?);
        let decided = self.change_basin(name, decide).await?;
        Ok(Response::BasinConfig(decided.entry.config))
    }

    pub async fn basin_config(&self, name: &BasinName) -> Result<Response, ErrorFrame> {
        let config = answered(async { Ok(get_basin_config(self.basin_row(name).await?.as_ref(), name)?) }).await?;
        Ok(Response::BasinConfig(config))
    }

    /// Answers when the deletion is durable; the reaper does the rest.
    pub async fn delete_basin(self: &Arc<Self>, name: BasinName) -> Result<Response, ErrorFrame> {
        let names = Arc::clone(self);
        answered(to_the_end(self.place()?, |caller| async move { names.mark_basin(name, caller).await })).await?;
        Ok(Response::Done)
    }

    async fn change_basin(
        self: &Arc<Self>,
        name: BasinName,
        decide: impl FnOnce(Option<&BasinEntry>, u64) -> Result<Verdict<BasinEntry>, NameError> + Send + 'static,
    ) -> Result<Verdict<BasinEntry>, ErrorFrame> {
        let names = Arc::clone(self);
        let change = |caller| async move {
            let _basin = names.locks.basin(&name).await;
            let decided = decide(names.basin_row(&name).await?.as_ref(), names.now_ms())?;
            if decided.is_to_be_written() {
                names.commit(vec![rows::put_basin(&decided.entry)], &caller).await?;
            }
            Ok(decided)
        };
        answered(to_the_end(self.place()?, change)).await
    }

    async fn mark_basin(&self, name: BasinName, caller: Caller<()>) -> Result<(), NameError> {
        let _basin = self.locks.basin(&name).await;
        let (there, now_ms) = (self.basin_row(&name).await?, self.now_ms());
        if let Deletion::Begin(entry) = delete_basin(there.as_ref(), &name, now_ms)? {
            self.commit(rows::mark_basin(&entry, now_ms), &caller).await?;
            self.reaper.notify_one();
        }
        Ok(())
    }
}

fn provisioned(decided: Verdict<BasinEntry>) -> Response {
    Response::BasinProvisioned(Provisioned { info: decided.entry.info(), result: decided.result })
}
