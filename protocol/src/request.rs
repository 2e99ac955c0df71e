//! What a client asks for. One file per request under `request/`: layout drawn, parse, write, tests.
//!
//! Every body begins with a `u32` of option bits; a bit this version does not know is refused as
//! `Unsupported`, never ignored, so that later versions can add fields without being misunderstood.

use bytes::BytesMut;

use crate::error::DecodeError;
use crate::frame::{FrameKind, write_frame};
use crate::types::{BasinName, LocationName, TokenId};
use crate::wire::whole;

pub use append::Append;
pub use conditions::AppendConditions;
pub use create_basin::CreateBasin;
pub use create_stream::CreateStream;
pub use ensure_basin::EnsureBasin;
pub use ensure_stream::EnsureStream;
pub use grant_credit::GrantCredit;
pub use hello::{FEATURE_PAGES, Hello, MAGIC, VERSION_MAX, VERSION_MIN};
pub use issue_access_token::IssueAccessToken;
pub use list_access_tokens::ListAccessTokens;
pub use list_basins::ListBasins;
pub use list_streams::ListStreams;
pub use open_read_session::OpenReadSession;
pub use ping::Ping;
pub use read::{Read, ReadParams, ReadStart};
pub use reconfigure_basin::ReconfigureBasin;
pub use reconfigure_stream::ReconfigureStream;
pub use session_append::SessionAppend;
pub use stream_ref::StreamRef;

mod append;
mod basin_alone;
mod check_tail;
mod close_append_session;
mod close_read_session;
mod conditions;
mod create_basin;
mod create_stream;
mod ensure_basin;
mod ensure_stream;
mod get_default_location;
mod get_stages;
mod grant_credit;
pub(crate) mod hello;
mod issue_access_token;
mod list_access_tokens;
mod list_basins;
mod list_locations;
mod list_streams;
mod open_append_session;
mod open_read_session;
mod ping;
mod read;
mod reconfigure_basin;
mod reconfigure_stream;
mod revoke_access_token;
mod rotate_root_token;
mod session_append;
mod set_default_location;
mod status;
mod stream_ref;

/// A parsed request. Borrows from the frame's body only for batches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request<'a> {
    Hello(Hello),
    Ping(Ping),
    Status,
    /// How long the stages of the server's work take. Answered by `StageHistograms`.
    GetStages,
    ListLocations,
    GetDefaultLocation,
    SetDefaultLocation(LocationName),
    CreateBasin(CreateBasin),
    ListBasins(ListBasins),
    GetBasinConfig(BasinName),
    ReconfigureBasin(ReconfigureBasin),
    DeleteBasin(BasinName),
    EnsureBasin(EnsureBasin),
    CreateStream(CreateStream),
    ListStreams(ListStreams),
    GetStreamConfig(StreamRef),
    ReconfigureStream(ReconfigureStream),
    DeleteStream(StreamRef),
    EnsureStream(EnsureStream),
    IssueAccessToken(IssueAccessToken),
    ListAccessTokens(ListAccessTokens),
    RevokeAccessToken(TokenId),
    RotateRootToken,
    Append(Append<'a>),
    OpenAppendSession(StreamRef),
    /// One input of an append session; the frame's id is the session's.
    SessionAppend(SessionAppend<'a>),
    /// No more inputs will come. Answered by `SessionEnded` behind the last ack.
    CloseAppendSession,
    CheckTail(StreamRef),
    Read(Read),
    OpenReadSession(OpenReadSession),
    GrantCredit(GrantCredit),
    /// Ends a read session from the client's side. Answered by `SessionEnded`.
    CloseReadSession,
}

impl<'a> Request<'a> {
    /// `kind` is the frame header's byte.
    ///
    /// # Errors
    /// `BadFrame` where the layout is broken, `Invalid` where a rule is, `Unsupported` for kinds and options that this
    /// version does not know.
    pub fn parse(kind: u8, body: &'a [u8]) -> Result<Self, DecodeError> {
        let known = FrameKind::from_byte(kind);
        let name = known.map_or("request", FrameKind::name);
        match known {
            Some(FrameKind::Hello) => whole(name, body, hello::parse).map(Self::Hello),
            Some(FrameKind::Ping) => whole(name, body, ping::parse).map(Self::Ping),
            Some(FrameKind::Status) => whole(name, body, status::parse).map(|()| Self::Status),
            Some(FrameKind::GetStages) => whole(name, body, get_stages::parse).map(|()| Self::GetStages),
            Some(FrameKind::ListLocations) => whole(name, body, list_locations::parse).map(|()| Self::ListLocations),
            Some(FrameKind::GetDefaultLocation) => {
                whole(name, body, get_default_location::parse).map(|()| Self::GetDefaultLocation)
            }
            Some(FrameKind::SetDefaultLocation) => {
                whole(name, body, set_default_location::parse).map(Self::SetDefaultLocation)
            }
            Some(FrameKind::CreateBasin) => whole(name, body, create_basin::parse).map(Self::CreateBasin),
            Some(FrameKind::ListBasins) => whole(name, body, list_basins::parse).map(Self::ListBasins),
            Some(FrameKind::GetBasinConfig) => whole(name, body, basin_alone::parse).map(Self::GetBasinConfig),
            Some(FrameKind::ReconfigureBasin) => {
                whole(name, body, reconfigure_basin::parse).map(Self::ReconfigureBasin)
            }
            Some(FrameKind::DeleteBasin) => whole(name, body, basin_alone::parse).map(Self::DeleteBasin),
            Some(FrameKind::EnsureBasin) => whole(name, body, ensure_basin::parse).map(Self::EnsureBasin),
            Some(FrameKind::CreateStream) => whole(name, body, create_stream::parse).map(Self::CreateStream),
            Some(FrameKind::ListStreams) => whole(name, body, list_streams::parse).map(Self::ListStreams),
            Some(FrameKind::GetStreamConfig) => whole(name, body, stream_ref::parse_body).map(Self::GetStreamConfig),
            Some(FrameKind::ReconfigureStream) => {
                whole(name, body, reconfigure_stream::parse).map(Self::ReconfigureStream)
            }
            Some(FrameKind::DeleteStream) => whole(name, body, stream_ref::parse_body).map(Self::DeleteStream),
            Some(FrameKind::EnsureStream) => whole(name, body, ensure_stream::parse).map(Self::EnsureStream),
            Some(FrameKind::IssueAccessToken) => {
                whole(name, body, issue_access_token::parse).map(Self::IssueAccessToken)
            }
            Some(FrameKind::ListAccessTokens) => {
                whole(name, body, list_access_tokens::parse).map(Self::ListAccessTokens)
            }
            Some(FrameKind::RevokeAccessToken) => {
                whole(name, body, revoke_access_token::parse).map(Self::RevokeAccessToken)
            }
            Some(FrameKind::RotateRootToken) => {
                whole(name, body, rotate_root_token::parse).map(|()| Self::RotateRootToken)
            }
            Some(FrameKind::Append) => whole(name, body, append::parse).map(Self::Append),
            Some(FrameKind::OpenAppendSession) => {
                whole(name, body, open_append_session::parse).map(Self::OpenAppendSession)
            }
            Some(FrameKind::SessionAppend) => whole(name, body, session_append::parse).map(Self::SessionAppend),
            Some(FrameKind::CloseAppendSession) => {
                whole(name, body, close_append_session::parse).map(|()| Self::CloseAppendSession)
            }
            Some(FrameKind::CheckTail) => whole(name, body, check_tail::parse).map(Self::CheckTail),
            Some(FrameKind::Read) => whole(name, body, read::parse).map(Self::Read),
            Some(FrameKind::OpenReadSession) => whole(name, body, open_read_session::parse).map(Self::OpenReadSession),
            Some(FrameKind::GrantCredit) => whole(name, body, grant_credit::parse).map(Self::GrantCredit),
            Some(FrameKind::CloseReadSession) => {
                whole(name, body, close_read_session::parse).map(|()| Self::CloseReadSession)
            }
            _ => Err(DecodeError::unsupported(0, format!("kind {kind:#04x} is no request that this version knows"))),
        }
    }

    pub fn kind(&self) -> FrameKind {
        match self {
            Self::Hello(_) => FrameKind::Hello,
            Self::Ping(_) => FrameKind::Ping,
            Self::Status => FrameKind::Status,
            Self::GetStages => FrameKind::GetStages,
            Self::ListLocations => FrameKind::ListLocations,
            Self::GetDefaultLocation => FrameKind::GetDefaultLocation,
            Self::SetDefaultLocation(_) => FrameKind::SetDefaultLocation,
            Self::CreateBasin(_) => FrameKind::CreateBasin,
            Self::ListBasins(_) => FrameKind::ListBasins,
            Self::GetBasinConfig(_) => FrameKind::GetBasinConfig,
            Self::ReconfigureBasin(_) => FrameKind::ReconfigureBasin,
            Self::DeleteBasin(_) => FrameKind::DeleteBasin,
            Self::EnsureBasin(_) => FrameKind::EnsureBasin,
            Self::CreateStream(_) => FrameKind::CreateStream,
            Self::ListStreams(_) => FrameKind::ListStreams,
            Self::GetStreamConfig(_) => FrameKind::GetStreamConfig,
            Self::ReconfigureStream(_) => FrameKind::ReconfigureStream,
            Self::DeleteStream(_) => FrameKind::DeleteStream,
            Self::EnsureStream(_) => FrameKind::EnsureStream,
            Self::IssueAccessToken(_) => FrameKind::IssueAccessToken,
            Self::ListAccessTokens(_) => FrameKind::ListAccessTokens,
            Self::RevokeAccessToken(_) => FrameKind::RevokeAccessToken,
            Self::RotateRootToken => FrameKind::RotateRootToken,
            Self::Append(_) => FrameKind::Append,
            Self::OpenAppendSession(_) => FrameKind::OpenAppendSession,
            Self::SessionAppend(_) => FrameKind::SessionAppend,
            Self::CloseAppendSession => FrameKind::CloseAppendSession,
            Self::CheckTail(_) => FrameKind::CheckTail,
            Self::Read(_) => FrameKind::Read,
            Self::OpenReadSession(_) => FrameKind::OpenReadSession,
            Self::GrantCredit(_) => FrameKind::GrantCredit,
            Self::CloseReadSession => FrameKind::CloseReadSession,
        }
    }

    /// Appends the whole frame to `out`. Free text that is too long is cut; other values that break a rule are written
    /// as they are, for the server to refuse.
    pub fn write(&self, id: u64, out: &mut BytesMut) {
        write_frame(out, self.kind(), id, |out| self.write_body(out));
    }

    fn write_body(&self, out: &mut BytesMut) {
        match self {
            Self::Hello(hello) => hello.write_body(out),
            Self::Ping(ping) => ping.write_body(out),
            Self::Status => status::write_body(out),
            Self::GetStages => get_stages::write_body(out),
            Self::ListLocations => list_locations::write_body(out),
            Self::GetDefaultLocation => get_default_location::write_body(out),
            Self::SetDefaultLocation(name) => set_default_location::write_body(name, out),
            Self::CreateBasin(create) => create.write_body(out),
            Self::ListBasins(list) => list.write_body(out),
            Self::GetBasinConfig(basin) | Self::DeleteBasin(basin) => basin_alone::write_body(basin, out),
            Self::ReconfigureBasin(reconfigure) => reconfigure.write_body(out),
            Self::EnsureBasin(ensure) => ensure.write_body(out),
            Self::CreateStream(create) => create.write_body(out),
            Self::GetStreamConfig(target) | Self::DeleteStream(target) => stream_ref::write_body(target, out),
            Self::ReconfigureStream(reconfigure) => reconfigure.write_body(out),
            Self::EnsureStream(ensure) => ensure.write_body(out),
            Self::IssueAccessToken(issue) => issue.write_body(out),
            Self::ListAccessTokens(list) => list.write_body(out),
            Self::RevokeAccessToken(id) => revoke_access_token::write_body(id, out),
            Self::RotateRootToken => rotate_root_token::write_body(out),
            Self::ListStreams(list) => list.write_body(out),
            Self::Append(append) => append.write_body(out),
            Self::OpenAppendSession(target) => open_append_session::write_body(target, out),
            Self::SessionAppend(append) => append.write_body(out),
            Self::CloseAppendSession => close_append_session::write_body(out),
            Self::CheckTail(target) => check_tail::write_body(target, out),
            Self::Read(read) => read.write_body(out),
            Self::OpenReadSession(open) => open.write_body(out),
            Self::GrantCredit(grant) => grant.write_body(out),
            Self::CloseReadSession => close_read_session::write_body(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::frame::{Cut, cut};
    use crate::types::{BasinName, StreamName};

    pub(super) fn target() -> StreamRef {
        StreamRef { basin: BasinName::new("my-basin").unwrap(), stream: StreamName::new("logs/2026").unwrap() }
    }

    pub(super) fn body_of(request: &Request) -> Vec<u8> {
        let mut out = BytesMut::new();
        request.write(9, &mut out);
        let Ok(Cut::Complete { header, body, consumed }) = cut(&out) else { panic!("{request:?} is no frame") };
        assert_eq!((header.id, header.kind, consumed), (9, request.kind() as u8, out.len()));
        out[body].to_vec()
    }

    pub(super) fn round_trip(request: &Request) {
        assert_eq!(Request::parse(request.kind() as u8, &body_of(request)).as_ref(), Ok(request));
    }

    /// The code and the offset with which a body is refused.
    pub(super) fn refused(kind: FrameKind, body: &[u8]) -> (ErrorCode, usize) {
        let error = Request::parse(kind as u8, body).expect_err("refused");
        assert_eq!(error.what.starts_with(kind.name()), error.code != ErrorCode::Invalid, "{error}");
        (error.code, error.offset)
    }

    #[test]
    fn kinds_that_are_no_request_are_unsupported() {
        for kind in (0..=255).filter(|kind| !(0x01..=0x3f).contains(kind) || FrameKind::from_byte(*kind).is_none()) {
            assert_eq!(Request::parse(kind, &[]).unwrap_err().code, ErrorCode::Unsupported, "{kind:#x}");
        }
    }
}
