//! A live consumer: follows one stream, looks at every record's stamp, and ends when it has had all that was acknowledged.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use miette::miette;
use riverrun_client::{Batch, Client, ReadOptions, ReadSession, ReadSessionConfig};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::failed;
use crate::measure::latencies::Latencies;
use crate::measure::server::Tally;
use crate::run::Run;
use crate::stamp::Stamp;
use crate::target::Target;
use crate::workload::RECORD_METERED_OVERHEAD_BYTES;

/// After the last ack, how long nothing may come although something is still missing.
const PATIENCE: Duration = Duration::from_secs(30);
/// A stall is to be measured, not to be cured by connecting anew.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// How many records each stream has, once that is known.
pub type Goal = Option<Arc<Vec<u64>>>;

/// Follows the stream from its beginning.
pub async fn open_session(target: &Target, client: &Client, stream: u32) -> miette::Result<ReadSession> {
    let config = ReadSessionConfig { silence_max: SILENCE_MAX, ..ReadSessionConfig::default() };
    let handle = target.stream(client, stream)?;
    handle.read_session_with(ReadOptions::from_seq_num(0), config).await.map_err(failed)
}

#[derive(Debug)]
pub struct Consumer {
    session: ReadSession,
    stream: u32,
    /// Whether a record's stamp has to have its sequence number: nobody else writes to the stream.
    single_writer: bool,
    next_seq_num: u64,
    run: Arc<Run>,
    consumed: Consumed,
}

#[derive(Debug, Default)]
pub struct Consumed {
    pub e2e: Latencies,
    /// Of records that were meant to be sent within the measured span.
    pub tally: Tally,
    pub last_ns: u64,
}

impl Consumer {
    pub fn new(session: ReadSession, stream: u32, single_writer: bool, run: Arc<Run>) -> Self {
        Self { session, stream, single_writer, next_seq_num: 0, run, consumed: Consumed::default() }
    }

    pub async fn consume(mut self, mut goal: watch::Receiver<Goal>) -> miette::Result<Consumed> {
        loop {
            let wanted = goal.borrow().as_ref().map(|goal| goal[self.stream as usize]);
            if wanted.is_some_and(|wanted| self.next_seq_num >= wanted) {
                return Ok(self.consumed);
            }
            let patience = if wanted.is_some() { PATIENCE } else { Duration::MAX };
            tokio::select! {
                biased;
                batch = timeout(patience, self.session.next_batch()) => {
                    let (stream, next) = (self.stream, self.next_seq_num);
                    let batch = batch.map_err(|_| miette!("stream {stream}: record {next} did not arrive"))?;
                    self.on_batch(batch)?;
                }
                changed = goal.changed(), if wanted.is_none() => {
                    // The producers have failed, and say so themselves.
                    if changed.is_err() {
                        return Ok(self.consumed);
                    }
                }
            }
        }
    }

    fn on_batch(&mut self, batch: Option<Result<Batch, riverrun_client::Error>>) -> miette::Result<()> {
        let received_ns = self.run.clock.now_ns();
        let batch = batch.ok_or_else(|| miette!("stream {}: the read session ended", self.stream))?.map_err(failed)?;
        if batch.first_seq_num() != self.next_seq_num {
            let (wanted, got) = (self.next_seq_num, batch.first_seq_num());
            return Err(miette!("stream {}: record {got} was delivered where {wanted} was due", self.stream));
        }
        // The bodies lie back to back: our records have no headers. Taking them apart one by one would cost more than reading them.
        let mut rest = &batch.bytes()[batch.header_and_table_bytes()..];
        self.run.moved.read_bytes.fetch_add(rest.len() as u64, Ordering::Relaxed);
        for (index, seq_num) in (0..batch.record_count()).zip(batch.first_seq_num()..) {
            let body_bytes = (batch.record_metered_bytes(index) - RECORD_METERED_OVERHEAD_BYTES) as usize;
            let (body, behind) = rest.split_at_checked(body_bytes).unwrap_or((rest, &[]));
            self.on_record(seq_num, body, received_ns)?;
            rest = behind;
        }
        self.next_seq_num = batch.end_seq_num();
        Ok(())
    }

    fn on_record(&mut self, seq_num: u64, body: &[u8], received_ns: u64) -> miette::Result<()> {
        let stream = self.stream;
        let stamp = Stamp::read(body).ok_or_else(|| miette!("stream {stream}: record {seq_num} has no stamp"))?;
        if self.single_writer && stamp.number != seq_num {
            return Err(miette!("stream {stream}: record {seq_num} is what was sent as number {}", stamp.number));
        }
        if self.run.measures(stamp.intended_ns) {
            self.consumed.e2e.record_ns(received_ns.saturating_sub(stamp.intended_ns));
            self.consumed.tally.merge(Tally { batches: 0, records: 1, bytes: body.len() as u64 });
            self.consumed.last_ns = received_ns;
        }
        Ok(())
    }
}
