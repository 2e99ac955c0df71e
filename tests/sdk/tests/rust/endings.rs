//! Sessions that end before their clients want them to, and the other way round.

use futures::StreamExt;
use futures::future::try_join_all;
use s2_sdk::append_session::AppendSessionConfig;
use s2_sdk::error::{AppendSessionError, ReadError, ReadSessionError};
use s2_sdk::types::{DeleteStreamInput, ReadSessionConfig};

use crate::support::{Rig, append_refusal, bodies, from_seq_num, refusal, single, soon, stream_name, take, whole};

async fn delete(rig: &Rig) {
    rig.basin.delete_stream(DeleteStreamInput::new(stream_name("s"))).await.expect("deleted");
}

#[tokio::test]
async fn the_deletion_of_its_stream_ends_a_follower_with_an_error() {
    let rig = Rig::new().await;
    let stream = rig.stream("s");
    stream.append(single("x")).await.expect("acked");
    let mut follower = stream.read_session(from_seq_num(0), ReadSessionConfig::new()).await.expect("a session");
    assert_eq!(bodies(&take(&mut follower, 1).await), ["x"]);
    delete(&rig).await;
    let last = soon("the last word of the stream", follower.next()).await.expect("not the end").expect("a record");
    assert!(last.records.len() == 1 && last.records[0].is_command_record());
    assert_eq!(last.records[0].body[..], u64::MAX.to_be_bytes());
    let ended = soon("an error", follower.next()).await.expect("a clean end would say that the stream is read");
    let ReadSessionError::Read(ReadError::Request(error)) = ended.expect_err("it has ended") else { panic!() };
    assert_eq!(refusal(&error), (503, "unavailable"));
}

#[tokio::test]
async fn the_deletion_of_its_stream_ends_an_append_session() {
    let rig = Rig::new().await;
    let session = rig.stream("s").append_session(AppendSessionConfig::new());
    session.submit(single("x")).await.expect("taken").await.expect("acked");
    delete(&rig).await;
    // It hears of it before its next batch is sent, or behind it.
    let refused = match session.submit(single("y")).await {
        Ok(ticket) => soon("a refusal", ticket).await.expect_err("refused"),
        Err(refused) => refused,
    };
    let AppendSessionError::Append(refused) = refused else { panic!("{refused:?}") };
    assert_eq!(append_refusal(&refused), (409, "stream_deletion_pending"));
}

/// What the broker has read is appended, whoever waits for it.
#[tokio::test]
async fn sessions_that_are_dropped_leave_nothing_behind() {
    let rig = Rig::new().await;
    let stream = rig.stream("s");
    for _ in 0..200 {
        let session = stream.append_session(AppendSessionConfig::new());
        let kept = session.submit(single("kept")).await.expect("taken");
        soon("an ack", kept).await.expect("acked");
        drop(session);
        let mut follower = stream.read_session(from_seq_num(0), ReadSessionConfig::new()).await.expect("a session");
        take(&mut follower, 1).await;
    }
    assert_eq!(whole(&stream).await.len(), 200);
}

/// All at once, as many as a broker with 1,024 descriptors has places for.
#[tokio::test]
async fn twenty_sessions_and_twenty_calls_at_a_time_share_a_client() {
    let rig = Rig::new().await;
    let stream = rig.stream("s");
    let opened = (0..20).map(|_| stream.read_session(from_seq_num(0), ReadSessionConfig::new()));
    let mut followers = soon("all sessions", try_join_all(opened)).await.expect("sessions");
    let bodies_of_calls: Vec<String> = (0..1_000).map(|number| number.to_string()).collect();
    let calls = futures::stream::iter(bodies_of_calls.iter().map(|body| stream.append(single(body)))).buffered(20);
    let acks = soon("all acks", calls.collect::<Vec<_>>()).await;
    let mut numbers: Vec<u64> = acks.into_iter().map(|ack| ack.expect("acked").start.seq_num).collect();
    let records = whole(&stream).await;
    assert!(numbers.iter().zip(&bodies_of_calls).all(|(number, body)| records[*number as usize].body == *body));
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..1_000));
    for follower in &mut followers {
        assert_eq!(bodies(&take(follower, 1_000).await), bodies(&records));
    }
}
