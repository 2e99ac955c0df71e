//! A run's files: interval logs, and the results as JSON beside them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{
    IntervalLogHistogram, IntervalLogIterator, LogEntry, LogIteratorError,
};

use super::ReportError;
use super::curves::CurveKey;
use super::figures::{self, Figures};

const FILES_MAX: u64 = 256;
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Each takes memory of its own, up to 49 MB with the most digits that there are.
const CURVES_MAX: u64 = 64;

/// One side of the comparison.
#[derive(Default)]
pub(super) struct Run {
    pub(super) curves: BTreeMap<CurveKey, Histogram<u64>>,
    pub(super) figures: Figures,
}

/// # Errors
/// Something cannot be read, is damaged, or is not there.
pub(super) fn run(path: &Path) -> Result<Run, ReportError> {
    let is_folder = path.is_dir();
    let files = if is_folder { files_in(path)? } else { vec![path.to_owned(), path.with_extension("json")] };
    let mut run = Run::default();
    for file in &files {
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("json") if file.exists() => {
                figures::add(&mut run.figures, &stem(file, is_folder), file, &text(file)?)?;
            }
            Some("json") => {}
            _ => add_log(&mut run, file)?,
        }
    }
    if run.curves.is_empty() {
        return Err(ReportError::NoHistograms { path: path.to_owned() });
    }
    Ok(run)
}

/// What a run left, without what else may lie there; in the order of the names.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let failed = |why| ReportError::Read { path: folder.to_owned(), why };
    let entries = fs::read_dir(folder).map_err(failed)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>().map_err(failed)?;
    let ours = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "hlog" || extension == "json");
    let mut files: Vec<PathBuf> = paths.into_iter().filter(ours).collect();
    files.sort();
    if files.len() as u64 > FILES_MAX {
        return Err(ReportError::TooMuch { path: folder.to_owned(), what: "files", most: FILES_MAX });
    }
    Ok(files)
}

/// The name under which a file's contents are compared: none for a file that was named itself.
fn stem(file: &Path, in_folder: bool) -> String {
    if !in_folder {
        return String::new();
    }
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn text(file: &Path) -> Result<String, ReportError> {
    let failed = |why| ReportError::Read { path: file.to_owned(), why };
    let mut text = String::new();
    File::open(file).map_err(failed)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(ReportError::TooMuch { path: file.to_owned(), what: "bytes", most: FILE_BYTES_MAX });
    }
    Ok(text)
}

/// A tag's intervals become one histogram.
fn add_log(run: &mut Run, file: &Path) -> Result<(), ReportError> {
    let text = text(file)?;
    let line_at = |offset: usize| text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count() + 1;
    let damaged = |line, why| ReportError::Damaged { path: file.to_owned(), line, why };
    for entry in IntervalLogIterator::new(text.as_bytes()) {
        let LogEntry::Interval(interval) = entry.map_err(|LogIteratorError::ParseError { offset }| {
            damaged(line_at(offset), "neither an interval nor a comment, or cut off".to_owned())
        })?
        else {
            continue;
        };
        let at = interval.encoded_histogram().as_ptr().addr() - text.as_ptr().addr();
        let histogram = decode(&interval).map_err(|why| damaged(line_at(at), why))?;
        add(run, file, interval.tag().map_or("", |tag| tag.as_str()), &histogram)?;
    }
    Ok(())
}

fn decode(interval: &IntervalLogHistogram<'_>) -> Result<Histogram<u64>, String> {
    let bytes = STANDARD.decode(interval.encoded_histogram()).map_err(|error| format!("not base64: {error}"))?;
    Deserializer::new().deserialize(&mut bytes.as_slice()).map_err(|error| format!("no histogram: {error}"))
}

fn add(run: &mut Run, file: &Path, tag: &str, histogram: &Histogram<u64>) -> Result<(), ReportError> {
    let key = CurveKey { file: stem(file, true), tag: tag.to_owned() };
    if !run.curves.contains_key(&key) && run.curves.len() as u64 >= CURVES_MAX {
        return Err(ReportError::TooMuch {
            path: file.to_owned(),
            what: "histograms with their tags",
            most: CURVES_MAX,
        });
    }
    let curve = run.curves.entry(key).or_insert_with(|| Histogram::new(3).expect("3 digits are in range"));
    curve.add(histogram).map_err(|error| ReportError::Damaged {
        path: file.to_owned(),
        line: 1,
        why: error.to_string(),
    })
}
