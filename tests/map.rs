//! The map's invariants (docs/ARCHITECTURE.md), held against the sources.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    collect(&root, &mut found);
    assert!(!found.is_empty(), "no sources under {folder}: has it moved?");
    found
}

fn collect(path: &Path, found: &mut Vec<(PathBuf, String)>) {
    if path.is_file() {
        if path.extension().is_some_and(|e| e == "rs") {
            found.push((path.to_owned(), fs::read_to_string(path).expect("a readable source")));
        }
        return;
    }
    let entries = fs::read_dir(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut paths: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().filter(|p| !p.ends_with("target") && !p.ends_with("fuzz")).for_each(|p| collect(p, found));
}

/// The code of a source: comments taken away, and what follows the unit tests' module.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap_or(text);
    text.lines().map(|l| l.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}

/// Fails for every source in `folder` (outside of `except`) whose code has one of `words`.
fn forbid(folder: &str, except: &[&str], words: &[&str], why: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut offenders = Vec::new();
    for (path, text) in sources(folder) {
        let path = path.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
        if except.iter().any(|e| path.starts_with(e)) {
            continue;
        }
        let code = code(&text);
        offenders.extend(words.iter().filter(|w| code.contains(**w)).map(|w| format!("{path}: {w}")));
    }
    assert!(offenders.is_empty(), "{why}:\n  {}", offenders.join("\n  "));
}

#[test]
fn pure_rooms_do_no_io_and_read_no_clock() {
    let io =
        ["std::fs", "std::net", "std::process", "std::thread", "Instant::now", "SystemTime", "std::env", "println!"];
    forbid("src/core/src", &[], &io, "core is pure: facts in, orders out");
    forbid("protocol/src", &[], &io, "protocol is bytes and nothing else");
    forbid("src/gateway/wire/src", &[], &io, "the gateway's wire is bytes and nothing else");
}

#[test]
fn pure_rooms_depend_on_nothing_that_does_io() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let normal = |manifest: &str| {
        let text = fs::read_to_string(root.join(manifest)).expect("a manifest");
        let dependencies = text.split("[dependencies]").nth(1).expect("dependencies");
        dependencies.split("\n[").next().expect("a section").to_owned()
    };
    let core = normal("src/core/Cargo.toml");
    for crate_name in ["tokio", "io-uring", "opendal", "slatedb", "socket2", "rustix", "libc"] {
        assert!(!core.contains(crate_name), "core must not depend on {crate_name}");
    }
    let protocol = normal("protocol/Cargo.toml").replace("tokio-util", "");
    for crate_name in ["tokio", "io-uring", "opendal", "slatedb", "socket2", "rustix", "libc"] {
        assert!(!protocol.contains(crate_name), "protocol must not depend on {crate_name}");
    }
    let wire = normal("src/gateway/wire/Cargo.toml");
    for crate_name in [
        "tokio",
        "hyper",
        "axum",
        "tower",
        "riverrun-core",
        "io-uring",
        "opendal",
        "slatedb",
        "socket2",
        "rustix",
        "libc",
    ] {
        assert!(!wire.contains(crate_name), "the gateway's wire must not depend on {crate_name}");
    }
}

#[test]
fn protocol_uses_tokio_util_in_its_codec_only() {
    forbid("protocol/src", &["protocol/src/codec"], &["tokio_util"], "only the codec is for tokio");
}

#[test]
fn only_uring_contains_unsafe() {
    let words = ["unsafe {", "unsafe fn", "unsafe impl", "allow(unsafe_code)"];
    for folder in ["src", "protocol", "clients", "tests"] {
        forbid(folder, &["src/uring", "tests/map.rs"], &words, "unsafe code lives in src/uring");
    }
}

#[test]
fn every_crate_but_the_broker_forbids_unsafe() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for library in [
        "protocol",
        "src/core",
        "src/gateway/wire",
        "clients/rust",
        "clients/cli",
        "clients/bench",
        "clients/dump",
        "tests/conformance",
        "tests/history",
        "tests/malformed",
        "tests/sdk",
    ] {
        let text = fs::read_to_string(root.join(library).join("src/lib.rs")).expect("a library");
        assert!(text.contains("#![forbid(unsafe_code)]"), "{library} must forbid unsafe code");
    }
    let text = fs::read_to_string(root.join("src/lib.rs")).expect("the broker's library");
    assert!(text.contains("#![deny(unsafe_code)]"), "the broker denies unsafe code outside of src/uring");
}

/// Ids that can be guessed are no ids.
#[test]
fn only_the_simulator_seeds_ids() {
    for folder in ["src", "protocol", "clients"] {
        forbid(folder, &["src/entropy.rs"], &["seed_this_thread"], "ids come from the system");
    }
}

#[test]
fn each_library_has_one_room_that_knows_it() {
    let rooms: [(&str, &[&str]); 3] =
        [("opendal", &["src/store"]), ("slatedb", &["src/catalog"]), ("io_uring::", &["src/uring"])];
    for (library, room) in rooms {
        let word = format!("{}::", library.trim_end_matches("::"));
        let mut except = room.to_vec();
        except.push("src/core");
        forbid(
            "src",
            &except,
            &[&format!("use {word}"), &format!(" {word}")],
            &format!("{library} belongs to {room:?}"),
        );
    }
}

#[test]
fn files_stay_readable() {
    let long: Vec<String> = ["src", "protocol", "clients", "tests"]
        .iter()
        .flat_map(|folder| sources(folder))
        .filter(|(_, text)| text.lines().count() > 700)
        .map(|(path, text)| format!("{}: {} lines", path.display(), text.lines().count()))
        .collect();
    assert!(long.is_empty(), "past 700 lines, redesign instead of piling on:\n  {}", long.join("\n  "));
}
