//! The root token: the secret in a file that only its owner may read, its hash in the catalog.
//!
//! A new one is written beside the file, then the catalog learns its hash, then it takes the file's name. Whenever this
//! is interrupted, the row says which of the two files holds the token that works, and [`settle`] gives that one the
//! name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use riverrun_core::access::{SecretHash, TokenSecret};
use riverrun_core::control::{RootTokenRow, keys};
use riverrun_core::stored::StoredError;

use super::new_secret;
use crate::catalog::{Catalog, CatalogError};

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
    #[error("{0}")]
    Random(String),
}

impl RootTokenError {
    pub fn what_to_do(&self) -> &'static str {
        match self {
            Self::Catalog(error) => error.what_to_do(),
            Self::Stored(_) => "restore the store from a copy, or use a newer riverrun if it says so",
            Self::File { .. } => "make the data folder writable for this user, and give the disk some room",
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
}

impl RootFile {
    pub fn new(data: &Path) -> Self {
        Self { path: data.join(ROOT_TOKEN_FILE) }
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

/// The token in a file; `None` where there is none, or it holds something else.
fn read(path: &Path) -> Option<TokenSecret> {
    let bytes = fs::metadata(path).ok()?.len();
    let text = if bytes <= FILE_BYTES_MAX { fs::read(path).ok()? } else { return None };
    TokenSecret::parse(text.trim_ascii()).ok()
}

fn holds(path: &Path, row: &RootTokenRow) -> bool {
    read(path).is_some_and(|s| s.public_id() == row.public_id && SecretHash::verify(Some(row.secret_hash), &s))
}

async fn stored(catalog: &dyn Catalog) -> Result<Option<RootTokenRow>, RootTokenError> {
    let value = catalog.get(keys::ROOT_TOKEN.into()).await?;
    Ok(value.map(|value| RootTokenRow::decode(&value)).transpose()?)
}

async fn store(catalog: &dyn Catalog, secret: &TokenSecret, now_ms: u64) -> Result<RootTokenRow, RootTokenError> {
    let row = RootTokenRow::new(secret, now_ms);
    catalog.put_batch(vec![(keys::ROOT_TOKEN.into(), row.encode())]).await?;
    Ok(row)
}

/// Ends a replacement that was interrupted. Whether the file then holds the token of the row.
fn settle(file: &RootFile, row: &RootTokenRow) -> Result<bool, RootTokenError> {
    if holds(&file.path, row) {
        return Ok(true);
    }
    let is_new = holds(&file.new_path(), row);
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
        return replace(catalog, file, now_ms).await.map(drop);
    }
    match stored(catalog).await? {
        Some(row) if settle(file, &row)? => Ok(()),
        Some(_) if policy.required => Err(RootTokenError::Lost { path: file.path.clone() }),
        Some(_) => {
            let path = file.path.display();
            tracing::warn!(%path, "this file does not hold the store's root token; --new-root-token makes a new one");
            Ok(())
        }
        // A crash came between the file and the row; or the store is a new one, and this is its operator's token.
        None => match read(&file.path) {
            Some(secret) => store(catalog, &secret, now_ms).await.map(drop),
            None if policy.is_memory && !policy.required => Ok(()),
            None => replace(catalog, file, now_ms).await.map(drop),
        },
    }
}

/// Makes a new root token. From when this returns the old one, whose row is handed back, is dead.
pub async fn replace(
    catalog: &dyn Catalog,
    file: &RootFile,
    now_ms: u64,
) -> Result<Option<RootTokenRow>, RootTokenError> {
    let old = stored(catalog).await?;
    if let Some(row) = &old {
        // What is beside the file may be the token that works: it must not be written over.
        settle(file, row)?;
    }
    let secret = new_secret().map_err(RootTokenError::Random)?;
    file.write_new(&secret)?;
    store(catalog, &secret, now_ms).await?;
    file.take_new()?;
    Ok(old)
}

#[cfg(test)]
mod tests;
