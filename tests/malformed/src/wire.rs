//! The wire. What holds of anything that parses is `protocol/fuzz/checks.rs`, of which there is one copy; here is what holds of
//! what does not.

use bytes::{Bytes, BytesMut};
use riverrun_protocol::frame::{Cut, FrameClass, cut, foreign};
use riverrun_protocol::limits::{
    AGENT_BYTES_MAX, BATCH_HEADER_BYTES, ERROR_MESSAGE_BYTES_MAX, FRAME_BODY_BYTES_MAX, FRAME_HEADER_BYTES,
    TOKEN_BYTES_MAX,
};
use riverrun_protocol::{Batch, DecodeError, ErrorCode, ErrorFrame, FrameHeader, FrameKind, Push, Request, Response};

#[path = "../../../protocol/fuzz/checks.rs"]
pub(crate) mod checks;

/// A connection's bytes.
pub fn frames(data: &[u8]) {
    checks::frame(data);
    let _ = foreign(data);
    let mut rest = data;
    while let Some(consumed) = one_frame(rest) {
        rest = &rest[consumed..];
    }
}

/// Checks what is said of the first frame, and where the next one begins.
fn one_frame(bytes: &[u8]) -> Option<usize> {
    match cut(bytes) {
        Ok(Cut::Complete { header, body, consumed }) => {
            assert!(consumed <= bytes.len(), "what is consumed is there");
            assert_eq!(body, FRAME_HEADER_BYTES..consumed, "header and body are the frame");
            same_header(&header, bytes);
            assert!(matches!(cut(&bytes[..consumed - 1]), Ok(Cut::Incomplete { needed: 1.., .. })), "one byte less");
            Some(consumed)
        }
        Ok(Cut::Incomplete { needed, header }) => {
            assert!(needed > 0, "it waits for something");
            let wanted = bytes.len() + needed;
            assert!(wanted <= FRAME_HEADER_BYTES + FRAME_BODY_BYTES_MAX, "{wanted} bytes are claimed, and waited for");
            header.inspect(|header| same_header(header, bytes));
            None
        }
        Err(error) => {
            refusal(&error, bytes.len(), &[ErrorCode::BadFrame, ErrorCode::Unsupported]);
            assert_eq!(cut(&bytes[..bytes.len().min(FRAME_HEADER_BYTES)]), Err(error), "the header alone decides");
            None
        }
    }
}

fn same_header(header: &FrameHeader, bytes: &[u8]) {
    let mut out = BytesMut::new();
    header.write(&mut out);
    assert_eq!(out[..], bytes[..FRAME_HEADER_BYTES], "one header, one encoding");
}

/// A kind, then a body. The body is also given to every other kind's parser.
pub fn requests(data: &[u8]) {
    let Some((kind, body)) = data.split_first() else { return };
    request(*kind, body);
    checks::request(data);
    for other in FrameKind::ALL.iter().filter(|other| other.class() == FrameClass::Request) {
        request(*other as u8, body);
    }
}

fn request(kind: u8, body: &[u8]) {
    match Request::parse(kind, body) {
        Ok(request) => {
            let mut out = BytesMut::new();
            request.write(7, &mut out);
            assert_eq!(out[FRAME_HEADER_BYTES..], *body, "one request, one encoding");
        }
        Err(error) => refusal(&error, body.len(), &[ErrorCode::BadFrame, ErrorCode::Invalid, ErrorCode::Unsupported]),
    }
}

/// The body of a hello, which strangers send.
pub fn hello(data: &[u8]) {
    request(FrameKind::Hello as u8, data);
    if let Ok(Request::Hello(hello)) = Request::parse(FrameKind::Hello as u8, data) {
        assert!(hello.token.len() <= TOKEN_BYTES_MAX && hello.agent.len() <= AGENT_BYTES_MAX, "bounded");
        assert!(!format!("{hello:?}").is_empty());
    }
    answer(FrameKind::HelloAccepted as u8, data);
}

/// A kind, then the body of whatever a server says.
pub fn answers(data: &[u8]) {
    let Some((kind, body)) = data.split_first() else { return };
    checks::response(data);
    answer(*kind, body);
    match ErrorFrame::parse(body) {
        Ok(error) => assert!(error.message.len() <= ERROR_MESSAGE_BYTES_MAX, "bounded"),
        Err(error) => refusal(&error, body.len(), &[ErrorCode::BadFrame, ErrorCode::Invalid, ErrorCode::Unsupported]),
    }
}

fn answer(kind: u8, body: &[u8]) {
    let documented = [ErrorCode::BadFrame, ErrorCode::Invalid, ErrorCode::Unsupported, ErrorCode::Corrupt];
    let shared = Bytes::copy_from_slice(body);
    if let Err(error) = Response::parse(kind, shared.clone()) {
        refusal(&error, body.len(), &documented);
    }
    if let Err(error) = Push::parse(kind, shared) {
        refusal(&error, body.len(), &documented);
    }
}

/// A batch, as sent and as stored.
pub fn batch(data: &[u8]) {
    checks::batch(data);
    let documented = [ErrorCode::BadFrame, ErrorCode::Invalid, ErrorCode::Unsupported, ErrorCode::Corrupt];
    if let Err(error) = riverrun_protocol::batch::check_ingest(data) {
        refusal(&error, data.len(), &documented);
    }
    match Batch::parse(Bytes::copy_from_slice(data)) {
        Ok(batch) => {
            let metered: u64 = batch.records().filter_map(Result::ok).map(|record| record.metered_bytes()).sum();
            assert!(metered <= data.len() as u64, "metered at no more than what is there");
        }
        Err(error) => refusal(&error, data.len(), &documented),
    }
}

/// A refusal is of a documented kind, points into what was given (or into the header that should be there) and is short.
fn refusal(error: &DecodeError, bytes: usize, documented: &[ErrorCode]) {
    assert!(documented.contains(&error.code), "{:?}: {error}", error.code);
    assert!(error.offset <= bytes.max(BATCH_HEADER_BYTES), "{error} in {bytes} bytes");
    assert!(error.what.len() <= ERROR_MESSAGE_BYTES_MAX, "a short message: {error}");
}
