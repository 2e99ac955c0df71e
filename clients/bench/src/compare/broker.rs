//! A broker to compare: one that runs already, or one that is started here and stopped by its own process id.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use miette::{IntoDiagnostic, WrapErr, miette};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

#[derive(Debug)]
pub struct Broker {
    pub addr: String,
    _started: Option<Started>,
}

/// Ended when dropped, its folder removed.
#[derive(Debug)]
struct Started {
    child: Child,
    _folder: TempDir,
}

impl Broker {
    /// The one at `addr`, else one from `binary`, with its data in a folder of its own in `data`.
    ///
    /// # Errors
    /// Neither is named, or it does not start.
    pub fn of(addr: Option<&str>, binary: Option<&Path>, data: Option<&Path>) -> miette::Result<Self> {
        match (addr, binary) {
            (Some(addr), _) => Ok(Self { addr: addr.to_owned(), _started: None }),
            (None, Some(binary)) => Self::start(binary, data),
            (None, None) => Err(miette!("name two brokers: --a ADDR or --a-bin PATH, and --b ADDR or --b-bin PATH")),
        }
    }

    /// On a free loopback port.
    fn start(binary: &Path, data: Option<&Path>) -> miette::Result<Self> {
        let folder = match data {
            Some(data) => TempDir::new_in(data),
            None => TempDir::new(),
        };
        let folder =
            folder.into_diagnostic().wrap_err("cannot make a folder for a broker: name another with --data")?;
        let log_path = folder.path().join("log");
        let log = File::create(&log_path).into_diagnostic().wrap_err("cannot write a broker's log")?;
        let child = Command::new(binary)
            // By its variable: the older of two releases may not know the option.
            .env("RIVERRUN_HTTP", "off")
            .args(["serve", "--listen", "127.0.0.1:0", "--journal-prepare", "--data"])
            .arg(folder.path().join("data"))
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot start {}", binary.display()))?;
        let mut started = Started { child, _folder: folder };
        let addr = started.address().ok_or_else(|| {
            let log = std::fs::read_to_string(&log_path).unwrap_or_default();
            miette!("{} ended before it listened. It said:\n{}", binary.display(), log.trim_end())
        })?;
        Ok(Self { addr, _started: Some(started) })
    }
}

impl Started {
    /// As its banner says; `None` if it ends without one.
    fn address(&mut self) -> Option<String> {
        let mut lines = BufReader::new(self.child.stdout.take()?).lines().map_while(Result::ok);
        let addr = lines.find_map(|line| Some(line.split_once("listening on ")?.1.trim().to_owned()));
        // Whatever it still prints must not fill a pipe. How it writes is its own choice at every start, and explains much.
        let says = move || lines.filter(|line| line.contains("durability")).for_each(|line| eprintln!("{line}"));
        std::thread::spawn(says);
        addr
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let asked =
            Pid::from_raw(self.child.id().cast_signed()).is_some_and(|pid| kill_process(pid, Signal::TERM).is_ok());
        // A broker that was asked publishes what it has, and ends.
        if !asked {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}
