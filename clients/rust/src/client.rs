//! The client: a handle to one server, cheap to clone, shared by as many tasks as wanted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use riverrun_protocol::config::{BasinConfig, PartialStreamConfig};
use riverrun_protocol::request::{CreateBasin, CreateStream, ListBasins, ListStreams, Ping, Request, StreamRef};
use riverrun_protocol::response::{BasinInfo, BasinList, Response, StatusReport, StreamInfo, StreamList};
use riverrun_protocol::types::{BasinName, StreamName, check_basin_filter, check_stream_filter};

use crate::config::ClientConfig;
use crate::error::Error;
use crate::options::{BasinOptions, ListOptions};
use crate::pool::{Placement, Pool, unexpected};
use crate::retry::Effect;
use crate::stream::StreamHandle;

/// A server, over as many connections as it has shards: the first is opened by [`Client::connect`], the others once a
/// stream's answers name its shard. Lost connections are opened anew when they are next needed.
///
/// Calls that change nothing are repeated after passing failures, as [`ClientConfig::retry`] says. Calls that change
/// something are repeated only where the failed attempt is known to be without effect.
#[derive(Clone, Debug)]
pub struct Client {
    pool: Arc<Pool>,
}

impl Client {
    /// Connects to `address`, a `host:port`, and says hello.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::{Client, ClientConfig};
    ///
    /// let client = Client::connect("127.0.0.1:5252", ClientConfig::default()).await?;
    /// # drop(client); Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `NotDone(Connect)` where nobody answers, `Terminal` where it is no Riverrun server or it refuses this client.
    pub async fn connect(address: impl Into<String>, config: ClientConfig) -> Result<Self, Error> {
        let pool = Arc::new(Pool::new(address.into(), config));
        pool.connect().await?;
        Ok(Self { pool })
    }

    /// The round trip of an empty message, over one connection.
    ///
    /// ```no_run
    /// # async fn example(client: riverrun_client::Client) -> Result<(), riverrun_client::Error> {
    /// println!("{:?}", client.ping().await?);
    /// # Ok(()) }
    /// ```
    pub async fn ping(&self) -> Result<Duration, Error> {
        let asked = Instant::now();
        let nonce = asked.elapsed().as_nanos() as u64 ^ 0x5249_5645_5252_554e;
        match self.ask(&Request::Ping(Ping { nonce }), Effect::None).await? {
            Response::Pong { nonce: back } if back == nonce => Ok(asked.elapsed()),
            other => Err(unexpected(&other, Effect::None)),
        }
    }

    /// What the server says about itself.
    ///
    /// ```no_run
    /// # async fn example(client: riverrun_client::Client) -> Result<(), riverrun_client::Error> {
    /// let status = client.status().await?;
    /// println!("{} shards, up {} ms, acks survive: {}", status.shards, status.uptime_ms, status.level);
    /// # Ok(()) }
    /// ```
    pub async fn status(&self) -> Result<StatusReport, Error> {
        match self.ask(&Request::Status, Effect::None).await? {
            Response::Status(report) => Ok(report),
            other => Err(unexpected(&other, Effect::None)),
        }
    }

    /// Creates a basin.
    ///
    /// ```no_run
    /// # async fn example(client: riverrun_client::Client) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::BasinOptions;
    ///
    /// let options = BasinOptions { create_stream_on_append: true, ..BasinOptions::default() };
    /// client.create_basin("demo-basin", options).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Code `AlreadyExists` if there is one of this name.
    pub async fn create_basin(&self, basin: &str, options: BasinOptions) -> Result<BasinInfo, Error> {
        let request = Request::CreateBasin(CreateBasin {
            basin: BasinName::new(basin)?,
            config: BasinConfig {
                create_stream_on_append: options.create_stream_on_append,
                create_stream_on_read: options.create_stream_on_read,
                ..BasinConfig::default()
            },
            request_token: None,
        });
        match self.ask(&request, Effect::Some).await? {
            Response::BasinProvisioned(provisioned) => Ok(provisioned.info),
            other => Err(unexpected(&other, Effect::Some)),
        }
    }

    /// One page of basins, in byte order of their names.
    ///
    /// ```no_run
    /// # async fn example(client: riverrun_client::Client) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::ListOptions;
    ///
    /// let page = client.list_basins(ListOptions { prefix: "demo-".into(), ..ListOptions::default() }).await?;
    /// for basin in &page.basins {
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

    /// Creates a stream. Needed only in basins that do not create streams on first use.
    ///
    /// ```no_run
    /// # async fn example(client: riverrun_client::Client) -> Result<(), riverrun_client::Error> {
    /// let info = client.create_stream("demo-basin", "hello").await?;
    /// println!("{} has the id {}", info.name, info.id);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Code `AlreadyExists` if there is one of this name, `BasinNotFound` if there is no such basin.
    pub async fn create_stream(&self, basin: &str, stream: &str) -> Result<StreamInfo, Error> {
        let target = target(basin, stream)?;
        let create = CreateStream { target, config: PartialStreamConfig::default(), request_token: None };
        match self.ask(&Request::CreateStream(create), Effect::Some).await? {
            Response::StreamProvisioned(provisioned) => Ok(provisioned.info),
            other => Err(unexpected(&other, Effect::Some)),
        }
    }

    /// One page of a basin's streams, in byte order of their names.
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

    /// A handle to a stream. Sends nothing; the stream need not exist yet.
    ///
    /// ```no_run
    /// # async fn example(client: riverrun_client::Client) -> Result<(), riverrun_client::Error> {
    /// let stream = client.stream("demo-basin", "hello")?;
    /// println!("{}", stream.check_tail().await?);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `NotDone(InvalidInput)` if a name breaks a rule of `s2-semantics.md` A2.
    pub fn stream(&self, basin: &str, stream: &str) -> Result<StreamHandle, Error> {
        Ok(StreamHandle::new(self.pool.clone(), target(basin, stream)?))
    }

    /// A request that is no single stream's: any connection will do.
    async fn ask(&self, request: &Request<'_>, effect: Effect) -> Result<Response, Error> {
        self.pool.call(&Placement::default(), request, effect, Duration::ZERO).await
    }
}

fn target(basin: &str, stream: &str) -> Result<StreamRef, Error> {
    Ok(StreamRef { basin: BasinName::new(basin)?, stream: StreamName::new(stream)? })
}
