//! Errors help: what, why, what to do, and a non-zero exit. Nothing is lost over them.

use std::process::Output;

use crate::support::{Data, Server, free_address, riverrun};

/// Standard error with what changes from run to run taken out, for snapshots.
fn said(output: &Output, hide: &[(&str, &str)]) -> String {
    assert!(!output.status.success(), "it should have failed");
    assert!(output.stdout.is_empty(), "data only on stdout: {}", String::from_utf8_lossy(&output.stdout));
    tidy(&String::from_utf8_lossy(&output.stderr), hide)
}

/// Joins what the terminal's width broke, and keeps the report only: no log lines, no paths, no ports.
fn tidy(text: &str, hide: &[(&str, &str)]) -> String {
    let report = text.lines().skip_while(|line| line.starts_with("20") && line.contains('Z'));
    let mut text = report.map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(" ");
    for (secret, name) in hide {
        text = text.replace(secret, name);
    }
    text.replace(" │ ", " ")
}

fn needs(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in: {text}");
    }
}

#[test]
fn the_server_is_not_running() {
    let address = free_address();
    let output = riverrun().args(["--addr", &address, "check-tail", "some-basin/s"]).output().expect("the binary runs");
    needs(&said(&output, &[(&address, "ADDR")]), &["ADDR", "riverrun serve"]);
}

#[test]
fn the_port_is_taken() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let data = Data::new();
    let said = Server::try_start(&data.data(), &["--listen", &address]).expect_err("taken");
    needs(&tidy(&said, &[(&address, "ADDR")]), &["cannot listen on ADDR", "in use", "--listen"]);
}

#[test]
fn the_data_folder_cannot_be_used() {
    let data = Data::new();
    std::fs::write(data.data(), b"a file").expect("written");
    let said = Server::try_start(&data.data(), &[]).expect_err("a file is in the way");
    needs(&tidy(&said, &[]), &["--data"]);
}

#[test]
fn an_address_that_others_reach_is_refused() {
    let data = Data::new();
    let said = Server::try_start(&data.data(), &["--listen", "0.0.0.0:0"]).expect_err("refused");
    needs(&tidy(&said, &[]), &["0.0.0.0:0", "no access tokens", "loopback"]);
}

#[test]
fn an_unknown_store_names_those_that_work() {
    let data = Data::new();
    let said = Server::try_start(&data.data(), &["--store", "s3://bucket"]).expect_err("refused");
    needs(&tidy(&said, &[]), &["s3://bucket", "fs:", "memory:"]);
}

#[test]
fn the_disk_is_full() {
    // A file system of 2 MiB: not even one journal file fits. Needs the right to mount one; without it there is nothing to test.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mount = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
        .arg(folder.path())
        .stderr(std::process::Stdio::null())
        .status();
    if !mount.is_ok_and(|status| status.success()) {
        println!("skipped: no right to mount a small file system");
        return;
    }
    let said = Server::try_start(&folder.path().join("data"), &[]).err();
    let unmounted = std::process::Command::new("umount").arg(folder.path()).status().expect("umount runs");
    assert!(unmounted.success());
    needs(&tidy(&said.expect("no space"), &[]), &["space", "--data"]);
}

#[test]
fn unknown_names_come_with_the_nearest_one() {
    let data = Data::new();
    let server = data.serve(&[]);
    server.ok(&["create-basin", "orders-basin"]);
    server.ok(&["create-stream", "orders-basin/checkout"]);
    needs(&said(&server.cli(&["check-tail", "order-basin/checkout"]), &[]), &["order-basin", "orders-basin"]);
    needs(&said(&server.cli(&["check-tail", "orders-basin/chekout"]), &[]), &["chekout", "checkout"]);
}

#[test]
fn bad_uris_say_what_a_good_one_is() {
    let data = Data::new();
    let server = data.serve(&[]);
    for uri in ["http://some-basin/s", "some-basin", "s2://", "short/s"] {
        let output = server.cli(&["check-tail", uri]);
        needs(&said(&output, &[]), &[uri.trim_start_matches("s2://")]);
    }
}

#[test]
fn another_protocol_on_the_port_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let web_server = std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut request = [0; 64];
            let read = std::io::Read::read(&mut stream, &mut request).unwrap_or(0);
            if &request[..read.min(4)] == b"stop" {
                return;
            }
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        }
    });
    let output = riverrun().args(["--addr", &address, "ping", "-c", "1"]).output().expect("the binary runs");
    let mut stop = std::net::TcpStream::connect(&address).expect("it listens");
    std::io::Write::write_all(&mut stop, b"stop").expect("written");
    web_server.join().expect("no panic");
    needs(&said(&output, &[(&address, "ADDR")]), &["no Riverrun server", "--addr"]);
}

#[test]
fn reading_at_the_tail_without_waiting_shows_the_tail() {
    let data = Data::new();
    let server = data.serve(&[]);
    server.ok(&["create-basin", "tail-basin", "--create-stream-on-append"]);
    server.feed(&["append", "tail-basin/s"], b"one\ntwo\n");
    let output = server.cli(&["read", "tail-basin/s", "--seq-num", "9", "--count", "1"]);
    needs(&said(&output, &[]), &["tail", "2"]);
}

#[test]
fn a_line_that_is_too_long_is_named_and_what_came_before_it_is_stored() {
    let data = Data::new();
    let server = data.serve(&[]);
    server.ok(&["create-basin", "long-lines", "--create-stream-on-append"]);
    let path = data.path().join("long.txt");
    let input = [b"first\nsecond\n".to_vec(), vec![b'x'; (1 << 20) + 1], b"\nlast\n".to_vec()].concat();
    std::fs::write(&path, input).expect("written");
    let output = server.cli(&["append", "long-lines/s", "-i", path.to_str().expect("UTF-8")]);
    assert!(!output.status.success());
    needs(&tidy(&String::from_utf8_lossy(&output.stderr), &[]), &["line 3"]);
    assert_eq!(server.ok(&["read", "long-lines/s", "--seq-num", "0", "--count", "9"]), b"first\nsecond\n");
}
