use riverrun_core::access::{Grant, RATED_ANCESTORS_MAX, Refused};
use riverrun_protocol::access::{
    Operation, OperationGroups, Operations, ReadWrite, ResourceSet, TokenRates, TokenScope,
};
use riverrun_protocol::error::{ErrorCode, ErrorFrame};

use crate::support::*;

#[test]
fn f2_a_token_that_permits_nothing_is_invalid_with_s2_s_words() {
    let scope = TokenScope { groups: OperationGroups::default(), ..whole_scope() };
    let error = ErrorFrame::from(issued(&ROOT, &asking("t", scope)).unwrap_err());
    assert_eq!((error.code, &*error.message), (ErrorCode::Invalid, "Access token permissions cannot be empty"));
}

#[test]
fn f3_auto_prefix_needs_a_prefix_with_s2_s_words() {
    for streams in [ResourceSet::Nothing, exact("a"), exact("")] {
        let mut request = asking("t", TokenScope { streams, ..whole_scope() });
        request.auto_prefix_streams = true;
        let error = ErrorFrame::from(issued(&ROOT, &request).unwrap_err());
        let words = "Auto prefixing is only allowed for streams with prefix matching";
        assert_eq!((error.code, &*error.message), (ErrorCode::Invalid, words));
    }
}

/// A scope that may issue, and only that.
fn issuer_scope() -> TokenScope {
    TokenScope {
        basins: prefix("logs-"),
        streams: exact("a"),
        access_tokens: prefix("team/"),
        groups: OperationGroups { stream: ReadWrite { read: true, write: false }, ..OperationGroups::default() },
        operations: [Operation::IssueAccessToken, Operation::Append].into_iter().collect(),
    }
}

#[test]
fn f3_each_part_of_a_scope_beyond_the_issuers_is_denied() {
    let issuer = with_scope(issuer_scope());
    assert!(issued(&issuer, &asking("team/1", issuer_scope())).is_ok(), "all it has, it may pass on");
    let all_groups = OperationGroups { stream: ReadWrite { read: true, write: true }, ..issuer_scope().groups };
    let beyond = [
        ("team/1", TokenScope { basins: prefix("logs"), ..issuer_scope() }),
        ("team/1", TokenScope { basins: prefix(""), ..issuer_scope() }),
        ("team/1", TokenScope { streams: prefix("a"), ..issuer_scope() }),
        ("team/1", TokenScope { streams: exact("ab"), ..issuer_scope() }),
        ("team/1", TokenScope { access_tokens: exact("team"), ..issuer_scope() }),
        ("team/1", TokenScope { groups: all_groups, ..issuer_scope() }),
        ("team/1", TokenScope { operations: Operations::NONE.with(Operation::Trim), ..issuer_scope() }),
        ("elsewhere", issuer_scope()),
    ];
    for (id, scope) in beyond {
        let error = ErrorFrame::from(issued(&issuer, &asking(id, scope.clone())).expect_err("denied"));
        assert_eq!(error.code, ErrorCode::PermissionDenied, "{id} {scope:?}");
    }
    let nothing = TokenScope { basins: exact(""), streams: ResourceSet::Nothing, ..issuer_scope() };
    assert!(issued(&issuer, &asking("team/1", nothing)).is_ok(), "nothing is part of everything");
}

#[test]
fn f3_a_group_is_passed_on_only_by_who_holds_the_group() {
    let all: Operations = Operation::ALL.iter().copied().collect();
    let issuer = with_scope(TokenScope { operations: all, groups: OperationGroups::default(), ..whole_scope() });
    assert!(matches!(issued(&issuer, &asking("t", whole_scope())), Err(Refused::Beyond(_))));
}

#[test]
fn f3_expiry_is_by_default_and_at_most_the_issuers() {
    let mut request = asking("t", whole_scope());
    request.expires_at_ms = Some(NOW_MS + 10);
    let issuer = holder(&issued(&ROOT, &request).unwrap());
    let asked = |at| {
        let request = riverrun_protocol::request::IssueAccessToken { expires_at_ms: at, ..request.clone() };
        issued(&issuer, &request).map(|row| row.expires_at_ms)
    };
    assert_eq!(asked(None), Ok(Some(NOW_MS + 10)));
    assert_eq!(asked(Some(NOW_MS + 9)), Ok(Some(NOW_MS + 9)));
    assert_eq!(asked(Some(NOW_MS + 11)), Err(Refused::Beyond("it expires before that")));
    assert_eq!(asked(Some(NOW_MS)), Err(Refused::Past));
    assert!(!issuer.is_expired(NOW_MS + 9) && issuer.is_expired(NOW_MS + 10), "dead at once");
}

#[test]
fn a_child_draws_from_the_bucket_of_every_issuer_and_the_line_has_an_end() {
    let mut issuer = ROOT;
    for depth in 0..RATED_ANCESTORS_MAX {
        let mut request = asking("t", whole_scope());
        request.rates = TokenRates { requests_per_sec: Some(depth as u64 + 1), append_bytes_per_sec: None };
        let row = issued(&issuer, &request).expect("short enough a line");
        let limits: Vec<Option<u64>> = Grant::new(&row).rates.iter().map(|r| r.rates.requests_per_sec).collect();
        assert_eq!(limits, (1..=depth as u64 + 1).map(Some).collect::<Vec<_>>());
        issuer = holder(&row);
    }
    assert_eq!(issued(&issuer, &asking("t", whole_scope())), Err(Refused::LongLine));
}
