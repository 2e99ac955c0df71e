//! The fuzzers' functions over the fuzzers' corpus, and over every golden frame, in every ordinary test run.

use std::path::{Path, PathBuf};

use riverrun_protocol::{FrameClass, FrameKind};

use crate::samples::all_frames;

#[path = "../../fuzz/checks.rs"]
pub mod checks;

#[expect(clippy::disallowed_methods, reason = "tests may read files")]
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = std::fs::read_dir(&folder).expect("the corpus is checked in");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

fn replay(target: &str, check: fn(&[u8])) {
    for (path, bytes) in corpus(target) {
        println!("{}", path.display());
        check(&bytes);
    }
}

#[test]
fn replay_frame() {
    replay("frame", checks::frame);
}

#[test]
fn replay_request() {
    replay("request", checks::request);
}

#[test]
fn replay_response() {
    replay("response", checks::response);
}

#[test]
fn replay_batch() {
    replay("batch", checks::batch);
}

#[test]
fn every_sample_passes_the_fuzzers_checks() {
    for (name, frame) in all_frames() {
        println!("{name}");
        checks::frame(&frame);
    }
}

/// A corpus of layouts that nobody speaks any more teaches a fuzzer nothing. `GOLDEN_WRITE=1` writes what is missing.
#[test]
#[expect(clippy::disallowed_methods, reason = "tests may read files")]
fn every_sample_is_in_the_fuzzers_corpus() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, frame) in all_frames() {
        let is_request = FrameKind::from_byte(frame[4]).map(FrameKind::class) == Some(FrameClass::Request);
        let path = root.join(if is_request { "request" } else { "response" }).join(&name[3..]);
        let seed = [&frame[4..5], &frame[16..]].concat();
        if !path.exists() && std::env::var_os("GOLDEN_WRITE").is_some() {
            std::fs::write(&path, &seed).unwrap();
        }
        assert!(std::fs::read(&path).is_ok_and(|found| found == seed), "{} is not {name}", path.display());
    }
}
