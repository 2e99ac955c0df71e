//! Access tokens: issuing, listing, and what becomes of calls and sessions whose token is not accepted (any more)
//! (`s2-semantics.md` F).

mod support;

use std::time::Duration;

use riverrun_client::{
    AccessTokenInfo, AccessTokenList, AccessTokenOptions, Client, Error, ErrorCode, ListOptions, NotDone, Operation,
    OperationGroups, Outcome, Producer, ProducerConfig, ReadOptions, ReadSessionConfig, ReadWrite, Record,
    RecordTicket, ResourceSet, RetryPolicy, TokenRates, TokenScope,
};
use riverrun_protocol::FrameKind;
use riverrun_protocol::request::Request;
use riverrun_protocol::response::{AccessTokenIssued, Response};
use support::{BASIN, FakeServer, Peer, eager, error};

fn scope() -> TokenScope {
    TokenScope {
        basins: ResourceSet::Exact(BASIN.to_owned()),
        streams: ResourceSet::Prefix("logs/".to_owned()),
        groups: OperationGroups { stream: ReadWrite { read: true, write: false }, ..OperationGroups::default() },
        operations: [Operation::ListStreams].into_iter().collect(),
        ..TokenScope::default()
    }
}

#[tokio::test]
async fn f1_issuing_sends_the_whole_scope_and_tells_the_secret_once() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(eager()).await;
    let options = AccessTokenOptions::default()
        .basins(ResourceSet::Exact(BASIN.to_owned()))
        .streams(ResourceSet::Prefix("logs/".to_owned()))
        .groups(scope().groups)
        .operations([Operation::ListStreams])
        .auto_prefix_streams(true)
        .expires_at_ms(77)
        .append_bytes_per_sec(1000)
        .requests_per_sec(5);
    let serving = async {
        let frame = peer.expect(FrameKind::IssueAccessToken).await;
        let request = Request::parse(frame.header.kind, &frame.body);
        let Ok(Request::IssueAccessToken(issue)) = request else { panic!("{request:?}") };
        assert_eq!((issue.id.as_str(), issue.expires_at_ms, issue.auto_prefix_streams), ("readers", Some(77), true));
        assert_eq!(issue.scope, scope());
        let rates = TokenRates { append_bytes_per_sec: Some(1000), requests_per_sec: Some(5) };
        assert_eq!(issue.rates, rates);
        let issued = AccessTokenIssued { secret: "s3cret".to_owned() };
        peer.answer(frame.header.id, &Response::AccessTokenIssued(issued)).await;
    };
    let (token, ()) = tokio::join!(client.issue_access_token("readers", options), serving);
    let token = token.expect("issued");
    assert_eq!((token.secret(), format!("{token:?}").contains("s3cret")), ("s3cret", false));
}

/// A second one under the same id would be refused, and the first one's secret is lost with its answer.
#[tokio::test]
async fn f3_issuing_and_rotating_in_doubt_are_not_repeated() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(eager()).await;
    let serving = async {
        for kind in [FrameKind::IssueAccessToken, FrameKind::RotateRootToken] {
            let id = peer.expect_id(kind).await;
            peer.refuse(id, &error(ErrorCode::Storage, Outcome::MaybeDone)).await;
        }
        let id = peer.expect_id(FrameKind::RotateRootToken).await;
        peer.answer(id, &Response::Done).await;
        peer
    };
    let calls = async {
        let issued = client.issue_access_token("readers", AccessTokenOptions::from(scope())).await.map(drop);
        let rotated = client.rotate_root_token().await;
        assert_eq!(client.rotate_root_token().await, Ok(()));
        [issued, rotated]
    };
    let (outcomes, peer) = tokio::join!(calls, serving);
    for outcome in outcomes {
        assert_eq!(outcome.expect_err("in doubt").outcome(), Outcome::MaybeDone);
    }
    drop(client);
    assert!(peer.drained().await.is_empty());
}

#[tokio::test]
async fn f1_listing_passes_its_options_on_and_shows_all_but_the_secret() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(eager()).await;
    let info = AccessTokenInfo {
        id: "readers".parse().expect("valid"),
        created_at_ms: 5,
        expires_at_ms: Some(77),
        auto_prefix_streams: false,
        scope: scope(),
        rates: TokenRates::default(),
    };
    let page = AccessTokenList { tokens: vec![info], has_more: true };
    let serving = async {
        let frame = peer.expect(FrameKind::ListAccessTokens).await;
        let request = Request::parse(frame.header.kind, &frame.body);
        let Ok(Request::ListAccessTokens(list)) = request else { panic!("{request:?}") };
        assert_eq!((&*list.prefix, &*list.start_after, list.limit), ("r", "ra", 5));
        peer.answer(frame.header.id, &Response::AccessTokenList(page.clone())).await;
    };
    let options = ListOptions { prefix: "r".to_owned(), start_after: "ra".to_owned(), limit: 5 };
    let (listed, ()) = tokio::join!(client.list_access_tokens(options), serving);
    assert_eq!(listed, Ok(page.clone()));
}

#[tokio::test]
async fn a2_ids_are_checked_before_anything_is_sent() {
    let server = FakeServer::start().await;
    let (client, peer) = server.connected(eager()).await;
    for id in ["", ".", "a\0b", &"x".repeat(97)] {
        let refused = client.revoke_access_token(id).await.expect_err("no id");
        assert!(matches!(refused, Error::NotDone(NotDone::InvalidInput { .. })), "{refused}");
    }
    drop(client);
    assert!(peer.drained().await.is_empty());
}

/// Refuses the next connection's hello, as a server does that does not know the token.
async fn turn_away(server: &FakeServer) {
    let mut peer = server.accept_silently().await;
    peer.expect(FrameKind::Hello).await;
    peer.refuse(0, &error(ErrorCode::Authn, Outcome::NotDone)).await;
    peer.drained().await;
}

/// How a client comes to know that its token is dead.
#[derive(Clone, Copy, Debug)]
enum Revoked {
    /// The server ends the connection, saying why.
    OnTheConnection,
    /// The connection is lost, and the next hello is refused.
    AtTheNextHello,
}

impl Revoked {
    /// A client that came back once more would wait for an answer for ever, and so would the test.
    async fn take_effect(self, server: &FakeServer, mut peer: Peer) {
        match self {
            Self::OnTheConnection => {
                peer.refuse(0, &error(ErrorCode::Authn, Outcome::NotDone)).await;
                peer.drained().await;
            }
            Self::AtTheNextHello => {
                drop(peer);
                turn_away(server).await;
            }
        }
    }
}

const WAYS: [Revoked; 2] = [Revoked::OnTheConnection, Revoked::AtTheNextHello];

fn is_authn_and_without_effect(error: &Error) {
    assert!(error.is_authn(), "{error}");
    assert_eq!(error.outcome(), Outcome::NotDone, "{error}");
    assert!(error.advice().contains("access token"), "{error}");
}

#[tokio::test]
async fn f3_a_token_that_is_not_accepted_is_told_at_connecting_and_not_tried_again() {
    let server = FakeServer::start().await;
    let config = riverrun_client::ClientConfig { token: Some("s3cret".into()), ..eager() };
    let (client, ()) = tokio::join!(Client::connect(server.address.clone(), config), turn_away(&server));
    let refused = client.expect_err("no such token");
    is_authn_and_without_effect(&refused);
    assert!(!refused.to_string().contains("s3cret"), "{refused}");
}

#[tokio::test]
async fn f3_a_follower_whose_token_is_revoked_ends_however_patient_it_is() {
    for way in WAYS {
        let server = FakeServer::start().await;
        let (client, mut peer) = server.connected(eager()).await;
        let stream = client.stream(BASIN, "s").expect("valid");
        let patient = ReadSessionConfig { retry: Some(RetryPolicy::forever()), ..ReadSessionConfig::default() };
        let opening = stream.read_session_with(ReadOptions::from_tail(0), patient);
        let (session, _) = tokio::join!(opening, peer.open_read_session(1));
        let mut session = session.expect("opened");
        let (event, ()) = tokio::join!(session.next_event(), way.take_effect(&server, peer));
        let ended = event.expect("its failure").expect_err("revoked");
        is_authn_and_without_effect(&ended);
        assert!(session.next_event().await.is_none(), "{way:?}: nothing comes behind it");
    }
}

/// A producer that never gives up by itself, with one record in flight under this id.
async fn patient_producer(server: &FakeServer) -> (Producer, RecordTicket, Peer, u64) {
    let (client, mut peer) = server.connected(eager()).await;
    let config =
        ProducerConfig { linger: Duration::ZERO, retry: Some(RetryPolicy::forever()), ..ProducerConfig::default() };
    let producer = client.stream(BASIN, "s").expect("valid").producer(config);
    let ticket = producer.append(Record::new("x")).await.expect("taken in");
    let id = peer.open_append_session(0).await;
    peer.expect(FrameKind::SessionAppend).await;
    (producer, ticket, peer, id)
}

async fn has_ended_over_its_token(producer: &Producer) {
    let later = producer.append(Record::new("x")).await.expect_err("it has ended");
    assert!(matches!(&later, Error::NotDone(NotDone::Poisoned { first }) if first.is_authn()), "{later}");
}

#[tokio::test]
async fn f3_a_producer_whose_connection_ends_over_its_token_ends_and_what_it_sent_is_in_doubt() {
    let server = FakeServer::start().await;
    let (producer, ticket, peer, _) = patient_producer(&server).await;
    let (outcome, ()) = tokio::join!(ticket, Revoked::OnTheConnection.take_effect(&server, peer));
    let failure = outcome.expect_err("revoked");
    assert!(failure.is_authn() && failure.outcome() == Outcome::MaybeDone, "{failure}");
    has_ended_over_its_token(&producer).await;
}

#[tokio::test]
async fn f3_a_producer_whose_token_is_refused_at_reconnecting_ends() {
    let server = FakeServer::start().await;
    let (producer, ticket, mut peer, id) = patient_producer(&server).await;
    peer.refuse(id, &error(ErrorCode::Overloaded, Outcome::NotDone)).await;
    let (outcome, ()) = tokio::join!(ticket, Revoked::AtTheNextHello.take_effect(&server, peer));
    is_authn_and_without_effect(&outcome.expect_err("revoked"));
    has_ended_over_its_token(&producer).await;
}

#[tokio::test]
async fn f3_lack_of_permission_is_told_by_its_code_and_not_asked_again() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(eager()).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    let serving = async {
        let id = peer.expect_id(FrameKind::CheckTail).await;
        peer.refuse(id, &error(ErrorCode::PermissionDenied, Outcome::NotDone)).await;
        peer
    };
    let (answer, peer) = tokio::join!(stream.check_tail(), serving);
    let refused = answer.expect_err("not allowed");
    assert_eq!((refused.code(), refused.outcome()), (Some(ErrorCode::PermissionDenied), Outcome::NotDone));
    drop((client, stream));
    assert!(peer.drained().await.is_empty());
}
