//! What access tokens may do, as JSON has it, both ways (`s2-semantics.md` F1, F2).

use riverrun_protocol::access::{Operation, OperationGroups, ReadWrite, ResourceSet, TokenRates, TokenScope};
use riverrun_protocol::request::IssueAccessToken;
use riverrun_protocol::response::AccessTokenInfo;
use riverrun_protocol::types::TokenId;
use serde_json::{Value, json};

use super::answers::{field, flag, text, time_ms};

pub fn issue(issue: &IssueAccessToken) -> Value {
    assert_eq!(
        issue.rates,
        TokenRates::default(),
        "S2 knows no rates of tokens: rows about them need the binary protocol"
    );
    let expires_at = issue.expires_at_ms.map(|ms| {
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_millis(ms);
        humantime::format_rfc3339_millis(at).to_string()
    });
    json!({
        "id": issue.id.as_str(),
        "expires_at": expires_at,
        "auto_prefix_streams": issue.auto_prefix_streams,
        "scope": scope(&issue.scope),
    })
}

fn scope(scope: &TokenScope) -> Value {
    let group = |group: ReadWrite| json!({"read": group.read, "write": group.write});
    let OperationGroups { account, basin, stream } = scope.groups;
    json!({
        "basins": set(&scope.basins),
        "streams": set(&scope.streams),
        "access_tokens": set(&scope.access_tokens),
        "op_groups": {"account": group(account), "basin": group(basin), "stream": group(stream)},
        "ops": scope.operations.iter().map(Operation::name).collect::<Vec<_>>(),
    })
}

fn set(set: &ResourceSet) -> Value {
    match set {
        ResourceSet::Nothing => Value::Null,
        ResourceSet::Exact(name) => json!({ "exact": name }),
        ResourceSet::Prefix(prefix) => json!({ "prefix": prefix }),
    }
}

/// As a listing shows it.
pub fn read_info(json: &Value) -> AccessTokenInfo {
    AccessTokenInfo {
        id: TokenId::new(text(json, "id")).expect("an id"),
        created_at_ms: 0,
        expires_at_ms: time_ms(field(json, "expires_at")),
        auto_prefix_streams: flag(json, "auto_prefix_streams"),
        scope: read_scope(field(json, "scope")),
        rates: TokenRates::default(),
    }
}

fn read_scope(json: &Value) -> TokenScope {
    let groups = field(json, "op_groups");
    let group = |name: &str| {
        let group = field(groups, name);
        ReadWrite { read: flag(group, "read"), write: flag(group, "write") }
    };
    let words = field(json, "ops").as_array().expect("a list");
    let words = words.iter().map(|word| word.as_str().expect("a word").parse::<Operation>().expect("S2's"));
    TokenScope {
        basins: read_set(json.get("basins")),
        streams: read_set(json.get("streams")),
        access_tokens: read_set(json.get("access_tokens")),
        groups: OperationGroups { account: group("account"), basin: group("basin"), stream: group("stream") },
        operations: words.collect(),
    }
}

fn read_set(json: Option<&Value>) -> ResourceSet {
    let Some(set) = json.filter(|json| !json.is_null()) else { return ResourceSet::Nothing };
    assert_eq!(set.as_object().map(serde_json::Map::len), Some(1), "one kind of set: {set}");
    match set.get("exact") {
        Some(_) => ResourceSet::Exact(text(set, "exact").to_owned()),
        None => ResourceSet::Prefix(text(set, "prefix").to_owned()),
    }
}
