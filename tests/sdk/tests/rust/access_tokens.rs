//! Access tokens: who gets in, and how far.

use std::collections::HashSet;

use futures::TryStreamExt;
use riverrun_sdk_tests::{Data, Server};
use s2_sdk::error::{ReadError, RequestError};
use s2_sdk::types::{
    AccessTokenId, AccessTokenMatcher, AccessTokenScopeInput, AppendInput, BasinMatcher, CommandRecord,
    CreateBasinInput, IssueAccessTokenInput, ListAccessTokensInput, ListAllAccessTokensInput, ListBasinsInput,
    ListStreamsInput, Operation, OperationGroupPermissions, ReadSessionConfig, ReadWritePermissions, StreamMatcher,
};
use s2_sdk::{S2, S2Basin};

use crate::support::{
    BASIN, append_refusal, basin_name, batch, bodies, client, config_of, from_seq_num, refusal, single, soon,
    stream_name, take, with_basin,
};

/// A broker that lets nobody in without a token.
struct Guarded {
    root: S2,
    server: Server,
    _data: Data,
}

impl Guarded {
    async fn new() -> Self {
        let data = Data::default();
        let server = data.serve(&["--auth", "required"]);
        let root = client(config_of(&data.root_token(), &server.endpoint));
        with_basin(&root).await;
        Self { root, server, _data: data }
    }

    /// A client with a token of its own.
    async fn issue(&self, id: &str, scope: AccessTokenScopeInput) -> S2 {
        self.holder(&self.root.issue_access_token(issue(id, scope)).await.expect("issued"))
    }

    fn holder(&self, token: &str) -> S2 {
        client(config_of(token, &self.server.endpoint))
    }
}

fn id(id: &str) -> AccessTokenId {
    id.parse().expect("an id")
}

fn issue(token: &str, scope: AccessTokenScopeInput) -> IssueAccessTokenInput {
    IssueAccessTokenInput::new(id(token), scope)
}

fn streams_of(basin: &str) -> AccessTokenScopeInput {
    let stream = OperationGroupPermissions::new().with_stream(ReadWritePermissions::read_write());
    AccessTokenScopeInput::from_op_group_perms(stream)
        .with_basins(BasinMatcher::Exact(basin_name(basin)))
        .with_streams(StreamMatcher::Prefix("mine/".parse().expect("a prefix")))
}

fn own(s2: &S2) -> S2Basin {
    s2.basin(basin_name(BASIN))
}

#[tokio::test]
async fn without_a_token_that_is_known_nobody_gets_in() {
    let guarded = Guarded::new().await;
    for token in ["x", "ignored", &"0".repeat(500)] {
        let stranger = guarded.holder(token);
        let refused = stranger.list_basins(ListBasinsInput::new()).await.expect_err("refused");
        assert_eq!(refusal(&refused), (401, "authn"), "{token}");
        assert!(refused.has_no_side_effects());
        let refused = own(&stranger).stream(stream_name("s")).append(single("x")).await.expect_err("refused");
        assert_eq!(append_refusal(&refused), (401, "authn"));
    }
}

#[tokio::test]
async fn a_token_opens_what_it_is_for_and_nothing_else() {
    let guarded = Guarded::new().await;
    guarded.root.create_basin(CreateBasinInput::new(basin_name("other-basin"))).await.expect("created");
    let holder = guarded.issue("scoped", streams_of(BASIN)).await;
    let mine = own(&holder).stream(stream_name("mine/log"));
    mine.append(single("x")).await.expect("its own");
    assert_eq!(bodies(&mine.read(from_seq_num(0)).await.expect("its own").records), ["x"]);
    mine.append(AppendInput::new(batch([CommandRecord::trim(0).into()]))).await.expect("a stream's write");

    let not_mine = own(&holder).stream(stream_name("yours/log"));
    let elsewhere = holder.basin(basin_name("other-basin")).stream(stream_name("mine/log"));
    for stream in [not_mine, elsewhere] {
        let refused = stream.append(single("x")).await.expect_err("refused");
        assert_eq!(append_refusal(&refused), (403, "permission_denied"));
        let ReadError::Request(refused) = stream.read(from_seq_num(0)).await.expect_err("refused") else {
            panic!("it was looked at")
        };
        assert_eq!(refusal(&refused), (403, "permission_denied"));
    }
    for refused in [
        own(&holder).list_streams(ListStreamsInput::new()).await.expect_err("refused"),
        holder.list_basins(ListBasinsInput::new()).await.expect_err("refused"),
        holder.issue_access_token(issue("child", streams_of(BASIN))).await.expect_err("refused"),
        holder.create_basin(CreateBasinInput::new(basin_name("third-basin"))).await.expect_err("refused"),
    ] {
        assert_eq!(refusal(&refused), (403, "permission_denied"));
    }
}

#[tokio::test]
async fn a_token_for_single_operations_has_only_these() {
    let guarded = Guarded::new().await;
    let scope = AccessTokenScopeInput::from_ops([Operation::Read, Operation::CheckTail])
        .with_basins(BasinMatcher::Prefix("sdk-".parse().expect("a prefix")))
        .with_streams(StreamMatcher::Exact(stream_name("s")));
    let reader = guarded.issue("reader", scope).await;
    own(&guarded.root).stream(stream_name("s")).append(single("x")).await.expect("acked");
    let stream = own(&reader).stream(stream_name("s"));
    assert_eq!(stream.check_tail().await.expect("a tail").seq_num, 1);
    assert_eq!(bodies(&stream.read(from_seq_num(0)).await.expect("read").records), ["x"]);
    let refused = stream.append(single("y")).await.expect_err("refused");
    assert_eq!(append_refusal(&refused), (403, "permission_denied"));
}

#[tokio::test]
async fn tokens_are_listed_as_they_were_issued() {
    let guarded = Guarded::new().await;
    let expires = "2199-01-02T03:04:05Z".parse().expect("a time");
    let prefixed = issue("prefixed", streams_of(BASIN)).with_auto_prefix_streams(true).with_expires_at(expires);
    guarded.root.issue_access_token(prefixed).await.expect("issued");
    let scope = AccessTokenScopeInput::from_ops([Operation::ListBasins, Operation::Fence])
        .with_basins(BasinMatcher::None)
        .with_access_tokens(AccessTokenMatcher::Prefix("p".parse().expect("a prefix")));
    guarded.root.issue_access_token(issue("single", scope)).await.expect("issued");
    for number in 0..5 {
        guarded.root.issue_access_token(issue(&format!("t {number}/%"), streams_of(BASIN))).await.expect("issued");
    }

    let all: Vec<_> =
        guarded.root.list_all_access_tokens(ListAllAccessTokensInput::new()).try_collect().await.expect("listed");
    let ids: Vec<String> = all.iter().map(|info| info.id.to_string()).collect();
    assert_eq!(ids, ["prefixed", "single", "t 0/%", "t 1/%", "t 2/%", "t 3/%", "t 4/%"]);
    assert_eq!((all[0].expires_at, all[0].auto_prefix_streams), (Some(expires), true));
    let groups = all[0].scope.op_group_perms.as_ref().expect("groups").stream.as_ref().expect("streams");
    assert!(groups.read && groups.write);
    assert!(matches!(&all[0].scope.basins, Some(BasinMatcher::Exact(name)) if name.as_ref() == BASIN));
    assert!(matches!(&all[0].scope.streams, Some(StreamMatcher::Prefix(prefix)) if prefix.as_ref() == "mine/"));
    assert_eq!((all[1].expires_at, all[1].auto_prefix_streams), (None, false));
    assert_eq!(all[1].scope.ops, HashSet::from([Operation::ListBasins, Operation::Fence]));
    assert!(matches!(&all[1].scope.access_tokens, Some(AccessTokenMatcher::Prefix(prefix)) if prefix.as_ref() == "p"));

    let page = ListAccessTokensInput::new().with_prefix("t ".parse().expect("a prefix")).with_limit(2);
    let page = page.with_start_after("t 0/%".parse().expect("an id"));
    let page = guarded.root.list_access_tokens(page).await.expect("a page");
    assert!(page.values.iter().map(|info| info.id.as_ref()).eq(["t 1/%", "t 2/%"]) && page.has_more);
}

#[tokio::test]
async fn a_private_namespace_is_not_seen_from_within() {
    let guarded = Guarded::new().await;
    let all = OperationGroupPermissions::read_write_all();
    let scope = streams_of(BASIN).with_op_group_perms(all);
    let token = guarded.root.issue_access_token(issue("tenant", scope).with_auto_prefix_streams(true)).await;
    let tenant = guarded.holder(&token.expect("issued"));
    own(&tenant).stream(stream_name("log")).append(single("x")).await.expect("acked");
    let seen = |s2: S2| async move {
        let page = own(&s2).list_streams(ListStreamsInput::new()).await.expect("a page");
        page.values.iter().map(|info| info.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(seen(tenant).await, ["log"]);
    assert_eq!(seen(guarded.root.clone()).await, ["mine/log"]);
}

#[tokio::test]
async fn a_revoked_token_opens_nothing_any_more() {
    let guarded = Guarded::new().await;
    let holder = guarded.issue("doomed/%", streams_of(BASIN)).await;
    let stream = own(&holder).stream(stream_name("mine/log"));
    stream.append(single("x")).await.expect("acked");
    let following = stream.read_session(from_seq_num(0), ReadSessionConfig::new()).await;
    let mut following = following.expect("a session");
    take(&mut following, 1).await;
    guarded.root.revoke_access_token(id("doomed/%")).await.expect("revoked");
    let refused = stream.append(single("y")).await.expect_err("refused");
    assert_eq!(append_refusal(&refused), (401, "authn"));
    // A session that is open ends, and with an error: its end is not the stream's.
    soon("an error", following.try_next()).await.expect_err("it may not go on");
    let again = guarded.root.revoke_access_token(id("doomed/%")).await.expect_err("refused");
    assert_eq!(refusal(&again), (404, "access_token_not_found"));
    let left: Result<Vec<_>, RequestError> =
        guarded.root.list_all_access_tokens(ListAllAccessTokensInput::new()).try_collect().await;
    assert!(left.expect("listed").is_empty());
}

#[tokio::test]
async fn what_makes_no_sense_is_not_issued() {
    let guarded = Guarded::new().await;
    guarded.root.issue_access_token(issue("taken", streams_of(BASIN))).await.expect("issued");
    let nothing = AccessTokenScopeInput::from_ops([]);
    let exact = streams_of(BASIN).with_streams(StreamMatcher::Exact(stream_name("s")));
    for (input, expected) in [
        (issue("taken", streams_of(BASIN)), (409, "resource_already_exists")),
        (issue("nothing", nothing), (422, "invalid")),
        (issue("exact", exact).with_auto_prefix_streams(true), (422, "invalid")),
    ] {
        let refused = guarded.root.issue_access_token(input).await.expect_err("refused");
        assert_eq!(refusal(&refused), expected);
    }
}
