//! One record at a time.

use std::time::Instant;

use riverrun_client::{AppendSessionConfig, Client};

use crate::report::{Latencies, Progress, Report, ServerUse};
use crate::{WorkloadArgs, failed, fresh_stream, records};

pub async fn run(client: &Client, args: &WorkloadArgs) -> miette::Result<()> {
    let batches = records::single_batches(args.seed, args.record_bytes as usize).map_err(failed)?;
    let stream = fresh_stream(client, "latency").await?;
    let session = stream.append_session_with(AppendSessionConfig::default()).await.map_err(failed)?;
    let before = ServerUse::read(client).await?;
    let mut latencies = Latencies::new();
    let mut progress = Progress::new(args.duration());
    let begun = Instant::now();
    let mut records = 0u64;
    while begun.elapsed() < args.duration() {
        let batch = batches[records as usize % batches.len()].clone();
        let submitted = Instant::now();
        let ack = session.submit_batch(batch).await.map_err(failed)?.await.map_err(failed)?;
        latencies.record(submitted.elapsed());
        if ack.start.seq_num != records {
            miette::bail!("record {records} was acknowledged as {}", ack.start.seq_num);
        }
        records += 1;
        progress.show(records * u64::from(args.record_bytes));
    }
    let elapsed = begun.elapsed();
    session.close().await.map_err(failed)?;
    let after = ServerUse::read(client).await?;
    let report = Report {
        workload: "latency",
        elapsed,
        batches: records,
        records,
        bytes: records * u64::from(args.record_bytes),
        server: after.since(&before),
        backlog_bytes: after.unpublished_bytes,
        drain_bytes_per_s: 0.0,
    };
    report.print(&latencies, args.output.is_some());
    latencies.write_hlog(args.hlog.as_deref(), begun, elapsed)
}
