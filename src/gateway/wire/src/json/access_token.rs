//! Access tokens: issue and list (`s2-semantics.md` F1).

use bytes::Bytes;
use riverrun_protocol::access::TokenRates;
use riverrun_protocol::request::IssueAccessToken;
use riverrun_protocol::response::{AccessTokenInfo, AccessTokenIssued, AccessTokenList};
use riverrun_protocol::types::TokenId;
use serde::{Deserialize, Serialize};

use super::name::Name;
use super::object::Object;
use super::rfc3339;
use super::scope::{ScopeBody, ScopeJson};
use super::time::Time;
use crate::error::HttpError;

#[derive(Debug, Deserialize)]
struct IssueBody {
    id: Name<TokenId>,
    #[serde(default)]
    expires_at: Option<Time>,
    #[serde(default)]
    auto_prefix_streams: Option<bool>,
    scope: Object<ScopeBody>,
}

/// POST `/access-tokens`. Whether the scope is empty, or more than the issuer has, the broker judges; S2 knows no rates, so the token
/// has none of its own.
///
/// # Errors
/// `bad_json`.
pub fn issue_access_token(body: &[u8]) -> Result<IssueAccessToken, HttpError> {
    let body: IssueBody = super::parse_object(body)?;
    Ok(IssueAccessToken {
        id: body.id.0,
        expires_at_ms: body.expires_at.map(|at| at.ms),
        auto_prefix_streams: body.auto_prefix_streams.unwrap_or(false),
        scope: body.scope.0.into_scope()?,
        rates: TokenRates::default(),
    })
}

#[derive(Serialize)]
struct IssuedJson<'a> {
    access_token: &'a str,
}

/// The answer to POST: the only time that the secret is shown.
pub fn access_token_issued(issued: &AccessTokenIssued) -> Bytes {
    super::write(&IssuedJson { access_token: &issued.secret })
}

#[derive(Serialize)]
struct InfoJson<'a> {
    id: &'a str,
    expires_at: Option<String>,
    auto_prefix_streams: bool,
    scope: ScopeJson<'a>,
}

impl<'a> From<&'a AccessTokenInfo> for InfoJson<'a> {
    fn from(info: &'a AccessTokenInfo) -> Self {
        Self {
            id: info.id.as_str(),
            expires_at: info.expires_at_ms.map(rfc3339),
            auto_prefix_streams: info.auto_prefix_streams,
            scope: (&info.scope).into(),
        }
    }
}

#[derive(Serialize)]
struct ListJson<'a> {
    access_tokens: Vec<InfoJson<'a>>,
    has_more: bool,
}

/// The answer to GET `/access-tokens`.
pub fn access_token_list(list: &AccessTokenList) -> Bytes {
    super::write(&ListJson { access_tokens: list.tokens.iter().map(Into::into).collect(), has_more: list.has_more })
}

#[cfg(test)]
mod tests {
    use riverrun_protocol::access::{Operation, OperationGroups, Operations, ReadWrite, ResourceSet, TokenScope};

    use super::*;

    #[test]
    fn f1_everything_there() {
        let body = br#"{"id":"team a/ci","expires_at":"2026-01-01T00:00:00Z","auto_prefix_streams":true,"scope":{
            "basins":{"exact":"my-basin"},"streams":{"prefix":"logs/"},"access_tokens":{"exact":""},
            "op_groups":{"account":{"read":true},"stream":{"read":true,"write":true}},"ops":["append","check-tail"]}}"#;
        let read = ReadWrite { read: true, write: false };
        let groups =
            OperationGroups { account: read, basin: ReadWrite::default(), stream: ReadWrite { write: true, ..read } };
        let scope = TokenScope {
            basins: ResourceSet::Exact("my-basin".into()),
            streams: ResourceSet::Prefix("logs/".into()),
            access_tokens: ResourceSet::Exact(String::new()),
            groups,
            operations: [Operation::Append, Operation::CheckTail].into_iter().collect(),
        };
        let expected = IssueAccessToken {
            id: TokenId::new("team a/ci").unwrap(),
            expires_at_ms: Some(1_767_225_600_000),
            auto_prefix_streams: true,
            scope,
            rates: TokenRates::default(),
        };
        assert_eq!(issue_access_token(body), Ok(expected));
    }

    #[test]
    fn f1_what_may_be_left_out_or_null() {
        for body in [
            r#"{"id":"i","scope":{}}"#,
            r#"{"id":"i","expires_at":null,"auto_prefix_streams":null,"scope":{"basins":null,"op_groups":{"basin":{}},"ops":null}}"#,
        ] {
            let request = issue_access_token(body.as_bytes()).unwrap();
            assert_eq!((request.scope, request.expires_at_ms), (TokenScope::default(), None));
        }
    }

    #[test]
    fn f2_words_and_names_against_their_rules_are_bad_json() {
        for bad in [
            r#"{"scope":{}}"#,
            r#"{"id":"i"}"#,
            r#"{"id":"..","scope":{}}"#,
            r#"{"id":"i","scope":{"ops":["list-basin"]}}"#,
            r#"{"id":"i","scope":{"basins":{"exact":"NO"}}}"#,
            r#"{"id":"i","scope":{"basins":{"prefix":"-"}}}"#,
            r#"{"id":"i","scope":{"streams":{"exact":"."}}}"#,
            r#"{"id":"i","scope":{"streams":{"suffix":"x"}}}"#,
            r#"{"id":"i","scope":{"op_groups":{"basin":{"read":"yes"}}}}"#,
            r#"{"id":"i","expires_at":7,"scope":{}}"#,
        ] {
            assert_eq!(issue_access_token(bad.as_bytes()).unwrap_err().code(), Some("bad_json"), "{bad}");
        }
    }

    #[test]
    fn f2_every_operation_has_its_word() {
        let words: Vec<_> = Operation::ALL.iter().map(|operation| format!("{:?}", operation.name())).collect();
        let body = format!(r#"{{"id":"i","scope":{{"ops":[{}]}}}}"#, words.join(","));
        assert_eq!(issue_access_token(body.as_bytes()).unwrap().scope.operations, Operations::ALL);
    }

    #[test]
    fn f1_answers() {
        let issued = AccessTokenIssued { secret: "rr_secret".into() };
        assert_eq!(access_token_issued(&issued), r#"{"access_token":"rr_secret"}"#);
        let info = AccessTokenInfo {
            id: TokenId::new("i").unwrap(),
            created_at_ms: 1,
            expires_at_ms: None,
            auto_prefix_streams: false,
            scope: TokenScope { streams: ResourceSet::Prefix(String::new()), ..TokenScope::default() },
            rates: TokenRates::default(),
        };
        let with_operation = AccessTokenInfo {
            expires_at_ms: Some(0),
            scope: TokenScope { operations: Operations::NONE.with(Operation::Read), ..info.scope.clone() },
            ..info.clone()
        };
        let expected = r#"{"access_tokens":[{"id":"i","expires_at":null,"auto_prefix_streams":false,"scope":{"basins":null,"streams":{"prefix":""},"access_tokens":null,"op_groups":{"account":{"read":false,"write":false},"basin":{"read":false,"write":false},"stream":{"read":false,"write":false}},"ops":[]}}],"has_more":false}"#;
        assert_eq!(access_token_list(&AccessTokenList { tokens: vec![info], has_more: false }), expected);
        let second = access_token_list(&AccessTokenList { tokens: vec![with_operation], has_more: true });
        let second = String::from_utf8(second.to_vec()).unwrap();
        assert!(second.contains(r#""ops":["read"]"#) && second.contains(r#""expires_at":"1970-01-01T00:00:00.000Z""#));
    }
}
