//! The client: a handle to one server, cheap to clone, shared by as many tasks as wanted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use riverrun_protocol::error::ErrorCode;
use riverrun_protocol::request::{Ping, Request, StreamRef};
use riverrun_protocol::response::{Response, StageHistograms, StatusReport};
use riverrun_protocol::types::{BasinName, StreamName};

use crate::config::ClientConfig;
use crate::error::Error;
use crate::pool::{Placement, Pool, unexpected};
use crate::retry::Effect;
use crate::stream::StreamHandle;

mod access_tokens;
mod basins;
mod locations;
mod streams;

/// A server, over as many connections as it has shards: the first is opened by [`Client::connect`], the others once a
/// stream's answers name its shard. Lost connections are opened anew when they are next needed.
///
/// Calls that change nothing are repeated after passing failures, as [`ClientConfig::retry`] says, and so are those
/// that may be done twice (creations with a request token, ensuring, reconfiguring, deleting: `s2-semantics.md` E4).
/// Other calls that change something are repeated only where the failed attempt is known to be without effect.
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
    /// `NotDone(Connect)` where nobody answers, code `Authn` where the access token is missing or not valid (never
    /// retried),
    /// `Terminal` where it is no Riverrun server or it refuses this client.
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

    /// How long the stages of the server's work took since it started: where the tail of an append comes from. Only for
    /// whoever holds no issued token, as the whole of a status. The histograms come as they were sent, for an
    /// HdrHistogram library to read.
    ///
    /// ```no_run
    /// # async fn example(client: riverrun_client::Client) -> Result<(), riverrun_client::Error> {
    /// for stage in client.stage_histograms().await?.stages {
    ///     println!("{}: {} bytes in HdrHistogram's V2 encoding", stage.name, stage.histogram.len());
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn stage_histograms(&self) -> Result<StageHistograms, Error> {
        match self.ask(&Request::GetStages, Effect::None).await? {
            Response::StageHistograms(histograms) => Ok(histograms),
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

    /// Takes something away, as often as it needs; `gone` is how the server says that it is not there.
    async fn remove(&self, request: &Request<'_>, gone: ErrorCode) -> Result<(), Error> {
        match self.pool.remove(request, gone).await? {
            Response::Done => Ok(()),
            other => Err(unexpected(&other, Effect::Idempotent)),
        }
    }
}

fn target(basin: &str, stream: &str) -> Result<StreamRef, Error> {
    Ok(StreamRef { basin: BasinName::new(basin)?, stream: StreamName::new(stream)? })
}
