//! Journal files as given: opened, numbered, and read at places.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use riverrun_core::buffer::ALIGN_BYTES;
use riverrun_core::journal::{BlockHeader, FileScan, HeaderError, ReadError, scan_file};

use crate::error::Error;

/// One file, open for reading.
#[derive(Debug)]
pub struct JournalFile {
    pub name: String,
    /// As in its name, `00000001.journal`; where that is no number, as its first block says.
    pub number: u32,
    pub bytes: u64,
    /// As its first block says; `None` without a block.
    pub store_id: Option<[u8; 16]>,
    file: File,
}

/// Opens files, and every `*.journal` of directories, in order of their names.
pub fn open(paths: &[PathBuf]) -> Result<Vec<JournalFile>, Error> {
    let mut files = Vec::new();
    for path in paths {
        let unreadable = |why| Error::Input { name: path.display().to_string(), why };
        match path.is_dir() {
            false => files.push(path.clone()),
            true => files.extend(journals_in(path).map_err(unreadable)?),
        }
    }
    files.iter().map(|path| JournalFile::open(path)).collect()
}

fn journals_in(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        found.push(entry?.path());
    }
    found.retain(|path| path.extension().is_some_and(|extension| extension == "journal"));
    found.sort();
    Ok(found)
}

impl JournalFile {
    fn open(path: &Path) -> Result<JournalFile, Error> {
        let name = path.display().to_string();
        let unreadable = |why| Error::Input { name: name.clone(), why };
        let file = File::open(path).map_err(unreadable)?;
        let bytes = file.metadata().map_err(unreadable)?.len();
        let mut journal = JournalFile { name: name.clone(), number: 0, bytes, store_id: None, file };
        let first = journal.first_header();
        let by_name = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        journal.number = by_name.or(first.and_then(|first| first.file)).unwrap_or_default();
        journal.store_id = first.map(|first| first.store_id);
        Ok(journal)
    }

    /// Every block and everything odd in the file.
    pub fn scan(&self) -> FileScan {
        let store_id = self.store_id.unwrap_or_default();
        scan_file(&store_id, self.number, self.bytes, &mut |offset, bytes| self.read(offset, bytes))
    }

    /// Exactly so many bytes.
    pub fn read(&self, offset: u64, bytes: usize) -> Result<Bytes, ReadError> {
        let mut buf = vec![0; bytes];
        self.file.read_exact_at(&mut buf, offset).map_err(|why| ReadError(why.to_string()))?;
        Ok(buf.into())
    }

    /// Tells whose file this is. A journal file begins with a block; only a damaged or unused one is searched any further.
    fn first_header(&self) -> Option<First> {
        let offsets = (0..self.bytes).step_by(ALIGN_BYTES);
        let pages = offsets.map_while(|offset| self.read(offset, ALIGN_BYTES).ok());
        pages.into_iter().find_map(|page| match BlockHeader::decode(&page) {
            Ok(BlockHeader { store_id, file, .. }) => Some(First { store_id, file: Some(file) }),
            Err(HeaderError::NewerVersion { store_id, .. }) => Some(First { store_id, file: None }),
            Err(_) => None,
        })
    }
}

/// What a file's first block says of the file. Where a newer version has the file's number is not known.
#[derive(Clone, Copy)]
struct First {
    store_id: [u8; 16],
    file: Option<u32>,
}
