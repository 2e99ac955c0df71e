//! The real binary over real sockets: brokers on free loopback ports, in temporary folders, stopped by their own process id.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, setrlimit};
use tempfile::TempDir;

/// Longer than anything here takes on a busy machine; reaching it is a failure, never a wait for luck.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The one that was built with the tests, or `RIVERRUN_BIN`: long forms and figures want one built for release.
fn binary() -> std::ffi::OsString {
    std::env::var_os("RIVERRUN_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_riverrun").into())
}

pub fn riverrun() -> Command {
    let mut command = Command::new(binary());
    command.env_remove("RIVERRUN_ADDR").env("NO_COLOR", "1").env("RUST_LOG", "info,slatedb=warn,opendal=warn");
    command
}

/// A data folder that outlives the brokers that are started on it.
#[derive(Debug)]
pub struct Data {
    folder: TempDir,
}

impl Data {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn journal_files(&self) -> Vec<PathBuf> {
        files_below(&self.data().join("journal"))
            .into_iter()
            .filter(|p| p.extension().is_some_and(|e| e == "journal"))
            .collect()
    }

    pub fn journal_bytes(&self) -> u64 {
        self.journal_files().iter().map(|p| p.metadata().expect("a journal file").len()).sum()
    }

    pub fn chunks(&self) -> Vec<PathBuf> {
        files_below(&self.data().join("objects").join("chunks"))
    }

    /// Of the broker that has been started here.
    pub fn root_token(&self) -> String {
        std::fs::read_to_string(self.data().join("root-token")).expect("a root token").trim().to_owned()
    }

    /// Starts a broker here with small journal files.
    pub fn serve(&self, arguments: &[&str]) -> Server {
        Server::start(&self.data(), arguments)
    }
}

pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .map(|e| e.expect("an entry").path())
        .flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] })
        .collect();
    files.sort();
    files
}

/// A broker process; killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    pub addr: String,
    /// Every line up to the one before the hints.
    pub banner: Vec<String>,
    /// From spawn to serving.
    pub startup: Duration,
    stderr: Option<ChildStderr>,
}

impl Server {
    pub fn start(data: &Path, arguments: &[&str]) -> Self {
        Self::try_start(data, arguments).unwrap_or_else(|stderr| panic!("the broker did not start:\n{stderr}"))
    }

    /// As `start`, with these variables in its environment.
    pub fn start_with(data: &Path, arguments: &[&str], environment: &[(&str, &std::ffi::OsStr)]) -> Self {
        let mut command = riverrun();
        command.envs(environment.iter().copied());
        Self::spawn(command, data, arguments).unwrap_or_else(|stderr| panic!("the broker did not start:\n{stderr}"))
    }

    /// `Err` holds what it said before it gave up.
    pub fn try_start(data: &Path, arguments: &[&str]) -> Result<Self, String> {
        Self::spawn(riverrun(), data, arguments)
    }

    /// As `start`, with at most so many descriptors.
    pub fn start_within(descriptors: u32, data: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {descriptors} && exec \"$@\""), "sh"]).arg(binary());
        command.env("RUST_LOG", "info,slatedb=warn,opendal=warn");
        Self::spawn(command, data, arguments).unwrap_or_else(|stderr| panic!("the broker did not start:\n{stderr}"))
    }

    fn spawn(mut command: Command, data: &Path, arguments: &[&str]) -> Result<Self, String> {
        let begun = Instant::now();
        command.args(["serve", "--journal-file-bytes", "4194304"]).arg("--data").arg(data).args(arguments);
        if !arguments.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        if !arguments.contains(&"--http") {
            command.args(["--http", "off"]);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut banner = Vec::new();
        while let Some(Ok(line)) = lines.next() {
            if line.starts_with("try it") {
                break;
            }
            banner.push(line);
        }
        let startup = begun.elapsed();
        let mut stderr = child.stderr.take().expect("piped");
        let Some(addr) = banner.first().and_then(|l| l.split("listening on ").nth(1)).map(str::to_owned) else {
            let mut said = String::new();
            stderr.read_to_string(&mut said).expect("readable");
            child.wait().expect("it ended");
            return Err(said);
        };
        // Whatever it still prints must not fill a pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { child, addr, banner, startup, stderr: Some(stderr) })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("it ended");
    }

    /// Waits for it to give up by itself. Returns what it said.
    #[allow(dead_code, reason = "used where disks are pulled, in tests/power")]
    pub fn await_failure(mut self) -> String {
        let mut status = None;
        until("the broker gives up", || {
            status = self.child.try_wait().expect("a child");
            status.is_some()
        });
        let mut said = String::new();
        self.stderr.take().expect("taken once").read_to_string(&mut said).expect("readable");
        assert_eq!(status.and_then(|status| status.code()), Some(1), "it ends with an error, and no panic:\n{said}");
        said
    }

    /// SIGTERM, then waits for the end. Returns what it logged.
    pub fn terminate(mut self) -> String {
        signal(self.pid(), Signal::TERM);
        let mut said = String::new();
        self.stderr.take().expect("taken once").read_to_string(&mut said).expect("readable");
        let status = self.child.wait().expect("it ended");
        assert!(status.success(), "a graceful stop exits with 0, this one with {status}:\n{said}");
        said
    }

    /// A line of the banner, by its label.
    pub fn says(&self, label: &str) -> &str {
        let line = self.banner.iter().find(|l| l.trim_start().starts_with(label));
        line.unwrap_or_else(|| panic!("no line {label} in the banner: {:?}", self.banner)).trim()
    }

    /// Runs a client verb against this broker.
    pub fn cli(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary runs")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = riverrun();
        command.args(["--addr", &self.addr]).args(arguments);
        command
    }

    /// Runs a client verb that must succeed; returns its standard output.
    pub fn ok(&self, arguments: &[&str]) -> Vec<u8> {
        let output = self.cli(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// As `ok`, with these bytes on standard input.
    pub fn feed(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut stdin = child.stdin.take().expect("piped");
        let input = input.to_vec();
        // A client that refuses its input early closes the pipe.
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().expect("it ended");
        let _ = writer.join().expect("no panic");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// Resident memory now, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most it ever had.
    pub fn resident_bytes_peak(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, what: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it runs");
        let line = status.lines().find_map(|l| l.strip_prefix(what)).expect("a resident size");
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number") << 10
    }

    /// User and system time so far.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).expect("it runs");
        let fields: Vec<&str> = stat.rsplit(')').next().expect("a name").split_whitespace().collect();
        let ticks: u64 = fields[11..13].iter().map(|f| f.parse::<u64>().expect("a number")).sum();
        Duration::from_millis(ticks * 10)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// By a system call: a minimal system has no `kill` to run.
pub fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.cast_signed()).expect("a process id");
    rustix::process::kill_process(pid, signal).expect("it runs, and is ours");
}

/// Polls for a condition that must come true.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// An address nobody listens on now, for brokers that must come back where they were. Not 127.0.0.1, from which all clients here
/// connect: one that tries again while the broker is away may be given this very port as its own, and then is connected to itself.
pub fn free_address() -> String {
    let [.., high, low] = std::process::id().to_be_bytes();
    let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::new(127, 83, high, low), 0)).expect("a free port");
    listener.local_addr().expect("bound").to_string()
}

/// A counter or gauge of the broker's status.
pub fn counter(server: &Server, name: &str) -> u64 {
    let status: serde_json::Value = serde_json::from_slice(&server.ok(&["status", "-o", "json"])).expect("JSON");
    status["counters"][name].as_u64().unwrap_or_else(|| panic!("no counter {name}"))
}

/// A setting of a long form.
pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |n| n.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Lets this process have as many descriptors as it may.
///
/// # Panics
/// Where the system allows too few.
pub fn raise_descriptors(wanted: u64) {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("up to the hard limit");
    let allowed = limit.maximum.unwrap_or(u64::MAX);
    assert!(allowed >= wanted, "{wanted} descriptors are needed and {allowed} allowed: ulimit -Hn {wanted}");
}

/// Numbers from a seed.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Log-like lines from a seed.
pub fn log_lines(seed: u64, count: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut text = Vec::new();
    for line in 0..count {
        let (user, took) = (random.below(500), random.below(10_000));
        let code = [200, 200, 200, 404, 500][random.below(5) as usize];
        let path = ["/index.html", "/api/v1/orders", "/api/v1/users", "/health"][random.below(4) as usize];
        writeln!(
            text,
            "2026-11-22T04:{:02}:{:02}Z INFO http user={user} GET {path} {code} {took}us",
            line / 60 % 60,
            line % 60
        )
        .expect("memory");
    }
    text
}
