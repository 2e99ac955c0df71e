//! The broker goes away and comes back at the same address: what the SDK makes of it.

use std::collections::VecDeque;

use futures::future::join_all;
use riverrun_sdk_tests::{Data, Server, free_address};
use s2_sdk::S2Stream;
use s2_sdk::append_session::AppendSessionConfig;
use s2_sdk::error::{AppendConditionFailed, AppendError, AppendSessionError};
use s2_sdk::producer::ProducerConfig;
use s2_sdk::read_session::ReadSession;
use s2_sdk::types::{ReadSessionConfig, SequencedRecord};

use crate::support::{
    BASIN, Rig, basin_name, bodies, client, from_seq_num, persistent, record, single, soon, stream_name, take, whole,
};

/// Clients that try for as long as it takes.
fn persistent_stream(rig: &Rig) -> S2Stream {
    client(persistent(&rig.server.endpoint)).basin(basin_name(BASIN)).stream(stream_name("s"))
}

/// Ends a broker in this way, and starts another. Clients go on meanwhile, and find nobody.
async fn restart(end: fn(Server), server: Server, data: Data, address: &str) -> (Server, Data) {
    let address = address.to_owned();
    let restarting = tokio::task::spawn_blocking(move || {
        end(server);
        (data.serve_at(&address, &[]), data)
    });
    restarting.await.expect("it came back")
}

async fn append(stream: &S2Stream, numbers: std::ops::Range<u64>) {
    for number in numbers {
        stream.append(single(&number.to_string()).with_match_seq_num(number)).await.expect("acked");
    }
}

fn are_in_place(records: &[SequencedRecord], numbers: std::ops::Range<u64>) -> bool {
    let in_place = |record: &SequencedRecord| record.body == record.seq_num.to_string();
    records.iter().map(|record| record.seq_num).eq(numbers) && records.iter().all(in_place)
}

#[tokio::test]
async fn a_follower_survives_a_kill_without_gap_or_repeat() {
    let address = free_address();
    let rig = Rig::at(&address).await;
    let stream = persistent_stream(&rig);
    let mut follower = stream.read_session(from_seq_num(0), ReadSessionConfig::new()).await.expect("a session");
    append(&stream, 0..100).await;
    let seen = take(&mut follower, 30).await;
    let reading = tokio::spawn(async move { [seen, rest(&mut follower, 200).await].concat() });
    let Rig { server, data, .. } = rig;
    let _restarted = restart(Server::kill, server, data, &address).await;
    append(&stream, 100..200).await;
    assert!(are_in_place(&soon("the rest", reading).await.expect("no panic"), 0..200));
    assert_eq!(whole(&stream).await.len(), 200);
}

/// What a session has not given out yet, up to this number.
async fn rest(session: &mut ReadSession, end: u64) -> Vec<SequencedRecord> {
    let missing = end - session.resume_seq_num().expect("it has begun");
    take(session, missing as usize).await
}

#[tokio::test]
async fn a_follower_survives_a_graceful_stop() {
    let address = free_address();
    let rig = Rig::at(&address).await;
    let stream = persistent_stream(&rig);
    let mut follower = stream.read_session(from_seq_num(0), ReadSessionConfig::new()).await.expect("a session");
    append(&stream, 0..10).await;
    assert!(are_in_place(&take(&mut follower, 10).await, 0..10));
    let reading = tokio::spawn(async move { rest(&mut follower, 20).await });
    let Rig { server, data, .. } = rig;
    let _restarted = restart(Server::terminate, server, data, &address).await;
    append(&stream, 10..20).await;
    assert!(are_in_place(&soon("the rest", reading).await.expect("no panic"), 10..20));
}

/// Between two batches nothing is in doubt, and the session goes on as if nothing had been.
#[tokio::test]
async fn a_quiet_append_session_goes_on_behind_a_kill() {
    let address = free_address();
    let rig = Rig::at(&address).await;
    let stream = persistent_stream(&rig);
    let session = stream.append_session(AppendSessionConfig::new());
    let producer = persistent_stream(&rig).producer(ProducerConfig::new());
    let Rig { mut server, mut data, .. } = rig;
    for round in 0..3 {
        let batch = session.submit(single("of the session")).await.expect("taken");
        assert_eq!(soon("an ack", batch).await.expect("acked").start.seq_num, 2 * round);
        let ticket = producer.submit(record("of the producer")).await.expect("taken");
        assert_eq!(soon("an ack", ticket).await.expect("acked").seq_num, 2 * round + 1);
        (server, data) = restart(Server::kill, server, data, &address).await;
    }
    session.close().await.expect("closed");
    producer.close().await.expect("closed");
    assert_eq!(whole(&stream).await.len(), 6);
}

const IN_FLIGHT: usize = 400;

/// Enough for some of it to come behind the stop.
const LOAD: u64 = 10_000;
const WINDOW: usize = 64;

fn numbered() -> Vec<String> {
    (0..IN_FLIGHT).map(|number| number.to_string()).collect()
}

/// By default the SDK sends again what it has no answer for: everything is there, some of it perhaps twice.
#[tokio::test]
async fn what_was_in_flight_at_a_kill_is_sent_again() {
    let address = free_address();
    let rig = Rig::at(&address).await;
    let stream = persistent_stream(&rig);
    let session = stream.append_session(AppendSessionConfig::new());
    let mut tickets = Vec::new();
    for body in &numbered() {
        tickets.push(session.submit(single(body)).await.expect("taken"));
    }
    let rest = tickets.split_off(1);
    let first = soon("the first ack", tickets.remove(0)).await.expect("acked");
    let Rig { server, data, .. } = rig;
    let _restarted = restart(Server::kill, server, data, &address).await;
    let acks = soon("all acks", join_all(rest)).await.into_iter().map(|ack| ack.expect("acked"));
    let places: Vec<u64> = [first].into_iter().chain(acks).map(|ack| ack.start.seq_num).collect();
    session.close().await.expect("closed");
    let records = whole(&stream).await;
    // Each where its ack says, and what lies between was sent before.
    assert!(places.is_sorted_by(|earlier, later| earlier < later));
    assert!(places.iter().zip(&numbered()).all(|(place, body)| records[*place as usize].body == *body));
    let mut distinct: Vec<&str> = bodies(&records);
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), IN_FLIGHT);
}

/// With a number that must match nothing is there twice. What had gone in when the broker was killed is refused the second time.
#[tokio::test]
async fn with_numbers_that_must_match_nothing_is_there_twice() {
    let address = free_address();
    let rig = Rig::at(&address).await;
    let stream = persistent_stream(&rig);
    let session = stream.append_session(AppendSessionConfig::new());
    let mut tickets = Vec::new();
    for (number, body) in numbered().iter().enumerate() {
        tickets.push(session.submit(single(body).with_match_seq_num(number as u64)).await.expect("taken"));
    }
    let rest = tickets.split_off(1);
    soon("the first ack", tickets.remove(0)).await.expect("acked");
    let Rig { server, data, .. } = rig;
    let _restarted = restart(Server::kill, server, data, &address).await;
    let outcomes = soon("all outcomes", join_all(rest)).await;
    let acked = 1 + outcomes.iter().take_while(|outcome| outcome.is_ok()).count();
    let refused: Vec<AppendSessionError> =
        outcomes.into_iter().skip(acked - 1).map(|o| o.expect_err("behind one")).collect();
    assert!(refused.iter().all(is_mismatch), "{refused:?}");
    if let Some(first) = refused.first() {
        assert!(matches!(first, AppendSessionError::IndefiniteFailure { .. }), "it may have been done: {first:?}");
    }
    let records = whole(&stream).await;
    assert!(records.len() >= acked, "what was acked is there");
    assert_eq!(bodies(&records), numbered()[..records.len()]);
}

fn is_mismatch(error: &AppendSessionError) -> bool {
    match error {
        AppendSessionError::IndefiniteFailure { final_attempt_error } => is_mismatch(final_attempt_error),
        AppendSessionError::Append(AppendError::ConditionFailed(condition)) => {
            matches!(condition, AppendConditionFailed::SeqNumMismatch(_))
        }
        _ => false,
    }
}

/// A broker that stops answers what it has accepted: nothing is lost, and nothing is there twice.
#[tokio::test]
async fn what_was_in_flight_at_a_graceful_stop_is_there_once() {
    let address = free_address();
    let rig = Rig::at(&address).await;
    let stream = persistent_stream(&rig);
    let session = stream.append_session(AppendSessionConfig::new());
    let Rig { server, data, .. } = rig;
    // Once what was begun before it is on its way, the broker stops and comes back while there is more to do.
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let restarting = tokio::spawn(async move {
        has_begun.await.expect("it begins");
        restart(Server::terminate, server, data, &address).await
    });
    let mut begun = Some(begun);
    let mut in_flight = VecDeque::new();
    let mut acked = 0;
    for number in 0..LOAD {
        in_flight.push_back(session.submit(single(&number.to_string())).await.expect("taken"));
        while in_flight.len() > WINDOW {
            let ack = soon("an ack", in_flight.pop_front().expect("some")).await.expect("acked");
            assert_eq!(ack.start.seq_num, acked);
            acked += 1;
            begun.take().map(|begun| begun.send(()));
        }
    }
    for ticket in in_flight {
        assert_eq!(soon("an ack", ticket).await.expect("acked").start.seq_num, acked);
        acked += 1;
    }
    session.close().await.expect("closed");
    let _restarted = restarting.await.expect("it came back");
    assert!(are_in_place(&whole(&stream).await, 0..LOAD));
}
