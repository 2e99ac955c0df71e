//! Reads what `strace -f` wrote. Pure.

use std::collections::HashSet;

/// All that can make bytes durable, and what writes them. `sync_file_range` is no sync: it leaves the disk's cache alone.
pub const CALLS: &str = "fsync,fdatasync,syncfs,msync,openat,write,writev,pwrite64,pwritev,pwritev2";

/// How many calls made something durable: syncs, writes that ask for it, and writes to files opened with O_DSYNC or O_SYNC, of which
/// `dsync_fds` were open before.
pub fn count_syncs(trace: &str, dsync_fds: &HashSet<u32>) -> u64 {
    let mut reader = Reader { dsync_fds: dsync_fds.clone(), opening: HashSet::new() };
    trace.lines().filter(|line| reader.is_sync(line)).count() as u64
}

#[derive(Debug)]
struct Reader<'a> {
    dsync_fds: HashSet<u32>,
    /// Threads within an `openat` with O_DSYNC or O_SYNC.
    opening: HashSet<&'a str>,
}

impl<'a> Reader<'a> {
    fn is_sync(&mut self, line: &'a str) -> bool {
        let Some((thread, call)) = line.trim_start().split_once(char::is_whitespace) else { return false };
        let call = call.trim_start();
        if call.starts_with("<... openat resumed>") {
            self.note_opened(thread, call);
            return false;
        }
        let Some((name, arguments)) = call.split_once('(') else { return false };
        match name {
            "fsync" | "fdatasync" | "syncfs" => true,
            "msync" => arguments.contains("MS_SYNC"),
            "openat" => {
                self.note_opening(thread, arguments);
                false
            }
            "write" | "writev" | "pwrite64" | "pwritev" | "pwritev2" => {
                arguments.contains("RWF_DSYNC") || arguments.contains("RWF_SYNC") || self.is_dsync(arguments)
            }
            _ => false,
        }
    }

    fn is_dsync(&self, arguments: &str) -> bool {
        let fd = arguments.split(|c: char| !c.is_ascii_digit()).next().and_then(|fd| fd.parse().ok());
        fd.is_some_and(|fd| self.dsync_fds.contains(&fd))
    }

    fn note_opening(&mut self, thread: &'a str, arguments: &str) {
        let writes_through = arguments.contains("O_DSYNC") || arguments.contains("O_SYNC");
        if writes_through {
            self.opening.insert(thread);
        }
        if !arguments.contains("<unfinished") {
            self.close_number(arguments, writes_through);
            self.opening.remove(thread);
        }
    }

    fn note_opened(&mut self, thread: &str, call: &str) {
        let writes_through = self.opening.remove(thread);
        self.close_number(call, writes_through);
    }

    /// The number may have been another file's before.
    fn close_number(&mut self, call: &str, writes_through: bool) {
        let result = call.rsplit_once("= ").map_or("", |(_, result)| result);
        let Some(fd) = result.split_whitespace().next().and_then(|fd| fd.parse().ok()) else { return };
        if writes_through {
            self.dsync_fds.insert(fd);
        } else {
            self.dsync_fds.remove(&fd);
        }
    }
}

/// O_DSYNC in the flags of `/proc/PID/fdinfo/FD`; O_SYNC has its bit as well.
pub fn writes_through(fdinfo: &str) -> bool {
    const O_DSYNC: u32 = 0o10_000;
    let flags = fdinfo.lines().find_map(|line| line.strip_prefix("flags:"));
    flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok()).is_some_and(|flags| flags & O_DSYNC != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(trace: &str, fds: &[u32]) -> u64 {
        count_syncs(trace, &fds.iter().copied().collect())
    }

    #[test]
    fn syncs_are_counted_once_even_if_another_thread_interrupts() {
        let trace = "17 fdatasync(5) = 0\n18 fsync(7 <unfinished ...>\n17 write(9, \"\"..., 12) = 12\n18 <... fsync resumed>) = 0\n";
        assert_eq!(count(trace, &[]), 2);
    }

    #[test]
    fn writes_count_where_they_write_through() {
        let trace = "1 write(5, \"\"..., 12) = 12\n1 pwrite64(6, \"\"..., 12, 0) = 12\n1 write(55, \"\"..., 1) = 1\n";
        assert_eq!((count(trace, &[]), count(trace, &[5]), count(trace, &[5, 6])), (0, 1, 2));
        assert_eq!(count("1 pwritev2(5, [{iov_base=\"\"..., iov_len=4096}], 1, 0, RWF_DSYNC) = 4096\n", &[]), 1);
    }

    #[test]
    fn files_opened_meanwhile_are_known() {
        let whole =
            "1 openat(AT_FDCWD, \"\"..., O_RDWR|O_CREAT|O_SYNC|O_CLOEXEC, 0640) = 8\n1 write(8, \"\"..., 1) = 1\n";
        assert_eq!(count(whole, &[]), 1);
        let parted = "1 openat(AT_FDCWD, \"\"..., O_RDWR|O_DSYNC, 0640 <unfinished ...>\n2 write(8, \"\"..., 1) = 1\n\
                      1 <... openat resumed>) = 8\n2 write(8, \"\"..., 1) = 1\n";
        assert_eq!(count(parted, &[]), 1);
        let reused = "1 openat(AT_FDCWD, \"\"..., O_RDONLY) = 8\n1 write(8, \"\"..., 1) = 1\n";
        assert_eq!(count(reused, &[8]), 0);
    }

    #[test]
    fn what_is_no_call_is_no_sync() {
        assert_eq!(count("17 --- SIGURG {si_signo=SIGURG} ---\n\n17 +++ exited with 0 +++\nfsync\n", &[]), 0);
    }

    #[test]
    fn the_flags_of_a_descriptor_tell() {
        assert!(writes_through("pos:\t0\nflags:\t02010002\nmnt_id:\t29\n"));
        assert!(writes_through("pos:\t0\nflags:\t04112002\n"));
        assert!(!writes_through("pos:\t0\nflags:\t0100002\n"));
        assert!(!writes_through("pos:\t0\n"));
    }
}
