//! The decision, in one place (reliability.md 5.1, Scope): whatever is not allowed here is refused.

use riverrun_protocol::access::Operation;
use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::request::{Request, StreamRef};

use super::demand::{Demand, Resource, demand_of};
use super::principal::{Grant, Principal};
use super::{SYSTEM_BASIN, contains};
use crate::event::AppendRights;

/// Why not. Without any effect (`s2-semantics.md` F3, H10).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Denied {
    #[error("this access token does not permit {operation}: ask its issuer for one that does")]
    Operation { operation: &'static str },
    #[error(
        "this access token permits {operation}, but not on {resource}: ask its issuer for one whose scope holds it"
    )]
    Resource { operation: &'static str, resource: String },
    #[error("basin `{SYSTEM_BASIN}` is the broker's own: it can be read, and nothing in it can be changed")]
    Reserved,
    #[error("only the holder of the root token may replace it: connect with the token in the file `root-token`")]
    NotRoot,
    #[error(
        "how long the broker takes is not for holders of issued tokens: connect with the token in the file `root-token`"
    )]
    NotWhole,
    #[error("this connection has not said hello")]
    Unknown,
}

impl From<Denied> for ErrorFrame {
    fn from(denied: Denied) -> Self {
        Self::new(ErrorCode::PermissionDenied, denied.to_string())
    }
}

/// Whether `principal` may do `operation` to `resource` (`s2-semantics.md` F2: the operation is permitted and every
/// name is in its set).
pub fn decide(principal: &Principal, operation: Operation, resource: Resource<'_>) -> Result<(), Denied> {
    match principal {
        Principal::System => Ok(()),
        Principal::Everyone { .. } | Principal::Root(_) => check_reserved(operation, resource),
        Principal::Token(grant) => {
            check_grant(grant, operation, resource)?;
            check_reserved(operation, resource)
        }
    }
}

fn check_grant(grant: &Grant, operation: Operation, resource: Resource<'_>) -> Result<(), Denied> {
    let scope = &grant.scope;
    if !grant.operations.contains(operation) {
        return Err(Denied::Operation { operation: operation.name() });
    }
    let is_in_scope = match resource {
        Resource::Account => true,
        Resource::Basin(basin) => contains(&scope.basins, basin.as_str()),
        Resource::Stream(target) => {
            contains(&scope.basins, target.basin.as_str()) && contains(&scope.streams, target.stream.as_str())
        }
        Resource::Token(id) => contains(&scope.access_tokens, id.as_str()),
    };
    match is_in_scope {
        true => Ok(()),
        false => Err(Denied::Resource { operation: operation.name(), resource: resource.to_string() }),
    }
}

/// What the audit stream says must be what happened, whoever asks.
fn check_reserved(operation: Operation, resource: Resource<'_>) -> Result<(), Denied> {
    let basin = match resource {
        Resource::Basin(basin) => basin,
        Resource::Stream(target) => &target.basin,
        Resource::Account | Resource::Token(_) => return Ok(()),
    };
    match basin.as_str() == SYSTEM_BASIN && changes(operation) {
        true => Err(Denied::Reserved),
        false => Ok(()),
    }
}

/// Whether the operation changes what it is done to. A new one does not compile without an answer.
pub(super) fn changes(operation: Operation) -> bool {
    use Operation as Op;
    match operation {
        Op::CreateBasin
        | Op::DeleteBasin
        | Op::ReconfigureBasin
        | Op::IssueAccessToken
        | Op::RevokeAccessToken
        | Op::CreateStream
        | Op::DeleteStream
        | Op::ReconfigureStream
        | Op::Append
        | Op::Trim
        | Op::Fence
        | Op::SetDefaultLocation => true,
        Op::ListBasins
        | Op::GetBasinConfig
        | Op::ListAccessTokens
        | Op::ListStreams
        | Op::GetStreamConfig
        | Op::CheckTail
        | Op::Read
        | Op::AccountMetrics
        | Op::BasinMetrics
        | Op::StreamMetrics
        | Op::ListLocations
        | Op::GetDefaultLocation => false,
    }
}

/// Rotation needs no permission that could be granted: only root itself, or whoever has the machine anyway.
pub fn decide_rotation(principal: &Principal) -> Result<(), Denied> {
    match principal {
        Principal::Root(_) | Principal::Everyone { local: true } | Principal::System => Ok(()),
        Principal::Everyone { local: false } | Principal::Token(_) => Err(Denied::NotRoot),
    }
}

/// What a broker's times tell of what others do is for whoever sees the whole of it, as in a status report.
fn decide_whole(principal: &Principal) -> Result<(), Denied> {
    match principal.grant() {
        None => Ok(()),
        Some(_) => Err(Denied::NotWhole),
    }
}

/// Whether a request may be carried out, and which kinds of record it may append where it can. With create-on-append
/// and create-on-read, append and read suffice for the stream to be created (`s2-semantics.md` M).
pub fn admit(principal: &Principal, request: &Request<'_>) -> Result<AppendRights, Denied> {
    match demand_of(request) {
        Demand::Greeting => Err(Denied::Unknown),
        Demand::Known | Demand::InSession => Ok(AppendRights::ALL),
        Demand::Operations(operations, resource) => {
            operations.iter().try_for_each(|operation| decide(principal, *operation, resource))?;
            Ok(AppendRights::ALL)
        }
        Demand::AnyAppend(target) => append_rights(principal, target),
        Demand::Root => decide_rotation(principal).map(|()| AppendRights::ALL),
        Demand::Whole => decide_whole(principal).map(|()| AppendRights::ALL),
    }
}

fn append_rights(principal: &Principal, target: &StreamRef) -> Result<AppendRights, Denied> {
    let may = |operation| decide(principal, operation, Resource::Stream(target));
    let append = may(Operation::Append);
    let rights = AppendRights {
        append: append.is_ok(),
        trim: may(Operation::Trim).is_ok(),
        fence: may(Operation::Fence).is_ok(),
    };
    match rights.append || rights.trim || rights.fence {
        true => Ok(rights),
        false => append.map(|()| rights),
    }
}
