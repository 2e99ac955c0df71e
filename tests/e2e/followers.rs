//! Ten followers of a growing file, two of them slow, that start before, during and after it print identical streams (C6-C8).

use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::thread::JoinHandle;

use crate::support::{Data, Server, log_lines, until};

const LINES: usize = 20_000;

/// Reads `bytes` bytes of a follower's output; a slow one takes a little at a time.
fn collect(mut follower: Child, bytes: usize, slow: bool) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut stdout = follower.stdout.take().expect("piped");
        let mut got = Vec::new();
        let mut buffer = vec![0; if slow { 512 } else { 64 << 10 }];
        while got.len() < bytes {
            let n = stdout.read(&mut buffer).expect("readable");
            assert!(n > 0, "a follower ended after {} of {bytes} bytes", got.len());
            got.extend_from_slice(&buffer[..n]);
            if slow {
                // The pipe, the client and the socket fill up: its session becomes a cursor that waits.
                std::thread::park_timeout(std::time::Duration::from_micros(100));
            }
        }
        follower.kill().expect("killed");
        follower.wait().expect("it ended");
        got
    })
}

fn follower(server: &Server) -> Child {
    let mut command = server.command(&["read", "growing-file/file", "--seq-num", "0"]);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary runs")
}

#[test]
fn ten_followers_of_a_growing_file_print_identical_streams() {
    let data = Data::new();
    let server = data.serve(&["--shards", "2"]);
    server.ok(&["create-basin", "growing-file", "--create-stream-on-append", "--create-stream-on-read"]);
    let input = log_lines(9, LINES);
    let path = data.path().join("growing.log");
    let mut file = std::fs::File::create(&path).expect("created");
    let mut tail = std::process::Command::new("tail")
        .args(["-n", "+1", "-f", path.to_str().expect("UTF-8")])
        .stdout(Stdio::piped())
        .spawn()
        .expect("tail runs");
    let mut producer = server
        .command(&["append", "growing-file/file"])
        .stdin(tail.stdout.take().expect("piped"))
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");

    let mut readers: Vec<JoinHandle<Vec<u8>>> =
        (0..4).map(|n| collect(follower(&server), input.len(), n == 0)).collect();
    let (first, second) = input.split_at(input.len() / 2);
    for piece in first.chunks(5000) {
        file.write_all(piece).expect("written");
    }
    file.flush().expect("flushed");
    until("half of the file is appended", || tail_of(&server) > LINES as u64 / 3);
    readers.extend((0..3).map(|n| collect(follower(&server), input.len(), n == 0)));
    for piece in second.chunks(5000) {
        file.write_all(piece).expect("written");
    }
    until("the whole file is appended", || tail_of(&server) == LINES as u64);
    readers.extend((0..3).map(|_| collect(follower(&server), input.len(), false)));

    for (n, reader) in readers.into_iter().enumerate() {
        let got = reader.join().unwrap_or_else(|_| panic!("follower {n} failed"));
        assert!(got == input, "follower {n} printed something else");
    }
    tail.kill().expect("killed");
    tail.wait().expect("it ended");
    // Its input has ended: so does the producer.
    let status = producer.wait().expect("it ended");
    assert!(status.success(), "{status}");
}

fn tail_of(server: &Server) -> u64 {
    let output = server.cli(&["check-tail", "growing-file/file"]);
    let text = String::from_utf8_lossy(&output.stdout);
    text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0)
}
