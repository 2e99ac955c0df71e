//! Where the binary is: tests are only given the path of their own package's.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// This package's tests run in its own folder; paths that are not absolute are the repository's, as for all others.
const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// `RIVERRUN_BIN`, or what is built now. Where the whole workspace is tested it lies there already, and nothing is compiled.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("RIVERRUN_BIN") {
        Some(path) => Path::new(REPOSITORY).join(path),
        None => build(),
    })
}

fn build() -> PathBuf {
    let executable = std::env::current_exe().expect("this test's own path");
    // target/PROFILE/deps/TEST
    let built = executable.ancestors().nth(2).expect("a folder of its profile");
    let profile = match built.file_name().and_then(|name| name.to_str()).expect("a profile") {
        "debug" => "dev",
        other => other,
    };
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    without_this_package(&mut cargo);
    // All packages and a test (the smallest), or dependencies would be compiled a second time with fewer features.
    cargo
        .args(["build", "--quiet", "--locked", "--workspace", "--bin", "riverrun", "--test", "binary"])
        .args(["--profile", profile, "--target-dir"])
        .arg(built.parent().expect("a target folder"))
        .current_dir(REPOSITORY);
    assert!(cargo.status().expect("cargo runs").success(), "the binary cannot be built: {cargo:?}");
    built.join("riverrun")
}

/// Cargo tells a test about its package by variables that build scripts look at as well: they would run again for this.
fn without_this_package(cargo: &mut Command) {
    let is_of_package = |name: &OsString| {
        let name = name.to_string_lossy();
        ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_", "CARGO_TARGET_TMPDIR", "CARGO_PRIMARY_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
    };
    std::env::vars_os().map(|(name, _)| name).filter(is_of_package).for_each(|name| {
        cargo.env_remove(name);
    });
}
