//! Basins (`s2-semantics.md` E).

use riverrun_protocol::config::{BasinConfig, BasinConfigPatch};
use riverrun_protocol::error::ErrorCode;
use riverrun_protocol::request::{CreateBasin, EnsureBasin, ListBasins, ReconfigureBasin, Request};
use riverrun_protocol::response::{BasinInfo, BasinList, Provisioned, Response};
use riverrun_protocol::types::{BasinName, check_basin_filter};

use super::Client;
use crate::error::Error;
use crate::options::{BasinOptions, ListOptions};
use crate::pool::unexpected;
use crate::retry::Effect;

impl Client {
    /// Creates a basin.
    ///
    /// ```no_run
    /// # async fn example(client: riverrun_client::Client) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::BasinConfig;
    ///
    /// let config = BasinConfig { create_stream_on_append: true, ..BasinConfig::default() };
    /// let created = client.create_basin("demo-basin", config).await?;
    /// println!("{} since {} ms", created.info.name, created.info.created_at_ms);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Code `AlreadyExists` if there is one of this name, `BasinDeletionPending` while one is being deleted.
    pub async fn create_basin(
        &self,
        basin: &str,
        options: impl Into<BasinOptions>,
    ) -> Result<Provisioned<BasinInfo>, Error> {
        let BasinOptions { config, idempotency } = options.into();
        let request_token = idempotency.into_token();
        let effect = Effect::of_creation(request_token.as_ref());
        let create = CreateBasin { basin: BasinName::new(basin)?, config, request_token };
        match self.ask(&Request::CreateBasin(create), effect).await? {
            Response::BasinProvisioned(provisioned) => Ok(provisioned),
            other => Err(unexpected(&other, effect)),
        }
    }

    /// Creates a basin, or gives the one that is there this configuration: all of it, not a change to it.
    ///
    /// ```no_run
    /// # async fn example(client: riverrun_client::Client) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::BasinConfig;
    ///
    /// let ensured = client.ensure_basin("demo-basin", BasinConfig::default()).await?;
    /// println!("{}", ensured.result.name()); // created, updated or noop
    /// # Ok(()) }
    /// ```
    pub async fn ensure_basin(&self, basin: &str, config: BasinConfig) -> Result<Provisioned<BasinInfo>, Error> {
        let ensure = EnsureBasin { basin: BasinName::new(basin)?, config };
        match self.ask(&Request::EnsureBasin(ensure), Effect::Idempotent).await? {
            Response::BasinProvisioned(provisioned) => Ok(provisioned),
            other => Err(unexpected(&other, Effect::Idempotent)),
        }
    }

    /// A basin's configuration.
    ///
    /// ```no_run
    /// # async fn example(client: riverrun_client::Client) -> Result<(), riverrun_client::Error> {
    /// let config = client.get_basin_config("demo-basin").await?;
    /// println!("creates streams on append: {}", config.create_stream_on_append);
    /// # Ok(()) }
    /// ```
    pub async fn get_basin_config(&self, basin: &str) -> Result<BasinConfig, Error> {
        match self.ask(&Request::GetBasinConfig(BasinName::new(basin)?), Effect::None).await? {
            Response::BasinConfig(config) => Ok(config),
            other => Err(unexpected(&other, Effect::None)),
        }
    }

    /// Changes part of a basin's configuration; all of it as it is then. Streams that exist keep theirs
    /// (`s2-semantics.md` E2).
    ///
    /// ```no_run
    /// # async fn example(client: riverrun_client::Client) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::BasinConfigPatch;
    ///
    /// let patch = BasinConfigPatch { create_stream_on_read: Some(true), ..BasinConfigPatch::default() };
    /// client.reconfigure_basin("demo-basin", patch).await?;
    /// # Ok(()) }
    /// ```
    pub async fn reconfigure_basin(&self, basin: &str, patch: BasinConfigPatch) -> Result<BasinConfig, Error> {
        let reconfigure = ReconfigureBasin { basin: BasinName::new(basin)?, patch };
        match self.ask(&Request::ReconfigureBasin(reconfigure), Effect::Idempotent).await? {
            Response::BasinConfig(config) => Ok(config),
            other => Err(unexpected(&other, Effect::Idempotent)),
        }
    }

    /// Deletes a basin and all its streams. `Ok` means that the deletion has begun and will be carried through; until
    /// it is, the basin is listed with `deleted_at_ms`, and its name is taken (`s2-semantics.md` E6).
    ///
    /// ```no_run
    /// # async fn example(client: riverrun_client::Client) -> Result<(), riverrun_client::Error> {
    /// client.delete_basin("demo-basin").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Code `BasinNotFound` if there is none of this name.
    pub async fn delete_basin(&self, basin: &str) -> Result<(), Error> {
        self.remove(&Request::DeleteBasin(BasinName::new(basin)?), ErrorCode::BasinNotFound).await
    }

    /// One page of basins, in byte order of their names, with those that are being deleted.
    ///
    /// ```no_run
    /// # async fn example(client: riverrun_client::Client) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::ListOptions;
    ///
    /// let page = client.list_basins(ListOptions { prefix: "demo-".into(), ..ListOptions::default() }).await?;
    /// for basin in page.basins.iter().filter(|basin| basin.deleted_at_ms.is_none()) {
    ///     println!("{}", basin.name);
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn list_basins(&self, options: ListOptions) -> Result<BasinList, Error> {
        let ListOptions { prefix, start_after, limit } = options;
        check_basin_filter(&prefix)?;
        check_basin_filter(&start_after)?;
        match self.ask(&Request::ListBasins(ListBasins { prefix, start_after, limit }), Effect::None).await? {
            Response::BasinList(list) => Ok(list),
            other => Err(unexpected(&other, Effect::None)),
        }
    }
}
