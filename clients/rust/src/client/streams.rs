//! Streams as the control plane sees them (`s2-semantics.md` E); their records are
//! [`StreamHandle`](crate::StreamHandle)'s.

use riverrun_protocol::config::{PartialStreamConfig, StreamConfig, StreamConfigPatch};
use riverrun_protocol::error::ErrorCode;
use riverrun_protocol::request::{CreateStream, EnsureStream, ListStreams, ReconfigureStream, Request};
use riverrun_protocol::response::{Provisioned, Response, StreamInfo, StreamList};
use riverrun_protocol::types::{BasinName, check_stream_filter};

use super::{Client, target};
use crate::error::Error;
use crate::options::{ListOptions, StreamOptions};
use crate::pool::unexpected;
use crate::retry::Effect;

impl Client {
    /// Creates a stream with its basin's defaults. Needed only in basins that do not create streams on first use.
    ///
    /// ```no_run
    /// # async fn example(client: riverrun_client::Client) -> Result<(), riverrun_client::Error> {
    /// let created = client.create_stream("demo-basin", "hello").await?;
    /// println!("{} has the id {}", created.info.name, created.info.id);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Code `AlreadyExists` if there is one of this name, `BasinNotFound` if there is no such basin,
    /// `StreamDeletionPending` or `BasinDeletionPending` while one of them is being deleted.
    pub async fn create_stream(&self, basin: &str, stream: &str) -> Result<Provisioned<StreamInfo>, Error> {
        self.create_stream_with(basin, stream, StreamOptions::default()).await
    }

    /// [`Client::create_stream`] with a configuration of its own, or another way of making it safe to repeat.
    ///
    /// ```no_run
    /// # async fn example(client: riverrun_client::Client) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::{PartialStreamConfig, Retention};
    ///
    /// let for_ever = PartialStreamConfig { retention: Some(Retention::Infinite), ..PartialStreamConfig::default() };
    /// client.create_stream_with("demo-basin", "ledger", for_ever).await?;
    /// # Ok(()) }
    /// ```
    pub async fn create_stream_with(
        &self,
        basin: &str,
        stream: &str,
        options: impl Into<StreamOptions>,
    ) -> Result<Provisioned<StreamInfo>, Error> {
        let StreamOptions { config, idempotency } = options.into();
        let request_token = idempotency.into_token();
        let effect = Effect::of_creation(request_token.as_ref());
        let create = CreateStream { target: target(basin, stream)?, config, request_token };
        match self.ask(&Request::CreateStream(create), effect).await? {
            Response::StreamProvisioned(provisioned) => Ok(provisioned),
            other => Err(unexpected(&other, effect)),
        }
    }

    /// Creates a stream, or gives the one that is there this configuration: all of it, not a change to it. What it
    /// leaves out goes back to the basin's defaults.
    ///
    /// ```no_run
    /// # async fn example(client: riverrun_client::Client) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::PartialStreamConfig;
    ///
    /// let ensured = client.ensure_stream("demo-basin", "hello", PartialStreamConfig::default()).await?;
    /// println!("{}", ensured.result.name()); // created, updated or noop
    /// # Ok(()) }
    /// ```
    pub async fn ensure_stream(
        &self,
        basin: &str,
        stream: &str,
        config: PartialStreamConfig,
    ) -> Result<Provisioned<StreamInfo>, Error> {
        let ensure = EnsureStream { target: target(basin, stream)?, config };
        match self.ask(&Request::EnsureStream(ensure), Effect::Idempotent).await? {
            Response::StreamProvisioned(provisioned) => Ok(provisioned),
            other => Err(unexpected(&other, Effect::Idempotent)),
        }
    }

    /// A stream's configuration, every field set.
    ///
    /// ```no_run
    /// # async fn example(client: riverrun_client::Client) -> Result<(), riverrun_client::Error> {
    /// let config = client.get_stream_config("demo-basin", "hello").await?;
    /// println!("{:?}", config.retention);
    /// # Ok(()) }
    /// ```
    pub async fn get_stream_config(&self, basin: &str, stream: &str) -> Result<StreamConfig, Error> {
        match self.ask(&Request::GetStreamConfig(target(basin, stream)?), Effect::None).await? {
            Response::StreamConfig(config) => Ok(config),
            other => Err(unexpected(&other, Effect::None)),
        }
    }

    /// Changes part of a stream's configuration, for what is written from now on; all of it as it is then.
    ///
    /// ```no_run
    /// # async fn example(client: riverrun_client::Client) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::{Patch, Retention, StreamConfigPatch};
    ///
    /// let patch = StreamConfigPatch {
    ///     retention: Patch::Set(Retention::Age(3600)),
    ///     storage_class: Patch::Clear, // the basin's default
    ///     ..StreamConfigPatch::default()
    /// };
    /// client.reconfigure_stream("demo-basin", "hello", patch).await?;
    /// # Ok(()) }
    /// ```
    pub async fn reconfigure_stream(
        &self,
        basin: &str,
        stream: &str,
        patch: StreamConfigPatch,
    ) -> Result<StreamConfig, Error> {
        let reconfigure = ReconfigureStream { target: target(basin, stream)?, patch };
        match self.ask(&Request::ReconfigureStream(reconfigure), Effect::Idempotent).await? {
            Response::StreamConfig(config) => Ok(config),
            other => Err(unexpected(&other, Effect::Idempotent)),
        }
    }

    /// Deletes a stream. `Ok` means that the deletion has begun and will be carried through; until it is, the stream is
    /// listed with `deleted_at_ms`, and every other call on it is refused (`s2-semantics.md` E6).
    ///
    /// ```no_run
    /// # async fn example(client: riverrun_client::Client) -> Result<(), riverrun_client::Error> {
    /// client.delete_stream("demo-basin", "hello").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Code `StreamNotFound` if there is none of this name.
    pub async fn delete_stream(&self, basin: &str, stream: &str) -> Result<(), Error> {
        self.remove(&Request::DeleteStream(target(basin, stream)?), ErrorCode::StreamNotFound).await
    }

    /// One page of a basin's streams, in byte order of their names, with those that are being deleted.
    ///
    /// ```no_run
    /// # async fn example(client: riverrun_client::Client) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::ListOptions;
    ///
    /// let mut options = ListOptions::default();
    /// loop {
    ///     let page = client.list_streams("demo-basin", options.clone()).await?;
    ///     for stream in &page.streams {
    ///         println!("{}", stream.name);
    ///     }
    ///     let Some(last) = page.streams.last().filter(|_| page.has_more) else { break };
    ///     options.start_after = last.name.to_string();
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn list_streams(&self, basin: &str, options: ListOptions) -> Result<StreamList, Error> {
        let ListOptions { prefix, start_after, limit } = options;
        check_stream_filter(&prefix)?;
        check_stream_filter(&start_after)?;
        let request = ListStreams { basin: BasinName::new(basin)?, prefix, start_after, limit };
        match self.ask(&Request::ListStreams(request), Effect::None).await? {
            Response::StreamList(list) => Ok(list),
            other => Err(unexpected(&other, Effect::None)),
        }
    }
}
