//! What comes in over HTTP (`s2-semantics.md` H): heads, bodies and S2S frames. hyper has cut the head by then, so what is spoiled here is
//! what it lets through.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use riverrun_gateway_wire::headers::{
    accepted_frames, accepted_unary, append_mode, basin, bearer_token, encryption_key, optional_json, read_mode,
    record_format, request_token, require_json, response_format,
};
use riverrun_gateway_wire::limits::{
    ERROR_MESSAGE_BYTES_MAX, S2S_FRAME_BYTES_MAX, S2S_LENGTH_BYTES, UNARY_BODY_BYTES_MAX,
};
use riverrun_gateway_wire::path::{NoRoute, Route, route};
use riverrun_gateway_wire::query::{ListQuery, MetricsQuery, ReadQuery, StreamMetricSet, ticket};
use riverrun_gateway_wire::s2s::{self, Frame, FrameDecoder, FrameError};
use riverrun_gateway_wire::sse::LastEventId;
use riverrun_gateway_wire::{AppendInput, BodyFormat, HttpError, RecordFormat, S2Code, compress, json, proto};
use riverrun_protocol::batch::check_ingest;
use riverrun_protocol::types::{BasinName, LocationName, StreamName};

/// A line `METHOD PATH?QUERY`, then lines `NAME: VALUE`.
pub fn http_heads(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.lines();
    let (method, target) = lines.next().unwrap_or("").split_once(' ').unwrap_or(("GET", ""));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let Ok(method) = Method::from_bytes(method.as_bytes()) else { return };
    routed(route(&method, path));
    queried(query);
    headed(&lines.filter_map(header).collect());
}

fn header(line: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(':')?;
    Some((name.trim().parse().ok()?, HeaderValue::from_bytes(value.trim().as_bytes()).ok()?))
}

fn routed(outcome: Result<Route, NoRoute>) {
    match outcome {
        Ok(route) => assert!(!route.operation().is_empty()),
        Err(NoRoute::WrongMethod { allow }) => assert!(!allow.is_empty(), "405 says what is allowed"),
        Err(NoRoute::UnknownPath) => {}
        Err(NoRoute::BadPath(error)) => refused(&error),
    }
}

fn queried(query: &str) {
    taken(ticket(query));
    if let Some(read) = taken(ReadQuery::parse(query)) {
        let params = taken(read.params());
        let last = LastEventId { seq_num: u64::MAX, records: u64::MAX, bytes: u64::MAX };
        let resumed = taken(last.resume(&read));
        assert!(params.is_none() || resumed.is_some(), "what can be begun can be resumed");
    }
    if let Some(list) = taken(ListQuery::parse(query)) {
        taken(list.clone().basins());
        taken(list.clone().streams(BasinName::new("malformed-basin").expect("a name")));
        taken(list.access_tokens());
    }
    if let Some(metrics) = taken(MetricsQuery::<StreamMetricSet>::parse(query)) {
        taken(metrics.check_range(1_700_000_000));
    }
}

fn headed(headers: &HeaderMap) {
    for host in [None, Some("a-basin-name.b.example:5280"), Some("[::1]:80"), Some("")] {
        taken(basin(headers, host, Some("b.example")));
    }
    taken(bearer_token(headers));
    taken(request_token(headers));
    if let Some(Some(key)) = taken(encryption_key(headers)) {
        taken(key.decode());
    }
    taken(record_format(headers));
    taken(append_mode(headers));
    taken(require_json(headers));
    taken(optional_json(headers, b"{}"));
    taken(LastEventId::from_headers(headers));
    let _ = (read_mode(headers), response_format(headers), accepted_frames(headers), accepted_unary(headers));
    taken(compress::request_body(headers, &Bytes::from_static(b"{}"), BodyFormat::Json, UNARY_BODY_BYTES_MAX));
}

/// A whole body, to every call that has one.
pub fn http_bodies(data: &[u8]) {
    let (basin, body) = (BasinName::new("malformed-basin").expect("a name"), Bytes::copy_from_slice(data));
    let target =
        riverrun_protocol::request::StreamRef { basin: basin.clone(), stream: StreamName::new("s").expect("a name") };
    let here = LocationName::new("aws:us-east-1").expect("a name");
    for format in [RecordFormat::Raw, RecordFormat::Base64] {
        taken(json::append_input(&body, format)).into_iter().for_each(appended);
    }
    taken(proto::append_input(body.clone())).into_iter().for_each(appended);
    taken(json::create_basin(&body, None, &here));
    taken(json::ensure_basin(basin.clone(), Some(&body), &here));
    taken(json::reconfigure_basin(basin.clone(), &body));
    taken(json::create_stream(basin, &body, None));
    taken(json::ensure_stream(target.clone(), Some(&body)));
    taken(json::reconfigure_stream(target, &body));
    taken(json::issue_access_token(&body));
    taken(json::default_location(&body));
    for encoding in ["gzip", "zstd"] {
        let headers = [(http::header::CONTENT_ENCODING, HeaderValue::from_static(encoding))].into_iter().collect();
        let whole = taken(compress::request_body(&headers, &body, BodyFormat::Protobuf, UNARY_BODY_BYTES_MAX));
        assert!(whole.is_none_or(|whole| whole.len() <= UNARY_BODY_BYTES_MAX), "nothing is blown up");
    }
}

/// What is passed on, the broker takes.
fn appended(input: AppendInput) {
    let Some(encoded) = taken(input.encode()) else { return };
    if let Err(error) = check_ingest(&encoded.batch) {
        panic!("a batch that the broker refuses: {error}");
    }
}

/// The body of an append session: the same frames, however it comes.
pub fn s2s(data: &[u8]) {
    let whole = decoded(data, data.len().max(1));
    for piece_bytes in [1, 7, 4096] {
        assert_eq!(decoded(data, piece_bytes), whole, "in pieces of {piece_bytes}");
    }
    for frame in whole.0 {
        assert!(frame.payload.len() < S2S_FRAME_BYTES_MAX);
        if let Some(input) = taken(s2s::append_input(frame)) {
            appended(input);
        }
    }
    if let Err(error) = whole.1 {
        refused(&error.into());
    }
}

fn decoded(data: &[u8], piece_bytes: usize) -> (Vec<Frame>, Result<(), FrameError>) {
    let (mut decoder, mut frames, mut arrived) = (FrameDecoder::new(), Vec::new(), 0);
    for piece in data.chunks(piece_bytes) {
        arrived += piece.len();
        let mut piece = Bytes::copy_from_slice(piece);
        loop {
            let next = decoder.next(&mut piece);
            let held = decoder.buffered_bytes();
            assert!(held <= arrived.min(S2S_LENGTH_BYTES + S2S_FRAME_BYTES_MAX), "{held} bytes are held");
            match next {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Err(error)),
            }
        }
    }
    (frames, decoder.finish())
}

fn taken<T>(outcome: Result<T, HttpError>) -> Option<T> {
    outcome.inspect_err(refused).ok()
}

/// A word of S2's with its status, for what was not done: a client reads no more out of it than is true.
fn refused(error: &HttpError) {
    let code = error.code().expect("a code");
    if error.status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        return;
    }
    let known = S2Code::ALL.iter().find(|known| known.name() == code).unwrap_or_else(|| panic!("{code} is no code"));
    assert_eq!(known.status(), error.status, "{code}");
    assert!(known.has_no_side_effects(), "{code} leaves open whether it was done");
    assert!(error.json().len() <= 6 * ERROR_MESSAGE_BYTES_MAX + 100, "an answer in proportion");
}
