//! Append sessions: pipelined, and acked in order.

use futures::future::join_all;
use s2_sdk::append_session::{AppendSession, AppendSessionConfig, BatchSubmitTicket};
use s2_sdk::error::{AppendConditionFailed, AppendError, AppendSessionError};
use s2_sdk::types::{AppendInput, CommandRecord, FencingToken};

use crate::support::{Rig, batch, bodies, input, single, soon, whole};

const BATCHES: usize = 300;
const EACH: usize = 5;

async fn submit(session: &AppendSession, input: AppendInput) -> BatchSubmitTicket {
    session.submit(input).await.expect("the session takes it")
}

fn condition(error: &AppendSessionError) -> &AppendConditionFailed {
    match error {
        AppendSessionError::Append(AppendError::ConditionFailed(condition)) => condition,
        other => panic!("no condition: {other:?}"),
    }
}

#[tokio::test]
async fn pipelined_batches_are_acked_in_their_order_without_a_gap() {
    let rig = Rig::new().await;
    let stream = rig.stream("s");
    let session = stream.append_session(AppendSessionConfig::new());
    let expected: Vec<String> = (0..BATCHES * EACH).map(|number| format!("record {number}")).collect();
    let mut tickets = Vec::new();
    for bodies in expected.chunks(EACH) {
        tickets.push(submit(&session, input(bodies.iter().map(String::as_str))).await);
    }
    let acks = soon("all acks", join_all(tickets)).await;
    for (index, ack) in acks.into_iter().enumerate() {
        let ack = ack.expect("acked");
        let start = (index * EACH) as u64;
        assert_eq!((ack.start.seq_num, ack.end.seq_num), (start, start + EACH as u64));
        assert!(ack.tail.seq_num >= ack.end.seq_num);
    }
    session.close().await.expect("closed");
    assert_eq!(bodies(&whole(&stream).await), expected);
}

#[tokio::test]
async fn closing_waits_for_what_was_submitted() {
    let rig = Rig::new().await;
    let stream = rig.stream("s");
    let unused = stream.append_session(AppendSessionConfig::new());
    unused.close().await.expect("nothing to wait for");
    let session = stream.append_session(AppendSessionConfig::new());
    for number in 0..50 {
        drop(submit(&session, single(&number.to_string())).await);
    }
    session.close().await.expect("closed");
    assert_eq!(stream.check_tail().await.expect("a tail").seq_num, 50);
}

#[tokio::test]
async fn behind_a_condition_that_fails_nothing_happens() {
    let rig = Rig::new().await;
    let stream = rig.stream("s");
    let session = stream.append_session(AppendSessionConfig::new());
    let first = submit(&session, single("a").with_match_seq_num(0)).await;
    let second = submit(&session, input(["b", "c"]).with_match_seq_num(1)).await;
    let failing = submit(&session, single("x").with_match_seq_num(9)).await;
    let behind = submit(&session, single("y")).await;
    assert_eq!(first.await.expect("acked").start.seq_num, 0);
    assert_eq!(second.await.expect("acked").end.seq_num, 3);
    for ticket in [failing, behind] {
        let refused = ticket.await.expect_err("refused");
        assert!(matches!(condition(&refused), AppendConditionFailed::SeqNumMismatch(3)), "{refused:?}");
    }
    let closed = session.close().await.expect_err("it has failed");
    assert!(matches!(condition(&closed), AppendConditionFailed::SeqNumMismatch(3)), "{closed:?}");
    assert_eq!(bodies(&whole(&stream).await), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_session_is_fenced_out_by_another() {
    let rig = Rig::new().await;
    let stream = rig.stream("s");
    let [old, new]: [FencingToken; 2] = ["old", "new"].map(|token| token.parse().expect("a token"));
    let fence = |token: &FencingToken| AppendInput::new(batch([CommandRecord::fence(token.clone()).into()]));
    let [losing, winning] = [(); 2].map(|()| stream.append_session(AppendSessionConfig::new()));
    submit(&losing, fence(&old)).await.await.expect("acked");
    submit(&losing, single("mine").with_fencing_token(old.clone())).await.await.expect("acked");
    submit(&winning, fence(&new).with_fencing_token(old.clone())).await.await.expect("acked");
    submit(&winning, single("now mine").with_fencing_token(new.clone())).await.await.expect("acked");
    let refused = submit(&losing, single("too late").with_fencing_token(old)).await.await.expect_err("refused");
    let AppendConditionFailed::FencingTokenMismatch(current) = condition(&refused) else { panic!("{refused:?}") };
    assert_eq!(*current, new);
    winning.close().await.expect("closed");
    assert_eq!(bodies(&whole(&stream).await), ["old", "mine", "new", "now mine"]);
}
