//! Runs the client verbs as a process of their own, against a model of a broker.

pub mod control;
pub mod model;
pub mod reads;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

pub use model::Model;
use rustix::process::{Pid, Signal};

pub const BASIN: &str = "test-basin";

/// The example that has all client verbs; cargo builds it along with the tests.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(|deps| deps.parent()).unwrap();
    profile.join("examples").join("client")
}

/// A command line, not yet started: `args` split at spaces.
pub fn command(addr: &str, args: &str) -> Command {
    let mut command = Command::new(program());
    command.args(["--addr", addr]).args(args.split(' '));
    command.env_remove("RIVERRUN_TOKEN").env_remove("S2_ACCESS_TOKEN");
    command.env_remove("RIVERRUN_ADDR").env("NO_COLOR", "1").env("LC_ALL", "C.UTF-8");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub fn start(addr: &str, args: &str) -> Child {
    command(addr, args).spawn().expect("cargo built examples/client beside the tests")
}

/// Runs to the end with this input.
pub fn run_with(addr: &str, args: &str, input: &[u8]) -> Ran {
    let mut child = start(addr, args);
    // A program that does not want its input closes it early.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap().into()
}

pub fn run(addr: &str, args: &str) -> Ran {
    run_with(addr, args, b"")
}

/// What a process left behind.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

/// Remarks that only a slow machine provokes: they are right, and no test may depend on their absence.
fn tells_of_slowness(line: &str) -> bool {
    line.contains("still ") || (line.starts_with("read ") && line.contains(" records, "))
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let stderr = String::from_utf8(output.stderr).unwrap();
        let stderr = stderr.split_inclusive('\n').filter(|line| !tells_of_slowness(line)).collect();
        Self { code: output.status.code(), stdout: output.stdout, stderr }
    }
}

impl Ran {
    /// Asserts success and silence on stderr.
    #[track_caller]
    pub fn quietly(self) -> Vec<u8> {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""));
        self.stdout
    }

    /// The exit code and what was said on stderr, the port replaced by one that stays the same.
    pub fn complaint(&self, addr: &str) -> String {
        assert_eq!(String::from_utf8_lossy(&self.stdout), "", "nothing but data goes to stdout");
        format!("exit {}\n{}", self.code.unwrap_or(-1), self.stderr.replace(addr, "127.0.0.1:5252"))
    }
}

/// Sends a signal, as a terminal or `kill` would; a minimal system has no `kill` to run.
pub fn signal(child: &Child, signal: Signal) {
    rustix::process::kill_process(Pid::from_child(child), signal).unwrap();
}
