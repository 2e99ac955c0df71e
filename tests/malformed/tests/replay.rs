//! S16: every target over its corpus, and over inputs that are spoiled from a printed seed.
//!
//! `RIVERRUN_FUZZ_EXECUTIONS` is how many for each target, `RIVERRUN_FUZZ_SEED` what they begin with.
//! `RIVERRUN_CORPUS_WRITE=1` writes what is missing in `corpus/`.

use std::any::Any;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use riverrun_core::{chunk, journal};
use riverrun_malformed::{Mutator, TARGETS, Target};
use riverrun_protocol::batch::check_ingest;
use riverrun_protocol::{Batch, Request};

const EXECUTIONS: u64 = 10_000;
const SEED: u64 = 16;
/// An input that a fuzzer would call too large for a corpus.
const CORPUS_FILE_BYTES_MAX: usize = 64 << 10;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

fn folder(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name)
}

fn corpus(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder(target)).expect("the corpus is checked in");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} has no corpus", target.name);
    files.into_iter().map(|path| (path.clone(), fs::read(path).expect("a readable file"))).collect()
}

/// What it panicked with.
fn crash(target: &Target, input: &[u8]) -> Option<String> {
    let message = |why: Box<dyn Any + Send>| match why.downcast::<String>() {
        Ok(text) => *text,
        Err(why) => why.downcast_ref::<&str>().copied().unwrap_or("it panicked").to_owned(),
    };
    catch_unwind(AssertUnwindSafe(|| (target.check)(input))).err().map(message)
}

/// Writes the input down where it can be looked at, and copied into the corpus.
fn keep(target: &Target, input: &[u8], run: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("malformed");
    fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(format!("{}-{run}", target.name));
    fs::write(&path, input).expect("written");
    path
}

#[test]
fn the_corpus_passes() {
    for target in TARGETS {
        for (path, input) in corpus(target) {
            if let Some(why) = crash(target, &input) {
                panic!("S16 {}: {}: {why}", target.name, path.display());
            }
        }
    }
}

#[test]
fn s16_spoiled_inputs_break_no_promise() {
    let (executions, seed) = (number("RIVERRUN_FUZZ_EXECUTIONS", EXECUTIONS), number("RIVERRUN_FUZZ_SEED", SEED));
    println!("S16 seed {seed}: RIVERRUN_FUZZ_SEED={seed} RIVERRUN_FUZZ_EXECUTIONS={executions} repeats this");
    let only = std::env::var("RIVERRUN_FUZZ_TARGET").ok();
    let chosen = TARGETS.iter().filter(|target| only.as_ref().is_none_or(|only| only == target.name));
    let failures: Vec<String> = chosen.filter_map(|target| executed(target, executions, seed).err()).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Goes on with the other targets after a crash: one bug must not hide another.
fn executed(target: &Target, executions: u64, seed: u64) -> Result<(), String> {
    let seeds: Vec<Vec<u8>> = corpus(target).into_iter().map(|(_, bytes)| bytes).collect();
    let mut mutator = Mutator::new(seed, &seeds);
    for execution in 0..executions {
        let mut input = mutator.input();
        (target.repair)(&mut input, &mut mutator.random);
        if let Some(why) = crash(target, &input) {
            let path = keep(target, &input, &format!("{seed}-{execution}"));
            return Err(format!("S16 {} seed {seed}, execution {execution}: {}: {why}", target.name, path.display()));
        }
    }
    println!("S16 {} {executions} executions, 0 crashes", target.name);
    Ok(())
}

/// A corpus of layouts that nobody writes any more teaches nothing.
#[test]
fn every_seed_is_in_the_corpus() {
    for target in TARGETS {
        for (name, bytes) in (target.seeds)() {
            let path = folder(target).join(&name);
            if !path.exists() && std::env::var_os("RIVERRUN_CORPUS_WRITE").is_some() {
                fs::create_dir_all(folder(target)).expect("a folder");
                fs::write(&path, &bytes).expect("written");
            }
            assert!(bytes.len() <= CORPUS_FILE_BYTES_MAX, "{} is large for a corpus", path.display());
            assert!(fs::read(&path).is_ok(), "{} is missing: RIVERRUN_CORPUS_WRITE=1 writes it", path.display());
            assert_eq!(crash(target, &bytes), None, "{}: a valid encoding", path.display());
        }
    }
}

/// Of what is spoiled so much in a hundred must still be taken, or only checksums are tested.
const TAKEN_PERCENT_MIN: usize = 5;

#[test]
fn spoiled_inputs_get_past_the_sums() {
    for target in TARGETS {
        let seeds: Vec<Vec<u8>> = corpus(target).into_iter().map(|(_, bytes)| bytes).collect();
        let mut mutator = Mutator::new(SEED, &seeds);
        let mut inputs: Vec<Vec<u8>> = (0..2_000).map(|_| spoiled(target, &mut mutator)).collect();
        inputs.retain(|input| !seeds.contains(input));
        let verdicts: Vec<bool> = inputs.iter().filter_map(|input| is_taken(target.name, input)).collect();
        let taken = verdicts.iter().filter(|taken| **taken).count();
        println!("{}: {taken} of {} spoiled inputs are taken", target.name, verdicts.len());
        assert!(taken * 100 >= verdicts.len() * TAKEN_PERCENT_MIN, "{}", target.name);
    }
}

fn spoiled(target: &Target, mutator: &mut Mutator<'_>) -> Vec<u8> {
    let mut input = mutator.input();
    (target.repair)(&mut input, &mut mutator.random);
    input
}

/// `None`: nothing in these has a sum.
fn is_taken(target: &str, input: &[u8]) -> Option<bool> {
    let bytes = Bytes::copy_from_slice(input);
    match target {
        "requests" => Some(input.split_first().is_some_and(|(kind, body)| Request::parse(*kind, body).is_ok())),
        "batch" => Some(check_ingest(input).is_ok() || Batch::parse(bytes).is_ok()),
        "chunk" => Some(chunk::identify(&bytes).is_ok()),
        "journal" => Some(journal::BlockHeader::decode(input).is_ok()),
        _ => None,
    }
}
