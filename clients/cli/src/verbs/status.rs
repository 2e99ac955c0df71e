//! `status`: what the server says about itself.

use std::collections::BTreeMap;
use std::time::Duration;

use riverrun_client::StatusReport;
use serde::Serialize;

use crate::Globals;
use crate::console::print;
use crate::errors::Failure;
use crate::server;

mod stages;

/// Show what the server says about itself
#[derive(clap::Args, Clone, PartialEq, Eq, Debug)]
#[command(after_help = "Examples:
  riverrun status
  riverrun status -o json
  riverrun status --stages                # where the time of an append goes
  RIVERRUN_ADDR=127.0.0.1:5253 riverrun status")]
pub struct Status {
    /// A table for people, or one JSON object
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,

    /// How long the stages of the server's work took since it started, instead
    #[arg(long)]
    pub stages: bool,
}

#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Output {
    #[default]
    Table,
    Json,
}

pub async fn run(globals: &Globals, args: Status) -> Result<(), Failure> {
    let client = server::connect(globals).await?;
    if args.stages {
        return stages::run(globals, &client, args.output).await;
    }
    let status = server::patiently("asking for the status", client.status()).await;
    let status = status.map_err(|error| Failure::of_call(globals, "the server did not tell its status", &error))?;
    let text = match args.output {
        Output::Table => table(&globals.addr, &status),
        Output::Json => json(&globals.addr, &status),
    };
    print(&text).map(|_| ())
}

fn table(addr: &str, status: &StatusReport) -> String {
    let uptime = humantime::format_duration(Duration::from_secs(status.uptime_ms / 1000)).to_string();
    let about = [
        ("address", addr.to_owned()),
        ("version", status.version.clone()),
        ("store", status.store.clone()),
        ("an ack means", survives(status.level).to_owned()),
        ("shards", status.shards.to_string()),
        ("epoch", status.epoch.to_string()),
        ("uptime", uptime),
        ("connections", status.connections.to_string()),
        ("open streams", status.streams_open.to_string()),
    ];
    let counters = status.counters.iter().map(|(name, value)| (name.as_str(), value.to_string())).collect::<Vec<_>>();
    if counters.is_empty() {
        return aligned("", &about);
    }
    format!("{}counters\n{}", aligned("", &about), aligned("  ", &counters))
}

fn aligned(indent: &str, rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    rows.iter().map(|(name, value)| format!("{indent}{name:width$}  {value}\n")).collect()
}

/// The names and their order are stable: scripts read them.
#[derive(Serialize)]
struct Report<'a> {
    address: &'a str,
    version: &'a str,
    store: &'a str,
    level: &'static str,
    shards: u16,
    epoch: u64,
    uptime_ms: u64,
    connections: u64,
    streams_open: u64,
    counters: BTreeMap<&'a str, u64>,
}

fn json(addr: &str, status: &StatusReport) -> String {
    let report = Report {
        address: addr,
        version: &status.version,
        store: &status.store,
        level: status.level.name(),
        shards: status.shards,
        epoch: status.epoch,
        uptime_ms: status.uptime_ms,
        connections: status.connections,
        streams_open: status.streams_open,
        counters: status.counters.iter().map(|(name, value)| (name.as_str(), *value)).collect(),
    };
    serde_json::to_string(&report).expect("numbers and strings always serialize") + "\n"
}

fn survives(level: riverrun_protocol::Level) -> &'static str {
    match level {
        riverrun_protocol::Level::Memory => "in this server's memory only; nothing survives its end",
        riverrun_protocol::Level::Journal => "on this server's disk; survives a crash and a power cut",
        riverrun_protocol::Level::Object => "in the object store; survives the loss of this server's disk",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> StatusReport {
        StatusReport {
            shards: 2,
            uptime_ms: 3_723_000,
            connections: 4,
            streams_open: 17,
            epoch: 3,
            level: riverrun_protocol::Level::Journal,
            store: "fs:./riverrun-data/objects".into(),
            version: "riverrun/0.1.0".into(),
            counters: vec![("appends_acked".into(), 12), ("journal_blocks".into(), 7)],
        }
    }

    #[test]
    fn a_table_for_people() {
        insta::assert_snapshot!(table("127.0.0.1:5252", &status()), @r"
        address       127.0.0.1:5252
        version       riverrun/0.1.0
        store         fs:./riverrun-data/objects
        an ack means  on this server's disk; survives a crash and a power cut
        shards        2
        epoch         3
        uptime        1h 2m 3s
        connections   4
        open streams  17
        counters
          appends_acked   12
          journal_blocks  7
        ");
    }

    #[test]
    fn json_for_scripts() {
        insta::assert_snapshot!(json("127.0.0.1:5252", &status()), @r#"{"address":"127.0.0.1:5252","version":"riverrun/0.1.0","store":"fs:./riverrun-data/objects","level":"journal","shards":2,"epoch":3,"uptime_ms":3723000,"connections":4,"streams_open":17,"counters":{"appends_acked":12,"journal_blocks":7}}"#);
    }
}
