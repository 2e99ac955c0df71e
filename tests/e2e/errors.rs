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
    text.replace(" │ ", " ").split(' ').map(tidy_word).collect::<Vec<_>>().join(" ")
}

/// No two runs share times and the ids of stores.
fn tidy_word(word: &str) -> String {
    let is_time = |w: &str| w.starts_with("20") && w.contains('T') && w.ends_with('Z');
    let is_id = |part: &str| part.len() == 32 && part.bytes().all(|b| b.is_ascii_hexdigit());
    match word.split('/').find(|part| is_id(part)) {
        Some(id) => word.replace(id, "ID"),
        None if is_time(word) => "TIME".to_owned(),
        None => word.to_owned(),
    }
}

fn folder(data: &Data) -> &str {
    data.path().to_str().expect("UTF-8")
}

/// The time of the last record, which no two runs share.
fn tail_time(server: &Server) -> String {
    let tail = String::from_utf8(server.ok(&["check-tail", "tail-basin/s"])).expect("text");
    tail.trim().rsplit(' ').next().expect("a time").to_owned()
}

/// A small file system of its own; `None` where this user may not mount one, and then there is nothing to test.
struct Mount {
    folder: tempfile::TempDir,
}

impl Mount {
    fn tmpfs(options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder.path()).stderr(std::process::Stdio::null());
        if mount.status().is_ok_and(|status| status.success()) {
            return Some(Self { folder });
        }
        println!("skipped: no right to mount a small file system");
        None
    }

    fn path(&self) -> &std::path::Path {
        self.folder.path()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let unmounted = std::process::Command::new("umount").arg(self.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "umount {}", self.path().display());
    }
}

#[test]
fn the_server_is_not_running() {
    let address = free_address();
    let output = riverrun().args(["--addr", &address, "check-tail", "some-basin/s"]).output().expect("the binary runs");
    insta::assert_snapshot!(said(&output, &[(&address, "ADDR")]), @"Error:   × there is no connection to a server ╰─▶ ADDR: Connection refused (os error 111) help: start one in another terminal with `riverrun serve --listen ADDR`, or name another with --addr or RIVERRUN_ADDR");
}

#[test]
fn the_port_is_taken() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let data = Data::new();
    let said = Server::try_start(&data.data(), &["--listen", &address]).expect_err("taken");
    insta::assert_snapshot!(tidy(&said, &[(&address, "ADDR")]), @"Error:   × cannot listen on ADDR: Address already in use (os error 98) help: stop whatever listens there, or choose another port with --listen");
}

#[test]
fn the_data_folder_cannot_be_used() {
    let data = Data::new();
    std::fs::write(data.data(), b"a file").expect("written");
    let said = Server::try_start(&data.data(), &[]).expect_err("a file is in the way");
    insta::assert_snapshot!(tidy(&said, &[(folder(&data), "FOLDER")]), @"Error:   × could not prepare FOLDER/data/objects: Not a directory (os error 20) help: check the disk, its free space and the permissions, or choose another folder with --data");
}

/// A read-only file system: permissions would not stop a test that runs as root.
#[test]
fn the_data_folder_is_not_writable() {
    let Some(mount) = Mount::tmpfs("ro") else { return };
    let said = Server::try_start(&mount.path().join("data"), &[]).expect_err("read-only");
    insta::assert_snapshot!(tidy(&said, &[(mount.path().to_str().expect("UTF-8"), "FOLDER")]), @"Error:   × could not prepare FOLDER/data/objects: Read-only file system (os error 30) help: check the disk, its free space and the permissions, or choose another folder with --data");
}

#[test]
fn the_data_folder_is_locked() {
    let data = Data::new();
    let server = data.serve(&[]);
    let said = Server::try_start(&data.data(), &[]).expect_err("locked");
    let pid = server.pid().to_string();
    insta::assert_snapshot!(tidy(&said, &[(folder(&data), "FOLDER"), (&pid, "PID")]), @"Error:   × the store in FOLDER/data/objects is in use by process PID help: stop that process, or start this one with a data directory and a store of its own");
}

#[test]
fn an_address_that_others_reach_is_refused() {
    let data = Data::new();
    let said = Server::try_start(&data.data(), &["--listen", "0.0.0.0:0"]).expect_err("refused");
    insta::assert_snapshot!(tidy(&said, &[]), @"Error:   × 0.0.0.0:0 is reachable from other machines, and tokens and records would travel there in the clear help: listen on a loopback address, e.g. --listen 127.0.0.1:5252, or add --insecure where the network is trusted; over HTTP, give it a certificate with --http-tls-cert and --http-tls-key");
}

#[test]
fn an_unknown_store_names_those_that_work() {
    let data = Data::new();
    let said = Server::try_start(&data.data(), &["--store", "s3://bucket"]).expect_err("refused");
    insta::assert_snapshot!(tidy(&said, &[]), @r#"Error:   × "s3://bucket" is not a store that this build knows: there are `fs:DIRECTORY` and `memory:` help: give --store fs:DIRECTORY, or --store memory: for tests"#);
}

#[test]
fn the_disk_is_full() {
    // Not even one journal file fits.
    let Some(mount) = Mount::tmpfs("size=2m") else { return };
    let said = Server::try_start(&mount.path().join("data"), &[]).expect_err("no space");
    insta::assert_snapshot!(tidy(&said, &[(mount.path().to_str().expect("UTF-8"), "FOLDER")]), @"Error:   × cannot write zeros to FOLDER/data/journal/ID/00000001.journal: No space left on device (os error 28) help: free some space on the disk, or choose a folder on another one with --data");
}

#[test]
fn unknown_names_come_with_the_nearest_one() {
    let data = Data::new();
    let server = data.serve(&[]);
    server.ok(&["create-basin", "orders-basin"]);
    server.ok(&["create-stream", "orders-basin/checkout"]);
    insta::assert_snapshot!(said(&server.cli(&["check-tail", "order-basin/checkout"]), &[(&server.addr, "ADDR")]), @"Error:   × the tail of order-basin/checkout is not known ╰─▶ there is no basin `order-basin` help: did you mean orders-basin? Or create it with `riverrun --addr ADDR create-basin order-basin --create-stream-on-append`");
    insta::assert_snapshot!(said(&server.cli(&["check-tail", "orders-basin/chekout"]), &[(&server.addr, "ADDR")]), @"Error:   × the tail of orders-basin/chekout is not known ╰─▶ the basin orders-basin has no stream `chekout` help: did you mean orders-basin/checkout? Or create it with `riverrun --addr ADDR create-stream orders-basin/chekout`");
}

#[test]
fn bad_uris_say_what_a_good_one_is() {
    let data = Data::new();
    let server = data.serve(&[]);
    let said = |uri| said(&server.cli(&["check-tail", uri]), &[]);
    insta::assert_snapshot!(said("http://some-basin/s"), @"error: invalid value 'http://some-basin/s' for '<BASIN/STREAM>': the scheme `http://` is not known here; write basin/stream or s2://basin/stream For more information, try '--help'.");
    insta::assert_snapshot!(said("some-basin"), @"error: invalid value 'some-basin' for '<BASIN/STREAM>': this names the basin `some-basin` and no stream; write some-basin/STREAM For more information, try '--help'.");
    insta::assert_snapshot!(said("s2://"), @"error: invalid value 's2://' for '<BASIN/STREAM>': this names nothing; write BASIN/STREAM For more information, try '--help'.");
    insta::assert_snapshot!(said("short/s"), @"error: invalid value 'short/s' for '<BASIN/STREAM>': there can be no basin `short`; a basin name has 8 to 48 bytes, this one has 5 For more information, try '--help'.");
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
    insta::assert_snapshot!(said(&output, &[(&address, "ADDR")]), @"Error:   × there is no connection to a server ╰─▶ this is no Riverrun server, it answers in HTTP help: check the address, given by --addr or RIVERRUN_ADDR as HOST:PORT, and that a Riverrun server of a version that fits listens there");
}

#[test]
fn reading_at_the_tail_without_waiting_shows_the_tail() {
    let data = Data::new();
    let server = data.serve(&[]);
    server.ok(&["create-basin", "tail-basin", "--create-stream-on-append"]);
    server.feed(&["append", "tail-basin/s"], b"one\ntwo\n");
    let output = server.cli(&["read", "tail-basin/s", "--seq-num", "9", "--count", "1"]);
    insta::assert_snapshot!(said(&output, &[(tail_time(&server).as_str(), "TIME")]), @"Error:   × tail-basin/s cannot be read ╰─▶ nothing is written there yet; the tail is 2 @ TIME: the next record will be 2, the last one is of TIME help: start earlier, or add --clamp and leave out the bounds (--count, --bytes, --until) to wait for what comes");
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
    let said = tidy(&String::from_utf8_lossy(&output.stderr), &[(folder(&data), "FOLDER"), (&server.addr, "ADDR")]);
    let report = said.find("Error:").map(|at| &said[at..]);
    insta::assert_snapshot!(report.expect("a report"), @"Error:   × line 3 of FOLDER/long.txt is no record ╰─▶ the record has 1048585 metered bytes; the most is 1048576 (1 MiB), 8 of which each record takes help: lines 1 to 2 are stored, nothing behind was sent; mend the line, then go on with tail -n +3 FOLDER/long.txt | riverrun --addr ADDR append long-lines/s");
    assert_eq!(server.ok(&["read", "long-lines/s", "--seq-num", "0", "--count", "9"]), b"first\nsecond\n");
}
