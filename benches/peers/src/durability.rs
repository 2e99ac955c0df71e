//! Whether a server really syncs before it acknowledges, seen from outside while it is loaded, beside what is measured: strace slows
//! whomever it watches.
//!
//! A sync covers at most what was in flight, since what comes later is sent only after an ack. So whoever acknowledged `a` batches
//! with `d` in flight has synced at least `a / d` times; a server that syncs once a second, or never, is far below.

use std::cell::Cell;
use std::collections::HashSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use futures::future::join;
use miette::{IntoDiagnostic, WrapErr, miette};
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::{sleep, timeout};

use crate::load::{Load, Timing};
use crate::peer::Server;
use crate::process::on_path;
use crate::trace::{CALLS, count_syncs, writes_through};

const WINDOW: Duration = Duration::from_secs(1);
/// Long enough for strace to come and go within the load.
const TIMING: Timing = Timing { warmup: Duration::from_millis(500), span: Duration::from_millis(2500) };
const ATTACH_MAX: Duration = Duration::from_secs(1);
const DETACH_MAX: Duration = Duration::from_secs(20);

#[derive(Clone, Debug, Serialize)]
pub struct Durability {
    pub verdict: Verdict,
    /// Who counted, or why nobody did.
    pub by: String,
    pub syncs: u64,
    pub acked_batches: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Durable,
    NotDurable,
    Unchecked,
}

impl Durability {
    fn of(by: &str, syncs: u64, acked_batches: u64, batches_inflight_max: usize) -> Self {
        Self {
            verdict: Verdict::of(syncs, acked_batches, batches_inflight_max),
            by: by.to_owned(),
            syncs,
            acked_batches,
        }
    }

    fn unchecked(why: &str) -> Self {
        eprintln!("UNCHECKED: {why}");
        Self { verdict: Verdict::Unchecked, by: why.to_owned(), syncs: 0, acked_batches: 0 }
    }
}

impl Verdict {
    /// One more for the sync that ended just before the first of these acks. No acks prove nothing.
    fn of(syncs: u64, acked_batches: u64, batches_inflight_max: usize) -> Self {
        match acked_batches {
            0 => Self::Unchecked,
            acked if (syncs + 1) * batches_inflight_max as u64 >= acked && syncs > 0 => Self::Durable,
            _ => Self::NotDurable,
        }
    }
}

/// Loads the server and watches it.
///
/// # Errors
/// The load fails. A watch that fails is told in the result.
pub async fn check(server: &dyn Server, turn: u32, load: &Load<'_>, folder: &Path) -> miette::Result<Durability> {
    let acked_batches = Cell::new(0);
    let load = Load { timing: TIMING, ..*load };
    let watch = async {
        sleep(TIMING.warmup).await;
        watch(server, &acked_batches, load.shape.batches_inflight_max(), folder).await
    };
    let (loaded, watched) = join(server.load(turn, &load, &acked_batches), watch).await;
    loaded?;
    Ok(watched.unwrap_or_else(|error| Durability::unchecked(&format!("{error:#}"))))
}

async fn watch(
    server: &dyn Server,
    acked: &Cell<u64>,
    batches_inflight_max: usize,
    folder: &Path,
) -> miette::Result<Durability> {
    if let Some(syncs_before) = server.syncs().await? {
        let acked_before = acked.get();
        sleep(WINDOW).await;
        let acked = acked.get() - acked_before;
        let syncs = server.syncs().await?.unwrap_or(0).saturating_sub(syncs_before);
        return Ok(Durability::of("its own counter", syncs, acked, batches_inflight_max));
    }
    if on_path("strace").is_none() {
        return Ok(Durability::unchecked("there is no strace on PATH: apt-get install strace"));
    }
    let trace = folder.join("trace");
    let dsync_fds = dsync_fds(server.process().pid());
    let mut strace = attach(server.process().pid(), &trace).await?;
    let acked_before = acked.get();
    sleep(WINDOW).await;
    let acked = acked.get() - acked_before;
    detach(&mut strace.child).await?;
    let text = std::fs::read(&trace).into_diagnostic().wrap_err("strace wrote nothing")?;
    let syncs = count_syncs(&String::from_utf8_lossy(&text), &dsync_fds);
    Ok(Durability::of("strace", syncs, acked, batches_inflight_max))
}

/// The descriptors that write through.
fn dsync_fds(pid: u32) -> HashSet<u32> {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/fdinfo")) else { return HashSet::new() };
    let through =
        entries.flatten().filter(|entry| std::fs::read_to_string(entry.path()).is_ok_and(|t| writes_through(&t)));
    through.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// What it says has a reader until it ends; a window's new threads do not fill the pipe.
#[derive(Debug)]
struct Strace {
    child: Child,
    _said: Lines<BufReader<ChildStderr>>,
}

/// Returns when it has said that it is there: no ack is counted whose sync it may have missed.
async fn attach(pid: u32, trace: &Path) -> miette::Result<Strace> {
    let mut command = Command::new("strace");
    command.args(["-f", "-s", "0", "-e", &format!("trace={CALLS}"), "-e", "signal=none", "-o"]).arg(trace);
    command.args(["-p", &pid.to_string()]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut strace = command.kill_on_drop(true).spawn().into_diagnostic().wrap_err("cannot start strace")?;
    let said = strace.stderr.take().ok_or_else(|| miette!("strace has no standard error"))?;
    let mut lines = BufReader::new(said).lines();
    let attached = timeout(ATTACH_MAX, async {
        let line = lines.next_line().await.ok().flatten().unwrap_or_default();
        if line.contains("attached") { Ok(()) } else { Err(miette!("strace cannot watch it: {line}")) }
    });
    attached.await.map_err(|_| miette!("strace did not attach within {ATTACH_MAX:?}"))??;
    Ok(Strace { child: strace, _said: lines })
}

async fn detach(strace: &mut Child) -> miette::Result<()> {
    if let Some(pid) = strace.id().and_then(|pid| Pid::from_raw(pid.cast_signed())) {
        kill_process(pid, Signal::INT).into_diagnostic().wrap_err("cannot end strace")?;
    }
    let ended = timeout(DETACH_MAX, strace.wait()).await;
    ended.into_diagnostic().wrap_err("strace does not end")?.into_diagnostic().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_covers_no_more_than_what_is_in_flight() {
        assert_eq!(Verdict::of(1000, 1000, 1), Verdict::Durable);
        assert_eq!(Verdict::of(999, 1000, 1), Verdict::Durable);
        assert_eq!(Verdict::of(500, 1000, 1), Verdict::NotDurable);
        assert_eq!(Verdict::of(63, 4096, 64), Verdict::Durable);
        // Once a second, as Redis's everysec: two syncs and thousands of acks.
        assert_eq!(Verdict::of(2, 4096, 64), Verdict::NotDurable);
    }

    #[test]
    fn no_syncs_are_not_durable_and_no_acks_prove_nothing() {
        assert_eq!(Verdict::of(0, 1, 64), Verdict::NotDurable);
        assert_eq!(Verdict::of(0, 0, 64), Verdict::Unchecked);
    }
}
