//! What a server says: one answer per request, and pushes within sessions. One file per kind under `response/`.

use bytes::{Bytes, BytesMut};

use crate::config::{BasinConfig, StreamConfig};
use crate::error::DecodeError;
use crate::frame::{FrameKind, write_frame_head};
use crate::types::Position;
use crate::wire::whole;

pub use access_token_issued::AccessTokenIssued;
pub use access_token_list::{AccessTokenInfo, AccessTokenList};
pub use append_ack::AppendAck;
pub use basin_list::BasinList;
pub use basin_provisioned::BasinInfo;
pub use hello_accepted::HelloAccepted;
pub use location::LocationInfo;
pub use page::CompressedPage;
pub use provisioned::{ProvisionResult, Provisioned};
pub use read_batches::ReadBatches;
pub use session_opened::SessionOpened;
pub use stage_histograms::{StageHistogram, StageHistograms};
pub use status_report::StatusReport;
pub use stream_list::StreamList;
pub use stream_provisioned::StreamInfo;
pub use tail::TailReport;

mod access_token_issued;
mod access_token_list;
mod append_ack;
mod basin_config;
mod basin_list;
mod basin_provisioned;
mod done;
mod draining;
mod heartbeat;
mod hello_accepted;
mod location;
mod location_list;
mod page;
mod pong;
mod provisioned;
mod read_batches;
mod session_ended;
mod session_opened;
mod stage_histograms;
mod status_report;
mod stream_config;
mod stream_list;
mod stream_provisioned;
mod tail;
mod throttled;

/// The single answer to a request; the frame's id is the request's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Response {
    HelloAccepted(HelloAccepted),
    Pong {
        nonce: u64,
    },
    Status(StatusReport),
    StageHistograms(StageHistograms),
    /// At most `LOCATIONS_MAX` are written.
    LocationList(Vec<LocationInfo>),
    Location(LocationInfo),
    BasinProvisioned(Provisioned<BasinInfo>),
    BasinList(BasinList),
    BasinConfig(BasinConfig),
    StreamProvisioned(Provisioned<StreamInfo>),
    StreamList(StreamList),
    StreamConfig(StreamConfig),
    AccessTokenIssued(AccessTokenIssued),
    AccessTokenList(AccessTokenList),
    /// Answers requests of which there is nothing else to say.
    Done,
    /// Answers `Append`, and every input of an append session in order (then the id is the session's).
    AppendAck(AppendAck),
    AppendSessionOpened(SessionOpened),
    ReadSessionOpened(SessionOpened),
    /// The clean end of a session of either kind; nothing with its id follows.
    SessionEnded,
    Tail(TailReport),
    ReadBatches(ReadBatches),
}

impl Response {
    /// `kind` is the frame header's byte. Batches stay slices of `body`, not yet checked.
    ///
    /// # Errors
    /// As [`crate::Request::parse`].
    pub fn parse(kind: u8, body: Bytes) -> Result<Self, DecodeError> {
        let known = FrameKind::from_byte(kind);
        let name = known.map_or("response", FrameKind::name);
        match known {
            Some(FrameKind::HelloAccepted) => whole(name, &body, hello_accepted::parse).map(Self::HelloAccepted),
            Some(FrameKind::Pong) => whole(name, &body, pong::parse).map(|nonce| Self::Pong { nonce }),
            Some(FrameKind::StatusReport) => whole(name, &body, status_report::parse).map(Self::Status),
            Some(FrameKind::StageHistograms) => whole(name, &body, stage_histograms::parse).map(Self::StageHistograms),
            Some(FrameKind::LocationList) => whole(name, &body, location_list::parse).map(Self::LocationList),
            Some(FrameKind::Location) => whole(name, &body, location::parse).map(Self::Location),
            Some(FrameKind::BasinProvisioned) => {
                whole(name, &body, basin_provisioned::parse).map(Self::BasinProvisioned)
            }
            Some(FrameKind::BasinList) => whole(name, &body, basin_list::parse).map(Self::BasinList),
            Some(FrameKind::BasinConfig) => whole(name, &body, basin_config::parse).map(Self::BasinConfig),
            Some(FrameKind::StreamProvisioned) => {
                whole(name, &body, stream_provisioned::parse).map(Self::StreamProvisioned)
            }
            Some(FrameKind::StreamList) => whole(name, &body, stream_list::parse).map(Self::StreamList),
            Some(FrameKind::StreamConfig) => whole(name, &body, stream_config::parse).map(Self::StreamConfig),
            Some(FrameKind::AccessTokenIssued) => {
                whole(name, &body, access_token_issued::parse).map(Self::AccessTokenIssued)
            }
            Some(FrameKind::AccessTokenList) => whole(name, &body, access_token_list::parse).map(Self::AccessTokenList),
            Some(FrameKind::Done) => whole(name, &body, done::parse).map(|()| Self::Done),
            Some(FrameKind::AppendAck) => whole(name, &body, append_ack::parse).map(Self::AppendAck),
            Some(FrameKind::AppendSessionOpened) => {
                whole(name, &body, session_opened::parse).map(Self::AppendSessionOpened)
            }
            Some(FrameKind::ReadSessionOpened) => {
                whole(name, &body, session_opened::parse).map(Self::ReadSessionOpened)
            }
            Some(FrameKind::SessionEnded) => whole(name, &body, session_ended::parse).map(|()| Self::SessionEnded),
            Some(FrameKind::Tail) => whole(name, &body, tail::parse).map(Self::Tail),
            Some(FrameKind::ReadBatches) => ReadBatches::parse(name, body).map(Self::ReadBatches),
            _ => Err(DecodeError::unsupported(0, format!("kind {kind:#04x} is no response that this version knows"))),
        }
    }

    pub fn kind(&self) -> FrameKind {
        match self {
            Self::HelloAccepted(_) => FrameKind::HelloAccepted,
            Self::Pong { .. } => FrameKind::Pong,
            Self::Status(_) => FrameKind::StatusReport,
            Self::StageHistograms(_) => FrameKind::StageHistograms,
            Self::LocationList(_) => FrameKind::LocationList,
            Self::Location(_) => FrameKind::Location,
            Self::BasinProvisioned(_) => FrameKind::BasinProvisioned,
            Self::BasinList(_) => FrameKind::BasinList,
            Self::BasinConfig(_) => FrameKind::BasinConfig,
            Self::StreamProvisioned(_) => FrameKind::StreamProvisioned,
            Self::StreamList(_) => FrameKind::StreamList,
            Self::StreamConfig(_) => FrameKind::StreamConfig,
            Self::AccessTokenIssued(_) => FrameKind::AccessTokenIssued,
            Self::AccessTokenList(_) => FrameKind::AccessTokenList,
            Self::Done => FrameKind::Done,
            Self::AppendAck(_) => FrameKind::AppendAck,
            Self::AppendSessionOpened(_) => FrameKind::AppendSessionOpened,
            Self::ReadSessionOpened(_) => FrameKind::ReadSessionOpened,
            Self::SessionEnded => FrameKind::SessionEnded,
            Self::Tail(_) => FrameKind::Tail,
            Self::ReadBatches(_) => FrameKind::ReadBatches,
        }
    }

    /// Appends the whole frame to `out`, copying what [`Self::parts`] holds.
    pub fn write(&self, id: u64, out: &mut BytesMut) {
        self.write_head(id, out);
        self.parts().iter().for_each(|part| out.extend_from_slice(part));
    }

    /// Appends the frame without [`Self::parts`], its length counting them: what has to be sent right behind, by
    /// reference.
    pub fn write_head(&self, id: u64, out: &mut BytesMut) {
        let parts_bytes = self.parts().iter().map(Bytes::len).sum();
        write_frame_head(out, self.kind(), id, parts_bytes, |out| self.write_body(out));
    }

    /// The end of the body that is shared with other readers; empty for all but `ReadBatches`.
    pub fn parts(&self) -> &[Bytes] {
        match self {
            Self::ReadBatches(batches) => &batches.parts,
            _ => &[],
        }
    }

    fn write_body(&self, out: &mut BytesMut) {
        match self {
            Self::HelloAccepted(accepted) => accepted.write_body(out),
            Self::Pong { nonce } => pong::write_body(*nonce, out),
            Self::Status(report) => report.write_body(out),
            Self::StageHistograms(histograms) => histograms.write_body(out),
            Self::LocationList(list) => location_list::write_body(list, out),
            Self::Location(location) => location.write_body(out),
            Self::BasinProvisioned(basin) => basin_provisioned::write_body(basin, out),
            Self::BasinList(list) => list.write_body(out),
            Self::BasinConfig(config) => basin_config::write_body(config, out),
            Self::StreamProvisioned(stream) => stream_provisioned::write_body(stream, out),
            Self::StreamList(list) => list.write_body(out),
            Self::StreamConfig(config) => stream_config::write_body(config, out),
            Self::AccessTokenIssued(issued) => issued.write_body(out),
            Self::AccessTokenList(list) => list.write_body(out),
            Self::Done => done::write_body(out),
            Self::AppendAck(ack) => ack.write_body(out),
            Self::AppendSessionOpened(opened) | Self::ReadSessionOpened(opened) => opened.write_body(out),
            Self::SessionEnded => session_ended::write_body(out),
            Self::Tail(report) => report.write_body(out),
            Self::ReadBatches(batches) => batches.write_prefix(out),
        }
    }
}

/// Unasked frames within a read session (the frame's id is the session's), or for the whole connection (id 0).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Push {
    Records(ReadBatches),
    /// Records of history, compressed as they are stored.
    Page(CompressedPage),
    /// Everything below `tail` has been delivered (`s2-semantics.md` C8). Never sent during catch-up.
    Heartbeat {
        tail: Position,
    },
    /// The server is going away: finish what is in flight, then reconnect. Id 0.
    Draining,
    /// The connection's token has used more than its rate (`s2-semantics.md` F): nothing is read from the connection until it is
    /// looked at again, after this long. What was sent is still taken, in order. Id 0.
    Throttled {
        retry_after_ms: u32,
    },
}

impl Push {
    /// `kind` is the frame header's byte. Batches stay slices of `body`, not yet checked.
    ///
    /// # Errors
    /// As [`crate::Request::parse`].
    pub fn parse(kind: u8, body: Bytes) -> Result<Self, DecodeError> {
        let known = FrameKind::from_byte(kind);
        let name = known.map_or("push", FrameKind::name);
        match known {
            Some(FrameKind::Records) => parse_records(name, body).map(Self::Records),
            Some(FrameKind::Page) => CompressedPage::parse(name, body).map(Self::Page),
            Some(FrameKind::Heartbeat) => whole(name, &body, heartbeat::parse).map(|tail| Self::Heartbeat { tail }),
            Some(FrameKind::Draining) => whole(name, &body, draining::parse).map(|()| Self::Draining),
            Some(FrameKind::Throttled) => {
                whole(name, &body, throttled::parse).map(|retry_after_ms| Self::Throttled { retry_after_ms })
            }
            _ => Err(DecodeError::unsupported(0, format!("kind {kind:#04x} is no push that this version knows"))),
        }
    }

    pub fn kind(&self) -> FrameKind {
        match self {
            Self::Records(_) => FrameKind::Records,
            Self::Page(_) => FrameKind::Page,
            Self::Heartbeat { .. } => FrameKind::Heartbeat,
            Self::Draining => FrameKind::Draining,
            Self::Throttled { .. } => FrameKind::Throttled,
        }
    }

    /// As [`Response::write`].
    pub fn write(&self, id: u64, out: &mut BytesMut) {
        self.write_head(id, out);
        self.parts().iter().for_each(|part| out.extend_from_slice(part));
    }

    /// As [`Response::write_head`].
    pub fn write_head(&self, id: u64, out: &mut BytesMut) {
        let parts_bytes = self.parts().iter().map(Bytes::len).sum();
        write_frame_head(out, self.kind(), id, parts_bytes, |out| match self {
            Self::Records(batches) => batches.write_prefix(out),
            Self::Page(page) => page.write_prefix(out),
            Self::Heartbeat { tail } => heartbeat::write_body(*tail, out),
            Self::Draining => draining::write_body(out),
            Self::Throttled { retry_after_ms } => throttled::write_body(*retry_after_ms, out),
        });
    }

    /// As [`Response::parts`]; empty for all but `Records` and `Page`.
    pub fn parts(&self) -> &[Bytes] {
        match self {
            Self::Records(batches) => &batches.parts,
            Self::Page(page) => std::slice::from_ref(&page.stored),
            Self::Heartbeat { .. } | Self::Draining | Self::Throttled { .. } => &[],
        }
    }
}

/// A push without a record would be taken for a heartbeat, or for nonsense (C8): it is refused.
fn parse_records(name: &str, body: Bytes) -> Result<ReadBatches, DecodeError> {
    let body_bytes = body.len();
    let batches = ReadBatches::parse(name, body)?;
    if batches.parts.is_empty() {
        return Err(DecodeError::bad(body_bytes, format!("{name}: no batch")));
    }
    Ok(batches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::frame::{Cut, cut};
    use crate::types::{BasinName, StreamId, StreamName};

    pub(super) fn basin(name: &str) -> BasinInfo {
        let name = BasinName::new(name).unwrap();
        BasinInfo { name, created_at_ms: 5, deleted_at_ms: None }
    }

    pub(super) fn stream(name: &str) -> StreamInfo {
        StreamInfo {
            name: StreamName::new(name).unwrap(),
            id: StreamId([7; 16]),
            created_at_ms: 5,
            deleted_at_ms: None,
        }
    }

    fn body(kind: FrameKind, frame: &BytesMut) -> Vec<u8> {
        let Ok(Cut::Complete { header, body, consumed }) = cut(frame) else { panic!("{kind} is no frame") };
        assert_eq!((header.id, header.kind, consumed), (9, kind as u8, frame.len()));
        frame[body].to_vec()
    }

    pub(super) fn body_of(response: &Response) -> Vec<u8> {
        let mut out = BytesMut::new();
        response.write(9, &mut out);
        body(response.kind(), &out)
    }

    pub(super) fn round_trip(response: &Response) {
        let body = Bytes::from(body_of(response));
        assert_eq!(Response::parse(response.kind() as u8, body).as_ref(), Ok(response));
    }

    pub(super) fn push_round_trip(push: &Push) {
        let mut out = BytesMut::new();
        push.write(9, &mut out);
        let body = Bytes::from(body(push.kind(), &out));
        assert_eq!(Push::parse(push.kind() as u8, body).as_ref(), Ok(push));
    }

    /// The code and the offset with which a body is refused.
    pub(super) fn refused(kind: FrameKind, body: &[u8]) -> (ErrorCode, usize) {
        let error = Response::parse(kind as u8, Bytes::copy_from_slice(body)).expect_err("refused");
        assert_eq!(error.what.starts_with(kind.name()), error.code != ErrorCode::Invalid, "{error}");
        (error.code, error.offset)
    }

    #[test]
    fn kinds_of_another_class_are_unsupported() {
        for kind in [0x00, 0x01, 0x40, 0x47, 0x80, 0x86, 0xff] {
            assert_eq!(Response::parse(kind, Bytes::new()).unwrap_err().code, ErrorCode::Unsupported, "{kind:#x}");
            assert_eq!(Push::parse(kind, Bytes::new()).unwrap_err().code, ErrorCode::Unsupported, "{kind:#x}");
        }
    }
}
