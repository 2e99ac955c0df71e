//! Tokens over a catalog that fails on command.

mod stalls;

use riverrun_core::access::TokenSecret;
use riverrun_protocol::access::{OperationGroups, Operations, ResourceSet, TokenRates, TokenScope};
use riverrun_protocol::error::ErrorCode;
use riverrun_protocol::request::IssueAccessToken;
use tokio::time::Instant;

use super::super::root_token::{self, RootTokenPolicy};
use super::*;
use crate::catalog::model::{ModelRows, Stalled, WriteFault};

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
        self.revoke_as(&ROOT, id).await.0
    }

    /// Also: which cuts came before the answer.
    async fn revoke_as(&self, asker: &Principal, id: &str) -> (Answer, Vec<PublicId>) {
        let mut told = None;
        let tell = |answer| told = Some((answer, self.cuts()));
        self.tokens.revoke(asker, TokenId::new(id).expect("an id"), tell).await;
        told.expect("told")
    }

    async fn rotate_root(&self) -> Answer {
        let mut told = None;
        self.tokens.rotate_root(&ROOT, |answer| told = Some(answer)).await;
        told.expect("told")
    }

    /// A root token, and its file's secret.
    async fn prepare_root(&self) -> String {
        let parts = &self.tokens.parts;
        let policy = RootTokenPolicy { required: true, is_memory: false, replace: false };
        root_token::prepare(&*parts.catalog, &parts.root, policy, 1).await.expect("made");
        self.root_secret()
    }

    fn root_secret(&self) -> String {
        std::fs::read_to_string(self.tokens.parts.root.path()).expect("readable").trim().to_owned()
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
    let cut = Vec::from_iter(holder.public_id());
    assert_eq!(world.revoke_as(&ROOT, "a").await, (Ok(Response::Done), cut));
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
async fn whoever_revokes_its_own_token_is_told_before_it_is_cut() {
    let world = world();
    let secret = world.issue(&ROOT, asking("a")).await;
    let holder = world.holder(&secret).await.expect("it opens");
    assert_eq!(world.revoke_as(&holder, "a").await, (Ok(Response::Done), vec![]));
    assert_eq!(world.cuts(), Vec::from_iter(holder.public_id()));
}

/// It is written again until it is known to be done.
#[tokio::test(start_paused = true)]
async fn a_revocation_of_which_nobody_knows_whether_it_was_done_cuts_and_is_done() {
    for fault in [WriteFault::AnswerLost, WriteFault::RequestLost] {
        let world = world();
        let secret = world.issue(&ROOT, asking("a")).await;
        world.rows.fail_next_write(fault);
        let (answer, cut_before) = world.revoke_as(&ROOT, "a").await;
        assert_eq!(answer.expect_err("unknown").code, ErrorCode::Unavailable);
        assert_eq!(cut_before.len(), 1, "{fault:?}");
        assert_eq!(world.holder(&secret).await.expect_err("dead").code, ErrorCode::Authn, "{fault:?}");
        let again = world.revoke("a").await.expect_err("it waits for the first");
        assert_eq!(again.code, ErrorCode::AccessTokenNotFound, "{fault:?}");
        assert_eq!(world.holder(&secret).await.expect_err("dead").code, ErrorCode::Authn, "{fault:?}");
        assert!(world.tokens.doomed.lock().expect("no panic").is_empty(), "the rows say so now");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rotation_of_which_nobody_knows_whether_it_was_done_cuts_and_is_done() {
    for fault in [WriteFault::AnswerLost, WriteFault::RequestLost] {
        let world = world();
        let old = world.prepare_root().await;
        let holder = world.holder(&old).await.expect("root");
        world.rows.fail_next_write(fault);
        assert_eq!(world.rotate_root().await.expect_err("unknown").code, ErrorCode::Unavailable);
        assert_eq!(world.cuts(), Vec::from_iter(holder.public_id()), "{fault:?}");
        assert_eq!(world.holder(&old).await.expect_err("dead").code, ErrorCode::Authn, "{fault:?}");
        world.issue(&ROOT, asking("behind it")).await;
        assert_eq!(world.holder(&old).await.expect_err("dead").code, ErrorCode::Authn, "{fault:?}");
        assert!(world.holder(&world.root_secret()).await.is_ok(), "{fault:?}: the file holds the one that works");
    }
}

#[tokio::test]
async fn a_rotation_whose_file_cannot_take_its_name_has_killed_the_old_token() {
    let world = world();
    let old = world.prepare_root().await;
    let holder = world.holder(&old).await.expect("root");
    let (tokens, path) = (Arc::clone(&world.tokens), world.tokens.parts.root.path().to_owned());
    world.rows.stall(Stalled::Writes);
    let rotate = world.rotate_root();
    let get_in_the_way = async {
        tokio::task::yield_now().await;
        assert!(tokens.is_doomed(holder.public_id().expect("a token")), "it is about to be written");
        std::fs::remove_file(&path).expect("the old file");
        std::fs::create_dir(&path).expect("a folder");
        world.rows.stall(Stalled::Nothing);
    };
    let (answer, ()) = tokio::join!(rotate, get_in_the_way);
    assert!(answer.expect_err("it has no name").message.contains("rename"));
    assert_eq!(world.cuts(), Vec::from_iter(holder.public_id()));
    assert_eq!(world.holder(&old).await.expect_err("dead").code, ErrorCode::Authn);
}

#[tokio::test]
async fn a_hello_does_not_wait_for_a_token_that_is_being_issued_nor_the_other_way_round() {
    let world = world();
    let _a_hello = world.tokens.lock.read().await;
    let secret = world.issue(&ROOT, asking("a")).await;
    let _writing = world.tokens.writing.lock().await;
    assert!(world.holder(&secret).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_hello_and_an_issuing_that_take_too_long_are_answered() {
    let world = world();
    let secret = world.issue(&ROOT, asking("a")).await;
    let all = world.tokens.hellos.acquire_many(HELLOS_MAX as u32).await.expect("open");
    assert_eq!(world.holder(&secret).await.expect_err("too many before it").code, ErrorCode::Unavailable);
    drop(all);
    let _alone = world.tokens.lock.write().await;
    assert_eq!(world.holder(&secret).await.expect_err("no look-up").code, ErrorCode::Unavailable);
    let _writing = world.tokens.writing.lock().await;
    let issued = world.tokens.issue(&ROOT, asking("b")).await;
    assert_eq!(issued.expect_err("no row").code, ErrorCode::Unavailable);
}

#[tokio::test]
async fn a_damaged_token_is_told_from_none() {
    let world = world();
    let secret = world.issue(&ROOT, asking("a")).await;
    let message = world.holder(&secret[..secret.len() - 1]).await.expect_err("damaged").message;
    assert!(message.contains("damaged"), "{message}");
    let message = world.holder("").await.expect_err("none").message;
    assert!(message.contains("is needed here"), "{message}");
}
