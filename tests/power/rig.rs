//! A disk that keeps a log of what it is told: a qemu storage daemon with its `blklogwrites` filter, shown as a file over FUSE,
//! mounted with ext4 through a loop device. Everything that is started or mounted ends with its guard, also in a panic.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{PATIENCE, signal, until};

/// Journals of up to 80 MiB (four shards with files of 4 MiB), and objects. Nearly all of it stays a hole.
const IMAGE_BYTES: u64 = 160 << 20;

/// What is needed and absent, each with what to do about it.
pub fn missing() -> Vec<String> {
    let mut missing = Vec::new();
    if !rustix::process::geteuid().is_root() {
        missing.push("root's rights, to mount a file system: run it as root".to_owned());
    }
    for (tool, package) in [("qemu-storage-daemon", "qemu-utils"), ("mkfs.ext4", "e2fsprogs"), ("mount", "mount")] {
        if let Err(error) = Command::new(tool).arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status() {
            missing.push(format!("the program {tool} ({error}): apt-get install {package}"));
        }
    }
    for device in ["/dev/fuse", "/dev/loop-control"] {
        if !Path::new(device).exists() {
            missing.push(format!("{device}: a kernel and, in a container, the right to use it"));
        }
    }
    missing
}

/// Where the images lie: in memory if possible, because every sync of the broker under test is a sync of the file below.
pub fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let space = rustix::fs::statvfs(memory).map_or(0, |stat| stat.f_bavail * stat.f_frsize);
    let parent = if space > 8 * IMAGE_BYTES { memory.to_owned() } else { std::env::temp_dir() };
    tempfile::Builder::new().prefix("riverrun-power-").tempdir_in(parent).expect("a temporary folder")
}

/// An empty file system.
pub fn make_image(path: &Path) {
    std::fs::File::create(path).expect("it can be made").set_len(IMAGE_BYTES).expect("there is room");
    // Nothing is left for the kernel to initialize later: that would only fill the log.
    run(Command::new("mkfs.ext4").args(["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"]).arg(path));
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A mounted image; the loop device goes with it.
#[derive(Debug)]
pub struct Mounted {
    at: PathBuf,
}

impl Mounted {
    /// # Panics
    /// If the kernel does not take the image for a file system.
    pub fn new(image: &Path, at: &Path) -> Self {
        std::fs::create_dir_all(at).expect("a folder");
        run(Command::new("mount").args(["-t", "ext4", "-o", "loop"]).arg(image).arg(at));
        Self { at: at.to_owned() }
    }

    pub fn data(&self) -> PathBuf {
        self.at.join("data")
    }
}

impl Drop for Mounted {
    /// A killed broker's last writes hold the file system for a moment longer.
    fn drop(&mut self) {
        let begun = Instant::now();
        loop {
            let output = Command::new("umount").arg(&self.at).output().expect("umount runs");
            if output.status.success() {
                return;
            }
            if begun.elapsed() > PATIENCE {
                let said = String::from_utf8_lossy(&output.stderr);
                let _ = writeln!(std::io::stderr(), "left behind: {} ({})", self.at.display(), said.trim());
                return;
            }
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }
}

/// The disk with the log. Its file system is unmounted before the daemon ends: fields are dropped in order.
#[derive(Debug)]
pub struct LoggedDisk {
    mounted: Mounted,
    daemon: Daemon,
}

impl LoggedDisk {
    /// Changes `image`, and logs to `log` how.
    pub fn new(image: &Path, log: &Path) -> Self {
        let export = image.with_extension("export");
        std::fs::write(&export, []).expect("a file to mount on");
        std::fs::write(log, []).expect("the log's file");
        let daemon = Daemon::start(image, log, &export);
        let mounted = Mounted::new(&export, &image.with_extension("mounted"));
        Self { mounted, daemon }
    }

    pub fn data(&self) -> PathBuf {
        self.mounted.data()
    }

    /// Nothing that the disk is told is answered, until it goes on.
    pub fn hang(&self) {
        signal(self.daemon.child.id(), Signal::STOP);
    }

    pub fn go_on(&self) {
        signal(self.daemon.child.id(), Signal::CONT);
    }

    /// The disk is gone, and what it was told last with it. What it had said "done" to is in the image.
    pub fn pull(&self) {
        signal(self.daemon.child.id(), Signal::KILL);
    }

    /// Unmounts and ends the daemon: the log is complete.
    pub fn finish(self) {
        drop(self.mounted);
        self.daemon.stop();
    }
}

#[derive(Debug)]
struct Daemon {
    child: Child,
    export: PathBuf,
}

impl Daemon {
    fn start(image: &Path, log: &Path, export: &Path) -> Self {
        let mut command = Command::new("qemu-storage-daemon");
        let name = |path: &Path| path.to_str().expect("text").to_owned();
        command
            .args(["--blockdev", &format!("driver=file,node-name=disk,filename={}", name(image))])
            .args(["--blockdev", &format!("driver=file,node-name=log,filename={}", name(log))])
            .args(["--blockdev", "driver=blklogwrites,node-name=logged,file=disk,log=log,log-sector-size=512"])
            .args(["--export", &format!("type=fuse,id=fuse,node-name=logged,writable=on,mountpoint={}", name(export))]);
        let child = command.stderr(Stdio::piped()).spawn().expect("qemu-storage-daemon runs");
        let mut daemon = Self { child, export: export.to_owned() };
        // Once exported, the file has the disk's size.
        until("the disk is exported", || {
            daemon.assert_running();
            std::fs::metadata(export).is_ok_and(|file| file.len() == IMAGE_BYTES)
        });
        daemon
    }

    fn assert_running(&mut self) {
        if let Some(status) = self.child.try_wait().expect("a child") {
            let mut said = String::new();
            self.child.stderr.take().expect("piped").read_to_string(&mut said).expect("readable");
            panic!("qemu-storage-daemon ended with {status}; it needs FUSE exports and blklogwrites: {said}");
        }
    }

    fn stop(mut self) {
        signal(self.child.id(), Signal::TERM);
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "qemu-storage-daemon ended with {status}");
    }
}

impl Drop for Daemon {
    /// It takes the export with it; killed, it would leave a dead mount behind.
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // One that hangs is stopped, and would not hear it otherwise.
            signal(self.child.id(), Signal::CONT);
            signal(self.child.id(), Signal::TERM);
            let _ = self.child.wait();
        }
        // Where it was killed.
        let _ = Command::new("umount").arg("-l").arg(&self.export).stderr(Stdio::null()).status();
    }
}
