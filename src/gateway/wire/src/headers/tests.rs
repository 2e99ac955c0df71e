use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use riverrun_protocol::response::ProvisionResult;
use riverrun_protocol::types::RequestToken;

use super::*;
use crate::compress::Compression;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let value = |text: &str| HeaderValue::from_bytes(text.as_bytes()).unwrap();
    let mut map = HeaderMap::new();
    for (name, text) in pairs {
        map.append(*name, value(text));
    }
    map
}

fn one(name: http::header::HeaderName, text: &str) -> HeaderMap {
    let mut map = HeaderMap::new();
    map.insert(name, HeaderValue::from_bytes(text.as_bytes()).unwrap());
    map
}

#[test]
fn h3_formats() {
    for (text, format) in [
        ("raw", RecordFormat::Raw),
        ("json", RecordFormat::Raw),
        (" base64 ", RecordFormat::Base64),
        ("json-binsafe", RecordFormat::Base64),
    ] {
        assert_eq!(record_format(&headers(&[(S2_FORMAT, text)])), Ok(format), "{text}");
    }
    assert_eq!(record_format(&HeaderMap::new()), Ok(RecordFormat::Raw));
    assert_eq!(record_format(&headers(&[(S2_FORMAT, "raw"), (S2_FORMAT, "bad")])), Ok(RecordFormat::Raw));
    for bad in ["Raw", "BASE64", "", "text", "\u{e4}"] {
        assert_eq!(record_format(&headers(&[(S2_FORMAT, bad)])).unwrap_err().code(), Some("bad_header"), "{bad}");
    }
}

#[test]
fn h3_content_types_of_appends() {
    let unary = |format| Ok(AppendMode::Unary(format));
    for (text, mode) in [
        ("s2s/proto", Ok(AppendMode::S2s)),
        ("S2S/Proto; v=1", Ok(AppendMode::S2s)),
        ("application/json", unary(BodyFormat::Json)),
        ("Application/JSON; charset=utf-8", unary(BodyFormat::Json)),
        ("application/vnd.api+json", unary(BodyFormat::Json)),
        ("application/protobuf", unary(BodyFormat::Protobuf)),
        ("application/x-protobuf;x=y", unary(BodyFormat::Protobuf)),
        ("application/proto", unary(BodyFormat::Protobuf)),
    ] {
        assert_eq!(append_mode(&one(CONTENT_TYPE, text)), mode, "{text}");
    }
    let refused = HttpError::bad_json("Expected request with `Content-Type: application/json`");
    for bad in ["text/plain", "", "json", "text/x+json", "\u{e4}"] {
        assert_eq!(append_mode(&one(CONTENT_TYPE, bad)), Err(refused.clone()), "{bad}");
    }
    assert_eq!(append_mode(&HeaderMap::new()), Err(refused));
}

#[test]
fn c2_modes_of_reads() {
    let mode = |pairs: &[(&'static str, &str)]| read_mode(&headers(pairs));
    assert_eq!(mode(&[]), ReadMode::Unary(BodyFormat::Json));
    assert_eq!(mode(&[("accept", "*/*")]), ReadMode::Unary(BodyFormat::Json));
    assert_eq!(mode(&[("accept", "application/protobuf, text/event-stream")]), ReadMode::Unary(BodyFormat::Protobuf));
    assert_eq!(mode(&[("accept", "application/json, text/event-stream")]), ReadMode::Unary(BodyFormat::Json));
    assert_eq!(mode(&[("accept", "Text/Event-Stream;q=0.5, */*")]), ReadMode::Sse);
    assert_eq!(mode(&[("accept", "text/event-stream"), ("content-type", "s2s/proto")]), ReadMode::S2s);
    assert_eq!(mode(&[("accept", "s2s/proto")]), ReadMode::Unary(BodyFormat::Json));
    assert_eq!(response_format(&one(ACCEPT, "application/x-protobuf")).content_type(), "application/protobuf");
}

#[test]
fn h4_put_without_a_body() {
    let json = one(CONTENT_TYPE, "application/json");
    assert_eq!(optional_json(&json, b""), Ok(None));
    assert_eq!(optional_json(&json, b"{}"), Ok(Some(&b"{}"[..])));
    assert_eq!(optional_json(&HeaderMap::new(), b"{}"), Ok(None));
    assert_eq!(optional_json(&one(CONTENT_TYPE, "text/plain"), b"{}").unwrap_err().code(), Some("bad_json"));
}

#[test]
fn h8_frames_ignore_order_and_weights() {
    for (text, compression) in [
        ("gzip, zstd", Compression::Zstd),
        ("zstd;q=0", Compression::Zstd),
        ("GZIP;q=0.1,br", Compression::Gzip),
        ("br, identity", Compression::None),
        ("", Compression::None),
        ("zstdx", Compression::None),
    ] {
        assert_eq!(accepted_frames(&one(ACCEPT_ENCODING, text)), compression, "{text}");
    }
    let lines = headers(&[("accept-encoding", "gzip"), ("accept-encoding", "zstd")]);
    assert_eq!(accepted_frames(&lines), Compression::Zstd);
    assert_eq!(accepted_frames(&HeaderMap::new()), Compression::None);
}

#[test]
fn h6_unary_answers_heed_a_refusal() {
    for (text, compression) in [
        ("gzip;q=1.0, zstd;q=0.5", Compression::Zstd),
        ("zstd;q=0, gzip", Compression::Gzip),
        ("zstd; q=0.000", Compression::None),
        ("zstd;q=much", Compression::Zstd),
    ] {
        assert_eq!(accepted_unary(&one(ACCEPT_ENCODING, text)), compression, "{text}");
    }
}

#[test]
fn h1_the_header_then_the_host() {
    let name = |host, zone| basin(&HeaderMap::new(), host, zone).map(|basin| basin.to_string());
    assert_eq!(name(Some("My-Basin.B.s2.dev:443"), Some("b.s2.dev")).as_deref(), Ok("my-basin"));
    let with_header = headers(&[(S2_BASIN, "from-header"), (S2_BASIN, "another-one")]);
    assert_eq!(basin(&with_header, Some("my-basin.b.s2.dev"), Some("b.s2.dev")).unwrap().as_str(), "from-header");
    let missing = HttpError::bad_header("Missing header `s2-basin`");
    for (host, zone) in [
        (None, None),
        (Some("localhost"), None),
        (Some("my-basin.b.s2.dev"), None),
        (Some("b.s2.dev"), Some("b.s2.dev")),
        (Some("my-basin.other"), Some("b.s2.dev")),
        (Some("a.my-basin.b.s2.dev"), Some("b.s2.dev")),
        (Some("my-basinb.s2.dev"), Some("b.s2.dev")),
    ] {
        assert_eq!(name(host, zone), Err(missing.clone()), "{host:?}");
    }
    assert_eq!(name(Some("no.b.s2.dev"), Some("b.s2.dev")).unwrap_err().code(), Some("bad_header"));
    assert_eq!(basin(&headers(&[(S2_BASIN, "NO")]), None, None).unwrap_err().code(), Some("bad_header"));
    assert_eq!(basin(&headers(&[(S2_BASIN, "b\u{e4}")]), None, None).unwrap_err().code(), Some("bad_header"));
}

#[test]
fn h3_bearer_tokens() {
    let token = |text: &str| bearer_token(&one(AUTHORIZATION, text)).map(|token| token.map(str::to_owned));
    assert_eq!(bearer_token(&HeaderMap::new()), Ok(None));
    assert_eq!(token("Bearer abc"), Ok(Some("abc".to_owned())));
    assert_eq!(token("bearer   a b "), Ok(Some("a b".to_owned())));
    for bad in ["Bearer", "Bearer ", "Basic abc", "abc", "", "Bearer \u{e4}", &format!("Bearer {}", "t".repeat(257))] {
        let error = token(bad).unwrap_err();
        assert_eq!((error.status.as_u16(), error.code()), (401, Some("authn")), "{bad}");
    }
}

#[test]
fn a2_request_tokens() {
    let token = |text: &str| request_token(&headers(&[(S2_REQUEST_TOKEN, text)]));
    assert_eq!(token(""), Ok(Some(RequestToken::new("").unwrap())));
    assert!(token(&"t".repeat(36)).is_ok());
    assert_eq!(token(&"t".repeat(37)).unwrap_err().code(), Some("bad_header"));
    assert_eq!(request_token(&HeaderMap::new()), Ok(None));
}

#[test]
fn e9_key_syntax_first_and_content_later() {
    let key = |text: &str| encryption_key(&headers(&[(S2_ENCRYPTION_KEY, text)]));
    let good = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let decoded = key(&format!("  {good} ")).unwrap().unwrap().decode().unwrap();
    assert_eq!(decoded.to_vec(), (0..32).collect::<Vec<u8>>());
    assert_eq!(encryption_key(&HeaderMap::new()), Ok(None));
    for bad in ["", "   ", &format!("{good}x")] {
        assert_eq!(key(bad).unwrap_err().code(), Some("bad_header"), "{bad}");
    }
    for bad in ["AAAA", "not base64", &"A".repeat(44)] {
        assert_eq!(key(bad).unwrap().unwrap().decode().unwrap_err().code(), Some("bad_header"), "{bad}");
    }
    assert_eq!(format!("{:?}", key(good)), "Ok(Some(EncryptionKey(..)))");
}

#[test]
fn e3_provision_words_and_statuses() {
    for (call, result, status, word) in [
        (Provisioning::Create, ProvisionResult::Created, 201, "created"),
        (Provisioning::Create, ProvisionResult::Noop, 201, "noop"),
        (Provisioning::Ensure, ProvisionResult::Created, 201, "created"),
        (Provisioning::Ensure, ProvisionResult::Updated, 200, "updated"),
        (Provisioning::Ensure, ProvisionResult::Noop, 200, "noop"),
    ] {
        assert_eq!((provision_status(call, result).as_u16(), result.name()), (status, word));
    }
}
