//! How a store is named on the command line.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::StoreError;

/// `fs:DIRECTORY` or `memory:`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreUrl {
    kind: StoreKind,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoreKind {
    /// Nothing outlives the process, so no journal is kept either.
    Memory,
    /// A directory of a local file system.
    Fs(PathBuf),
}

impl StoreUrl {
    pub fn fs(directory: impl Into<PathBuf>) -> Self {
        Self { kind: StoreKind::Fs(directory.into()) }
    }

    pub fn memory() -> Self {
        Self { kind: StoreKind::Memory }
    }

    pub fn kind(&self) -> &StoreKind {
        &self.kind
    }

    pub fn is_memory(&self) -> bool {
        self.kind == StoreKind::Memory
    }
}

impl FromStr for StoreUrl {
    type Err = StoreError;

    fn from_str(given: &str) -> Result<Self, StoreError> {
        match given.split_once(':') {
            Some(("memory", "")) => Ok(Self::memory()),
            Some(("fs", directory)) if !directory.is_empty() => Ok(Self::fs(directory)),
            _ => Err(StoreError::Url { given: given.to_owned() }),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            StoreKind::Memory => f.write_str("memory:"),
            StoreKind::Fs(directory) => write!(f, "fs:{}", directory.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_url_reads_as_it_is_written() {
        for text in ["memory:", "fs:/var/lib/riverrun/store", "fs:./riverrun-data/store", "fs:a:b"] {
            assert_eq!(text.parse::<StoreUrl>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_schemes_are_refused_with_those_that_work() {
        for text in ["s3://bucket/prefix", "fs:", "memory", "memory:x", "/var/lib", ""] {
            let refused = text.parse::<StoreUrl>().unwrap_err().to_string();
            assert!(refused.contains("there are `fs:DIRECTORY` and `memory:`"), "{refused}");
        }
    }
}
