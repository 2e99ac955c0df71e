use bytes::BytesMut;
use riverrun_core::access::{Namespace, admit};
use riverrun_protocol::Request;
use riverrun_protocol::access::{OperationGroups, ResourceSet, TokenScope};
use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::request::ListStreams;
use riverrun_protocol::response::{AccessTokenList, Response, StreamInfo, StreamList};
use riverrun_protocol::types::{StreamId, StreamName};

use crate::support::*;

fn tenant(set: &ResourceSet) -> Namespace<'_> {
    Namespace::of(true, set).expect("a namespace")
}

#[test]
fn f3_every_stream_s_name_is_put_behind_the_prefix() {
    let set = prefix("tenant/");
    for outside in
        [Request::CheckTail(stream("logs-basin", "a")), Request::OpenAppendSession(stream("logs-basin", "a"))]
    {
        let mut inside = outside.clone();
        tenant(&set).enter(&mut inside).unwrap();
        let mut bytes = BytesMut::new();
        inside.write(1, &mut bytes);
        assert!(bytes.windows(8).any(|w| w == b"tenant/a"), "{inside:?}");
        assert_ne!(inside, outside);
    }
}

#[test]
fn f3_a_name_too_long_behind_the_prefix_is_refused() {
    let set = prefix("tenant/");
    let mut fits = Request::CheckTail(stream("logs-basin", &"s".repeat(505)));
    assert!(tenant(&set).enter(&mut fits).is_ok());
    let mut too_long = Request::CheckTail(stream("logs-basin", &"s".repeat(506)));
    assert!(tenant(&set).enter(&mut too_long).is_err());
}

#[test]
fn f3_a_listing_begins_behind_the_prefix_and_leaves_it() {
    let set = prefix("tenant/");
    let list = ListStreams { basin: basin("logs-basin"), prefix: "a".into(), start_after: String::new(), limit: 0 };
    let mut request = Request::ListStreams(list.clone());
    tenant(&set).enter(&mut request).unwrap();
    let expected = ListStreams { prefix: "tenant/a".into(), start_after: "tenant/".into(), ..list };
    assert_eq!(request, Request::ListStreams(expected));
    let info = |name: &str| StreamInfo {
        name: StreamName::new(name).unwrap(),
        id: StreamId::default(),
        created_at_ms: 1,
        deleted_at_ms: None,
    };
    // The middle one has no name inside.
    let streams = vec![info("tenant/a"), info("tenant/."), info("tenant/tenant/b")];
    let left = tenant(&set).leave(Response::StreamList(StreamList { streams, has_more: true }));
    let streams = vec![info("a"), info("tenant/b")];
    assert_eq!(left, Response::StreamList(StreamList { streams, has_more: true }));
}

#[test]
fn f3_error_texts_do_not_tell_the_prefix() {
    let set = prefix("tenant/");
    let error = ErrorFrame::new(ErrorCode::StreamNotFound, "stream `tenant/a` in basin `logs-basin` not found");
    assert_eq!(tenant(&set).leave_error(error).message, "stream `a` in basin `logs-basin` not found");
}

#[test]
fn f3_a_basin_that_is_called_like_the_prefix_keeps_its_name_in_error_texts() {
    let set = prefix("logs-");
    let error = ErrorFrame::new(ErrorCode::StreamNotFound, "stream `logs-a` in basin `logs-basin` not found");
    assert_eq!(tenant(&set).leave_error(error).message, "stream `a` in basin `logs-basin` not found");
}

#[test]
fn f3_a_child_cannot_touch_what_has_no_name_in_its_issuers_namespace() {
    let mut request = asking("t", TokenScope { streams: prefix("tenant/"), ..whole_scope() });
    request.auto_prefix_streams = true;
    let issuer = holder(&issued(&ROOT, &request).unwrap());
    for streams in [prefix(""), prefix("x"), exact("x"), exact(""), exact("."), exact(".."), prefix("."), prefix("..")]
    {
        let mut request =
            Request::IssueAccessToken(asking("child", TokenScope { streams: streams.clone(), ..whole_scope() }));
        if issuer.namespace().expect("a namespace").enter(&mut request).is_err() {
            assert!(matches!(&streams, ResourceSet::Exact(n) | ResourceSet::Prefix(n) if n.starts_with('.')));
            continue;
        }
        let Request::IssueAccessToken(request) = request else { panic!("it stays what it is") };
        let child = holder(&issued(&issuer, &request).expect("issued"));
        for said in ["a", "x", "tenant/x", "tenant/", "tenant/.", "tenant/.."] {
            let mut request = Request::CheckTail(stream("logs-basin", said));
            child.namespace().map_or(Ok(()), |namespace| namespace.enter(&mut request)).expect("short");
            let Request::CheckTail(target) = &request else { panic!("it stays what it is") };
            let (whole, allowed) = (target.stream.as_str(), admit(&child, &request).is_ok());
            let inside = whole.strip_prefix("tenant/").and_then(|name| StreamName::new(name).ok());
            assert!(!allowed || inside.is_some(), "{streams:?} {said}: {whole}");
        }
    }
}

#[test]
fn f3_a_new_scope_s_streams_are_behind_the_issuers_prefix_and_shown_without() {
    let set = prefix("tenant/");
    let cases = [
        (prefix("x"), prefix("tenant/x"), prefix("x")),
        (prefix(""), prefix("tenant/"), prefix("")),
        (exact("x"), exact("tenant/x"), exact("x")),
        (exact(""), exact(""), ResourceSet::Nothing),
        (ResourceSet::Nothing, ResourceSet::Nothing, ResourceSet::Nothing),
    ];
    for (asked, stored, shown) in cases {
        let mut request =
            Request::IssueAccessToken(asking("t", TokenScope { streams: asked.clone(), ..whole_scope() }));
        tenant(&set).enter(&mut request).unwrap();
        let Request::IssueAccessToken(issue) = request else { panic!("it stays what it is") };
        assert_eq!(issue.scope.streams, stored, "{asked:?}");
        let info = issued(&ROOT, &issue).expect("issued").info();
        let list = Response::AccessTokenList(AccessTokenList { tokens: vec![info], has_more: false });
        let Response::AccessTokenList(left) = tenant(&set).leave(list) else { panic!("it stays what it is") };
        assert_eq!(left.tokens[0].scope.streams, shown, "{asked:?}");
    }
}

#[test]
fn f3_of_scopes_outside_nothing_is_told_and_of_wider_ones_what_lies_inside() {
    let set = prefix("tenant/");
    for (stored, shown) in [
        (prefix("other/"), ResourceSet::Nothing),
        (exact("other"), ResourceSet::Nothing),
        (exact("tenant/"), ResourceSet::Nothing),
        (prefix("ten"), prefix("")),
    ] {
        let info = issued(&ROOT, &asking("t", TokenScope { streams: stored.clone(), ..whole_scope() })).unwrap().info();
        let list = Response::AccessTokenList(AccessTokenList { tokens: vec![info], has_more: false });
        let Response::AccessTokenList(left) = tenant(&set).leave(list) else { panic!("it stays what it is") };
        assert_eq!(left.tokens[0].scope.streams, shown, "{stored:?}");
    }
}

#[test]
fn without_auto_prefix_there_is_no_namespace() {
    assert_eq!(Namespace::of(false, &prefix("tenant/")), None);
    assert_eq!(Namespace::of(true, &prefix("")), None);
    assert_eq!(Namespace::of(true, &exact("a")), None);
    let scope = TokenScope { streams: prefix("a"), groups: OperationGroups::ALL, ..whole_scope() };
    assert_eq!(with_scope(scope).namespace(), None);
}
