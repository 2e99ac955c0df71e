//! What the SDK is tried against.

#![forbid(unsafe_code)]

use std::process::Command;

#[test]
fn the_binary_is_the_one_of_this_repository() {
    let output = Command::new(riverrun_sdk_tests::binary()).arg("--version").output().expect("the binary runs");
    let said = String::from_utf8(output.stdout).expect("text");
    assert_eq!(said.trim(), concat!("riverrun ", env!("CARGO_PKG_VERSION")));
}
