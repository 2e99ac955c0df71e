//! The root token: the secret in a file that only its owner may read, its hash in the catalog.
//!
//! A new one is written beside the file, then the catalog learns its hash, then it takes the file's name. Whenever this
//! is interrupted, the row says which of the two files holds the token that works, and [`settle`] gives that one the
//! name.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use riverrun_core::access::{PublicId, SecretHash, TokenSecret};
use riverrun_core::control::{RootTokenRow, keys};
use riverrun_core::stored::StoredError;

use super::new_secret;
use crate::catalog::{Catalog, CatalogError, Change};

/// In the data folder.
pub const ROOT_TOKEN_FILE: &str = "root-token";
const NEW_SUFFIX: &str = ".new";
/// Longer than any token: no more of a file is read.
const FILE_BYTES_MAX: u64 = 1024;

#[derive(Debug, thiserror::Error)]
pub enum RootTokenError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error("the catalog: {0}")]
    Stored(#[from] StoredError),
    #[error("cannot {action} {}: {source}", path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },
    #[error("{} does not hold this store's root token, and nobody could get in as root", path.display())]
    Lost { path: PathBuf },
    #[error("{} can be read by others than the user who runs this, or belongs to somebody else", path.display())]
    Exposed { path: PathBuf },
    #[error("{} is there already, and was not made by this store in memory", path.display())]
    Foreign { path: PathBuf },
    #[error("{0}")]
    Random(String),
}

impl RootTokenError {
    pub fn what_to_do(&self) -> &'static str {
        match self {
            Self::Catalog(error) => error.what_to_do(),
            Self::Stored(_) => "restore the store from a copy, or use a newer riverrun if it says so",
            Self::File { .. } => {
                "make the data folder and what is in it readable and writable for this user, and give the disk some room"
            }
            Self::Exposed { .. } => {
                "a token that others know must not become this store's root token: remove the file, or if nobody has read \
                 it, give it to this user (chown) with mode 0600 (chmod)"
            }
            Self::Foreign { .. } => {
                "it may be the root token of a store that outlives this process: choose another folder with --data, or \
                 remove it"
            }
            Self::Lost { .. } => {
                "put the file back, or start once with --new-root-token: that revokes the old root token and writes a \
                 new one"
            }
            Self::Random(_) => "mend the system's source of random numbers (getrandom)",
        }
    }
}

/// What is wanted of the root token at start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RootTokenPolicy {
    /// Nobody gets in without a token.
    pub required: bool,
    /// The store does not outlive the process: a token for it is made only if there is no way around.
    pub is_memory: bool,
    /// Replace it, whatever there is.
    pub replace: bool,
}

/// The file.
#[derive(Clone, Debug)]
pub struct RootFile {
    path: PathBuf,
    /// Of a store in memory: whether it made the file. Another one, in a data folder that is there for another store,
    /// is not written over.
    made: Option<Arc<AtomicBool>>,
}

impl RootFile {
    pub fn new(data: &Path) -> Self {
        Self { path: data.join(ROOT_TOKEN_FILE), made: None }
    }

    pub fn of_memory(data: &Path) -> Self {
        Self { made: Some(Arc::default()), ..Self::new(data) }
    }

    fn check_ours(&self) -> Result<(), RootTokenError> {
        if self.made.as_ref().is_none_or(|made| made.load(Ordering::Relaxed)) {
            return Ok(());
        }
        let there = [self.path.clone(), self.new_path()].into_iter().find(|path| fs::symlink_metadata(path).is_ok());
        there.map_or(Ok(()), |path| Err(RootTokenError::Foreign { path }))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn new_path(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(NEW_SUFFIX);
        name.into()
    }

    fn folder(&self) -> &Path {
        self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    /// Only its owner may read it, from its first byte on.
    fn write_new(&self, secret: &TokenSecret) -> Result<(), RootTokenError> {
        let path = self.new_path();
        self.make_folder()?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("replace", &path, error)),
            _ => {}
        }
        let written = || -> io::Result<()> {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            file.write_all(format!("{}\n", secret.reveal()).as_bytes())?;
            file.sync_all()
        };
        written().map_err(|error| failed("write", &path, error))?;
        self.sync_folder()
    }

    fn make_folder(&self) -> Result<(), RootTokenError> {
        fs::create_dir_all(self.folder()).map_err(|error| failed("make", self.folder(), error))
    }

    fn take_new(&self) -> Result<(), RootTokenError> {
        let new = self.new_path();
        fs::rename(&new, &self.path).map_err(|error| failed("rename", &new, error))?;
        self.made.iter().for_each(|made| made.store(true, Ordering::Relaxed));
        self.sync_folder()
    }

    fn sync_folder(&self) -> Result<(), RootTokenError> {
        let synced = File::open(self.folder()).and_then(|folder| folder.sync_all());
        synced.map_err(|error| failed("sync", self.folder(), error))
    }
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> RootTokenError {
    RootTokenError::File { action, path: path.to_owned(), source }
}

/// What is in a file, and what it is.
struct Found {
    secret: Option<TokenSecret>,
    metadata: Metadata,
}

/// `None` where there is no file. One that cannot be read is an error: to take it for none would be to write over it.
fn find(path: &Path) -> Result<Option<Found>, RootTokenError> {
    let found = || -> io::Result<Found> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let mut text = Vec::new();
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text)?;
        let is_short = text.len() as u64 <= FILE_BYTES_MAX;
        let secret = TokenSecret::parse(text.trim_ascii()).ok().filter(|_| is_short);
        Ok(Found { secret, metadata })
    };
    match found() {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path, error)),
    }
}

fn holds(path: &Path, row: &RootTokenRow) -> Result<bool, RootTokenError> {
    let secret = find(path)?.and_then(|found| found.secret);
    Ok(secret.is_some_and(|s| s.public_id() == row.public_id && SecretHash::verify(Some(row.secret_hash), &s)))
}

/// The token that an operator, or a crash between the file and the row, has put there for this store.
fn to_adopt(path: &Path) -> Result<Option<TokenSecret>, RootTokenError> {
    let Some(Found { secret: Some(secret), metadata }) = find(path)? else { return Ok(None) };
    match is_of(rustix::process::geteuid().as_raw(), metadata.uid(), metadata.mode()) {
        true => Ok(Some(secret)),
        false => Err(RootTokenError::Exposed { path: path.to_owned() }),
    }
}

/// Whether what `owner` has in a file of this mode is `user`'s, and nobody else knows it.
fn is_of(user: u32, owner: u32, mode: u32) -> bool {
    owner == user && mode & 0o077 == 0
}

async fn stored(catalog: &dyn Catalog) -> Result<Option<RootTokenRow>, RootTokenError> {
    let value = catalog.get(keys::ROOT_TOKEN.into()).await?;
    Ok(value.map(|value| RootTokenRow::decode(&value)).transpose()?)
}

async fn store(catalog: &dyn Catalog, secret: &TokenSecret, now_ms: u64) -> Result<(), RootTokenError> {
    let row = RootTokenRow::new(secret, now_ms);
    Ok(catalog.put_batch(vec![(keys::ROOT_TOKEN.into(), row.encode())]).await?)
}

/// Ends a replacement that was interrupted. Whether the file then holds the token of the row.
fn settle(file: &RootFile, row: &RootTokenRow) -> Result<bool, RootTokenError> {
    if holds(&file.path, row)? {
        return Ok(true);
    }
    let is_new = holds(&file.new_path(), row)?;
    if is_new {
        file.take_new()?;
    }
    Ok(is_new)
}

/// Sees to it that there is a root token, and that the file holds it (design.md 8).
pub async fn prepare(
    catalog: &dyn Catalog,
    file: &RootFile,
    policy: RootTokenPolicy,
    now_ms: u64,
) -> Result<(), RootTokenError> {
    if policy.replace {
        return replace(catalog, file, now_ms).await;
    }
    match stored(catalog).await? {
        Some(row) if settle(file, &row)? => Ok(()),
        Some(_) if policy.required => Err(RootTokenError::Lost { path: file.path.clone() }),
        Some(_) => {
            let path = file.path.display();
            tracing::warn!(%path, "this file does not hold the store's root token; --new-root-token makes a new one");
            Ok(())
        }
        None if policy.is_memory && !policy.required => Ok(()),
        // A crash came between the file and the row; or the store is a new one, and this is its operator's token.
        None => match to_adopt(&file.path)? {
            Some(secret) => store(catalog, &secret, now_ms).await,
            None => replace(catalog, file, now_ms).await,
        },
    }
}

/// Makes a new root token. From when this returns the old one is dead.
async fn replace(catalog: &dyn Catalog, file: &RootFile, now_ms: u64) -> Result<(), RootTokenError> {
    let replacement = Replacement::begin(catalog, file, now_ms).await?;
    catalog.write(replacement.changes()).await?;
    replacement.finish()
}

/// A new root token beside the file, of which the catalog does not know yet.
#[derive(Debug)]
pub struct Replacement {
    file: RootFile,
    row: RootTokenRow,
    old: Option<PublicId>,
}

impl Replacement {
    /// Whoever stops here has changed nothing.
    pub async fn begin(catalog: &dyn Catalog, file: &RootFile, now_ms: u64) -> Result<Self, RootTokenError> {
        file.check_ours()?;
        let old = stored(catalog).await?;
        if let Some(row) = &old {
            // What is beside the file may be the token that works: it must not be written over.
            settle(file, row)?;
        }
        let secret = new_secret().map_err(RootTokenError::Random)?;
        file.write_new(&secret)?;
        let row = RootTokenRow::new(&secret, now_ms);
        Ok(Self { file: file.clone(), row, old: old.map(|old| old.public_id) })
    }

    /// Of the token that is dead once the changes are written.
    pub fn old(&self) -> Option<PublicId> {
        self.old
    }

    pub fn changes(&self) -> Vec<Change> {
        vec![Change::Put(keys::ROOT_TOKEN.into(), self.row.encode())]
    }

    /// Behind the changes: the new token takes the file's name.
    pub fn finish(self) -> Result<(), RootTokenError> {
        self.file.take_new()
    }
}

#[cfg(test)]
mod tests;
