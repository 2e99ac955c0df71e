//! Connections as bytes: both ends cut frames from whatever has arrived.

use bytes::{Buf, Bytes, BytesMut};
use riverrun::server::sorting::{FrameBytes, Sorted};
use riverrun_core::buffer::aligned;
use riverrun_core::event::{AppendRights, ShardRequest};
use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::frame::{self, Cut, FrameClass, FrameHeader, FrameKind};
use riverrun_protocol::request::Request;
use riverrun_protocol::response::{Push, Response};

/// Frames of this many bytes come in buffers of their own, as production receives large ones.
const OWN_BUFFER_BYTES_MIN: usize = 16 << 10;

/// Takes the next whole frame off the front.
pub fn take_frame(received: &mut BytesMut) -> Option<(FrameHeader, Bytes)> {
    match frame::cut(received).expect("both ends send frames") {
        Cut::Complete { consumed, header, .. } => Some((header, received.split_to(consumed).freeze())),
        Cut::Incomplete { .. } => None,
    }
}

/// A request as the shard gets it.
pub fn with_request(header: FrameHeader, frame: &Bytes, tell: impl FnOnce(ShardRequest<'_>)) {
    let mut body = frame.clone();
    body.advance(frame.len() - header.frame_bytes() + riverrun_protocol::limits::FRAME_HEADER_BYTES);
    let request = Request::parse(header.kind, &body).expect("clients send requests");
    let bytes = match frame.len() >= OWN_BUFFER_BYTES_MIN {
        true => {
            let mut own = aligned(frame.len());
            own.extend_from_slice(frame);
            FrameBytes::Own(own)
        }
        false => FrameBytes::Shared(&body),
    };
    match Sorted::new(request, &body, AppendRights::ALL) {
        Sorted::Stream(request) => tell(request.for_shard(bytes)),
        Sorted::Session(request) => tell(request.for_shard(bytes)),
        other => panic!("not for a shard: {other:?}"),
    }
}

/// What a client hears.
#[derive(Debug)]
pub enum Heard {
    Response(Response),
    Push(Push),
    Error(ErrorFrame),
}

pub fn parse(header: FrameHeader, frame: &Bytes) -> Heard {
    let body = frame.slice(riverrun_protocol::limits::FRAME_HEADER_BYTES..);
    match FrameKind::from_byte(header.kind).map(FrameKind::class) {
        Some(FrameClass::Push) => Heard::Push(Push::parse(header.kind, body).expect("a push")),
        Some(FrameClass::Error) => Heard::Error(ErrorFrame::parse(&body).expect("an error")),
        _ => Heard::Response(Response::parse(header.kind, body).expect("a response")),
    }
}
