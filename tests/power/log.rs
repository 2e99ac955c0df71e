//! What the disk was told, in the order in which it said "done": the dm-log-writes format, as qemu's `blklogwrites` writes it.
//!
//! ```text
//! sector 0   superblock: magic u64, version u64, entries u64, bytes of a sector u32
//! sector 1   entry: sector u64, sectors u64, flags u64, bytes of a mark's text u64; behind it the data, each in whole sectors
//! ```

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

pub const SECTOR_BYTES: usize = 512;
const MAGIC: u64 = 0x006a_7366_7773_6872;
const FLUSH: u64 = 1;
const FUA: u64 = 2;
const DISCARD: u64 = 4;
const MARK: u64 = 8;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Where on the disk.
    pub offset: u64,
    pub bytes: u64,
    flags: u64,
    /// Where in the log the data are.
    data: u64,
    /// How long the log was when this entry was complete.
    pub end: u64,
}

impl Entry {
    /// All that was done before it is on the disk for good.
    pub fn is_flush(&self) -> bool {
        self.flags & FLUSH != 0
    }

    /// The entry itself is on the disk for good.
    pub fn is_durable(&self) -> bool {
        self.flags & FUA != 0
    }

    pub fn is_discard(&self) -> bool {
        self.flags & DISCARD != 0
    }

    pub fn changes_the_disk(&self) -> bool {
        self.bytes > 0 && self.flags & MARK == 0
    }
}

#[derive(Debug)]
pub struct WriteLog {
    file: File,
    pub entries: Vec<Entry>,
}

impl WriteLog {
    /// # Errors
    /// It cannot be read, is of another format, or ends within an entry.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        check_superblock(&file)?;
        let length = file.metadata()?.len();
        let mut entries = Vec::new();
        let mut at = SECTOR_BYTES as u64;
        while at < length {
            let entry = read_entry(&file, at)?;
            if entry.end > length {
                return Err(malformed(format!("the entry at {at} ends behind the log, at {}", entry.end)));
            }
            at = entry.end;
            entries.push(entry);
        }
        Ok(Self { file, entries })
    }

    /// What the entry wrote. Discarded sectors read as zeros.
    pub fn data(&self, entry: &Entry) -> Vec<u8> {
        let mut data = vec![0; entry.bytes as usize];
        if !entry.is_discard() {
            self.file.read_exact_at(&mut data, entry.data).expect("the log is whole");
        }
        data
    }

    /// The first entry that was not complete when the log had this length.
    pub fn at(&self, length: u64) -> usize {
        self.entries.partition_point(|entry| entry.end <= length)
    }

    /// How long the log was when so many entries were complete.
    pub fn length(&self, entries: usize) -> u64 {
        entries.checked_sub(1).map_or(SECTOR_BYTES as u64, |last| self.entries[last].end)
    }
}

fn check_superblock(file: &File) -> io::Result<()> {
    let mut sector = [0; SECTOR_BYTES];
    file.read_exact_at(&mut sector, 0)?;
    if u64_at(&sector, 0) != MAGIC {
        return Err(malformed("it is no log of writes".to_owned()));
    }
    let sector_bytes = u32::from_le_bytes(*sector[24..].first_chunk().expect("4 bytes"));
    if sector_bytes as usize != SECTOR_BYTES {
        return Err(malformed(format!("its sectors have {sector_bytes} bytes, not {SECTOR_BYTES}")));
    }
    Ok(())
}

fn read_entry(file: &File, at: u64) -> io::Result<Entry> {
    let mut head = [0; 32];
    file.read_exact_at(&mut head, at)?;
    let sector_bytes = SECTOR_BYTES as u64;
    let (bytes, flags) = (u64_at(&head, 8) * sector_bytes, u64_at(&head, 16));
    let data = at + sector_bytes;
    let end = match flags {
        flags if flags & MARK != 0 => data + u64_at(&head, 24).next_multiple_of(sector_bytes),
        flags if flags & DISCARD != 0 => data,
        _ => data + bytes,
    };
    Ok(Entry { offset: u64_at(&head, 0) * sector_bytes, bytes, flags, data, end })
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().expect("8 bytes"))
}

fn malformed(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
pub mod tests {
    use std::io::Write;

    use super::*;

    pub const WRITE: u64 = 0;
    pub const FLUSHED: u64 = FLUSH;
    pub const FORCED: u64 = FUA;

    /// A log of these entries: first sector, flags, data.
    pub fn log_of(entries: &[(u64, u64, &[u8])]) -> WriteLog {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        let mut superblock = [0; SECTOR_BYTES];
        superblock[..8].copy_from_slice(&MAGIC.to_le_bytes());
        superblock[24..28].copy_from_slice(&(SECTOR_BYTES as u32).to_le_bytes());
        file.write_all(&superblock).expect("written");
        for (sector, flags, data) in entries {
            let mut head = [0; SECTOR_BYTES];
            for (n, word) in [*sector, (data.len() / SECTOR_BYTES) as u64, *flags, 0].iter().enumerate() {
                head[n * 8..][..8].copy_from_slice(&word.to_le_bytes());
            }
            file.write_all(&head).expect("written");
            file.write_all(data).expect("written");
        }
        WriteLog::open(file.path()).expect("a log")
    }

    #[test]
    fn entries_are_found_with_their_data_and_their_places() {
        let log = log_of(&[(7, WRITE, &[1; 1024]), (0, FLUSHED, &[]), (3, FORCED, &[2; 512])]);
        let [write, flush, forced] = log.entries[..] else { panic!("{:?}", log.entries) };
        assert_eq!((write.offset, write.end, log.data(&write)), (7 * 512, 4 * 512, vec![1; 1024]));
        assert!(flush.is_flush() && !flush.changes_the_disk() && !write.is_flush());
        assert!(forced.is_durable() && !write.is_durable());
        assert_eq!([511, 512, 2047, 2048, 2560, 9999].map(|length| log.at(length)), [0, 0, 0, 1, 2, 3]);
        assert_eq!([0, 1, 2, 3].map(|entries| log.length(entries)), [512, 2048, 2560, 3584]);
    }

    #[test]
    fn what_is_no_log_and_what_is_cut_short_is_refused() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(&[0; SECTOR_BYTES]).expect("written");
        WriteLog::open(file.path()).expect_err("no magic");
        let mut superblock = [0; SECTOR_BYTES];
        superblock[..8].copy_from_slice(&MAGIC.to_le_bytes());
        superblock[24..28].copy_from_slice(&512_u32.to_le_bytes());
        file.as_file().write_all_at(&superblock, 0).expect("written");
        assert!(WriteLog::open(file.path()).expect("empty").entries.is_empty());
        let mut head = [0; SECTOR_BYTES];
        head[8] = 2;
        file.as_file().write_all_at(&head, 512).expect("written");
        WriteLog::open(file.path()).expect_err("two sectors are missing");
    }
}
