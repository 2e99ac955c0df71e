//! One producer. Its window of batches in flight is bounded, so what is due and has no room waits here, in the generator, and
//! keeps the time at which it was meant to go.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use miette::miette;
use riverrun_client::{AppendAck, AppendSession, AppendSessionConfig, Client, StreamHandle};

use crate::clock::Alarm;
use crate::failed;
use crate::measure::latencies::Kinds;
use crate::measure::server::Tally;
use crate::pick::Picker;
use crate::records::{Feed, Prepared};
use crate::run::Run;
use crate::schedule::Schedule;
use crate::source::Source;
use crate::target::{Target, handle};
use crate::verify::Digests;
use crate::workload::{Pick, Workload};

/// Handles of streams that a producer keeps; beyond it they are made anew for each batch, and their shard learnt anew.
const HANDLES_MAX: usize = 1 << 17;

#[derive(Debug)]
pub struct Producer {
    line: Line,
    source: Source,
    picker: Picker,
    feed: Feed,
    alarm: Alarm,
    depth: usize,
    /// What is left of this producer's share of `bytes_max`.
    bytes_left: u64,
    run: Arc<Run>,
    /// Of the run's queue, this producer's part.
    queued: u64,
    produced: Produced,
}

#[derive(Debug, Default)]
pub struct Produced {
    /// Meant to be sent within the measured span, and acknowledged.
    pub tally: Tally,
    pub kinds: Kinds,
    /// When the last of `tally` was acknowledged.
    pub last_ack_ns: u64,
    /// Of everything acknowledged, warm-up included; only where the run is to be verified.
    pub digests: Digests,
    /// Of everything acknowledged: records by stream, and the number behind the last of them.
    pub ends: HashMap<u32, End>,
    /// Due, and still waiting for room when the run gave up.
    pub unsent_records: u64,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct End {
    pub records: u64,
    pub seq_num: u64,
}

/// How batches get to the broker.
#[derive(Debug)]
pub enum Line {
    /// All to one stream, in order.
    Session(Box<AppendSession>),
    /// To any stream, each a call of its own.
    Calls { client: Client, basin: String, handles: HashMap<u32, StreamHandle> },
}

#[derive(Debug)]
struct Sent {
    stream: u32,
    intended: Intended,
    sent_ns: u64,
    prepared: Prepared,
}

#[derive(Debug)]
enum Intended {
    /// Closed loop: it was meant to go when it went.
    WhenSent,
    Each(Box<[u64]>),
}

type InFlight = FuturesUnordered<BoxFuture<'static, miette::Result<(Sent, AppendAck)>>>;

impl Producer {
    pub fn new(
        workload: &Workload,
        index: u32,
        line: Line,
        picker: Picker,
        feed: Feed,
        run: Arc<Run>,
    ) -> miette::Result<Self> {
        let records = workload.batch_records as usize;
        let source = if workload.is_open_loop() {
            let schedule = Schedule::of_producer(workload, index, run.end_ns);
            Source::open(schedule, records, u64::from(workload.linger_us) * 1000)
        } else {
            Source::closed(records, run.end_ns)
        };
        let (alarm, depth) = (Alarm::new()?, workload.depth as usize);
        let bytes_left = workload.bytes_max.map_or(u64::MAX, |bytes| bytes.div_ceil(u64::from(workload.producers)));
        let produced = Produced::default();
        Ok(Self { line, source, picker, feed, alarm, depth, bytes_left, run, queued: 0, produced })
    }

    /// Until everything is acknowledged, or the run gives up.
    pub async fn produce(mut self) -> miette::Result<Produced> {
        let mut in_flight = InFlight::new();
        loop {
            self.fill(&mut in_flight).await?;
            let now_ns = self.run.clock.now_ns();
            if self.source.is_done(now_ns) && in_flight.is_empty() {
                break;
            }
            if now_ns >= self.run.give_up_ns {
                self.give_up(now_ns);
            }
            self.wait(&mut in_flight).await?;
        }
        if let Line::Session(session) = self.line {
            session.close().await.map_err(failed)?;
        }
        Ok(self.produced)
    }

    /// Sends what may go, as far as the window has room.
    async fn fill(&mut self, in_flight: &mut InFlight) -> miette::Result<()> {
        while in_flight.len() < self.depth {
            let sent_ns = self.run.clock.now_ns();
            let is_open_loop = self.source.is_open_loop();
            let Some(times) = self.source.batch(sent_ns) else { break };
            let prepared = self.feed.next(times)?;
            let records = prepared.batch.record_count() as usize;
            let intended = if is_open_loop { Intended::Each(times[..records].into()) } else { Intended::WhenSent };
            self.source.take(records);
            self.bytes_left = self.bytes_left.saturating_sub(prepared.body_bytes);
            if self.bytes_left == 0 {
                self.source.stop();
            }
            let sent = Sent { stream: self.picker.pick(), intended, sent_ns, prepared };
            let acked = self.line.send(sent).await?;
            in_flight.push(acked);
        }
        self.run.queue.change(&mut self.queued, self.source.queued());
        Ok(())
    }

    /// For an ack, or for the next record's time.
    async fn wait(&mut self, in_flight: &mut InFlight) -> miette::Result<()> {
        let has_room = in_flight.len() < self.depth;
        let next_ns = self.source.next_ns().filter(|_| has_room);
        tokio::select! {
            biased;
            Some(done) = in_flight.next(), if !in_flight.is_empty() => {
                let (sent, ack) = done?;
                self.on_ack(&sent, &ack);
            }
            () = self.alarm.until(self.run.clock, next_ns.unwrap_or(u64::MAX)), if next_ns.is_some() => {}
            else => {}
        }
        Ok(())
    }

    fn on_ack(&mut self, sent: &Sent, ack: &AppendAck) {
        let acked_ns = self.run.clock.now_ns();
        let records = u64::from(sent.prepared.batch.record_count());
        self.run.moved.appended_bytes.fetch_add(sent.prepared.body_bytes, Ordering::Relaxed);
        let end = self.produced.ends.entry(sent.stream).or_default();
        end.records += records;
        end.seq_num = end.seq_num.max(ack.end.seq_num);
        if self.run.keeps_digests {
            let digest = self.produced.digests.entry(sent.stream).or_default();
            let numbered = (ack.start.seq_num..).zip(sent.prepared.sums.iter());
            numbered.for_each(|(seq_num, sum)| digest.add(seq_num, *sum));
        }
        self.measure(sent, acked_ns, records);
    }

    /// Open loop: a sample for each record. Closed loop: one for the batch, whose records share their times.
    fn measure(&mut self, sent: &Sent, acked_ns: u64, records: u64) {
        let run = self.run.clone();
        let counted = match &sent.intended {
            Intended::WhenSent if run.measures(sent.sent_ns) => {
                self.record(sent.sent_ns, sent.sent_ns, acked_ns);
                records
            }
            Intended::WhenSent => 0,
            Intended::Each(times) => {
                let measured = times.iter().filter(|at_ns| run.measures(**at_ns));
                measured.inspect(|at_ns| self.record(**at_ns, sent.sent_ns, acked_ns)).count() as u64
            }
        };
        if counted > 0 {
            // A batch over the edge of the measured span counts with the records that are within.
            let bytes = sent.prepared.body_bytes * counted / records;
            self.produced.tally.merge(Tally { batches: 1, records: counted, bytes });
            self.produced.last_ack_ns = acked_ns;
        }
    }

    fn record(&mut self, intended_ns: u64, sent_ns: u64, acked_ns: u64) {
        self.produced.kinds.ack.record_ns(acked_ns.saturating_sub(intended_ns));
        self.produced.kinds.ack_service.record_ns(acked_ns.saturating_sub(sent_ns));
    }

    /// The broker took less than was offered. What was never sent counts with the time that it has waited so far: leaving it out
    /// would leave out the slowest of all.
    fn give_up(&mut self, now_ns: u64) {
        let run = self.run.clone();
        for intended_ns in self.source.give_up().into_iter().filter(|at_ns| run.measures(*at_ns)) {
            self.produced.unsent_records += 1;
            self.produced.kinds.ack.record_ns(now_ns - intended_ns);
        }
    }
}

impl Line {
    pub async fn open(
        target: &Target,
        workload: &Workload,
        client: Client,
        picker: &mut Picker,
    ) -> miette::Result<Self> {
        if workload.pick != Pick::Own {
            return Ok(Self::Calls { client, basin: target.basin().to_owned(), handles: HashMap::new() });
        }
        let config = AppendSessionConfig { inflight_bytes_max: u32::MAX, inflight_batches_max: workload.depth };
        let stream = target.stream(&client, picker.pick())?;
        Ok(Self::Session(Box::new(stream.append_session_with(config).await.map_err(failed)?)))
    }

    async fn send(&mut self, sent: Sent) -> miette::Result<BoxFuture<'static, miette::Result<(Sent, AppendAck)>>> {
        let batch = sent.prepared.batch.clone();
        Ok(match self {
            Self::Session(session) => {
                let ticket = session.submit_batch(batch).await.map_err(failed)?;
                async move { Ok((sent, ticket.await.map_err(failed)?)) }.boxed()
            }
            Self::Calls { client, basin, handles } => {
                let stream = match handles.get(&sent.stream) {
                    Some(known) => known.clone(),
                    None => handle(client, basin, sent.stream)?,
                };
                if handles.len() < HANDLES_MAX {
                    handles.entry(sent.stream).or_insert_with(|| stream.clone());
                }
                async move { Ok((sent, stream.append_batch(&batch).await.map_err(failed)?)) }.boxed()
            }
        })
    }
}

/// # Errors
/// Sequence numbers were given out that nobody was told of, or twice.
pub fn check_ends(ends: &HashMap<u32, End>) -> miette::Result<()> {
    match ends.iter().find(|(_, end)| end.records != end.seq_num) {
        None => Ok(()),
        Some((stream, end)) => Err(miette!(
            "stream {stream}: {} records were acknowledged, and the last one's number is {}",
            end.records,
            end.seq_num.saturating_sub(1)
        )),
    }
}
