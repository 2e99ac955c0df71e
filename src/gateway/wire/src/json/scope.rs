//! What an access token may do, as a body says it and as a listing shows it (`s2-semantics.md` F2).

use riverrun_protocol::access::{Operation, OperationGroups, Operations, ReadWrite, ResourceSet, TokenScope};
use riverrun_protocol::types::{
    BasinName, NameError, StreamName, TokenId, check_basin_filter, check_stream_filter, check_token_filter,
};
use serde::{Deserialize, Serialize};

use super::name::Name;
use super::object::Object;
use crate::error::HttpError;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum SetBody {
    Exact(String),
    Prefix(String),
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct GroupBody {
    read: Option<bool>,
    write: Option<bool>,
}

impl From<GroupBody> for ReadWrite {
    fn from(body: GroupBody) -> Self {
        Self { read: body.read.unwrap_or(false), write: body.write.unwrap_or(false) }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct GroupsBody {
    account: Option<Object<GroupBody>>,
    basin: Option<Object<GroupBody>>,
    stream: Option<Object<GroupBody>>,
}

impl From<GroupsBody> for OperationGroups {
    fn from(body: GroupsBody) -> Self {
        let group = |body: Option<Object<GroupBody>>| body.unwrap_or_default().0.into();
        Self { account: group(body.account), basin: group(body.basin), stream: group(body.stream) }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct ScopeBody {
    #[serde(default)]
    basins: Option<SetBody>,
    #[serde(default)]
    streams: Option<SetBody>,
    #[serde(default)]
    access_tokens: Option<SetBody>,
    #[serde(default)]
    op_groups: Option<Object<GroupsBody>>,
    #[serde(default)]
    ops: Option<Vec<Name<Operation>>>,
}

impl ScopeBody {
    /// Names are held against their rules here, since they are `bad_json` (`s2-semantics.md` A2).
    pub fn into_scope(self) -> Result<TokenScope, HttpError> {
        let operations: Operations = self.ops.unwrap_or_default().into_iter().map(|operation| operation.0).collect();
        Ok(TokenScope {
            basins: set(self.basins, |name| BasinName::new(name).map(drop), check_basin_filter)?,
            streams: set(self.streams, |name| StreamName::new(name).map(drop), check_stream_filter)?,
            access_tokens: set(self.access_tokens, |id| TokenId::new(id).map(drop), check_token_filter)?,
            groups: self.op_groups.unwrap_or_default().0.into(),
            operations,
        })
    }
}

type Rule = fn(&str) -> Result<(), NameError>;

/// An empty exact name matches nothing, so it needs not be a name.
fn set(body: Option<SetBody>, name: Rule, filter: Rule) -> Result<ResourceSet, HttpError> {
    let checked = match &body {
        Some(SetBody::Exact(exact)) if !exact.is_empty() => name(exact),
        Some(SetBody::Prefix(prefix)) => filter(prefix),
        Some(SetBody::Exact(_)) | None => Ok(()),
    };
    checked.map_err(|error| HttpError::bad_json(error.to_string()))?;
    Ok(match body {
        None => ResourceSet::Nothing,
        Some(SetBody::Exact(exact)) => ResourceSet::Exact(exact),
        Some(SetBody::Prefix(prefix)) => ResourceSet::Prefix(prefix),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum SetJson<'a> {
    Exact(&'a str),
    Prefix(&'a str),
}

#[derive(Serialize)]
struct GroupJson {
    read: bool,
    write: bool,
}

impl From<ReadWrite> for GroupJson {
    fn from(group: ReadWrite) -> Self {
        Self { read: group.read, write: group.write }
    }
}

#[derive(Serialize)]
struct GroupsJson {
    account: GroupJson,
    basin: GroupJson,
    stream: GroupJson,
}

/// All six booleans, and the operations as a list, empty or not.
#[derive(Serialize)]
pub(super) struct ScopeJson<'a> {
    basins: Option<SetJson<'a>>,
    streams: Option<SetJson<'a>>,
    access_tokens: Option<SetJson<'a>>,
    op_groups: GroupsJson,
    ops: Vec<&'static str>,
}

impl<'a> From<&'a TokenScope> for ScopeJson<'a> {
    fn from(scope: &'a TokenScope) -> Self {
        let groups = scope.groups;
        Self {
            basins: set_json(&scope.basins),
            streams: set_json(&scope.streams),
            access_tokens: set_json(&scope.access_tokens),
            op_groups: GroupsJson {
                account: groups.account.into(),
                basin: groups.basin.into(),
                stream: groups.stream.into(),
            },
            ops: scope.operations.iter().map(Operation::name).collect(),
        }
    }
}

fn set_json(set: &ResourceSet) -> Option<SetJson<'_>> {
    match set {
        ResourceSet::Nothing => None,
        ResourceSet::Exact(name) => Some(SetJson::Exact(name)),
        ResourceSet::Prefix(prefix) => Some(SetJson::Prefix(prefix)),
    }
}
