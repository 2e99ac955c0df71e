//! One producer, pipelined.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use riverrun_client::{AckTicket, AppendBatch, AppendSession, AppendSessionConfig, Client};

use crate::report::{Latencies, Progress, Report, ServerUse};
use crate::{WorkloadArgs, failed, fresh_stream, records};

/// After the last ack, how long the backlog's drain is watched.
const DRAIN_WATCH: Duration = Duration::from_secs(2);

struct InFlight {
    submitted: Instant,
    records: u64,
    ticket: AckTicket,
}

/// What was acknowledged so far.
#[derive(Default)]
struct Acked {
    batches: u64,
    records: u64,
    bytes: u64,
}

pub async fn run(client: &Client, args: &WorkloadArgs) -> miette::Result<()> {
    let batches = records::full_batches(args.seed, args.record_bytes as usize).map_err(failed)?;
    let stream = fresh_stream(client, "throughput").await?;
    let config = AppendSessionConfig { inflight_bytes_max: u32::MAX, inflight_batches_max: args.depth };
    let session = stream.append_session_with(config).await.map_err(failed)?;
    let before = ServerUse::read(client).await?;
    let mut latencies = Latencies::new();
    let begun = Instant::now();
    let acked = produce(&session, &batches, args, &mut latencies).await?;
    let elapsed = begun.elapsed();
    session.close().await.map_err(failed)?;
    let after = ServerUse::read(client).await?;
    let drain = watch_drain(client, &after).await?;
    let report = Report {
        workload: "throughput",
        elapsed,
        batches: acked.batches,
        records: acked.records,
        bytes: acked.bytes,
        server: after.since(&before),
        backlog_bytes: after.unpublished_bytes,
        drain_bytes_per_s: drain,
    };
    report.print(&latencies, args.output.is_some());
    latencies.write_hlog(args.hlog.as_deref(), begun, elapsed)
}

async fn produce(
    session: &AppendSession,
    batches: &[AppendBatch],
    args: &WorkloadArgs,
    latencies: &mut Latencies,
) -> miette::Result<Acked> {
    let end = Instant::now() + args.duration();
    let mut acked = Acked::default();
    let mut in_flight = VecDeque::new();
    let mut progress = Progress::new(args.duration());
    for batch in batches.iter().cycle() {
        if Instant::now() >= end {
            break;
        }
        if in_flight.len() >= args.depth as usize {
            take_ack(&mut in_flight, &mut acked, latencies, args.record_bytes).await?;
            progress.show(acked.bytes);
        }
        let submitted = Instant::now();
        let ticket = session.submit_batch(batch.clone()).await.map_err(failed)?;
        in_flight.push_back(InFlight { submitted, records: u64::from(batch.record_count()), ticket });
    }
    while !in_flight.is_empty() {
        take_ack(&mut in_flight, &mut acked, latencies, args.record_bytes).await?;
    }
    Ok(acked)
}

/// Waits for the oldest ack, and checks that it is the next in order.
async fn take_ack(
    in_flight: &mut VecDeque<InFlight>,
    acked: &mut Acked,
    latencies: &mut Latencies,
    record_bytes: u32,
) -> miette::Result<()> {
    let Some(oldest) = in_flight.pop_front() else { return Ok(()) };
    let ack = oldest.ticket.await.map_err(failed)?;
    latencies.record(oldest.submitted.elapsed());
    if ack.start.seq_num != acked.records || ack.end.seq_num != acked.records + oldest.records {
        miette::bail!("records {}.. were acknowledged as {}..{}", acked.records, ack.start.seq_num, ack.end.seq_num);
    }
    acked.batches += 1;
    acked.records += oldest.records;
    acked.bytes += oldest.records * u64::from(record_bytes);
    Ok(())
}

/// How fast the backlog moves on into chunks, with nothing else to do.
async fn watch_drain(client: &Client, start: &ServerUse) -> miette::Result<f64> {
    let begun = Instant::now();
    tokio::time::sleep(DRAIN_WATCH).await;
    let end = ServerUse::read(client).await?;
    Ok(start.unpublished_bytes.saturating_sub(end.unpublished_bytes) as f64 / begun.elapsed().as_secs_f64())
}
