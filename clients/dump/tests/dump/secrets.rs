//! Tokens are in no view unless asked for (reliability.md, secrets at hand).

use riverrun_dump::view::{Format, Options, Payload};
use riverrun_protocol::FrameKind;
use serde_json::Value;

use crate::samples::{TOKEN, sample};
use crate::see;

fn leaks(text: &str) -> bool {
    let token = std::str::from_utf8(TOKEN).unwrap();
    let as_hex: String = TOKEN.iter().map(|b| format!("{b:02x}")).collect();
    // A hexadecimal view spaces its digits and breaks its rows: four bytes in a row are a leak already.
    let spaced: Vec<String> = TOKEN[..4].iter().map(|b| format!("{b:02x}")).collect();
    text.contains(token) || text.contains(&as_hex) || text.contains(&spaced.join(" "))
}

fn every_view(bytes: &[u8], show_secrets: bool) -> Vec<String> {
    let formats = [Format::Line, Format::Hex, Format::Jsonl];
    let payloads = [None, Some(Payload::Text), Some(Payload::Hex)];
    let all = formats.iter().flat_map(|format| payloads.iter().map(move |payload| (*format, *payload)));
    all.map(|(format, payload)| see::file(bytes, Options { payload, show_secrets, ..see::options(format) })).collect()
}

#[test]
fn a_token_is_shown_in_no_view_unless_asked_for() {
    for kind in [FrameKind::Hello, FrameKind::AccessTokenIssued] {
        let frame = sample(kind);
        every_view(&frame, false).iter().for_each(|text| assert!(!leaks(text), "{text}"));
        every_view(&frame, true).iter().for_each(|text| assert!(leaks(text), "{text}"));
    }
}

/// A hello that no layout explains is shown as bytes, and these hold the token as well.
#[test]
fn a_malformed_hello_hides_its_token_too() {
    let mut too_long = sample(FrameKind::Hello).to_vec();
    too_long.extend_from_slice(b"more");
    too_long[0] += 4;
    let mut cut_short = sample(FrameKind::Hello).to_vec();
    cut_short[36] = 0xff;
    let mut of_unknown_kind = sample(FrameKind::Hello).to_vec();
    of_unknown_kind[4] = 0x3f;
    let mut no_frame = sample(FrameKind::Hello).to_vec();
    no_frame[5] = 1;
    let half = sample(FrameKind::Hello).slice(..45).to_vec();
    for bytes in [too_long, cut_short, of_unknown_kind, no_frame, half] {
        every_view(&bytes, false).iter().for_each(|text| assert!(!leaks(text), "{text}"));
    }
}

/// The same of the answer that holds a new token, as a client, a later version or a broken connection leaves it.
#[test]
fn a_malformed_answer_hides_its_secret_too() {
    let whole = sample(FrameKind::AccessTokenIssued);
    let mut too_long = whole.to_vec();
    too_long.extend_from_slice(b"more");
    too_long[0] += 4;
    let mut claims_more = whole.to_vec();
    claims_more[20] = 0xff;
    let mut claims_less = whole.to_vec();
    claims_less[20] = 2;
    let mut of_unknown_kind = whole.to_vec();
    of_unknown_kind[4] = 0x59;
    let mut no_frame = whole.to_vec();
    no_frame[5] = 1;
    let half = whole.slice(..whole.len() - 1).to_vec();
    for bytes in [too_long, claims_more, claims_less, of_unknown_kind, no_frame, half] {
        every_view(&bytes, false).iter().for_each(|text| assert!(!leaks(text), "{text}"));
    }
}

#[test]
fn a_redacted_line_says_so_and_keeps_the_length() {
    let object: Value =
        serde_json::from_str(&see::file(&sample(FrameKind::Hello), see::options(Format::Jsonl))).unwrap();
    assert_eq!(object["redacted"], serde_json::json!(["token"]));
    assert_eq!(object["fields"]["token"]["redacted_bytes"], TOKEN.len());
}
