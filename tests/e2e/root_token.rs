//! The root token's file (design.md 8): made at the first start, for its owner's eyes only, and never lost half way.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use riverrun_core::access::TokenSecret;
use riverrun_protocol::error::ErrorCode;
use riverrun_protocol::request::Request;
use riverrun_protocol::response::Response;

use crate::raw::{Raw, token};
use crate::support::{Data, Server, until};

const REQUIRED: [&str; 2] = ["--auth", "required"];

fn path(data: &Data) -> PathBuf {
    data.data().join("root-token")
}

fn secret(data: &Data) -> String {
    std::fs::read_to_string(path(data)).expect("a root token").trim().to_owned()
}

#[test]
fn the_first_start_makes_it_for_its_owner_alone_and_later_ones_keep_it() {
    let data = Data::new();
    let server = data.serve(&REQUIRED);
    let mode = std::fs::metadata(path(&data)).expect("a file").permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    let first = secret(&data);
    assert!(!server.banner.iter().any(|line| line.contains(&first[4..])), "the secret is not printed");
    server.kill();
    let server = data.serve(&REQUIRED);
    assert_eq!(secret(&data), first);
    Raw::connect(&server.addr, &first).expect("it still opens");
}

#[test]
fn a_lost_file_stops_the_start_until_a_new_token_is_asked_for() {
    let data = Data::new();
    let server = data.serve(&REQUIRED);
    let old = secret(&data);
    let issued = Raw::connect(&server.addr, &old).expect("root").issue(&token("kept", ""));
    server.kill();
    std::fs::remove_file(path(&data)).expect("removed");
    let said = Server::try_start(&data.data(), &REQUIRED).expect_err("nobody could get in as root");
    assert!(said.contains("--new-root-token"), "{said}");
    data.serve(&[]).kill();
    let server = data.serve(&["--auth", "required", "--new-root-token"]);
    assert_ne!(secret(&data), old);
    Raw::connect(&server.addr, &secret(&data)).expect("the new one opens");
    Raw::connect(&server.addr, &issued).expect("issued tokens are not touched");
    let refused = Raw::connect(&server.addr, &old).expect_err("the old one is dead");
    assert_eq!(refused.code, ErrorCode::Authn);
}

#[test]
fn a_rotation_kills_the_old_token_at_once_and_survives_a_kill() {
    let data = Data::new();
    let server = data.serve(&REQUIRED);
    let old = secret(&data);
    let mut idle = Raw::connect(&server.addr, &old).expect("root gets in");
    let mut root = Raw::connect(&server.addr, &old).expect("root gets in");
    let issued = root.issue(&token("all", ""));
    let mut holder = Raw::connect(&server.addr, &issued).expect("issued");
    let denied = holder.call(&Request::RotateRootToken).expect_err("only root may");
    assert_eq!(denied.code, ErrorCode::PermissionDenied);
    assert_eq!(root.ok(&Request::RotateRootToken), Response::Done, "told before its own connection is cut");
    let new = secret(&data);
    assert_ne!(new, old);
    assert_eq!(Raw::connect(&server.addr, &old).expect_err("dead").code, ErrorCode::Authn);
    assert!(idle.call(&Request::Status).is_err(), "so are its connections");
    server.kill();
    let server = data.serve(&REQUIRED);
    Raw::connect(&server.addr, &new).expect("the file holds the one that works");
}

#[test]
fn a_token_from_before_the_store_is_adopted_also_by_a_store_in_memory() {
    let data = Data::new();
    std::fs::create_dir_all(data.data()).expect("a folder");
    let mine = TokenSecret::new([3; 16], [4; 32]).reveal();
    std::fs::write(path(&data), format!("{mine}\n")).expect("written");
    let mode = |mode| std::fs::set_permissions(path(&data), std::fs::Permissions::from_mode(mode)).expect("set");
    mode(0o644);
    let said = Server::try_start(&data.data(), &REQUIRED).expect_err("others may know it");
    assert!(said.contains("can be read by others"), "{said}");
    mode(0o600);
    for store in [&["--auth", "required", "--store", "memory:"][..], &REQUIRED] {
        let server = data.serve(store);
        Raw::connect(&server.addr, &mine).expect("adopted");
        assert_eq!(secret(&data), mine);
        server.kill();
    }
    let fresh = Data::new();
    let server = fresh.serve(&["--store", "memory:"]);
    assert!(!path(&fresh).exists(), "nobody asked for one");
    until("it answers", || Raw::connect(&server.addr, "").is_ok());
}
