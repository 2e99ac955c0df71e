//! `dump file`: raw or hexadecimal, of either direction, and what it tells scripts.

use std::path::Path;

use riverrun_dump::describe::Direction;
use riverrun_dump::error::Error;
use riverrun_dump::file::{self, Encoding};
use riverrun_dump::input::Input;
use riverrun_dump::view::Format;
use riverrun_dump::watch::Watch;
use riverrun_protocol::FrameKind;

use crate::samples::sample;
use crate::see::{self, Screen};

async fn dump(bytes: &[u8], encoding: Encoding, direction: Option<Direction>) -> (Result<(), Error>, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("capture");
    std::fs::write(&path, bytes).unwrap();
    let screen = Screen::default();
    let mut watch = Watch::new(screen.clone(), see::options(Format::Line));
    let result = file::run(&Input::from(path.as_path()), encoding, direction, &mut watch).await;
    (result, screen.text())
}

fn hex_text(bytes: &[u8]) -> String {
    let rows = bytes.chunks(16).map(|row| row.iter().map(|b| format!("{b:02x} ")).collect::<String>());
    rows.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn raw_and_hexadecimal_bytes_are_told_apart() {
    let bytes = [sample(FrameKind::Ping), sample(FrameKind::Pong), sample(FrameKind::Heartbeat)].concat();
    let (result, raw) = dump(&bytes, Encoding::Auto, None).await;
    result.unwrap();
    insta::assert_snapshot!(raw, @"
        @0 -> Ping id=7 28B nonce=99
        @28 <- Pong id=7 28B nonce=99
        @56 <- Heartbeat id=7 36B tail=40@1700000000040
        ");
    let (result, hex) = dump(hex_text(&bytes).as_bytes(), Encoding::Auto, None).await;
    result.unwrap();
    assert_eq!(hex, raw);
}

#[tokio::test]
async fn a_direction_given_wins_over_the_kinds() {
    let (_, text) = dump(&sample(FrameKind::Ping), Encoding::Raw, Some(Direction::Server)).await;
    assert!(text.starts_with("@0 <- Ping"), "{text}");
}

#[tokio::test]
async fn large_captures_come_in_pieces() {
    let append = sample(FrameKind::Append);
    let bytes = append.repeat(2000);
    let (result, text) = dump(&bytes, Encoding::Auto, None).await;
    result.unwrap();
    assert_eq!(text.lines().count(), 2000);
    assert!(text.ends_with(&text.lines().last().map(|line| format!("{line}\n")).unwrap()));
    assert!(text.contains(&format!("@{} -> Append", append.len() * 1999)));
}

#[tokio::test]
async fn bad_frames_are_shown_and_fail_the_command() {
    let mut bytes = sample(FrameKind::Ping).to_vec();
    bytes[5] = 1;
    let (result, text) = dump(&bytes, Encoding::Auto, None).await;
    assert!(matches!(result, Err(Error::NotFrames { .. })), "{result:?}");
    assert!(text.contains("BAD at byte 0"), "{text}");
}

#[tokio::test]
async fn text_that_should_be_hexadecimal_and_is_not_is_named_by_line() {
    let (result, _) = dump(b"00 01\nhello", Encoding::Hex, None).await;
    let error = result.unwrap_err().to_string();
    assert!(error.contains("line 2"), "{error}");
}

#[tokio::test]
async fn a_missing_file_is_named() {
    let mut watch = Watch::new(Screen::default(), see::options(Format::Line));
    let missing = Input::from(Path::new("/nonexistent/capture"));
    let error = file::run(&missing, Encoding::Auto, None, &mut watch).await.unwrap_err();
    assert!(error.to_string().contains("/nonexistent/capture"), "{error}");
}

#[test]
fn a_summary_counts_by_kind() {
    let mut watch = Watch::new(Screen::default(), see::options(Format::Line));
    let seen = riverrun_dump::watch::Seen { connection: 0, direction: None, when: None };
    let bytes = [sample(FrameKind::Ping), sample(FrameKind::Ping), sample(FrameKind::Pong)].concat();
    watch.on_bytes(seen, &bytes).unwrap();
    watch.on_bytes(seen, b"GET / HTTP").unwrap();
    watch.on_end(seen).unwrap();
    insta::assert_snapshot!(watch.summary, @"
        kind                     frames          bytes        p50        max
        Ping                          2             56          -          -
        Pong                          1             28          -          -
        all                           3             84
        1 bad frames
        10 bytes in no frame
        ");
}
