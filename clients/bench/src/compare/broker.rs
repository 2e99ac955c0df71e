//! A broker to compare: one that runs already, or one that is started here and stopped by its own process id.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use miette::{IntoDiagnostic, WrapErr, miette};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// Journal files for the whole backlog are prepared before it serves.
const START_PATIENCE: Duration = Duration::from_secs(120);
/// What is in the journal is published before it ends.
const STOP_PATIENCE: Duration = Duration::from_secs(120);

#[derive(Debug)]
pub struct Broker {
    pub addr: String,
    started: Option<Started>,
}

/// Killed when dropped, its folder removed.
#[derive(Debug)]
struct Started {
    child: Child,
    _folder: TempDir,
}

impl Broker {
    pub async fn of(addr: Option<&str>, binary: Option<&Path>, data: Option<&Path>) -> miette::Result<Self> {
        match (addr, binary) {
            (Some(addr), _) => Ok(Self { addr: addr.to_owned(), started: None }),
            (None, Some(binary)) => Self::start(binary, data).await,
            (None, None) => Err(miette!("name two brokers: --a ADDR or --a-bin PATH, and --b ADDR or --b-bin PATH")),
        }
    }

    /// On a free loopback port, in a folder of its own.
    async fn start(binary: &Path, data: Option<&Path>) -> miette::Result<Self> {
        let folder = match data {
            Some(data) => TempDir::new_in(data),
            None => TempDir::new(),
        };
        let folder =
            folder.into_diagnostic().wrap_err("cannot make a folder for a broker: name another with --data")?;
        let mut child = Command::new(binary)
            .args(["serve", "--listen", "127.0.0.1:0", "--journal-prepare", "--data"])
            .arg(folder.path().join("data"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot start {}", binary.display()))?;
        let stdout = child.stdout.take().ok_or_else(|| miette!("the broker has no standard output"))?;
        let mut lines = BufReader::new(stdout).lines();
        let addr = timeout(START_PATIENCE, announced(&mut lines))
            .await
            .map_err(|_| miette!("{} did not listen within {START_PATIENCE:?}", binary.display()))?
            .ok_or_else(|| miette!("{} ended before it listened: start it by hand to see why", binary.display()))?;
        // Whatever it still prints must not fill a pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { addr, started: Some(Started { child, _folder: folder }) })
    }

    /// A broker that was started is asked to end, and waited for.
    pub async fn stop(self) -> miette::Result<()> {
        let Some(Started { mut child, .. }) = self.started else { return Ok(()) };
        if let Some(pid) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            kill_process(pid, Signal::TERM).into_diagnostic().wrap_err("cannot stop a broker that was started here")?;
        }
        // Its data are thrown away: being killed after this long costs nothing.
        let _ = timeout(STOP_PATIENCE, child.wait()).await;
        Ok(())
    }
}

/// The address in the banner.
async fn announced(lines: &mut Lines<BufReader<ChildStdout>>) -> Option<String> {
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some((_, addr)) = line.split_once("listening on ") {
            return Some(addr.trim().to_owned());
        }
    }
    None
}
