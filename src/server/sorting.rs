//! Requests sorted by who answers them.

use std::ops::Range;

use bytes::BytesMut;
use riverrun_core::event::{AppendRights, BatchBytes, ShardRequest};
use riverrun_protocol::limits::FRAME_HEADER_BYTES;
use riverrun_protocol::request::{
    Append, AppendConditions, CreateBasin, CreateStream, EnsureBasin, EnsureStream, GrantCredit, IssueAccessToken,
    ListAccessTokens, ListBasins, ListStreams, OpenReadSession, Read, ReconfigureBasin, ReconfigureStream, Request,
    SessionAppend, StreamRef,
};

use riverrun_protocol::types::{BasinName, LocationName, TokenId};

use super::connection::{Route, Target};
use super::requests::Asked;

/// The bytes of one whole frame.
#[derive(Debug)]
pub enum FrameBytes<'a> {
    /// The body, in a buffer that others share.
    Shared(&'a [u8]),
    /// The whole frame, header included, in an aligned buffer of its own.
    Own(BytesMut),
}

impl FrameBytes<'_> {
    pub fn body(&self) -> &[u8] {
        match self {
            Self::Shared(body) => body,
            Self::Own(frame) => &frame[FRAME_HEADER_BYTES..],
        }
    }
}

impl<'a> FrameBytes<'a> {
    fn batch(self, batch: Range<usize>) -> BatchBytes<'a> {
        match self {
            Self::Shared(body) => BatchBytes::Borrowed(&body[batch]),
            Self::Own(frame) => {
                let batch = batch.start + FRAME_HEADER_BYTES..batch.end + FRAME_HEADER_BYTES;
                BatchBytes::Received { frame, batch }
            }
        }
    }
}

/// Borrows nothing: a batch is where it lies in the frame's body.
#[derive(Debug)]
pub enum Sorted {
    Ping { nonce: u64 },
    Status,
    Control(ControlRequest),
    Stream(StreamRequest),
    Session(SessionRequest),
}

/// Answered by the tokio side.
#[derive(Clone, Debug)]
pub enum ControlRequest {
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
    GetStages,
    ListLocations,
    GetDefaultLocation,
    SetDefaultLocation(LocationName),
}

/// Answered by the shard that owns the stream.
#[derive(Debug)]
pub enum StreamRequest {
    Append { target: StreamRef, conditions: AppendConditions, rights: AppendRights, batch: Range<usize> },
    OpenAppendSession { target: StreamRef, rights: AppendRights },
    CheckTail(StreamRef),
    Read(Read),
    OpenReadSession(OpenReadSession),
}

/// Answered by the shard that holds the session.
#[derive(Debug)]
pub enum SessionRequest {
    Append { conditions: AppendConditions, batch: Range<usize> },
    CloseAppend,
    GrantCredit(GrantCredit),
    CloseRead,
}

impl Sorted {
    /// `body` is what `request` was parsed from; a hello has been taken out before.
    pub fn new(request: Request<'_>, body: &[u8], rights: AppendRights) -> Self {
        match request {
            Request::Ping(ping) => Self::Ping { nonce: ping.nonce },
            Request::Status | Request::Hello(_) => Self::Status,
            Request::CreateBasin(create) => Self::Control(ControlRequest::CreateBasin(create)),
            Request::ListBasins(list) => Self::Control(ControlRequest::ListBasins(list)),
            Request::CreateStream(create) => Self::Control(ControlRequest::CreateStream(create)),
            Request::GetBasinConfig(request) => Self::Control(ControlRequest::GetBasinConfig(request)),
            Request::ReconfigureBasin(request) => Self::Control(ControlRequest::ReconfigureBasin(request)),
            Request::DeleteBasin(request) => Self::Control(ControlRequest::DeleteBasin(request)),
            Request::EnsureBasin(request) => Self::Control(ControlRequest::EnsureBasin(request)),
            Request::ListStreams(request) => Self::Control(ControlRequest::ListStreams(request)),
            Request::GetStreamConfig(request) => Self::Control(ControlRequest::GetStreamConfig(request)),
            Request::ReconfigureStream(request) => Self::Control(ControlRequest::ReconfigureStream(request)),
            Request::DeleteStream(request) => Self::Control(ControlRequest::DeleteStream(request)),
            Request::EnsureStream(request) => Self::Control(ControlRequest::EnsureStream(request)),
            Request::IssueAccessToken(request) => Self::Control(ControlRequest::IssueAccessToken(request)),
            Request::ListAccessTokens(request) => Self::Control(ControlRequest::ListAccessTokens(request)),
            Request::RevokeAccessToken(request) => Self::Control(ControlRequest::RevokeAccessToken(request)),
            Request::RotateRootToken => Self::Control(ControlRequest::RotateRootToken),
            Request::GetStages => Self::Control(ControlRequest::GetStages),
            Request::ListLocations => Self::Control(ControlRequest::ListLocations),
            Request::GetDefaultLocation => Self::Control(ControlRequest::GetDefaultLocation),
            Request::SetDefaultLocation(name) => Self::Control(ControlRequest::SetDefaultLocation(name)),
            Request::Append(Append { target, conditions, batch }) => {
                Self::Stream(StreamRequest::Append { target, conditions, rights, batch: place(batch, body) })
            }
            Request::OpenAppendSession(target) => Self::Stream(StreamRequest::OpenAppendSession { target, rights }),
            Request::CheckTail(target) => Self::Stream(StreamRequest::CheckTail(target)),
            Request::Read(read) => Self::Stream(StreamRequest::Read(read)),
            Request::OpenReadSession(open) => Self::Stream(StreamRequest::OpenReadSession(open)),
            Request::SessionAppend(SessionAppend { conditions, batch }) => {
                Self::Session(SessionRequest::Append { conditions, batch: place(batch, body) })
            }
            Request::CloseAppendSession => Self::Session(SessionRequest::CloseAppend),
            Request::GrantCredit(grant) => Self::Session(SessionRequest::GrantCredit(grant)),
            Request::CloseReadSession => Self::Session(SessionRequest::CloseRead),
        }
    }
}

/// Where `part`, a slice of `body`, lies in it.
fn place(part: &[u8], body: &[u8]) -> Range<usize> {
    let start = part.as_ptr().addr() - body.as_ptr().addr();
    start..start + part.len()
}

impl StreamRequest {
    pub fn target(&self) -> &StreamRef {
        match self {
            Self::Append { target, .. } | Self::OpenAppendSession { target, .. } | Self::CheckTail(target) => target,
            Self::Read(read) => &read.target,
            Self::OpenReadSession(open) => &open.target,
        }
    }

    pub fn is_append_session(&self) -> bool {
        matches!(self, Self::OpenAppendSession { .. })
    }

    /// Where in the body the batch is, if it brings one.
    pub fn batch(&self) -> Option<Range<usize>> {
        match self {
            Self::Append { batch, .. } => Some(batch.clone()),
            _ => None,
        }
    }

    pub fn route(&self, shard: u16, asked: Asked) -> Route {
        match self {
            Self::OpenAppendSession { .. } => Route::AppendSession { shard, closing: false, failed: false },
            Self::OpenReadSession(_) => Route::ReadSession { shard },
            _ => Route::Once(Target::Shard(shard), asked),
        }
    }

    pub fn for_shard(self, bytes: FrameBytes<'_>) -> ShardRequest<'_> {
        match self {
            Self::Append { target, conditions, rights, batch } => {
                ShardRequest::Append { target, conditions, rights, batch: bytes.batch(batch) }
            }
            Self::OpenAppendSession { target, rights } => ShardRequest::OpenAppendSession { target, rights },
            Self::CheckTail(target) => ShardRequest::CheckTail(target),
            Self::Read(read) => ShardRequest::Read(read),
            Self::OpenReadSession(open) => ShardRequest::OpenReadSession(open),
        }
    }
}

impl SessionRequest {
    pub fn for_shard(self, bytes: FrameBytes<'_>) -> ShardRequest<'_> {
        match self {
            Self::Append { conditions, batch } => ShardRequest::SessionAppend { conditions, batch: bytes.batch(batch) },
            Self::CloseAppend => ShardRequest::CloseAppendSession,
            Self::GrantCredit(grant) => ShardRequest::GrantCredit(grant),
            Self::CloseRead => ShardRequest::CloseReadSession,
        }
    }
}
