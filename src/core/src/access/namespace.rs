//! The private namespace of a token with auto-prefix (`s2-semantics.md` F3): every stream's name it says is taken to be
//! behind the prefix, and every one it is told comes without.

use riverrun_protocol::access::{ResourceSet, TokenScope};
use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::request::Request;
use riverrun_protocol::response::{AccessTokenList, Provisioned, Response, StreamInfo, StreamList};
use riverrun_protocol::types::{NameError, StreamName, check_stream_filter};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Namespace<'a> {
    prefix: &'a str,
}

impl<'a> Namespace<'a> {
    /// `None` without auto-prefix, or where the prefix is empty and changes nothing.
    pub fn of(auto_prefix_streams: bool, streams: &'a ResourceSet) -> Option<Self> {
        match streams {
            ResourceSet::Prefix(prefix) if auto_prefix_streams && !prefix.is_empty() => Some(Self { prefix }),
            _ => None,
        }
    }

    /// Whole names behind the prefix that have none inside, because a stream cannot be called so.
    pub fn nameless(self) -> [String; 3] {
        ["", ".", ".."].map(|name| self.whole(name))
    }

    /// From the token's names to whole ones. A new request does not compile without an entry here.
    ///
    /// # Errors
    /// A name is too long behind the prefix.
    pub fn enter(self, request: &mut Request<'_>) -> Result<(), NameError> {
        match request {
            Request::CreateStream(create) => self.enter_name(&mut create.target.stream),
            Request::EnsureStream(ensure) => self.enter_name(&mut ensure.target.stream),
            Request::ReconfigureStream(reconfigure) => self.enter_name(&mut reconfigure.target.stream),
            Request::Append(append) => self.enter_name(&mut append.target.stream),
            Request::Read(read) => self.enter_name(&mut read.target.stream),
            Request::OpenReadSession(open) => self.enter_name(&mut open.target.stream),
            Request::GetStreamConfig(target)
            | Request::DeleteStream(target)
            | Request::OpenAppendSession(target)
            | Request::CheckTail(target) => self.enter_name(&mut target.stream),
            Request::ListStreams(list) => {
                self.enter_filter(&mut list.prefix)?;
                // Also an empty one: it skips the name that is the prefix itself, which nobody inside could say.
                self.enter_filter(&mut list.start_after)
            }
            Request::IssueAccessToken(issue) => {
                // A child that said whole names could say the prefix itself, which its issuer cannot.
                issue.auto_prefix_streams |= matches!(issue.scope.streams, ResourceSet::Prefix(_));
                self.enter_scope(&mut issue.scope)
            }
            Request::Hello(_)
            | Request::Ping(_)
            | Request::Status
            | Request::GetStages
            | Request::ListLocations
            | Request::GetDefaultLocation
            | Request::SetDefaultLocation(_)
            | Request::CreateBasin(_)
            | Request::ListBasins(_)
            | Request::GetBasinConfig(_)
            | Request::ReconfigureBasin(_)
            | Request::DeleteBasin(_)
            | Request::EnsureBasin(_)
            | Request::ListAccessTokens(_)
            | Request::RevokeAccessToken(_)
            | Request::RotateRootToken
            | Request::SessionAppend(_)
            | Request::CloseAppendSession
            | Request::GrantCredit(_)
            | Request::CloseReadSession => Ok(()),
        }
    }

    fn enter_name(self, name: &mut StreamName) -> Result<(), NameError> {
        *name = StreamName::new(&self.whole(name.as_str()))?;
        Ok(())
    }

    fn enter_filter(self, filter: &mut String) -> Result<(), NameError> {
        *filter = self.whole(filter);
        check_stream_filter(filter)
    }

    fn enter_scope(self, scope: &mut TokenScope) -> Result<(), NameError> {
        // A child that holds these could touch streams that have no name here.
        if let ResourceSet::Exact(name) | ResourceSet::Prefix(name) = &scope.streams
            && [".", ".."].contains(&name.as_str())
        {
            StreamName::new(name)?;
        }
        match &mut scope.streams {
            ResourceSet::Nothing => Ok(()),
            // It matches nothing, and must not come to match the stream that is called like the prefix.
            ResourceSet::Exact(name) if name.is_empty() => Ok(()),
            ResourceSet::Exact(name) | ResourceSet::Prefix(name) => self.enter_filter(name),
        }
    }

    fn whole(self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// From whole names to the token's. A new response does not compile without an entry here.
    #[must_use]
    pub fn leave(self, response: Response) -> Response {
        match response {
            Response::StreamProvisioned(Provisioned { info, result }) => {
                let inside = self.leave_info(info.clone()).unwrap_or(info);
                Response::StreamProvisioned(Provisioned { info: inside, result })
            }
            Response::StreamList(StreamList { streams, has_more }) => {
                let streams = streams.into_iter().filter_map(|info| self.leave_info(info)).collect();
                Response::StreamList(StreamList { streams, has_more })
            }
            Response::AccessTokenList(AccessTokenList { mut tokens, has_more }) => {
                tokens.iter_mut().for_each(|token| self.leave_scope(&mut token.scope));
                Response::AccessTokenList(AccessTokenList { tokens, has_more })
            }
            Response::HelloAccepted(_)
            | Response::Pong { .. }
            | Response::Status(_)
            | Response::StageHistograms(_)
            | Response::LocationList(_)
            | Response::Location(_)
            | Response::BasinProvisioned(_)
            | Response::BasinList(_)
            | Response::BasinConfig(_)
            | Response::StreamConfig(_)
            | Response::AccessTokenIssued(_)
            | Response::Done
            | Response::AppendAck(_)
            | Response::AppendSessionOpened(_)
            | Response::ReadSessionOpened(_)
            | Response::SessionEnded
            | Response::Tail(_)
            | Response::ReadBatches(_) => response,
        }
    }

    /// `None` for a stream that has no name inside. Listings leave those out before ([`crate::control::Listing`]).
    fn leave_info(self, info: StreamInfo) -> Option<StreamInfo> {
        let name = info.name.as_str().strip_prefix(self.prefix)?;
        Some(StreamInfo { name: StreamName::new(name).ok()?, ..info })
    }

    /// What of a set of streams lies inside, in the names that hold there: of what lies outside, nothing is told.
    fn leave_scope(self, scope: &mut TokenScope) {
        scope.streams = match &scope.streams {
            ResourceSet::Nothing => ResourceSet::Nothing,
            ResourceSet::Exact(name) => match name.strip_prefix(self.prefix) {
                Some(inside) if !inside.is_empty() => ResourceSet::Exact(inside.to_owned()),
                _ => ResourceSet::Nothing,
            },
            ResourceSet::Prefix(prefix) if self.prefix.starts_with(prefix.as_str()) => {
                ResourceSet::Prefix(String::new())
            }
            ResourceSet::Prefix(prefix) => {
                let inside = prefix.strip_prefix(self.prefix).map(str::to_owned);
                inside.map_or(ResourceSet::Nothing, ResourceSet::Prefix)
            }
        };
    }

    /// Error texts name streams so. A basin or a token whose name begins like the prefix keeps its name.
    #[must_use]
    pub fn leave_error(self, mut error: ErrorFrame) -> ErrorFrame {
        error.message = error.message.replace(&format!("stream `{}", self.prefix), "stream `");
        error
    }
}
