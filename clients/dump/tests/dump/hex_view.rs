//! `-x`: every byte, and the field that it belongs to.

use riverrun_dump::view::{Format, Options, Payload};
use riverrun_protocol::FrameKind;

use crate::samples::sample;
use crate::see;

fn hex(kind: FrameKind) -> String {
    see::file(&sample(kind), see::options(Format::Hex))
}

#[test]
fn a_hello_with_its_token_hidden() {
    insta::assert_snapshot!(hex(FrameKind::Hello), @"");
}

#[test]
fn a_list_with_its_count() {
    insta::assert_snapshot!(hex(FrameKind::StreamList), @"");
}

#[test]
fn an_error() {
    insta::assert_snapshot!(hex(FrameKind::Error), @"");
}

#[test]
fn a_batch_with_its_payload_shown() {
    let options = Options { payload: Some(Payload::Text), ..see::options(Format::Hex) };
    insta::assert_snapshot!(see::file(&sample(FrameKind::SessionAppend), options), @"");
}

/// Unless asked, a dump for an issue tracker shows how much was written, not what.
#[test]
fn payloads_are_shown_by_size_alone() {
    let text = hex(FrameKind::SessionAppend);
    assert!(text.contains("body=5B") && !text.contains("66 69 72 73 74") && !text.contains("first\n"), "{text}");
}

#[test]
fn records_below_their_line() {
    let options = Options { payload: Some(Payload::Text), ..see::options(Format::Line) };
    insta::assert_snapshot!(see::file(&sample(FrameKind::Records), options), @"");
    let options = Options { payload: Some(Payload::Hex), ..options };
    insta::assert_snapshot!(see::file(&sample(FrameKind::Append), options), @"");
}
