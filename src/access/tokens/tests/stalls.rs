//! A catalog that does not answer, for however long.

use futures::future::join_all;
use riverrun_protocol::error::Outcome;
use riverrun_protocol::request::ListAccessTokens;
use tokio::runtime::Handle;

use super::*;

/// More than all that wait, and more than one connection asks for.
const CALLS: usize = 10_000;

fn unavailable(answer: Answer) -> Outcome {
    let error = answer.expect_err("no answer from the catalog");
    assert_eq!(error.code, ErrorCode::Unavailable, "{error}");
    error.outcome
}

impl World {
    async fn list(&self) -> Result<Vec<String>, ErrorFrame> {
        let request = ListAccessTokens { prefix: String::new(), start_after: String::new(), limit: 0 };
        match self.tokens.list(&ROOT, &request).await? {
            Response::AccessTokenList(list) => Ok(list.tokens.iter().map(|token| token.id.to_string()).collect()),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_revocation_that_is_never_written_ends_the_token_all_the_same() {
    let world = world();
    let (secret, other) = (world.issue(&ROOT, asking("a")).await, world.issue(&ROOT, asking("b")).await);
    let holder = world.holder(&secret).await.expect("it opens");
    world.rows.stall(Stalled::Writes);
    let begun = Instant::now();
    let hellos = async {
        tokio::task::yield_now().await;
        assert_eq!(world.cuts(), Vec::from_iter(holder.public_id()), "at once");
        assert!(world.holder(&other).await.is_ok(), "others get in");
        assert_eq!(world.holder(&secret).await.expect_err("dead").code, ErrorCode::Authn);
        assert_eq!(world.list().await, Ok(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(begun.elapsed(), Duration::ZERO, "none of them waits");
    };
    let (answer, ()) = tokio::join!(world.revoke("a"), hellos);
    assert_eq!((unavailable(answer), begun.elapsed()), (Outcome::MaybeDone, DEADLINE));
    assert!(world.holder(&other).await.is_ok());
    assert_eq!(world.holder(&secret).await.expect_err("still dead").code, ErrorCode::Authn);
    world.rows.stall(Stalled::Nothing);
    assert_eq!(world.revoke("a").await.expect_err("gone").code, ErrorCode::AccessTokenNotFound);
    assert_eq!(world.list().await, Ok(vec!["b".to_owned()]));
    assert_eq!(world.holder(&secret).await.expect_err("dead for good").code, ErrorCode::Authn);
}

#[tokio::test(start_paused = true)]
async fn whoever_revokes_its_own_token_is_cut_at_the_deadline_at_the_latest() {
    let world = world();
    let secret = world.issue(&ROOT, asking("a")).await;
    let holder = world.holder(&secret).await.expect("it opens");
    world.rows.stall(Stalled::Writes);
    let begun = Instant::now();
    let (answer, cut_before) = world.revoke_as(&holder, "a").await;
    assert_eq!((unavailable(answer), cut_before), (Outcome::MaybeDone, vec![]));
    assert_eq!((world.cuts(), begun.elapsed()), (Vec::from_iter(holder.public_id()), DEADLINE));
}

/// So every shard hears of a hello that was let in before it hears that its token is dead.
#[tokio::test(start_paused = true)]
async fn a_revocation_waits_for_the_hellos_before_it() {
    let world = world();
    world.issue(&ROOT, asking("a")).await;
    let hello = world.tokens.lock.read().await;
    let hello = async {
        tokio::task::yield_now().await;
        assert_eq!(world.cuts(), []);
        drop(hello);
    };
    let ((answer, cut_before), ()) = tokio::join!(world.revoke_as(&ROOT, "a"), hello);
    assert_eq!((answer, cut_before.len()), (Ok(Response::Done), 1));
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_for_a_second_revocation_in_vain_does_not_end_a_later_token_of_that_name() {
    let world = world();
    world.issue(&ROOT, asking("a")).await;
    world.rows.stall(Stalled::Writes);
    assert_eq!(unavailable(world.revoke("a").await), Outcome::MaybeDone);
    assert_eq!(unavailable(world.revoke("a").await), Outcome::NotDone);
    assert_eq!(unavailable(world.tokens.issue(&ROOT, asking("a")).await), Outcome::NotDone);
    world.rows.stall(Stalled::Nothing);
    let again = world.issue(&ROOT, asking("a")).await;
    world.cuts();
    tokio::time::sleep(DEADLINE * 100).await;
    assert!(world.holder(&again).await.is_ok());
    assert_eq!(world.cuts(), []);
}

/// None of them writes behind an answer that says that nothing was done.
#[tokio::test(start_paused = true)]
async fn ten_thousand_issues_gather_nowhere() {
    let world = world();
    world.rows.stall(Stalled::Writes);
    let ids = (0..CALLS).map(|n| asking(&format!("token-{n}")));
    let issues = join_all(ids.map(|request| world.tokens.issue(&ROOT, request)));
    let (answers, tasks) = tokio::join!(issues, async {
        tokio::time::sleep(DEADLINE / 2).await;
        Handle::current().metrics().num_alive_tasks()
    });
    assert!(tasks <= 1, "{tasks} tasks");
    let (busy, waited): (Vec<_>, Vec<_>) =
        answers.into_iter().map(|answer| answer.expect_err("no answer")).partition(|e| e.code == ErrorCode::Overloaded);
    assert_eq!((busy.len(), waited.len()), (CALLS - CHANGES_MAX, CHANGES_MAX));
    assert!(busy.iter().all(|error| error.outcome == Outcome::NotDone));
    let maybe = waited.into_iter().map(|error| unavailable(Err(error))).filter(|o| *o == Outcome::MaybeDone).count();
    assert_eq!(maybe, 1, "the one that was being written");
    world.rows.stall(Stalled::Nothing);
    world.issue(&ROOT, asking("behind them")).await;
    tokio::time::sleep(DEADLINE * 100).await;
    assert_eq!(world.list().await.map(|ids| ids.len()), Ok(2));
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn calls_that_cannot_even_look_have_done_nothing() {
    let world = world();
    world.issue(&ROOT, asking("a")).await;
    let root = world.prepare_root().await;
    let rows = world.rows.rows();
    world.rows.stall(Stalled::Everything);
    assert_eq!(unavailable(world.revoke("a").await), Outcome::NotDone);
    assert_eq!(unavailable(world.rotate_root().await), Outcome::NotDone);
    assert_eq!(unavailable(world.tokens.issue(&ROOT, asking("b")).await), Outcome::NotDone);
    assert_eq!(world.list().await.expect_err("no answer").outcome, Outcome::NotDone);
    assert_eq!(world.holder(&root).await.expect_err("no answer").code, ErrorCode::Unavailable);
    assert_eq!(world.cuts(), []);
    world.rows.stall(Stalled::Nothing);
    tokio::time::sleep(DEADLINE * 100).await;
    assert_eq!((world.rows.rows(), world.root_secret()), (rows, root));
}

#[tokio::test(start_paused = true)]
async fn a_rotation_that_is_never_written_ends_the_old_token_and_goes_on_when_it_can() {
    let world = world();
    let old = world.prepare_root().await;
    world.rows.stall(Stalled::Writes);
    assert_eq!(unavailable(world.rotate_root().await), Outcome::MaybeDone);
    assert_eq!(world.cuts().len(), 1);
    assert_eq!(world.holder(&old).await.expect_err("dead").code, ErrorCode::Authn);
    assert_eq!(world.root_secret(), old, "the new one opens nothing yet");
    world.rows.stall(Stalled::Nothing);
    world.issue(&ROOT, asking("behind it")).await;
    assert_eq!(world.holder(&old).await.expect_err("dead").code, ErrorCode::Authn);
    assert!(world.holder(&world.root_secret()).await.is_ok());
}

/// Nobody waits for it any more: it is carried to its end, and so its turn.
#[tokio::test(start_paused = true)]
async fn a_revocation_that_is_being_written_does_not_need_its_caller() {
    let world = world();
    let secret = world.issue(&ROOT, asking("a")).await;
    world.rows.stall(Stalled::Writes);
    tokio::time::timeout(DEADLINE / 2, world.revoke("a")).await.expect_err("the caller is gone");
    world.rows.stall(Stalled::Nothing);
    world.issue(&ROOT, asking("a")).await;
    assert_eq!(world.holder(&secret).await.expect_err("dead").code, ErrorCode::Authn);
    assert!(world.tokens.doomed.lock().expect("no panic").is_empty());
}
