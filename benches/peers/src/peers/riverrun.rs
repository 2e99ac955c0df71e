//! Riverrun itself, by the client it comes with: an append session on a connection of its own for each producer.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt;
use miette::miette;
use riverrun_client::{AppendSession, AppendSessionConfig, Client, ClientConfig, Record};

use super::stream_name;
use crate::peer::{Ack, Line, Missing, Peer, Server};
use crate::process::{Process, free_port, on_path, version_line};
use crate::shape::Shape;

/// A stall is to be measured, not to end the run.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
const INSTALL: &str = "cargo build --release, then --riverrun target/release/riverrun";
/// Bytes behind the journal, and so the files that are prepared before it serves: more than a turn leaves behind.
const UNPUBLISHED_BYTES_MAX: u64 = 2 << 30;

#[derive(Debug)]
pub struct Riverrun {
    binary: PathBuf,
}

impl Riverrun {
    /// The one that is named, else that on PATH, else what this repository built.
    ///
    /// # Errors
    /// There is none.
    pub fn of(named: Option<&Path>) -> miette::Result<Self> {
        let built = || Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/release/riverrun"));
        let binary = named.map(Path::to_owned).or_else(|| on_path("riverrun")).or_else(built);
        let binary = binary.filter(|binary| binary.is_file());
        Ok(Self { binary: binary.ok_or_else(|| miette!("there is no riverrun: {INSTALL}"))? })
    }
}

#[async_trait(?Send)]
impl Peer for Riverrun {
    fn name(&self) -> &'static str {
        "riverrun"
    }

    fn about(&self) -> &'static str {
        "storage class express; pipelined append sessions"
    }

    fn find(&self) -> Result<String, Missing> {
        version_line(&self.binary)
            .ok_or_else(|| Missing { why: format!("{} has no version", self.binary.display()), install: INSTALL })
    }

    async fn start(&self, folder: &Path) -> miette::Result<Box<dyn Server>> {
        let port = free_port()?;
        let addr = format!("127.0.0.1:{port}");
        let mut command = Command::new(&self.binary);
        command.env("RIVERRUN_HTTP", "off").args(["serve", "--listen", &addr, "--journal-prepare", "--default-storage-class", "express"]);
        command.arg("--unpublished-bytes-max").arg(UNPUBLISHED_BYTES_MAX.to_string());
        command.arg("--data").arg(folder.join("data"));
        let mut process = Process::start(&mut command, folder)?;
        process.listens(port).await?;
        let control = connect(&addr).await?;
        Ok(Box::new(Broker { process, addr, control }))
    }
}

struct Broker {
    process: Process,
    addr: String,
    control: Client,
}

#[async_trait(?Send)]
impl Server for Broker {
    fn process(&self) -> &Process {
        &self.process
    }

    async fn lines(&self, turn: u32, shape: &Shape) -> miette::Result<Vec<Box<dyn Line>>> {
        let basin = basin(turn);
        self.control.create_basin(&basin, riverrun_client::BasinConfig::default()).await.map_err(failed)?;
        let mut lines: Vec<Box<dyn Line>> = Vec::new();
        for producer in 0..shape.producers {
            let name = stream_name(turn, producer);
            self.control.create_stream(&basin, &name).await.map_err(failed)?;
            let config = AppendSessionConfig {
                inflight_bytes_max: 2 * (shape.bytes_inflight_max() as u32).max(1 << 20),
                ..AppendSessionConfig::default()
            };
            let client = connect(&self.addr).await?;
            let stream = client.stream(&basin, &name).map_err(failed)?;
            let session = stream.append_session_with(config).await.map_err(failed)?;
            lines.push(Box::new(Session { session, _client: client }));
        }
        Ok(lines)
    }

    async fn clear(&self, turn: u32, _shape: &Shape) -> miette::Result<()> {
        self.control.delete_basin(&basin(turn)).await.map_err(failed)
    }

    /// Its ring's writes are no system calls; each block is one write through to the disk.
    async fn syncs(&self) -> miette::Result<Option<u64>> {
        let status = self.control.status().await.map_err(failed)?;
        Ok(status.counters.iter().find(|(name, _)| name == "blocks").map(|(_, blocks)| *blocks))
    }
}

struct Session {
    session: AppendSession,
    _client: Client,
}

#[async_trait(?Send)]
impl Line for Session {
    async fn send(&mut self, bodies: &[Bytes]) -> miette::Result<Ack> {
        let records: Vec<Record> = bodies.iter().cloned().map(Record::new).collect();
        let ticket = self.session.submit(&records).await.map_err(failed)?;
        Ok(async { ticket.await.map(drop).map_err(failed) }.boxed_local())
    }
}

fn basin(turn: u32) -> String {
    format!("peers-turn-{turn:04}")
}

/// With connections of its own.
async fn connect(addr: &str) -> miette::Result<Client> {
    let config = ClientConfig {
        request_timeout: REQUEST_TIMEOUT,
        silence_max: REQUEST_TIMEOUT,
        agent: "riverrun-peers".to_owned(),
        ..ClientConfig::default()
    };
    Client::connect(addr, config).await.map_err(failed)
}

fn failed(error: riverrun_client::Error) -> miette::Report {
    let advice = error.advice();
    miette!(help = advice, "riverrun: {error}")
}
