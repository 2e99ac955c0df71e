//! Why the journals cannot be used: what, why, what to do.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{FILE_BYTES_MAX, FILE_BYTES_MIN};

/// Its text says what and why; [`JournalFilesError::what_to_do`] the rest.
#[derive(Debug, thiserror::Error)]
pub enum JournalFilesError {
    #[error("cannot {doing} {}: {source}", path.display())]
    Path { doing: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "{} is in use by {holder}, after {} s of waiting: two processes on one data folder would overwrite each other's journals",
        path.display(), waited.as_secs()
    )]
    InUse { path: PathBuf, holder: String, waited: Duration },
    #[error("the journals in {} have reached their limit of {bytes_max} bytes, and all of it is in use", directory.display())]
    Full { directory: PathBuf, bytes_max: u64 },
    #[error(
        "journal files cannot have {file_bytes} bytes: the largest block must fit, and the size must be a multiple of 4096 \
         between {FILE_BYTES_MIN} and {FILE_BYTES_MAX}"
    )]
    FileBytes { file_bytes: u64 },
}

impl JournalFilesError {
    pub(super) fn path(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Path { doing, path: path.to_owned(), source }
    }

    /// No space, for now: the disk may be freed, or the limit's files released.
    pub fn is_no_space(&self) -> bool {
        match self {
            Self::Path { source, .. } => is_no_space(source),
            Self::Full { .. } => true,
            _ => false,
        }
    }

    /// One sentence for the person who started the server.
    pub fn what_to_do(&self) -> String {
        match self {
            Self::Path { path, source, .. } => what_to_do_about(path, source),
            Self::InUse { holder, .. } => {
                format!("stop {holder}, or give this server a folder of its own with --data")
            }
            Self::Full { .. } => {
                "wait until the store has taken what is waiting, or allow more with --unpublished-bytes-max".to_owned()
            }
            Self::FileBytes { .. } => "choose another --journal-file-bytes".to_owned(),
        }
    }
}

fn is_no_space(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

fn what_to_do_about(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    match error.kind() {
        ErrorKind::PermissionDenied => {
            format!(
                "make {path} readable and writable for the user who runs riverrun, or choose another folder with --data"
            )
        }
        ErrorKind::ReadOnlyFilesystem => {
            format!(
                "the disk under {path} is mounted read-only: remount it for writing (dmesg may say why), or choose another folder with --data"
            )
        }
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            format!(
                "something that is not a folder is in the way of {path}: move it, or choose another folder with --data"
            )
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "free some space on the disk, or choose a folder on another one with --data".to_owned()
        }
        _ => format!(
            "look into dmesg for the disk under {path}; the folder can be moved to another disk and named with --data"
        ),
    }
}
