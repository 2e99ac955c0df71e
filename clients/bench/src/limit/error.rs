//! Why nothing could be measured, or an earlier measurement not be used.

use std::io;
use std::path::{Path, PathBuf};

use miette::Diagnostic;

#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum LimitError {
    #[error("cannot {what} in {}: {why}", folder.display())]
    #[diagnostic(help("name a folder that can be written, on a disk with 256 MiB free: --data DIR"))]
    Disk { what: &'static str, folder: PathBuf, why: io::Error },
    #[error("cannot {what} on the loopback interface: {why}")]
    #[diagnostic(help("127.0.0.1 must be up, and connections to it allowed"))]
    Loopback { what: &'static str, why: io::Error },
    #[error("zstd level {level} failed: {why}")]
    #[diagnostic(help("memory may be short: a level takes a few MiB"))]
    Zstd { level: i32, why: io::Error },
    #[error("{} cannot be used as a measured limit: {why}", file.display())]
    #[diagnostic(help("make it anew: riverrun bench limit -o json > FILE"))]
    File { file: PathBuf, why: String },
}

impl LimitError {
    pub(super) fn disk(what: &'static str, folder: &Path) -> impl FnOnce(io::Error) -> Self {
        move |why| Self::Disk { what, folder: folder.to_owned(), why }
    }

    pub(super) fn loopback(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |why| Self::Loopback { what, why }
    }
}
