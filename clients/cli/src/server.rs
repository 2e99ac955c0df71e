//! Reaching the server, without leaving anybody at a terminal wondering what is going on.

use std::time::Duration;

use riverrun_client::{Client, ClientConfig, Error, RetryPolicy, StreamHandle};

use crate::Globals;
use crate::console::remark;
use crate::credentials;
use crate::errors::Failure;
use crate::uri::StreamUri;

/// Waiting longer than this is explained.
const PATIENCE: Duration = Duration::from_secs(1);

/// For transfers, which outlive a restart of the server: about half a minute of trying, counted anew with every progress.
pub const PATIENT: RetryPolicy =
    RetryPolicy { attempts: 60, backoff_base: Duration::from_millis(50), backoff_max: Duration::from_secs(1) };

/// Connects and says hello.
pub async fn connect(globals: &Globals) -> Result<Client, Failure> {
    let config = ClientConfig {
        token: credentials::token(globals)?,
        agent: concat!("riverrun-cli/", env!("CARGO_PKG_VERSION")).to_owned(),
        ..ClientConfig::default()
    };
    let doing = format!("connecting to {}", globals.addr);
    let connected = patiently(&doing, Client::connect(globals.addr.clone(), config)).await;
    connected.map_err(|error| Failure::of_connect(globals, &error))
}

/// The stream's handle. Sends nothing.
pub fn stream(client: &Client, uri: &StreamUri) -> Result<StreamHandle, Error> {
    client.stream(uri.0.basin.as_str(), uri.0.stream.as_str())
}

/// Waits for `future`; says what it is waiting for once that takes longer than people expect.
pub async fn patiently<T>(doing: &str, future: impl Future<Output = T>) -> T {
    tokio::pin!(future);
    if let Ok(done) = tokio::time::timeout(PATIENCE, &mut future).await {
        return done;
    }
    remark(&format!("still {doing}..."));
    future.await
}
