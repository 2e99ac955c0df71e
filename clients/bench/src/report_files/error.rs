//! Why two runs cannot be compared.

use std::io;
use std::path::PathBuf;

use miette::Diagnostic;

#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ReportError {
    #[error("cannot read {}: {why}", path.display())]
    #[diagnostic(help("name a folder of results or a .hlog file"))]
    Read { path: PathBuf, why: io::Error },
    #[error("{} has no .hlog file in it", path.display())]
    #[diagnostic(help("benchmarks write one with --hlog FILE"))]
    NoHistograms { path: PathBuf },
    #[error("{}, line {line}: {why}", path.display())]
    #[diagnostic(help("the file must be an HdrHistogram interval log; if the run was interrupted, measure again"))]
    Damaged { path: PathBuf, line: usize, why: String },
    #[error("{} has more than {most} {what}", path.display())]
    #[diagnostic(help("compare the files one by one"))]
    TooMuch { path: PathBuf, what: &'static str, most: u64 },
    #[error("{} holds no result: {why}", path.display())]
    #[diagnostic(help("the last line must be the JSON object that -o json prints; move other files away"))]
    Figures { path: PathBuf, why: String },
    #[error("the runs have no histogram in common: the old one has [{old}], the new one [{new}]")]
    #[diagnostic(help(
        "compare runs of the same workloads: the same file names in two folders, or the same tags in two files"
    ))]
    NothingInCommon { old: String, new: String },
    #[error("cannot write {}: {why}", path.display())]
    #[diagnostic(help("name a file in a folder that exists and can be written: --svg FILE"))]
    Write { path: PathBuf, why: io::Error },
}
