//! The folders, and the names in them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::JournalFilesError;

const SUFFIX: &str = ".journal";
/// A file that is being written with zeros. It gets its name when that is done, so that no half file is ever taken for one.
const UNFINISHED_SUFFIX: &str = ".journal.new";

/// A store's folder is named by its id.
pub(super) fn name_of(store_id: &[u8; 16]) -> String {
    store_id.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn path_of(directory: &Path, number: u32) -> PathBuf {
    directory.join(format!("{number:08}{SUFFIX}"))
}

pub(super) fn unfinished_path_of(directory: &Path, number: u32) -> PathBuf {
    directory.join(format!("{number:08}{UNFINISHED_SUFFIX}"))
}

/// A file's number, and whether it was finished; `None` for anything else's name.
pub(super) fn number_of(name: &str) -> Option<(u32, bool)> {
    let finished = name.strip_suffix(SUFFIX);
    let digits = finished.or_else(|| name.strip_suffix(UNFINISHED_SUFFIX))?;
    let named_by_us = digits.len() >= 8 && digits.bytes().all(|b| b.is_ascii_digit());
    let number = digits.parse().ok().filter(|&number| named_by_us && number > 0)?;
    Some((number, finished.is_some()))
}

/// Makes the folder and those above it that are missing, and their names durable (F15).
pub(super) fn make(folder: &Path) -> Result<(), JournalFilesError> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make(above)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
        made => made.map_err(|error| JournalFilesError::path("make the folder", folder, error))?,
    }
    sync(above)
}

pub(super) fn open(folder: &Path) -> Result<File, JournalFilesError> {
    File::open(folder).map_err(|error| JournalFilesError::path("open the folder", folder, error))
}

pub(super) fn sync(folder: &Path) -> Result<(), JournalFilesError> {
    open(folder)?.sync_all().map_err(|error| JournalFilesError::path("sync", folder, error))
}

/// What is in a folder, by name. Sorted, so that locks are always taken in one order.
pub(super) fn list(folder: &Path) -> Result<Vec<(String, PathBuf)>, JournalFilesError> {
    let listed = || -> io::Result<Vec<(String, PathBuf)>> {
        fs::read_dir(folder)?
            .map(|entry| entry.map(|e| (e.file_name().to_string_lossy().into_owned(), e.path())))
            .collect()
    };
    let mut found = listed().map_err(|error| JournalFilesError::path("list", folder, error))?;
    found.sort();
    Ok(found)
}

/// Names of the other folders beside ours.
pub(super) fn other_stores(root: &Path, ours: &str) -> Result<Vec<String>, JournalFilesError> {
    let folders = list(root)?.into_iter().filter(|(name, path)| name != ours && path.is_dir());
    Ok(folders.map(|(name, _)| name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_numbers() {
        assert_eq!(number_of("00000012.journal"), Some((12, true)));
        assert_eq!(number_of("00000012.journal.new"), Some((12, false)));
        for other in [
            "00000000.journal",
            "12.journal",
            "0000001x.journal",
            "+0000001.journal",
            "00000012",
            "lock",
            "99999999999.journal",
        ] {
            assert_eq!(number_of(other), None, "{other}");
        }
        assert_eq!(path_of(Path::new("/d"), 12), Path::new("/d/00000012.journal"));
    }
}
