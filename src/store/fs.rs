//! The publish step of local disks (reliability.md D9): how an object appears under its name whole, at most once and durably.
//!
//! ```text
//! 1 stage    staging/<n>: create, write, fdatasync      the bytes are durable before they have a name
//! 2 folder   make missing folders, fsync each parent
//! 3 name     rename, refusing to replace                the one atomic instant; losers see "already exists"
//! 4 settle   fsync the folder                           the name is durable: only now is the object created
//! ```
//!
//! opendal's own fs writer cannot be used for this: it syncs no folder, and its create-if-absent is a check followed by a
//! plain rename, so that two writers can both win (reliability.md 1, finding 1).
//!
//! A kill between any two steps leaves either nothing under the name or the whole object. Before step 3, and while an object
//! is removed, it leaves a file in `staging/`, removed at the next start. Staged files have a folder of their own, where
//! reliability.md D9 says the target's: so start need not search every folder for them, and the catalog's engine never meets
//! one in a listing. Both folders are on one file system, which is all that rename asks for. Between steps 3 and 4 the object is
//! visible and not yet durable; start syncs the folders before anything is read, and [`super::Objects::sync_found`] does the
//! same for chunks, of whose folders there can be many.

mod removal;
mod staged;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use super::StoreError;
use super::fs_lock::StoreLock;

pub use staged::StagedFile;

const STAGING: &str = "staging";
/// Chunks live below this; their folders are synced one by one by whoever finds a chunk there, not at start.
const CHUNKS: &str = "chunks";
/// Folders remembered as made and synced; past this many the memory starts over, at the price of a few syncs.
const FOLDERS_KNOWN_MAX: usize = 4096;

/// One store's directory.
#[derive(Debug)]
pub struct LocalStore {
    root: PathBuf,
    _lock: StoreLock,
    staged_next: AtomicU64,
    folders: Mutex<HashSet<PathBuf>>,
    /// Set once, when something that is visible could not be synced.
    failed: watch::Sender<Option<String>>,
    #[cfg(test)]
    fail_next_sync: std::sync::atomic::AtomicBool,
}

/// What a step did not do.
#[derive(Debug)]
pub enum PublishError {
    AlreadyExists,
    /// Nothing has happened under the name.
    NotDone(io::Error),
    /// The object may be visible and is not known to be durable. Never repeated: a sync that failed once says nothing true the
    /// second time (reliability.md D8).
    SyncFailed(String),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PublishMode {
    /// Refuse if the name is taken.
    Create,
    Replace,
}

impl LocalStore {
    /// Locks the directory (making it if need be), removes what killed publish steps left and syncs the folders.
    pub fn open(root: &Path, lock_wait: Duration) -> Result<Self, StoreError> {
        let failed = |error: io::Error| StoreError::failed("prepare", &root.to_string_lossy(), error);
        make_root(root).map_err(failed)?;
        let root = root.canonicalize().map_err(failed)?;
        let lock = StoreLock::take(&root, lock_wait)?;
        let removed = empty_staging(&root.join(STAGING)).map_err(failed)?;
        if removed > 0 {
            tracing::info!(removed, "removed objects that were never published, or were on their way out");
        }
        sync_folders(&root).map_err(failed)?;
        Ok(Self {
            root,
            _lock: lock,
            staged_next: AtomicU64::new(0),
            folders: Mutex::new(HashSet::new()),
            failed: watch::Sender::new(None),
            #[cfg(test)]
            fail_next_sync: false.into(),
        })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Waits for the first sync that failed and must not be repeated.
    pub async fn failed(&self) -> String {
        let mut failed = self.failed.subscribe();
        loop {
            if let Some(reason) = failed.borrow_and_update().clone() {
                return reason;
            }
            // The sender lives in `self`, so a wait never fails.
            let _ = failed.changed().await;
        }
    }

    /// Where `name` lies. Names are made by Riverrun and the catalog's engine, so a refusal here is a defect, not an attack;
    /// it is checked all the same, because the price of not checking is a file outside the store.
    pub fn path(&self, name: &str) -> io::Result<PathBuf> {
        let relative = Path::new(name.trim_matches('/'));
        let inside = relative.components().all(|part| matches!(part, Component::Normal(_)));
        match inside && relative.components().next().is_some() {
            true => Ok(self.root.join(relative)),
            false => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?} is not an object's name"))),
        }
    }

    /// Step 1 begins: an empty file that has no name yet, of an object of which `bytes` are known to come.
    pub fn stage(&self, bytes: usize) -> io::Result<StagedFile> {
        StagedFile::create(self.staging_path(), bytes)
    }

    /// Steps 1 (its sync) to 4.
    pub fn publish(&self, mut staged: StagedFile, name: &str, mode: PublishMode) -> Result<(), PublishError> {
        self.refuse_if_failed()?;
        let target = self.path(name).map_err(PublishError::NotDone)?;
        let folder = target.parent().expect("a path below the root has a parent").to_owned();
        staged.finish().map_err(PublishError::NotDone)?;
        self.make_folder(&folder)?;
        staged.name(&target, mode)?;
        self.settle(&folder)
    }

    /// Step 2: makes the folder and whatever is missing above it, each parent synced even where another process already made
    /// the child, because that one may have been killed before its sync.
    ///
    /// A parent that fails its sync ends all publishing: a second attempt would find the child there, sync the parent again, and
    /// be told that all is well by a kernel that has forgotten the failure (reliability.md D8).
    pub fn make_folder(&self, folder: &Path) -> Result<(), PublishError> {
        if self.folders.lock().expect("no panic while held").contains(folder) {
            return Ok(());
        }
        let not_below = |error| PublishError::NotDone(io::Error::other(error));
        let below_root = folder.strip_prefix(&self.root).map_err(not_below)?;
        let mut parent = self.root.clone();
        for part in below_root.components() {
            let child = parent.join(part);
            make_one_folder(&child).map_err(PublishError::NotDone)?;
            self.sync_found_folder(&parent)?;
            parent = child;
        }
        self.remember_folder(folder);
        Ok(())
    }

    /// Step 4. What was named there cannot be taken back by starting over, it is already visible: so not even a folder that
    /// cannot be opened, for want of a descriptor, is tried again.
    fn settle(&self, folder: &Path) -> Result<(), PublishError> {
        self.final_sync(folder, sync_folder(folder))
    }

    /// See [`super::Objects::sync_found`]. Only what could not even be opened may be tried again.
    pub fn sync_found(&self, name: &str) -> Result<(), PublishError> {
        self.refuse_if_failed()?;
        let path = self.path(name).map_err(PublishError::NotDone)?;
        let file = File::open(&path).map_err(PublishError::NotDone)?;
        self.final_sync(&path, file.sync_data())?;
        let mut folders = path.ancestors().skip(1).take_while(|folder| folder.starts_with(&self.root));
        folders.try_for_each(|folder| self.sync_found_folder(folder))
    }

    /// Takes the name away, durably: without the sync, a power cut could bring the object back after the last row that knows of it
    /// is gone. Its bytes go afterwards, from `staging/`, a piece at a time: a kill in between leaves them to the next start, and
    /// never a part of an object under its name.
    pub fn remove(&self, name: &str) -> Result<(), PublishError> {
        self.refuse_if_failed()?;
        let path = self.path(name).map_err(PublishError::NotDone)?;
        let leaving = self.staging_path();
        if fs::rename(&path, &leaving).is_err() {
            // Nothing there; or a rename wants room that only a removal makes (F16).
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(PublishError::NotDone(error)),
                _ => {}
            }
        }
        match path.parent() {
            Some(folder) if folder.exists() => self.sync_found_folder(folder)?,
            _ => {}
        }
        match removal::remove_in_steps(&leaving).or_else(|_| fs::remove_file(&leaving)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, file = %leaving.display(), "a removed object keeps its space until the next start");
            }
            _ => {}
        }
        Ok(())
    }

    fn staging_path(&self) -> PathBuf {
        let number = self.staged_next.fetch_add(1, Ordering::Relaxed);
        self.root.join(STAGING).join(format!("{number:016x}"))
    }

    /// Where nothing was promised yet: a folder that could not be opened was not synced either, and may be tried again.
    fn sync_found_folder(&self, folder: &Path) -> Result<(), PublishError> {
        let handle = File::open(folder).map_err(PublishError::NotDone)?;
        self.final_sync(folder, handle.sync_all())
    }

    /// A sync that is never repeated: its failure ends all publishing, and the process.
    fn final_sync(&self, path: &Path, synced: io::Result<()>) -> Result<(), PublishError> {
        self.with_fault(synced).map_err(|error| {
            let reason = format!("syncing {} failed: {error}", path.display());
            tracing::error!(%reason, "the store's disk failed a sync");
            self.failed.send_replace(Some(reason.clone()));
            PublishError::SyncFailed(reason)
        })
    }

    fn refuse_if_failed(&self) -> Result<(), PublishError> {
        match &*self.failed.borrow() {
            Some(reason) => Err(PublishError::SyncFailed(reason.clone())),
            None => Ok(()),
        }
    }

    #[cfg(test)]
    fn with_fault(&self, synced: io::Result<()>) -> io::Result<()> {
        match self.fail_next_sync.swap(false, Ordering::Relaxed) {
            true => Err(io::Error::other("the disk is failing")),
            false => synced,
        }
    }

    #[cfg(not(test))]
    fn with_fault(&self, synced: io::Result<()>) -> io::Result<()> {
        synced
    }

    fn remember_folder(&self, folder: &Path) {
        let mut folders = self.folders.lock().expect("no panic while held");
        if folders.len() >= FOLDERS_KNOWN_MAX {
            folders.clear();
        }
        folders.insert(folder.to_owned());
    }
}

/// Makes the store's directory, parents included, each synced into its own parent.
fn make_root(root: &Path) -> io::Result<()> {
    let missing: Vec<&Path> =
        root.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect();
    for folder in missing.into_iter().rev() {
        make_one_folder(folder)?;
        match folder.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => sync_folder(parent)?,
            _ => sync_folder(Path::new("."))?,
        }
    }
    Ok(())
}

fn make_one_folder(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes `staging/`, or empties it: whatever lies there was never published or was being removed, and whoever did it is gone (we
/// hold the lock).
fn empty_staging(staging: &Path) -> io::Result<usize> {
    make_one_folder(staging)?;
    let mut removed = 0;
    for entry in fs::read_dir(staging)? {
        fs::remove_file(entry?.path())?;
        removed += 1;
    }
    Ok(removed)
}

/// Syncs every folder but those of chunks.
fn sync_folders(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && entry.file_name() != CHUNKS {
            sync_folders(&entry.path())?;
        }
    }
    sync_folder(folder)
}

#[cfg(test)]
mod tests;
