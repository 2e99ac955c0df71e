//! Where a run writes to: a basin of its own, so that every stream begins at 0 and all of it can go afterwards.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::{StreamExt, TryStreamExt, stream};
use riverrun_client::{
    BasinConfig, BasinOptions, Client, ClientConfig, ErrorCode, PartialStreamConfig, StreamHandle, Token,
};

use crate::failed;
use crate::workload::Storage;

/// A stall is to be measured, not to end the run.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Streams created, or connections opened, at a time.
const SETUPS_MAX: usize = 64;

/// A broker, and who we are to it.
#[derive(Clone, Debug)]
pub struct Address {
    pub addr: String,
    pub token: Option<Token>,
}

impl Address {
    /// A client with connections of its own.
    pub async fn connect(&self) -> miette::Result<Client> {
        let config = ClientConfig {
            token: self.token.clone(),
            request_timeout: REQUEST_TIMEOUT,
            silence_max: REQUEST_TIMEOUT,
            agent: concat!("riverrun-bench/", env!("CARGO_PKG_VERSION")).to_owned(),
            ..ClientConfig::default()
        };
        Client::connect(self.addr.clone(), config).await.map_err(failed)
    }

    pub async fn connect_all(&self, count: usize) -> miette::Result<Vec<Client>> {
        stream::iter((0..count).map(|_| self.connect())).buffered(SETUPS_MAX).try_collect().await
    }
}

#[derive(Debug)]
pub struct Target {
    pub address: Address,
    /// For everything but the load.
    pub control: Client,
    basin: String,
}

impl Target {
    /// A basin that no other run has.
    pub async fn fresh(address: &Address, storage: Storage) -> miette::Result<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        Self::named(address, storage, format!("riverrun-bench-{now}")).await
    }

    /// A basin that may be there from an earlier run.
    pub async fn named(address: &Address, storage: Storage, basin: String) -> miette::Result<Self> {
        let control = address.connect().await?;
        let streams = PartialStreamConfig { storage_class: Some(storage.into()), ..PartialStreamConfig::default() };
        let config =
            BasinConfig { create_stream_on_append: true, default_stream_config: streams, ..BasinConfig::default() };
        match control.create_basin(&basin, BasinOptions::from(config)).await {
            Ok(_) => {}
            Err(error) if error.code() == Some(ErrorCode::AlreadyExists) => {}
            Err(error) => return Err(failed(error)),
        }
        Ok(Self { address: address.clone(), control, basin })
    }

    pub fn basin(&self) -> &str {
        &self.basin
    }

    pub async fn create_streams(&self, count: u32) -> miette::Result<()> {
        let creations =
            (0..count).map(async |stream| match self.control.create_stream(&self.basin, &name(stream)).await {
                Err(error) if error.code() != Some(ErrorCode::AlreadyExists) => Err(failed(error)),
                _ => Ok(()),
            });
        stream::iter(creations).buffer_unordered(4 * SETUPS_MAX).try_collect().await
    }

    pub fn stream(&self, client: &Client, stream: u32) -> miette::Result<StreamHandle> {
        handle(client, &self.basin, stream)
    }

    /// Gives the broker its disk back, or says where everything was left.
    pub async fn leave(self, keep: bool) -> miette::Result<()> {
        if keep {
            eprintln!("the streams were left in the basin {}", self.basin);
            return Ok(());
        }
        self.control.delete_basin(&self.basin).await.map_err(failed)
    }
}

pub fn handle(client: &Client, basin: &str, stream: u32) -> miette::Result<StreamHandle> {
    client.stream(basin, &name(stream)).map_err(failed)
}

fn name(stream: u32) -> String {
    format!("s{stream:07}")
}
