//! The dump proxy between real clients and a real broker: what passes through it is what would have passed without it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::thread::JoinHandle;

use rustix::process::Signal;

use crate::support::{Data, Server, log_lines, riverrun, signal};

/// A proxy process, and a thread that collects what it shows.
struct Proxy {
    child: Child,
    addr: String,
    shown: JoinHandle<Vec<String>>,
}

impl Proxy {
    fn start(server: &Server, arguments: &[&str]) -> Self {
        let mut command = riverrun();
        command.args(["dump", "proxy", "127.0.0.1:0", &server.addr]).args(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        let mut said = BufReader::new(child.stderr.take().expect("piped")).lines();
        let first = said.next().expect("it says where it listens").expect("text");
        let addr =
            first.split("listening on ").nth(1).and_then(|l| l.split(',').next()).expect("an address").to_owned();
        std::thread::spawn(move || said.for_each(drop));
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let shown = std::thread::spawn(move || stdout.lines().map(|l| l.expect("text")).collect());
        Self { child, addr, shown }
    }

    /// Ctrl-C; then everything it showed.
    fn end(mut self) -> Vec<String> {
        signal(self.child.id(), Signal::INT);
        let status = self.child.wait().expect("it ended");
        assert!(status.success(), "{status}");
        self.shown.join().expect("no panic")
    }
}

fn through(proxy: &Proxy, arguments: &[&str]) -> Vec<u8> {
    let output = riverrun().args(["--addr", &proxy.addr]).args(arguments).output().expect("the binary runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn a_proxied_run_is_the_same_run_and_every_frame_of_it_is_shown() {
    let data = Data::new();
    let server = data.serve(&["--shards", "2"]);
    let input = log_lines(21, 3000);
    let path = data.path().join("input.log");
    std::fs::write(&path, &input).expect("written");
    let proxy = Proxy::start(&server, &["-o", "jsonl"]);
    through(&proxy, &["create-basin", "proxied-basin", "--create-stream-on-append"]);
    through(&proxy, &["append", "proxied-basin/log", "-i", path.to_str().expect("UTF-8")]);
    let read = ["read", "proxied-basin/log", "--seq-num", "0", "--count", "3000"];
    let proxied = through(&proxy, &read);
    assert!(proxied == input, "read through the proxy: other bytes");
    assert!(server.ok(&read) == proxied, "read without the proxy: other bytes");
    let shown = proxy.end();
    let kinds = kinds(&shown);
    let expected = [
        "Hello",
        "HelloAccepted",
        "CreateBasin",
        "BasinProvisioned",
        "OpenAppendSession",
        "SessionAppend",
        "AppendAck",
        "OpenReadSession",
        "Records",
    ];
    for kind in expected {
        assert!(kinds.iter().any(|k| k == kind), "no {kind} among {kinds:?}");
    }
}

fn kinds(shown: &[String]) -> std::collections::BTreeSet<String> {
    shown
        .iter()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
        .filter_map(|frame| frame["kind"].as_str().map(str::to_owned))
        .collect()
}
