//! The feed, as its users would type it: one appends, another may read one stream and nothing else, until it may not.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Output, Stdio};

use crate::support::{Data, Server, until};

/// As somebody who has this token and nothing else.
fn with_token(server: &Server, token: &str, arguments: &[&str]) -> Command {
    let mut command = server.command(arguments);
    command.env_remove("RIVERRUN_TOKEN").env("S2_ACCESS_TOKEN", token);
    command
}

fn refused(output: &Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// `tail -f app.log | riverrun append s2://my-basin/prod/logs`
fn tail_into(server: &Server, root: &str, log: &std::path::Path) -> (Ended, Ended) {
    let mut tail = Command::new("tail")
        .args(["-n", "+1", "-f"])
        .arg(log)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("tail is there wherever a shell is");
    let append = server
        .command(&["append", "s2://my-basin/prod/logs"])
        .env("RIVERRUN_TOKEN", root)
        .stdin(tail.stdout.take().expect("piped"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");
    (Ended(tail), Ended(append))
}

/// Killed when dropped, however the test ends.
struct Ended(std::process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The time of record `n`, from the JSON that `read` prints.
fn timestamp(server: &Server, root: &str, n: u64) -> u64 {
    let number = n.to_string();
    let read =
        with_token(server, root, &["read", "s2://my-basin/prod/logs", "-s", &number, "-n", "1", "--format", "json"]);
    let line = { read }.output().expect("the binary runs").stdout;
    let record: serde_json::Value = serde_json::from_slice(&line).expect("one JSON record");
    record["timestamp"].as_u64().expect("a timestamp")
}

#[test]
fn a_public_reader_of_one_stream_until_its_token_is_revoked() {
    let data = Data::new();
    let server = data.serve(&["--auth", "required"]);
    let root = data.root_token();
    let as_root = |arguments: &[&str]| with_token(&server, &root, arguments).output().expect("the binary runs");
    assert!(as_root(&["create-basin", "my-basin", "--create-stream-on-append"]).status.success());
    assert!(as_root(&["create-stream", "s2://my-basin/prod/other"]).status.success());

    let log = data.path().join("app.log");
    std::fs::write(&log, "one\ntwo\nthree\n").expect("written");
    let _children = tail_into(&server, &root, &log);
    until("the log is appended", || {
        String::from_utf8_lossy(&as_root(&["check-tail", "s2://my-basin/prod/logs"]).stdout).starts_with("3 ")
    });
    until("time has moved on, so that the next line has a time of its own", {
        let before = timestamp(&server, &root, 2);
        move || {
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_millis() as u64
                > before
        }
    });
    let mut file = std::fs::OpenOptions::new().append(true).open(&log).expect("opened");
    writeln!(file, "four").expect("written");
    until("the next line follows", || {
        String::from_utf8_lossy(&as_root(&["check-tail", "s2://my-basin/prod/logs"]).stdout).starts_with("4 ")
    });

    let issued = as_root(&[
        "issue-access-token",
        "--id",
        "public-ro-logs",
        "--op-groups=stream=r",
        "--basins=my-basin",
        "--streams=prod/logs",
    ]);
    assert!(issued.status.success(), "{}", String::from_utf8_lossy(&issued.stderr));
    let stdout = String::from_utf8(issued.stdout).expect("text");
    let token = stdout.lines().last().expect("the secret is the last line").to_owned();
    let as_public = |arguments: &[&str]| with_token(&server, &token, arguments).output().expect("the binary runs");

    // A window of time.
    let (from, until_ms) = (timestamp(&server, &root, 0).to_string(), timestamp(&server, &root, 3).to_string());
    let window = as_public(&["read", "s2://my-basin/prod/logs", "--timestamp", &from, "--until", &until_ms]);
    assert_eq!(String::from_utf8_lossy(&window.stdout), "one\ntwo\nthree\n", "{}", refused_text(&window));

    // Live.
    let mut follower = with_token(&server, &token, &["read", "s2://my-basin/prod/logs"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let lines = BufReader::new(follower.stdout.take().expect("piped")).lines();
    let (tell, seen) = std::sync::mpsc::channel();
    // All of it is read: a follower whose reader is gone ends by itself.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(tell.send(line))));
    // It follows from the tail: lines are written until it has seen one.
    let mut live = None;
    until("the follower sees a line", || {
        writeln!(file, "live").expect("written");
        live = seen.try_recv().ok();
        live.is_some()
    });
    assert_eq!(live.as_deref(), Some("live"));

    // And nothing else.
    let append_denied =
        with_token(&server, &token, &["append", "s2://my-basin/prod/logs", "-i", log.to_str().expect("text")]);
    assert!(refused(&{ append_denied }.output().expect("runs")).contains("append"));
    assert!(refused(&as_public(&["read", "s2://my-basin/prod/other", "-s", "0", "-n", "1"])).contains("permit"));
    assert!(refused(&as_public(&["ls", "my-basin"])).contains("permit"));
    assert!(refused(&as_public(&["delete-stream", "s2://my-basin/prod/logs"])).contains("permit"));

    assert!(as_root(&["revoke-access-token", "public-ro-logs"]).status.success());
    let status = follower.wait().expect("the follower is cut off");
    let mut said = String::new();
    follower.stderr.take().expect("piped").read_to_string(&mut said).expect("readable");
    assert!(!status.success(), "a follower that is cut off says so: {said}");
    assert!(!refused(&as_public(&["read", "s2://my-basin/prod/logs", "-s", "0", "-n", "1"])).contains(&token));
}

fn refused_text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
