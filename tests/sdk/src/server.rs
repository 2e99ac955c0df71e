//! Brokers, one for each test.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::process::{Pid, Signal};
use tempfile::TempDir;

use crate::binary::binary;

/// A data folder that outlives the brokers that are started on it.
#[derive(Debug)]
pub struct Data {
    folder: TempDir,
}

/// A broker process; killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Scheme, host and port of its HTTP side.
    pub endpoint: String,
}

impl Default for Data {
    fn default() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }
}

impl Data {
    /// Starts a broker here, with an HTTP side on any free port.
    pub fn serve(&self, arguments: &[&str]) -> Server {
        self.serve_at("127.0.0.1:0", arguments)
    }

    /// As `serve`, with the HTTP side at this address.
    pub fn serve_at(&self, http: &str, arguments: &[&str]) -> Server {
        let mut command = Command::new(binary());
        command.env_remove("RIVERRUN_ADDR").env_remove("RIVERRUN_HTTP").env("NO_COLOR", "1").env("RUST_LOG", "warn");
        command.args(["serve", "--listen", "127.0.0.1:0", "--journal-file-bytes", "4194304", "--http", http]);
        command.arg("--data").arg(self.data()).args(arguments);
        // What it says on standard error must not fill a pipe.
        let log = File::create(self.log()).expect("a log");
        let child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("the binary runs");
        Server::started(child).unwrap_or_else(|| {
            panic!("the broker did not start:\n{}", std::fs::read_to_string(self.log()).expect("readable"))
        })
    }

    /// What may do everything, where tokens are asked for.
    pub fn root_token(&self) -> String {
        let token = std::fs::read_to_string(self.data().join("root-token")).expect("a root token");
        token.trim().to_owned()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

impl Server {
    fn started(mut child: Child) -> Option<Self> {
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
        let line = lines.by_ref().take_while(|line| !line.starts_with("try it")).find(|line| is_of_http(line));
        let Some(endpoint) = line.as_deref().and_then(endpoint) else {
            // It gave up, or will never say it.
            let _ = child.kill();
            child.wait().expect("it ended");
            return None;
        };
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { child, endpoint })
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("it ended");
    }

    /// SIGTERM, and waits for the end.
    pub fn terminate(mut self) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).expect("a process id");
        rustix::process::kill_process(pid, Signal::TERM).expect("it runs, and is ours");
        let status = self.child.wait().expect("it ended");
        assert!(status.success(), "a graceful stop exits with 0, this one with {status}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_of_http(line: &str) -> bool {
    line.trim_start().starts_with("http ")
}

/// `http://HOST:PORT` of a line of the banner.
fn endpoint(line: &str) -> Option<String> {
    let url = line.split_whitespace().nth(1)?;
    Some(url.split("/v1").next()?.to_owned())
}

/// An address for a broker that must come back where it was: nobody else has an address with this process's id in it, so nobody takes the
/// port meanwhile. Not 127.0.0.1, from which clients connect: one that tries again while the broker is away may be given this very port
/// as its own, and then is connected to itself.
pub fn free_address() -> String {
    static CALLS: AtomicU8 = AtomicU8::new(100);
    let [.., high, low] = std::process::id().to_be_bytes();
    let second = CALLS.fetch_add(1, Ordering::Relaxed);
    let listener = TcpListener::bind((Ipv4Addr::new(127, second, high, low), 0)).expect("a free port");
    listener.local_addr().expect("bound").to_string()
}
