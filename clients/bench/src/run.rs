//! A load on a broker: producers and consumers on one clock, a warm-up, a measured span, and what else goes on beside them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::{BoxFuture, try_join_all};
use futures::{StreamExt, TryStreamExt, stream};
use miette::miette;
use riverrun_client::ReadSession;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::consumer::{Consumed, Consumer, Goal, open_session};
use crate::measure::latencies::Kinds;
use crate::measure::meters::{Meters, Readings};
use crate::measure::pressure::cpu_some_avg10;
use crate::measure::progress::{Moved, Progress};
use crate::measure::server::Tally;
use crate::pick::Picker;
use crate::producer::{End, Line, Produced, Producer, check_ends};
use crate::records::{Feed, Pool};
use crate::target::Target;
use crate::verify::{Digests, merge};
use crate::workload::Workload;

/// Behind the end, how long what is due may still be sent: as long again as the run, and not less than this.
const GIVE_UP_MIN: Duration = Duration::from_secs(5);
/// Sessions opened at a time.
const SETUPS_MAX: usize = 64;

/// What all tasks of a run share.
#[derive(Debug)]
pub struct Run {
    pub clock: Clock,
    /// The measured span: what was meant to be sent from `from_ns` to `end_ns`.
    pub from_ns: u64,
    pub end_ns: u64,
    pub give_up_ns: u64,
    pub queue: Queue,
    pub moved: Arc<Moved>,
    pub keeps_digests: bool,
    is_open_loop: bool,
}

impl Run {
    fn new(workload: &Workload, keeps_digests: bool) -> Self {
        let ns = |duration: Duration| duration.as_nanos() as u64;
        let from_ns = ns(workload.warmup());
        let end_ns = from_ns + ns(workload.duration());
        let give_up_ns = end_ns + ns(workload.duration().max(GIVE_UP_MIN));
        let (queue, moved) = (Queue::default(), Arc::default());
        let is_open_loop = workload.is_open_loop();
        Self { clock: Clock::start(), from_ns, end_ns, give_up_ns, queue, moved, keeps_digests, is_open_loop }
    }

    pub fn measures(&self, intended_ns: u64) -> bool {
        (self.from_ns..self.end_ns).contains(&intended_ns)
    }
}

/// Records that are due and have no room yet, over all producers.
#[derive(Debug, Default)]
pub struct Queue {
    records: AtomicU64,
    records_max: AtomicU64,
}

impl Queue {
    /// One producer's part goes from `was` to `now`.
    pub fn change(&self, was: &mut u64, now: u64) {
        if *was != now {
            let before = self.records.fetch_add(now.wrapping_sub(*was), Ordering::Relaxed);
            self.records_max.fetch_max(before.wrapping_add(now.wrapping_sub(*was)), Ordering::Relaxed);
            *was = now;
        }
    }

    pub fn max(&self) -> u64 {
        self.records_max.load(Ordering::Relaxed)
    }
}

/// What a run is to do besides its workload.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions {
    pub threads: usize,
    /// Reads everything back afterwards.
    pub verify: bool,
    /// Leaves the streams where they are.
    pub keep: bool,
    /// How long the backlog is watched behind the last ack.
    pub drain: Duration,
}

/// What a load came to.
#[derive(Debug)]
pub struct Load {
    pub appended: Tally,
    pub delivered: Tally,
    pub kinds: Kinds,
    pub elapsed: Duration,
    pub unsent_records: u64,
    pub digests: Digests,
    pub readings: Readings,
}

/// Something that goes on beside the load until the run's end, and what it measured.
pub type Beside = Box<dyn FnOnce(Arc<Run>) -> BoxFuture<'static, miette::Result<BesideDone>> + Send>;

#[derive(Debug, Default)]
pub struct BesideDone {
    pub kinds: Kinds,
    pub read: Tally,
}

/// Runs the workload on streams that are there.
///
/// # Errors
/// The broker refused something, or acknowledged or delivered something else than what was sent.
pub async fn load(
    target: &Target,
    workload: &Workload,
    options: RunOptions,
    beside: Option<Beside>,
) -> miette::Result<Load> {
    let pool = Arc::new(Pool::new(workload)?);
    let lines = open_lines(target, workload).await?;
    let sessions = open_sessions(target, workload).await?;
    let pressure = cpu_some_avg10();
    // Everything is open: from here on there is a clock.
    let run = Arc::new(Run::new(workload, options.verify));
    let progress = Progress::show(workload.warmup() + workload.duration(), run.moved.clone());
    let (goal, reached) = watch::channel(Goal::None);
    let consuming = consume(workload, sessions, &run, &reached);
    let producing = produce(workload, &pool, lines, &run)?;
    let beside = beside.map(|beside| tokio::spawn(beside(run.clone())));
    run.clock.sleep_until(run.from_ns).await;
    let meters = Meters::start(&target.control, pressure).await?;
    let mut sum = Sum::default();
    joined(producing).await?.into_iter().for_each(|produced| sum.add_produced(produced));
    check_ends(&sum.ends)?;
    goal.send_replace(Some(Arc::new(records_by_stream(workload, &sum.ends))));
    joined(consuming).await?.into_iter().for_each(|consumed| sum.add_consumed(&consumed));
    if let Some(beside) = beside {
        sum.add_beside(&joined(vec![beside]).await?.remove(0));
    }
    let readings = meters.finish(&target.control, options.threads, run.queue.max()).await?;
    drop(progress);
    Ok(sum.into_load(&run, readings))
}

async fn open_lines(target: &Target, workload: &Workload) -> miette::Result<Vec<(Line, Picker)>> {
    let clients = target.address.connect_all(workload.producers as usize).await?;
    let opening = clients.into_iter().zip(Picker::of_producers(workload)).map(async |(client, mut picker)| {
        let line = Line::open(target, workload, client, &mut picker).await?;
        Ok((line, picker))
    });
    stream::iter(opening).buffered(SETUPS_MAX).try_collect().await
}

/// Each with its stream.
pub async fn open_sessions(target: &Target, workload: &Workload) -> miette::Result<Vec<(u32, ReadSession)>> {
    let per_connection = workload.consumers_per_connection.max(1) as usize;
    let clients = target.address.connect_all((workload.consumers() as usize).div_ceil(per_connection)).await?;
    let opening = (0..workload.consumers() as usize).map(async |consumer| {
        let stream = consumer as u32 % workload.streams;
        Ok((stream, open_session(target, &clients[consumer / per_connection], stream).await?))
    });
    stream::iter(opening).buffered(SETUPS_MAX).try_collect().await
}

fn produce(
    workload: &Workload,
    pool: &Arc<Pool>,
    lines: Vec<(Line, Picker)>,
    run: &Arc<Run>,
) -> miette::Result<Vec<Task<Produced>>> {
    let producers = (0..).zip(lines).map(|(index, (line, picker))| {
        let feed = Feed::of_producer(pool, index, workload.producers);
        let producer = Producer::new(workload, index, line, picker, feed, run.clone())?;
        Ok(tokio::spawn(producer.produce()))
    });
    producers.collect()
}

fn consume(
    workload: &Workload,
    sessions: Vec<(u32, ReadSession)>,
    run: &Arc<Run>,
    goal: &watch::Receiver<Goal>,
) -> Vec<Task<Consumed>> {
    let consumers = sessions.into_iter().map(|(stream, session)| {
        let consumer = Consumer::new(session, stream, workload.has_single_writers(), run.clone());
        tokio::spawn(consumer.consume(goal.clone()))
    });
    consumers.collect()
}

type Task<T> = JoinHandle<miette::Result<T>>;

/// Waits for all; the first failure ends the run.
async fn joined<T>(tasks: Vec<Task<T>>) -> miette::Result<Vec<T>> {
    let outcomes = tasks
        .into_iter()
        .map(async |task| task.await.map_err(|error| miette!("a task of the load generator failed: {error}"))?);
    try_join_all(outcomes).await
}

fn records_by_stream(workload: &Workload, ends: &HashMap<u32, End>) -> Vec<u64> {
    (0..workload.streams).map(|stream| ends.get(&stream).map_or(0, |end| end.records)).collect()
}

/// What the tasks brought back, merged.
#[derive(Debug, Default)]
struct Sum {
    appended: Tally,
    delivered: Tally,
    kinds: Kinds,
    ends: HashMap<u32, End>,
    digests: Digests,
    unsent_records: u64,
    last_ns: u64,
}

impl Sum {
    fn add_produced(&mut self, produced: Produced) {
        self.appended.merge(produced.tally);
        self.kinds.merge(&produced.kinds);
        merge(&mut self.digests, produced.digests);
        self.unsent_records += produced.unsent_records;
        self.last_ns = self.last_ns.max(produced.last_ack_ns);
        for (stream, end) in produced.ends {
            let all = self.ends.entry(stream).or_default();
            all.records += end.records;
            all.seq_num = all.seq_num.max(end.seq_num);
        }
    }

    fn add_consumed(&mut self, consumed: &Consumed) {
        self.delivered.merge(consumed.tally);
        self.kinds.e2e.merge(&consumed.e2e);
        self.last_ns = self.last_ns.max(consumed.last_ns);
    }

    fn add_beside(&mut self, beside: &BesideDone) {
        self.kinds.merge(&beside.kinds);
        self.delivered.merge(beside.read);
    }

    /// Rates are over the span in which the counted records were meant to go, or until the last of them had arrived.
    fn into_load(self, run: &Run, readings: Readings) -> Load {
        let span_ns = if run.is_open_loop { self.last_ns.max(run.end_ns) } else { self.last_ns };
        let elapsed = Duration::from_nanos(span_ns.saturating_sub(run.from_ns).max(1));
        let Self { appended, delivered, kinds, digests, unsent_records, .. } = self;
        Load { appended, delivered, kinds, elapsed, unsent_records, digests, readings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_is_over_all_producers_and_its_maximum_stays() {
        let queue = Queue::default();
        let (mut one, mut two) = (0, 0);
        queue.change(&mut one, 5);
        queue.change(&mut two, 7);
        queue.change(&mut one, 0);
        queue.change(&mut two, 3);
        assert_eq!((one, two, queue.max()), (0, 3, 12));
    }

    #[test]
    fn only_what_was_meant_to_go_within_the_span_is_measured() {
        let run = Run::new(&Workload { warmup_seconds: 1.0, seconds: 2.0, ..Workload::default() }, false);
        let measured = |s: f64| run.measures((s * 1e9) as u64);
        assert!(!measured(0.9) && measured(1.0) && measured(2.9) && !measured(3.0));
    }
}
