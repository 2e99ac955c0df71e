//! Redis Streams with its append-only file synced before every reply: once per turn of its event loop, for all commands that the
//! turn took in. A batch is a pipeline of XADDs. Twice: all of a producer's batches on one connection, in order; and each of them on
//! a connection of its own, as from a pool. A turn takes 16 KiB from each connection, so more of them share a sync.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::try_join_all;
use miette::{IntoDiagnostic, WrapErr};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Pipeline, cmd};

use super::stream_name;
use crate::peer::{Ack, Line, Missing, Peer, Server};
use crate::process::{Process, free_port, on_path, version_line};
use crate::shape::Shape;

const BINARY: &str = "redis-server";
const INSTALL: &str = "apt-get install redis-server";
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);
const REWRITE_POLL: Duration = Duration::from_millis(100);
const REWRITE_POLLS_MAX: u32 = 100;

#[derive(Debug)]
pub struct Redis {
    pooled: bool,
}

impl Redis {
    pub fn ordered() -> Self {
        Self { pooled: false }
    }

    pub fn pooled() -> Self {
        Self { pooled: true }
    }
}

#[async_trait(?Send)]
impl Peer for Redis {
    fn name(&self) -> &'static str {
        if self.pooled { "redis-pool" } else { "redis" }
    }

    fn about(&self) -> &'static str {
        match self.pooled {
            true => "appendfsync always; pipelined XADD, a connection for each batch in flight",
            false => "appendfsync always; pipelined XADD, a connection for each producer",
        }
    }

    fn find(&self) -> Result<String, Missing> {
        let binary = on_path(BINARY).ok_or_else(|| Missing::not_on_path(BINARY, INSTALL))?;
        let line = version_line(&binary).unwrap_or_default();
        Ok(line.split_whitespace().find_map(|word| word.strip_prefix("v=")).unwrap_or("of no version").to_owned())
    }

    async fn start(&self, folder: &Path) -> miette::Result<Box<dyn Server>> {
        let port = free_port()?;
        let mut command = Command::new(BINARY);
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"]).arg(folder);
        command.args(["--appendonly", "yes", "--appendfsync", "always", "--no-appendfsync-on-rewrite", "no"]);
        // A rewrite within a turn would cost it time that says nothing about appending; `clear` does it between turns.
        command.args(["--auto-aof-rewrite-percentage", "0"]);
        let mut process = Process::start(&mut command, folder)?;
        process.listens(port).await?;
        let client = Client::open(format!("redis://127.0.0.1:{port}/")).into_diagnostic()?;
        Ok(Box::new(RedisServer { process, client, pooled: self.pooled }))
    }
}

struct RedisServer {
    process: Process,
    client: Client,
    pooled: bool,
}

impl RedisServer {
    async fn connect(&self) -> miette::Result<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(RESPONSE_TIMEOUT));
        let connection = self.client.get_multiplexed_async_connection_with_config(&config).await;
        connection.into_diagnostic().wrap_err("cannot connect to Redis")
    }
}

#[async_trait(?Send)]
impl Server for RedisServer {
    fn process(&self) -> &Process {
        &self.process
    }

    async fn lines(&self, turn: u32, shape: &Shape) -> miette::Result<Vec<Box<dyn Line>>> {
        let mut lines: Vec<Box<dyn Line>> = Vec::new();
        for producer in 0..shape.producers {
            let connections = if self.pooled { shape.depth } else { 1 };
            let connections = try_join_all((0..connections).map(|_| self.connect())).await?;
            lines.push(Box::new(Stream { connections, next: 0, key: stream_name(turn, producer) }));
        }
        Ok(lines)
    }

    /// Memory and disk both: what is gone is still in the append-only file until that is written anew.
    async fn clear(&self, turn: u32, shape: &Shape) -> miette::Result<()> {
        let mut connection = self.connect().await?;
        let keys: Vec<String> = (0..shape.producers).map(|producer| stream_name(turn, producer)).collect();
        cmd("UNLINK").arg(keys).exec_async(&mut connection).await.into_diagnostic()?;
        cmd("BGREWRITEAOF").exec_async(&mut connection).await.into_diagnostic()?;
        for _ in 0..REWRITE_POLLS_MAX {
            tokio::time::sleep(REWRITE_POLL).await;
            let info: String = cmd("INFO").arg("persistence").query_async(&mut connection).await.into_diagnostic()?;
            if info.contains("aof_rewrite_in_progress:0") && info.contains("aof_rewrite_scheduled:0") {
                break;
            }
        }
        Ok(())
    }
}

struct Stream {
    /// Taken in turns.
    connections: Vec<MultiplexedConnection>,
    next: usize,
    key: String,
}

#[async_trait(?Send)]
impl Line for Stream {
    async fn send(&mut self, bodies: &[Bytes]) -> miette::Result<Ack> {
        let mut pipeline = Pipeline::with_capacity(bodies.len());
        for body in bodies {
            pipeline.cmd("XADD").arg(&self.key).arg("*").arg("b").arg(body.as_ref()).ignore();
        }
        let mut connection = self.connections[self.next].clone();
        self.next = (self.next + 1) % self.connections.len();
        let sent = async move { pipeline.exec_async(&mut connection).await };
        Ok(sent.map(|done| done.into_diagnostic().wrap_err("Redis refused an XADD")).boxed_local())
    }
}
