//! Tokens over a catalog that fails on command.

use std::sync::Mutex;
use std::time::Duration;

use riverrun_protocol::access::{OperationGroups, Operations, ResourceSet, TokenRates, TokenScope};

use super::*;
use crate::catalog::model::{ModelRows, WriteFault};

const ROOT: Principal = Principal::Everyone { local: true };

struct World {
    rows: Arc<ModelRows>,
    tokens: Arc<Tokens>,
    cut: Arc<Mutex<Vec<PublicId>>>,
    now_ms: Arc<Mutex<u64>>,
    _folder: tempfile::TempDir,
}

fn world() -> World {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = Arc::new(ModelRows::default());
    let (cut, now_ms) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(1000)));
    let (cuts, clock) = (Arc::clone(&cut), Arc::clone(&now_ms));
    let parts = TokensParts {
        catalog: rows.open(),
        root: RootFile::new(folder.path()),
        clock: Arc::new(move || *clock.lock().expect("no panic")),
        cut: Box::new(move |id| cuts.lock().expect("no panic").push(id)),
    };
    World { rows, tokens: Arc::new(Tokens::new(parts)), cut, now_ms, _folder: folder }
}

fn asking(id: &str) -> IssueAccessToken {
    let all = || ResourceSet::Prefix(String::new());
    let (groups, operations) = (OperationGroups::ALL, Operations::NONE);
    IssueAccessToken {
        id: TokenId::new(id).expect("an id"),
        expires_at_ms: None,
        auto_prefix_streams: false,
        scope: TokenScope { basins: all(), streams: all(), access_tokens: all(), groups, operations },
        rates: TokenRates::default(),
    }
}

impl World {
    async fn issue(&self, issuer: &Principal, request: IssueAccessToken) -> String {
        match self.tokens.issue(issuer, request).await {
            Ok(Response::AccessTokenIssued(issued)) => issued.secret,
            other => panic!("{other:?}"),
        }
    }

    async fn holder(&self, secret: &str) -> Result<Principal, ErrorFrame> {
        let mut found = None;
        self.tokens.authenticate(secret.as_bytes(), Duration::ZERO, |outcome| found = Some(outcome)).await;
        found.expect("told").map(|admitted| admitted.principal)
    }

    async fn revoke(&self, id: &str) -> Answer {
        let (sender, told) = tokio::sync::oneshot::channel();
        let tell = |answer| drop(sender.send(answer));
        self.tokens.revoke(TokenId::new(id).expect("an id"), tell).await;
        told.await.expect("told")
    }

    fn cuts(&self) -> Vec<PublicId> {
        std::mem::take(&mut self.cut.lock().expect("no panic"))
    }
}

#[tokio::test]
async fn f3_a_revoked_token_opens_nothing_and_its_connections_are_cut() {
    let world = world();
    let secret = world.issue(&ROOT, asking("a")).await;
    let holder = world.holder(&secret).await.expect("it opens");
    assert_eq!(world.revoke("a").await, Ok(Response::Done));
    assert_eq!(world.cuts(), Vec::from_iter(holder.public_id()));
    assert_eq!(world.holder(&secret).await.expect_err("dead").code, ErrorCode::Authn);
    assert_eq!(world.revoke("a").await.expect_err("gone").code, ErrorCode::AccessTokenNotFound);
    let again = world.issue(&ROOT, asking("a")).await;
    assert_eq!(world.holder(&secret).await.expect_err("still dead").code, ErrorCode::Authn);
    assert!(world.holder(&again).await.is_ok(), "the id is free again");
}

#[tokio::test]
async fn f3_a_dead_token_issues_nothing_more() {
    let world = world();
    let secret = world.issue(&ROOT, IssueAccessToken { expires_at_ms: Some(2000), ..asking("a") }).await;
    let holder = world.holder(&secret).await.expect("it opens");
    world.issue(&holder, asking("b")).await;
    *world.now_ms.lock().expect("no panic") = 2000;
    assert_eq!(world.tokens.issue(&holder, asking("c")).await.expect_err("expired").code, ErrorCode::Authn);
    assert_eq!(world.holder(&secret).await.expect_err("expired").code, ErrorCode::Authn);
    *world.now_ms.lock().expect("no panic") = 1000;
    world.revoke("a").await.expect("revoked");
    assert_eq!(world.tokens.issue(&holder, asking("c")).await.expect_err("revoked").code, ErrorCode::Authn);
}

#[tokio::test]
async fn a_secret_with_a_known_id_and_another_secret_opens_nothing() {
    let world = world();
    let secret = world.issue(&ROOT, asking("a")).await;
    let known = TokenSecret::parse(secret.as_bytes()).expect("a token").public_id();
    let forged = TokenSecret::new(known.0, [0; 32]).reveal();
    assert_eq!(world.holder(&forged).await.expect_err("forged").code, ErrorCode::Authn);
}

#[tokio::test]
async fn a_revocation_of_which_nobody_knows_whether_it_was_done_cuts_all_the_same() {
    for fault in [WriteFault::AnswerLost, WriteFault::RequestLost] {
        let world = world();
        let secret = world.issue(&ROOT, asking("a")).await;
        world.rows.fail_next_write(fault);
        assert_eq!(world.revoke("a").await.expect_err("unknown").code, ErrorCode::Unavailable);
        assert_eq!(world.cuts().len(), 1, "{fault:?}");
        assert_eq!(world.holder(&secret).await.is_ok(), fault == WriteFault::RequestLost);
    }
}

#[tokio::test]
async fn a_connection_that_moved_is_cut_if_its_token_died_on_the_way() {
    let world = world();
    let secret = world.issue(&ROOT, asking("a")).await;
    let holder = world.holder(&secret).await.expect("it opens");
    world.tokens.check_again(&holder).await;
    assert_eq!(world.cuts(), []);
    world.revoke("a").await.expect("revoked");
    world.cuts();
    world.tokens.check_again(&holder).await;
    assert_eq!(world.cuts(), Vec::from_iter(holder.public_id()));
}
