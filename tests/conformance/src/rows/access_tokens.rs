//! F1, F3: issuing, listing and revoking access tokens, and the namespaces they make.

use riverrun_protocol::access::{Operation, OperationGroups, ReadWrite, ResourceSet, TokenScope};
use riverrun_protocol::config::PartialStreamConfig;
use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::request::{IssueAccessToken, ListBasins, Request, StreamRef};
use riverrun_protocol::types::TokenId;

use crate::door::{Link, Said};
use crate::row::Row;
use crate::stage::control::names;
use crate::stage::data::body_of;
use crate::stage::tokens::{asking, everything, may, may_in, token_id};
use crate::stage::{Stage, done, invalid, refused, refused_as, stream_name};

pub(super) const ROWS: &[Row] = &[
    Row::new("F1", "an issued token opens the door", |stage| {
        let link = stage.enter_with(may(&[Operation::ListBasins]));
        done(stage.behind(link, |stage| stage.list_basins("", "", 1)));
    })
    .needs_tokens(),
    Row::new("F1", "each token has a secret of its own", |stage| {
        let (one, two) = (stage.token_id(), stage.token_id());
        let one = done(stage.issue(asking(one, may(&[Operation::Read]))));
        let two = done(stage.issue(asking(two, may(&[Operation::Read]))));
        assert_ne!(one, two);
    })
    .needs_tokens(),
    Row::new("F3", "no token, and no such token: not let in", |stage| {
        for token in [&b""[..], b"garbage", b"\xff\xfe", &[b'x'; 256]] {
            refused(stage.open(token), ErrorCode::Authn);
        }
    })
    .needs_tokens(),
    Row::new("F3", "a secret with one character changed is not let in", |stage| {
        let id = stage.token_id();
        let secret = done(stage.issue(asking(id, may(&[Operation::Read]))));
        let mut changed = secret.clone().into_bytes();
        let last = changed.len() - 2;
        changed[last] = if changed[last] == b'a' { b'b' } else { b'a' };
        refused(stage.open(&changed), ErrorCode::Authn);
        done(stage.open(secret.as_bytes()));
    })
    .needs_tokens(),
    Row::new("F1", "a listing shows the token, and not its secret", |stage| {
        let id = stage.token_id();
        let asked = IssueAccessToken {
            expires_at_ms: Some(stage.wall_ms() + 3_600_000),
            ..asking(id.clone(), may(&[Operation::Read]))
        };
        done(stage.issue(asked.clone()));
        let list = done(stage.list_tokens(id.as_str(), "", 0));
        assert_eq!((list.tokens.len(), list.has_more), (1, false));
        let shown = &list.tokens[0];
        assert_eq!((&shown.id, shown.expires_at_ms, shown.auto_prefix_streams), (&id, asked.expires_at_ms, false));
        assert_eq!((&shown.scope, shown.rates), (&asked.scope, asked.rates));
    })
    .needs_tokens(),
    Row::new("F1", "a listing shows groups and operations as they were given", |stage| {
        let id = stage.token_id();
        let groups = OperationGroups { basin: ReadWrite { read: true, write: false }, ..OperationGroups::default() };
        let scope = TokenScope { groups, ..may(&[Operation::Append, Operation::ListStreams]) };
        done(stage.issue(asking(id.clone(), scope.clone())));
        assert_eq!(done(stage.list_tokens(id.as_str(), "", 0)).tokens[0].scope, scope);
    })
    .needs_tokens(),
    Row::new("F1", "tokens are listed in byte order, page by page", |stage| {
        let prefix = stage.token_id();
        let ids: Vec<TokenId> =
            ["/B", "/a", "/b", "/ä"].iter().map(|tail| token_id(&format!("{prefix}{tail}"))).collect();
        for id in ids.iter().rev() {
            done(stage.issue(asking(id.clone(), may(&[Operation::Read]))));
        }
        let page = done(stage.list_tokens(&format!("{prefix}/"), "", 3));
        assert_eq!((listed(&page), page.has_more), (ids[..3].to_vec(), true));
        let page = done(stage.list_tokens(&format!("{prefix}/"), ids[2].as_str(), 3));
        assert_eq!((listed(&page), page.has_more), (ids[3..].to_vec(), false));
    })
    .needs_tokens(),
    Row::new("F3", "an id is issued once", |stage| {
        let id = stage.token_id();
        done(stage.issue(asking(id.clone(), may(&[Operation::Read]))));
        refused(stage.issue(asking(id, may(&[Operation::Read]))), ErrorCode::AlreadyExists);
    })
    .needs_tokens(),
    Row::new("F3", "a revoked id may be issued again; the old secret stays dead", |stage| {
        let id = stage.token_id();
        let old = done(stage.issue(asking(id.clone(), may(&[Operation::Read]))));
        done(stage.revoke(&id));
        let new = done(stage.issue(asking(id, may(&[Operation::Read]))));
        refused(stage.open(old.as_bytes()), ErrorCode::Authn);
        done(stage.open(new.as_bytes()));
    })
    .needs_tokens(),
    Row::new("F2", "without any operation: invalid", |stage| {
        let id = stage.token_id();
        invalid(stage.issue(asking(id, may(&[]))), "Access token permissions cannot be empty");
    })
    .needs_tokens(),
    Row::new("F3", "auto-prefix with an exact stream, or none: invalid", |stage| {
        for streams in [ResourceSet::Exact("a".to_owned()), ResourceSet::Nothing] {
            let id = stage.token_id();
            let scope = TokenScope { streams, ..may(&[Operation::Read]) };
            let asked = IssueAccessToken { auto_prefix_streams: true, ..asking(id, scope) };
            invalid(stage.issue(asked), "Auto prefixing is only allowed for streams with prefix matching");
        }
    })
    .needs_tokens(),
    Row::new("F3", "a revoked token opens nothing, and its connections are dead", |stage| {
        let id = stage.token_id();
        let secret = done(stage.issue(asking(id.clone(), may(&[Operation::ListBasins]))));
        let link = done(stage.open(secret.as_bytes()));
        done(stage.behind(link, |stage| stage.list_basins("", "", 1)));
        done(stage.revoke(&id));
        refused(stage.open(secret.as_bytes()), ErrorCode::Authn);
        assert_dead(stage, link);
        assert_eq!(done(stage.list_tokens(id.as_str(), "", 0)).tokens, []);
    })
    .needs_tokens(),
    Row::new("F3", "revoking an unknown id", |stage| {
        let id = stage.token_id();
        refused(stage.revoke(&id), ErrorCode::AccessTokenNotFound);
    })
    .needs_tokens(),
    Row::new("F3", "an expired token is dead at once", |stage| {
        let id = stage.token_id();
        let asked =
            IssueAccessToken { expires_at_ms: Some(stage.wall_ms() + 1000), ..asking(id, may(&[Operation::Read])) };
        let secret = done(stage.issue(asked.clone()));
        let link = done(stage.open(secret.as_bytes()));
        stage.advance_secs(1);
        refused(stage.open(secret.as_bytes()), ErrorCode::Authn);
        assert_dead(stage, link);
    })
    .needs_tokens(),
    Row::new("F3", "an expiry that is past is refused", |stage| {
        let id = stage.token_id();
        let asked =
            IssueAccessToken { expires_at_ms: Some(stage.wall_ms() - 1000), ..asking(id, may(&[Operation::Read])) };
        refused_as(stage.issue(asked), &[ErrorCode::Invalid, ErrorCode::PermissionDenied]);
    })
    .needs_tokens(),
    Row::new("F3", "the default expiry is the issuer's", |stage| {
        let expires_at_ms = Some(stage.wall_ms() + 3_600_000);
        let issuer = issuer(stage, expires_at_ms, may(&[Operation::IssueAccessToken, Operation::Read]));
        let id = stage.token_id();
        done(stage.behind(issuer, |stage| stage.issue(asking(id.clone(), may(&[Operation::Read])))));
        assert_eq!(done(stage.list_tokens(id.as_str(), "", 0)).tokens[0].expires_at_ms, expires_at_ms);
    })
    .needs_tokens(),
    Row::new("F3", "no token outlives its issuer", |stage| {
        let at = stage.wall_ms() + 3_600_000;
        let issuer = issuer(stage, Some(at), may(&[Operation::IssueAccessToken, Operation::Read]));
        let id = stage.token_id();
        let longer = IssueAccessToken { expires_at_ms: Some(at + 1), ..asking(id.clone(), may(&[Operation::Read])) };
        refused(stage.behind(issuer, |stage| stage.issue(longer)), ErrorCode::PermissionDenied);
        let shorter = IssueAccessToken { expires_at_ms: Some(at), ..asking(id, may(&[Operation::Read])) };
        done(stage.behind(issuer, |stage| stage.issue(shorter)));
    })
    .needs_tokens(),
    Row::new("F3", "subset: operations", |stage| {
        beyond(stage, may(&[Operation::IssueAccessToken, Operation::Read]), may(&[Operation::Append]));
    })
    .needs_tokens(),
    Row::new("F3", "subset: groups", |stage| {
        let both = ReadWrite { read: true, write: true };
        let groups = OperationGroups { stream: both, ..OperationGroups::default() };
        beyond(stage, may(&[Operation::IssueAccessToken, Operation::Read]), TokenScope { groups, ..may(&[]) });
    })
    .needs_tokens(),
    Row::new("F3", "subset: basins", |stage| {
        let issue = [Operation::IssueAccessToken, Operation::Read];
        let basins = |basins| TokenScope { basins, ..may(&issue) };
        let prefix = |text: &str| ResourceSet::Prefix(text.to_owned());
        beyond(stage, basins(prefix("a-")), basins(everything()));
        beyond(stage, basins(prefix("a-")), basins(prefix("a")));
        beyond(stage, basins(prefix("a-")), basins(ResourceSet::Exact("b-basin-x".to_owned())));
        beyond(stage, basins(ResourceSet::Nothing), basins(prefix("a-")));
    })
    .needs_tokens(),
    Row::new("F3", "subset: streams", |stage| {
        let issue = [Operation::IssueAccessToken, Operation::Read];
        let streams = |streams| TokenScope { streams, ..may(&issue) };
        beyond(stage, streams(ResourceSet::Exact("a".to_owned())), streams(ResourceSet::Prefix("a".to_owned())));
        beyond(stage, streams(ResourceSet::Exact("a".to_owned())), streams(ResourceSet::Exact("b".to_owned())));
    })
    .needs_tokens(),
    Row::new("F3", "subset: access tokens", |stage| {
        let issue = [Operation::IssueAccessToken, Operation::Read];
        let own = stage.token_id();
        let tokens = |access_tokens| TokenScope { access_tokens, ..may(&issue) };
        let issuer = issuer(stage, None, tokens(ResourceSet::Prefix(own.to_string())));
        let id = token_id(&format!("{own}/child"));
        let outcome = stage.behind(issuer, |stage| stage.issue(asking(id, tokens(everything()))));
        refused(outcome, ErrorCode::PermissionDenied);
    })
    .needs_tokens(),
    Row::new("F3", "a subset in everything is granted, and holds", |stage| {
        let target = stage.stream();
        let issuer = issuer(stage, None, may(&[Operation::IssueAccessToken, Operation::Append, Operation::Read]));
        let id = stage.token_id();
        let scope = may_in(&target.basin, &[Operation::Append]);
        let secret = done(stage.behind(issuer, |stage| stage.issue(asking(id, scope))));
        let link = done(stage.open(secret.as_bytes()));
        stage.behind(link, |stage| {
            stage.say(&target, &["x"]);
            refused(stage.try_read(&target, crate::stage::data::from_seq(0)), ErrorCode::PermissionDenied);
        });
    })
    .needs_tokens(),
    Row::new("F3", "ids outside of the set are neither issued, nor listed, nor revoked", |stage| {
        let (own, other) = (stage.token_id(), stage.token_id());
        done(stage.issue(asking(other.clone(), may(&[Operation::Read]))));
        let operations = [Operation::IssueAccessToken, Operation::ListAccessTokens, Operation::RevokeAccessToken];
        let set = ResourceSet::Prefix(format!("{own}/"));
        let link = stage.enter_with(TokenScope { access_tokens: set.clone(), ..may(&operations) });
        let scope = TokenScope { access_tokens: set, ..may(&[Operation::ListAccessTokens]) };
        let inside = token_id(&format!("{own}/a"));
        stage.behind(link, |stage| {
            let outside = stage.token_id();
            refused(stage.issue(asking(outside, scope.clone())), ErrorCode::PermissionDenied);
            done(stage.issue(asking(inside.clone(), scope)));
            let list = done(stage.list_tokens("", "", 0));
            assert_eq!(listed(&list), std::slice::from_ref(&inside));
            refused(stage.revoke(&other), ErrorCode::PermissionDenied);
            done(stage.revoke(&inside));
        });
        assert_eq!(done(stage.list_tokens(other.as_str(), "", 0)).tokens.len(), 1);
    })
    .needs_tokens(),
    Row::new("F3", "basins outside of the set are not listed", |stage| {
        let (mine, _other) = (stage.basin(), stage.basin());
        let link = stage.enter_with(may_in(&mine, &[Operation::ListBasins]));
        let list = done(stage.behind(link, |stage| stage.list_basins("", "", 1)));
        let listed: Vec<_> = list.basins.iter().map(|info| &info.name).collect();
        assert_eq!((listed, list.has_more), (vec![&mine], false));
    })
    .needs_tokens(),
    Row::new("F3", "streams outside of the set are not listed, and has_more stays exact", |stage| {
        let basin = stage.streams(&["a", "m/1", "m/2", "z"]);
        let streams = ResourceSet::Prefix("m/".to_owned());
        let link = stage.enter_with(TokenScope { streams, ..may(&[Operation::ListStreams]) });
        let list = done(stage.behind(link, |stage| stage.list_streams(&basin, "", "", 2)));
        assert_eq!((names(&list), list.has_more), (vec!["m/1", "m/2"], false));
        let list = done(stage.behind(link, |stage| stage.list_streams(&basin, "", "", 1)));
        assert_eq!((names(&list), list.has_more), (vec!["m/1"], true));
    })
    .needs_tokens(),
    Row::new("F3", "auto-prefix: names are behind the prefix, and come without it", auto_prefix).needs_tokens(),
    Row::new("F3", "auto-prefix: what lies outside cannot be named", |stage| {
        let basin = stage.streams(&["outside"]);
        let link = prefixed(stage, "t1/");
        stage.behind(link, |stage| {
            let target = StreamRef { basin: basin.clone(), stream: stream_name("outside") };
            refused(stage.try_tail(&target), ErrorCode::StreamNotFound);
            assert_eq!(done(stage.list_streams(&basin, "", "", 0)).streams, []);
        });
    })
    .needs_tokens(),
    Row::new("F3", "auto-prefix: listing filters are behind the prefix too", |stage| {
        let basin = stage.streams(&["t1/a", "t1/b", "t1/c", "t2/a"]);
        let link = prefixed(stage, "t1/");
        stage.behind(link, |stage| {
            assert_eq!(names(&done(stage.list_streams(&basin, "", "", 0))), ["a", "b", "c"]);
            assert_eq!(names(&done(stage.list_streams(&basin, "b", "", 0))), ["b"]);
            assert_eq!(names(&done(stage.list_streams(&basin, "", "a", 1))), ["b"]);
        });
    })
    .needs_tokens(),
    Row::new("F3", "auto-prefix: a name that is too long behind the prefix is invalid", |stage| {
        let basin = stage.basin();
        let link = prefixed(stage, "t1/");
        let target = StreamRef { basin, stream: stream_name(&"s".repeat(511)) };
        refused(stage.behind(link, |stage| stage.try_tail(&target)), ErrorCode::Invalid);
    })
    .needs_tokens(),
    Row::new("F3", "auto-prefix: errors do not show the prefix", |stage| {
        let basin = stage.basin();
        let link = prefixed(stage, "hidden/");
        let target = StreamRef { basin, stream: stream_name("s") };
        let error = refused(stage.behind(link, |stage| stage.stream_config(&target)), ErrorCode::StreamNotFound);
        assert!(!error.message.contains("hidden"), "{error}");
    })
    .needs_tokens(),
];

fn listed(list: &riverrun_protocol::response::AccessTokenList) -> Vec<TokenId> {
    list.tokens.iter().map(|token| token.id.clone()).collect()
}

fn issuer(stage: &mut Stage<'_>, expires_at_ms: Option<u64>, scope: TokenScope) -> Link {
    let id = stage.token_id();
    let secret = done(stage.issue(IssueAccessToken { expires_at_ms, ..asking(id, scope) }));
    done(stage.open(secret.as_bytes()))
}

/// Whoever has `held` may not pass on `asked`.
fn beyond(stage: &mut Stage<'_>, held: TokenScope, asked: TokenScope) {
    let issuer = issuer(stage, None, held);
    let id = stage.token_id();
    let outcome: Result<String, ErrorFrame> = stage.behind(issuer, |stage| stage.issue(asking(id.clone(), asked)));
    refused(outcome, ErrorCode::PermissionDenied);
    assert_eq!(done(stage.list_tokens(id.as_str(), "", 0)).tokens, []);
}

/// Nothing that is sent here is answered but with the end.
fn assert_dead(stage: &mut Stage<'_>, link: Link) {
    stage.behind(link, |stage| {
        let list = ListBasins { prefix: String::new(), start_after: String::new(), limit: 1 };
        let id = stage.send(&Request::ListBasins(list));
        match stage.next(id) {
            Said::Closed => {}
            Said::Error(error) => assert_eq!(error.code, ErrorCode::Authn),
            other => panic!("a dead token's connection answers: {other:?}"),
        }
    });
}

fn prefixed(stage: &mut Stage<'_>, prefix: &str) -> Link {
    let operations = [
        Operation::CreateStream,
        Operation::ListStreams,
        Operation::GetStreamConfig,
        Operation::CheckTail,
        Operation::Append,
        Operation::Read,
    ];
    let id = stage.token_id();
    let scope = TokenScope { streams: ResourceSet::Prefix(prefix.to_owned()), ..may(&operations) };
    let secret = done(stage.issue(IssueAccessToken { auto_prefix_streams: true, ..asking(id, scope) }));
    done(stage.open(secret.as_bytes()))
}

fn auto_prefix(stage: &mut Stage<'_>) {
    let basin = stage.basin();
    let link = prefixed(stage, "t1/");
    let inside = StreamRef { basin: basin.clone(), stream: stream_name("s") };
    let whole = StreamRef { basin: basin.clone(), stream: stream_name("t1/s") };
    stage.behind(link, |stage| {
        let created = done(stage.create_stream(&inside, PartialStreamConfig::default(), None));
        assert_eq!(created.info.name, inside.stream);
        stage.append(&inside, &[body_of("x")]);
        assert_eq!(names(&done(stage.list_streams(&basin, "", "", 0))), ["s"]);
        let session = stage.open_append(&inside);
        stage.input(session, &[body_of("y")]);
        stage.next_ack(session);
    });
    assert_eq!(stage.read_all(&whole).bodies(), ["x", "y"]);
    refused(stage.try_tail(&inside), ErrorCode::StreamNotFound);
    assert_eq!(names(&done(stage.list_streams(&basin, "", "", 0))), ["t1/s"]);
}
