//! What is written is parsed back, whole and only whole.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use riverrun_protocol::frame::{Cut, cut};
use riverrun_protocol::limits::FRAME_HEADER_BYTES;
use riverrun_protocol::request::{Append, SessionAppend};
use riverrun_protocol::{ErrorFrame, FrameClass, FrameKind, Push, Request, Response};

use crate::strategies;
use crate::support::{error_bytes, push_bytes, request_bytes, response_bytes, whole_frame};

/// Cut at every byte, a frame is first Incomplete, with a true count of what is missing, then Complete.
fn cut_at_every_byte(frame: &BytesMut) {
    for end in 0..frame.len() {
        match cut(&frame[..end]) {
            Ok(Cut::Incomplete { needed, header: None }) => assert_eq!(end + needed, FRAME_HEADER_BYTES),
            Ok(Cut::Incomplete { needed, header: Some(_) }) => assert_eq!(end + needed, frame.len()),
            other => panic!("{end} of {} bytes: {other:?}", frame.len()),
        }
    }
    let mut longer = frame.clone();
    longer.extend_from_slice(b"the next frame");
    assert!(matches!(cut(&longer), Ok(Cut::Complete { consumed, .. }) if consumed == frame.len()));
}

/// No body parses when bytes are missing or left over. (Bodies that end with bytes for somebody else, a batch, are not
/// for this check.)
fn refuses_any_other_length(body: &Bytes, parses: impl Fn(Bytes) -> bool) {
    for end in 0..body.len() {
        assert!(!parses(body.slice(..end)), "{end} of {} bytes", body.len());
    }
    let mut longer = BytesMut::from(&body[..]);
    longer.extend_from_slice(&[0]);
    assert!(!parses(longer.freeze()), "a byte too many");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn requests(request in strategies::request(), id: u64) {
        let frame = request_bytes(&request, id);
        let (header, body) = whole_frame(&frame);
        prop_assert_eq!((header.id, header.kind), (id, request.kind() as u8));
        prop_assert_eq!(request.kind().class(), FrameClass::Request);
        prop_assert_eq!(Request::parse(header.kind, &body), Ok(request.clone()));
        cut_at_every_byte(&frame);
        refuses_any_other_length(&body, |body| Request::parse(header.kind, &body).is_ok());
    }

    #[test]
    fn appends((target, conditions, batch) in strategies::append(), id: u64) {
        let single = Append { target, conditions: conditions.clone(), batch: &batch };
        let input = SessionAppend { conditions, batch: &batch };
        for request in [Request::Append(single), Request::SessionAppend(input)] {
            let frame = request_bytes(&request, id);
            let (header, body) = whole_frame(&frame);
            prop_assert_eq!(Request::parse(header.kind, &body), Ok(request));
            cut_at_every_byte(&frame);
        }
    }

    #[test]
    fn responses(response in strategies::response(), id: u64) {
        let frame = response_bytes(&response, id);
        let (header, body) = whole_frame(&frame);
        prop_assert_eq!((header.id, header.kind), (id, response.kind() as u8));
        prop_assert_eq!(response.kind().class(), FrameClass::Response);
        prop_assert_eq!(Response::parse(header.kind, body.clone()), Ok(response.clone()));
        cut_at_every_byte(&frame);
        if response.kind() != FrameKind::ReadBatches {
            refuses_any_other_length(&body, |body| Response::parse(header.kind, body).is_ok());
        }
    }

    #[test]
    fn pushes(push in strategies::push(), id: u64) {
        let frame = push_bytes(&push, id);
        let (header, body) = whole_frame(&frame);
        prop_assert_eq!((header.id, header.kind), (id, push.kind() as u8));
        prop_assert_eq!(push.kind().class(), FrameClass::Push);
        prop_assert_eq!(Push::parse(header.kind, body.clone()), Ok(push.clone()));
        cut_at_every_byte(&frame);
        if push.parts().is_empty() {
            refuses_any_other_length(&body, |body| Push::parse(header.kind, body).is_ok());
        }
    }

    #[test]
    fn errors(error in strategies::error(), id: u64) {
        let frame = error_bytes(&error, id);
        let (header, body) = whole_frame(&frame);
        prop_assert_eq!((header.id, header.kind), (id, FrameKind::Error as u8));
        prop_assert_eq!(ErrorFrame::parse(&body), Ok(error));
        cut_at_every_byte(&frame);
        refuses_any_other_length(&body, |body| ErrorFrame::parse(&body).is_ok());
    }
}
