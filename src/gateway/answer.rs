//! Answers as HTTP has them (`s2-semantics.md` H3 to H6).

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, VARY};
use http::{Response, StatusCode};
use riverrun_gateway_wire::headers::{
    self, JSON_CONTENT_TYPE, PROVISION_RESULT, Provisioning, RETRY_AFTER_MS, SESSION_HEADERS, provision_status,
};
use riverrun_gateway_wire::path::NoRoute;
use riverrun_gateway_wire::{BodyFormat, HttpError, compress};
use riverrun_protocol::response::ProvisionResult;

/// What a handler gives.
pub type Answer = Result<Response<Body>, HttpError>;

/// A whole body.
pub fn whole(format: BodyFormat, body: Bytes, request: &HeaderMap) -> Response<Body> {
    with_status(StatusCode::OK, format, body, request)
}

pub fn json(body: Bytes, request: &HeaderMap) -> Response<Body> {
    whole(BodyFormat::Json, body, request)
}

/// The answer to POST and PUT of a basin or a stream.
pub fn provisioned(call: Provisioning, result: ProvisionResult, body: Bytes, request: &HeaderMap) -> Response<Body> {
    let mut response = with_status(provision_status(call, result), BodyFormat::Json, body, request);
    response.headers_mut().insert(PROVISION_RESULT, HeaderValue::from_static(result.name()));
    response
}

/// For people and probes.
pub fn plain(text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

pub fn created(body: Bytes, request: &HeaderMap) -> Response<Body> {
    with_status(StatusCode::CREATED, BodyFormat::Json, body, request)
}

/// 202 and 204: clients want to be told that there is nothing (`s2-semantics.md` I2).
pub fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    if status != StatusCode::NO_CONTENT {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    response
}

/// The answer to HEAD. A session ends with its body.
pub fn without_body(response: Response<Body>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    if let Some(bytes) = body.size_hint().exact() {
        parts.headers.entry(CONTENT_LENGTH).or_insert_with(|| bytes.into());
    }
    Response::from_parts(parts, Body::empty())
}

/// Of a session: its headers go at once, its body as it comes.
pub fn session(content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let all = response.headers_mut();
    all.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, value) in SESSION_HEADERS {
        all.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// Errors are small, and plain: some clients do not decompress those of sessions (`s2-semantics.md` H6).
pub fn error(error: &HttpError) -> Response<Body> {
    let body = error.json();
    let has_body = !body.is_empty();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = error.status;
    if has_body {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(JSON_CONTENT_TYPE));
    }
    if error.retry_after_ms > 0 {
        response.headers_mut().insert(RETRY_AFTER_MS, HeaderValue::from(error.retry_after_ms));
    }
    response
}

pub fn no_route(none: NoRoute) -> Response<Body> {
    let allow = match &none {
        NoRoute::WrongMethod { allow } => Some(HeaderValue::from_static(allow)),
        _ => None,
    };
    let mut response = error(&none.into());
    allow.into_iter().for_each(|allow| drop(response.headers_mut().insert(ALLOW, allow)));
    response
}

fn with_status(status: StatusCode, format: BodyFormat, body: Bytes, request: &HeaderMap) -> Response<Body> {
    let (body, encoding) = compress::response_body(body, headers::accepted_unary(request));
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let all = response.headers_mut();
    all.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    if let Some(encoding) = encoding {
        all.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        all.insert(VARY, HeaderValue::from_static("accept-encoding"));
    }
    response
}
