//! What streams and sessions cost that do nothing: the broker's resident memory before, with the streams, and with sessions too.

use miette::miette;

use crate::measure::latencies::Kinds;
use crate::measure::meters::Meters;
use crate::measure::pressure::cpu_some_avg10;
use crate::measure::report::{Outcome, Report};
use crate::measure::server::Tally;
use crate::run::{RunOptions, open_sessions};
use crate::target::{Address, Target};
use crate::workload::Workload;

/// Sessions at most, whatever the number of streams.
const SESSIONS_MAX: u32 = 10_000;

pub async fn run(
    address: &Address,
    workload: &Workload,
    options: RunOptions,
    server_pid: Option<u32>,
) -> miette::Result<Outcome> {
    let pid = server_pid.ok_or_else(|| {
        miette!(
            help = "on the broker's machine: --server-pid $(pidof riverrun)",
            "this cell measures the broker's memory, and needs its process id"
        )
    })?;
    let target = Target::fresh(address, workload.storage).await?;
    let before = resident_bytes(pid)?;
    target.create_streams(workload.streams).await?;
    let with_streams = resident_bytes(pid)?;
    let sessions = Workload { streams: workload.streams.min(SESSIONS_MAX), ..workload.clone() };
    let open = open_sessions(&target, &sessions).await?;
    let with_sessions = resident_bytes(pid)?;
    // The cost of their being there, and of nothing else.
    let meters = Meters::start(&target.control, cpu_some_avg10()).await?;
    tokio::time::sleep(workload.duration()).await;
    let readings = meters.finish(&target.control, options.threads, 0).await?;
    let mut report = Report::new(workload, workload.duration(), &readings, Tally::default());
    let per = |bytes: u64, count: u64| bytes as f64 / count.max(1) as f64;
    let extra = serde_json::json!({
        "rss_before_bytes": before,
        "rss_streams_bytes": with_streams,
        "rss_sessions_bytes": with_sessions,
        "rss_per_stream_bytes": per(with_streams.saturating_sub(before), u64::from(workload.streams)),
        "rss_per_session_bytes": per(with_sessions.saturating_sub(with_streams), open.len() as u64),
        "sessions": open.len(),
    });
    if let serde_json::Value::Object(fields) = extra {
        report.extra = fields;
    }
    drop(open);
    target.leave(options.keep).await?;
    Ok(Outcome { report, kinds: Kinds::default(), elapsed: workload.duration() })
}

fn resident_bytes(pid: u32) -> miette::Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).map_err(|error| miette!("cannot read {path}: {error}"))?;
    parse_resident(&status).ok_or_else(|| miette!("{path} says nothing of resident memory"))
}

fn parse_resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_in_kibibytes() {
        assert_eq!(parse_resident("VmPeak:\t 10 kB\nVmRSS:\t  2048 kB\n"), Some(2 << 20));
        assert_eq!(parse_resident("Name: broker\n"), None);
    }
}
