//! Writes of a killed process that still land cannot hurt its successor (F20, P3): they are waited for before anything is read.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Stdio;

use crate::support::{Data, log_lines, riverrun};

/// A journal file as the kernel holds it for a process that is gone: locked by its own descriptor, its last writes on their way.
struct Landing {
    file: File,
    landed: Vec<u8>,
}

impl Landing {
    /// Takes back what was written last: the later half of the file's blocks.
    fn begin(path: &PathBuf) -> Self {
        let file = File::options().read(true).write(true).open(path).expect("opened");
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).expect("nobody holds it");
        let landed = std::fs::read(path).expect("readable");
        let blocks: Vec<usize> =
            (0..landed.len()).step_by(4096).filter(|&at| landed[at..].starts_with(b"RvrnJrnl")).collect();
        let from = blocks[blocks.len() / 2];
        file.write_all_at(&vec![0; landed.len() - from], from as u64).expect("written");
        Self { file, landed }
    }

    fn end(self) {
        self.file.write_all_at(&self.landed, 0).expect("written");
    }
}

#[test]
fn a_successor_waits_for_the_last_writes_of_a_killed_process() {
    let data = Data::new();
    let server = data.serve(&["--shards", "1"]);
    server.ok(&["create-basin", "still-landing", "--create-stream-on-append"]);
    let inputs: Vec<Vec<u8>> = (0..10).map(|seed| log_lines(seed + 50, 100)).collect();
    inputs.iter().for_each(|input| drop(server.feed(&["append", "still-landing/log"], input)));
    server.kill();

    let landing: Vec<Landing> = data.journal_files().iter().filter(|p| has_blocks(p)).map(Landing::begin).collect();
    assert!(!landing.is_empty(), "the killed broker left blocks");
    let mut command = riverrun();
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--http", "off", "--journal-file-bytes", "4194304", "--data"])
        .arg(data.data());
    let mut successor = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let mut said = BufReader::new(successor.stderr.take().expect("piped")).lines().map(|l| l.expect("text"));
    let waits = said.find(|line| line.contains("waiting for") && line.contains(".journal"));
    assert!(waits.is_some(), "it says what it waits for");
    landing.into_iter().for_each(Landing::end);
    let banner = BufReader::new(successor.stdout.take().expect("piped")).lines().next();
    let banner = banner.expect("it serves").expect("text");
    let addr = banner.split("listening on ").nth(1).expect("an address");

    let read = riverrun()
        .args(["--addr", addr, "read", "still-landing/log", "--seq-num", "0", "--count", "1000"])
        .output()
        .expect("the binary runs");
    successor.kill().expect("killed");
    successor.wait().expect("it ended");
    assert!(read.stdout == inputs.concat(), "records whose writes landed late are missing");
}

fn has_blocks(path: &PathBuf) -> bool {
    std::fs::read(path).expect("readable").chunks(4096).any(|page| page.starts_with(b"RvrnJrnl"))
}
