//! A server's process: started in a folder of its own on a free loopback port, ended by its own id.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use miette::{IntoDiagnostic, WrapErr, miette};
use tokio::net::TcpStream;
use tokio::time::sleep;

const POLL: Duration = Duration::from_millis(50);
/// Riverrun prepares its journal first, s2-lite waits out a lease.
const START_MAX: Duration = Duration::from_secs(120);
/// A server is done with the turn before when it used no more than a tick in this long.
const QUIET: Duration = Duration::from_millis(300);
const QUIET_CPU_MAX: Duration = Duration::from_millis(10);
const SETTLE_MAX: Duration = Duration::from_secs(10);
/// Less is not enough for a turn of the fastest of them.
const DISK_FREE_BYTES_MIN: u64 = 8 << 30;

#[derive(Debug)]
pub struct Process {
    pid: u32,
    child: Option<Child>,
    log: PathBuf,
}

impl Process {
    /// What it prints goes to a file `log` in its folder.
    pub fn start(command: &mut Command, folder: &Path) -> miette::Result<Self> {
        let log = folder.join("log");
        let out = File::create(&log).into_diagnostic().wrap_err("cannot write a server's log; name another --data")?;
        let err = out.try_clone().into_diagnostic()?;
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().into_diagnostic();
        let child = child.wrap_err_with(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self { pid: child.id(), child: Some(child), log })
    }

    #[cfg(test)]
    pub fn of_this_one() -> Self {
        Self { pid: std::process::id(), child: None, log: PathBuf::new() }
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// # Errors
    /// It ends, or does not listen in time; with what it said.
    pub async fn listens(&mut self, port: u16) -> miette::Result<()> {
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
            let ended = self.child.as_mut().is_some_and(|child| !matches!(child.try_wait(), Ok(None)));
            if ended || begun.elapsed() >= START_MAX {
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                return Err(miette!("a server does not listen on port {port}. It said:\n{}", log.trim_end()));
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Used so far, its children that ended included; `None` where the kernel does not tell.
    pub fn cpu(&self) -> Option<Duration> {
        cpu_of(&self.pid.to_string())
    }

    /// Waits until it has nothing more to do behind what it acknowledged, or has had time enough.
    pub async fn settle(&self) {
        let begun = Instant::now();
        while begun.elapsed() < SETTLE_MAX {
            let before = self.cpu();
            sleep(QUIET).await;
            let used = self.cpu().zip(before).map(|(after, before)| after.saturating_sub(before));
            if used.is_none_or(|used| used <= QUIET_CPU_MAX) {
                return;
            }
        }
    }
}

/// What it has is thrown away, so it need not tidy up.
impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Of the clients.
pub fn own_cpu() -> Option<Duration> {
    cpu_of("self")
}

fn cpu_of(process: &str) -> Option<Duration> {
    let ticks = cpu_ticks(&std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?)?;
    Some(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}

/// utime, stime, cutime and cstime of `/proc/PID/stat`. The name before them may hold blanks and parentheses.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_whitespace().skip(11).map(str::parse::<u64>);
    (0..4).map(|_| fields.next()?.ok()).sum()
}

/// The share of a second, in which nothing of ours runs, that a task waited for a core, in percent; `None` where the kernel does not
/// tell.
pub async fn cpu_pressure_percent() -> Option<f64> {
    let waited_us = || cpu_waited_us(&std::fs::read_to_string("/proc/pressure/cpu").ok()?);
    let (before_us, begun) = (waited_us()?, Instant::now());
    sleep(Duration::from_secs(1)).await;
    let waited = Duration::from_micros(waited_us()?.saturating_sub(before_us));
    Some(100.0 * waited.as_secs_f64() / begun.elapsed().as_secs_f64())
}

fn cpu_waited_us(text: &str) -> Option<u64> {
    let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
    some.split_whitespace().find_map(|field| field.strip_prefix("total="))?.parse().ok()
}

pub fn free_port() -> miette::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    Ok(listener.into_diagnostic().wrap_err("cannot get a free loopback port")?.port())
}

/// # Errors
/// There is not enough for another turn.
pub fn check_disk(folder: &Path) -> miette::Result<()> {
    let stat = rustix::fs::statvfs(folder).map_err(std::io::Error::from).into_diagnostic()?;
    let free_bytes = stat.f_bavail * stat.f_frsize;
    if free_bytes < DISK_FREE_BYTES_MIN {
        let (free, min) = (free_bytes >> 20, DISK_FREE_BYTES_MIN >> 20);
        return Err(miette!("{free} MiB are free in {}, a turn wants {min}; name another --data", folder.display()));
    }
    Ok(())
}

/// Where a binary is, going by PATH.
pub fn on_path(binary: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(binary)).find(|path| path.is_file())
}

/// The first line of what `binary --version` prints.
pub fn version_line(binary: &Path) -> Option<String> {
    let output = Command::new(binary).arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).lines().next()?.trim().to_owned())
}

/// The first two numbers in a line: `2.10` of `nats-server: v2.10.22`.
pub fn version_numbers(line: &str) -> Option<(u32, u32)> {
    let mut candidates = line.split(|c: char| !c.is_ascii_digit() && c != '.');
    candidates.find_map(|candidate| {
        let mut numbers = candidate.split('.').map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_stands_behind_a_name_that_may_be_anything() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 7 5 3 2 20 0 1 0 100 0 0";
        assert_eq!(cpu_ticks(stat), Some(17));
        assert_eq!((cpu_ticks("42 (cut) S 1 42"), cpu_ticks("")), (None, None));
    }

    #[test]
    fn pressure_is_that_of_some_tasks() {
        let text = "some avg10=12.50 avg60=1.00 avg300=0.00 total=7\nfull avg10=3.00 avg60=0.00 avg300=0.00 total=0\n";
        assert_eq!((cpu_waited_us(text), cpu_waited_us("full avg10=1 total=3")), (Some(7), None));
    }

    #[test]
    fn this_process_has_used_some() {
        assert!(own_cpu().is_some());
        assert_eq!(cpu_of("0"), None);
    }

    #[test]
    fn versions_are_found_in_what_servers_print() {
        for (line, numbers) in [
            ("nats-server: v2.15.1", Some((2, 15))),
            ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", Some((7, 0))),
            ("s2 0.43.4", Some((0, 43))),
            ("no version at all", None),
            ("2", None),
        ] {
            assert_eq!(version_numbers(line), numbers, "{line}");
        }
    }

    #[tokio::test]
    async fn a_server_that_ends_is_quoted() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new("sh");
        let command = command.args(["-c", "echo out of luck; exit 1"]);
        let mut process = Process::start(command, folder.path()).expect("started");
        let error = process.listens(free_port().expect("a port")).await.expect_err("it ended");
        assert!(error.to_string().contains("out of luck"), "{error}");
    }
}
