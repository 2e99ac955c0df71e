//! s2-lite on the local file system, where every object is written and synced before its appends are acknowledged. A batch is an
//! append of its own in the SDK's append session.

use std::num::NonZeroU32;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt;
use miette::{IntoDiagnostic, WrapErr};
use s2_sdk::append_session::{AppendSession, AppendSessionConfig};
use s2_sdk::types::{
    AppendInput, AppendRecord, AppendRecordBatch, BasinName, CreateBasinInput, CreateStreamInput, DeleteStreamInput,
    S2Config, S2Endpoints, StreamName,
};
use s2_sdk::{S2, S2Basin};

use super::stream_name;
use crate::peer::{Ack, Line, Missing, Peer, Server};
use crate::process::{Process, free_port, on_path, version_line};
use crate::shape::Shape;

const BINARY: &str = "s2";
const INSTALL: &str = "cargo install s2-cli --locked";
const BASIN: &str = "riverrun-peers";
/// The least that it takes, instead of 5 ms: it waits so long for more before it writes.
const FLUSH_INTERVAL: &str = "1ms";
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct S2Lite;

#[async_trait(?Send)]
impl Peer for S2Lite {
    fn name(&self) -> &'static str {
        "s2-lite"
    }

    fn about(&self) -> &'static str {
        "s2 lite --local-root, flush interval 1 ms; pipelined append sessions"
    }

    fn find(&self) -> Result<String, Missing> {
        let binary = on_path(BINARY).ok_or_else(|| Missing::not_on_path(BINARY, INSTALL))?;
        let line = version_line(&binary).unwrap_or_default();
        Ok(line.split_whitespace().nth(1).unwrap_or("of no version").to_owned())
    }

    async fn start(&self, folder: &Path) -> miette::Result<Box<dyn Server>> {
        let port = free_port()?;
        let mut command = Command::new(BINARY);
        command.args(["lite", "--port", &port.to_string(), "--no-dashboard", "--local-root"]).arg(folder.join("data"));
        let mut process = Process::start(command.env("SL8_FLUSH_INTERVAL", FLUSH_INTERVAL), folder)?;
        process.listens(port).await?;
        let url = format!("http://127.0.0.1:{port}");
        let basin: BasinName = BASIN.parse().into_diagnostic()?;
        let s2 = connect(&url)?;
        s2.create_basin(CreateBasinInput::new(basin.clone())).await.into_diagnostic()?;
        Ok(Box::new(Lite { process, url, control: s2.basin(basin.clone()), basin }))
    }
}

struct Lite {
    process: Process,
    url: String,
    basin: BasinName,
    control: S2Basin,
}

#[async_trait(?Send)]
impl Server for Lite {
    fn process(&self) -> &Process {
        &self.process
    }

    async fn lines(&self, turn: u32, shape: &Shape) -> miette::Result<Vec<Box<dyn Line>>> {
        let mut lines: Vec<Box<dyn Line>> = Vec::new();
        for producer in 0..shape.producers {
            let name: StreamName = stream_name(turn, producer).parse().into_diagnostic()?;
            self.control.create_stream(CreateStreamInput::new(name.clone())).await.into_diagnostic()?;
            // A client of its own has a connection of its own.
            let stream = connect(&self.url)?.basin(self.basin.clone()).stream(name);
            lines.push(Box::new(Session { session: stream.append_session(config(shape)?) }));
        }
        Ok(lines)
    }

    async fn clear(&self, turn: u32, shape: &Shape) -> miette::Result<()> {
        for producer in 0..shape.producers {
            let name: StreamName = stream_name(turn, producer).parse().into_diagnostic()?;
            self.control.delete_stream(DeleteStreamInput::new(name)).await.into_diagnostic()?;
        }
        Ok(())
    }
}

/// Room for what is in flight: the load decides how much that is, not the client.
fn config(shape: &Shape) -> miette::Result<AppendSessionConfig> {
    let bytes = 2 * (shape.bytes_inflight_max() as u32).max(1 << 20);
    let batches = NonZeroU32::new(shape.depth as u32).unwrap_or(NonZeroU32::MIN);
    let config = AppendSessionConfig::new().with_max_unacked_bytes(bytes).into_diagnostic()?;
    Ok(config.with_max_unacked_batches(batches))
}

fn connect(url: &str) -> miette::Result<S2> {
    let endpoints = S2Endpoints::for_endpoint(url).into_diagnostic()?;
    let config = S2Config::new("ignored").with_endpoints(endpoints).with_request_timeout(REQUEST_TIMEOUT);
    S2::new(config).into_diagnostic().wrap_err("cannot make a client for s2-lite")
}

struct Session {
    session: AppendSession,
}

#[async_trait(?Send)]
impl Line for Session {
    async fn send(&mut self, bodies: &[Bytes]) -> miette::Result<Ack> {
        let records: Result<Vec<_>, _> = bodies.iter().cloned().map(AppendRecord::new).collect();
        let batch = AppendRecordBatch::try_from_iter(records.into_diagnostic()?).into_diagnostic()?;
        let ticket = self.session.submit(AppendInput::new(batch)).await.into_diagnostic()?;
        Ok(ticket.map(|acked| acked.map(drop).into_diagnostic().wrap_err("s2-lite refused a batch")).boxed_local())
    }
}
