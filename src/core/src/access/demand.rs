//! What each request demands of whoever sends it. A new request does not compile without an entry here.

use std::fmt;

use riverrun_protocol::access::Operation;
use riverrun_protocol::request::{Request, StreamRef};
use riverrun_protocol::types::{BasinName, TokenId};

use super::decide::changes;

/// What an operation is to be done to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resource<'a> {
    /// No name: what a listing shows is narrowed by the principal's sets instead (`control::Listing`).
    Account,
    Basin(&'a BasinName),
    Stream(&'a StreamRef),
    Token(&'a TokenId),
}

impl fmt::Display for Resource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account => f.write_str("the account"),
            Self::Basin(basin) => write!(f, "basin `{basin}`"),
            Self::Stream(target) => write!(f, "stream `{}` in basin `{}`", target.stream, target.basin),
            Self::Token(id) => write!(f, "access token `{id}`"),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Demand<'a> {
    /// The hello itself: it is what makes somebody known.
    Greeting,
    /// Any principal.
    Known,
    /// Nothing more: the session was allowed when it was opened.
    InSession,
    /// All of these.
    Operations(&'static [Operation], Resource<'a>),
    /// At least one of append, trim and fence; which ones, the stream's shard holds against each record.
    AnyAppend(&'a StreamRef),
    /// To be the holder of the root token.
    Root,
    /// Not to hold an issued token: it is about what everybody does.
    Whole,
}

pub fn demand_of<'a>(request: &'a Request<'_>) -> Demand<'a> {
    use Operation as Op;
    use Resource::{Account, Basin, Stream, Token};
    let of = Demand::Operations;
    match request {
        Request::Hello(_) => Demand::Greeting,
        Request::Ping(_) | Request::Status => Demand::Known,
        Request::GetStages => Demand::Whole,
        Request::ListLocations => of(&[Op::ListLocations], Account),
        Request::GetDefaultLocation => of(&[Op::GetDefaultLocation], Account),
        Request::SetDefaultLocation(_) => of(&[Op::SetDefaultLocation], Account),
        Request::CreateBasin(create) => of(&[Op::CreateBasin], Basin(&create.basin)),
        Request::ListBasins(_) => of(&[Op::ListBasins], Account),
        Request::GetBasinConfig(basin) => of(&[Op::GetBasinConfig], Basin(basin)),
        Request::ReconfigureBasin(reconfigure) => of(&[Op::ReconfigureBasin], Basin(&reconfigure.basin)),
        Request::DeleteBasin(basin) => of(&[Op::DeleteBasin], Basin(basin)),
        Request::EnsureBasin(ensure) => of(&[Op::CreateBasin, Op::ReconfigureBasin], Basin(&ensure.basin)),
        Request::CreateStream(create) => of(&[Op::CreateStream], Stream(&create.target)),
        Request::ListStreams(list) => of(&[Op::ListStreams], Basin(&list.basin)),
        Request::GetStreamConfig(target) => of(&[Op::GetStreamConfig], Stream(target)),
        Request::ReconfigureStream(reconfigure) => of(&[Op::ReconfigureStream], Stream(&reconfigure.target)),
        Request::DeleteStream(target) => of(&[Op::DeleteStream], Stream(target)),
        Request::EnsureStream(ensure) => of(&[Op::CreateStream, Op::ReconfigureStream], Stream(&ensure.target)),
        Request::IssueAccessToken(issue) => of(&[Op::IssueAccessToken], Token(&issue.id)),
        Request::ListAccessTokens(_) => of(&[Op::ListAccessTokens], Account),
        Request::RevokeAccessToken(id) => of(&[Op::RevokeAccessToken], Token(id)),
        Request::RotateRootToken => Demand::Root,
        Request::Append(append) => Demand::AnyAppend(&append.target),
        Request::OpenAppendSession(target) => Demand::AnyAppend(target),
        Request::CheckTail(target) => of(&[Op::CheckTail], Stream(target)),
        Request::Read(read) => of(&[Op::Read], Stream(&read.target)),
        Request::OpenReadSession(open) => of(&[Op::Read], Stream(&open.target)),
        Request::SessionAppend(_)
        | Request::CloseAppendSession
        | Request::GrantCredit(_)
        | Request::CloseReadSession => Demand::InSession,
    }
}

/// Whether it goes to the control plane: those are all in the audit stream, whatever is decided.
pub fn is_control_call(request: &Request<'_>) -> bool {
    match request {
        Request::CreateBasin(_)
        | Request::ListBasins(_)
        | Request::GetBasinConfig(_)
        | Request::ReconfigureBasin(_)
        | Request::DeleteBasin(_)
        | Request::EnsureBasin(_)
        | Request::CreateStream(_)
        | Request::ListStreams(_)
        | Request::GetStreamConfig(_)
        | Request::ReconfigureStream(_)
        | Request::DeleteStream(_)
        | Request::EnsureStream(_)
        | Request::IssueAccessToken(_)
        | Request::ListAccessTokens(_)
        | Request::RevokeAccessToken(_)
        | Request::RotateRootToken
        | Request::ListLocations
        | Request::GetDefaultLocation
        | Request::SetDefaultLocation(_) => true,
        Request::Hello(_)
        | Request::Ping(_)
        | Request::Status
        | Request::GetStages
        | Request::Append(_)
        | Request::OpenAppendSession(_)
        | Request::SessionAppend(_)
        | Request::CloseAppendSession
        | Request::CheckTail(_)
        | Request::Read(_)
        | Request::OpenReadSession(_)
        | Request::GrantCredit(_)
        | Request::CloseReadSession => false,
    }
}

impl Demand<'_> {
    /// For the audit stream: the operation's word, S2's where it has one.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Greeting => "hello",
            Self::Known | Self::InSession => "none",
            Self::Operations(operations, _) => operations.first().map_or("none", |operation| operation.name()),
            Self::AnyAppend(_) => Operation::Append.name(),
            Self::Root => "rotate-root-token",
            Self::Whole => "get-stages",
        }
    }

    /// Whether anything is another afterwards.
    pub fn is_change(&self) -> bool {
        match self {
            Self::Operations(operations, _) => operations.iter().any(|operation| changes(*operation)),
            Self::AnyAppend(_) | Self::Root => true,
            Self::Greeting | Self::Known | Self::InSession | Self::Whole => false,
        }
    }

    pub fn resource(&self) -> String {
        match self {
            Self::Operations(_, resource) => resource.to_string(),
            Self::AnyAppend(target) => Resource::Stream(target).to_string(),
            Self::Greeting | Self::Known | Self::InSession | Self::Root | Self::Whole => Resource::Account.to_string(),
        }
    }
}
