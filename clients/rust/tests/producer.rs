//! Producers: batches, tickets, and what a reconnect resends (`s2-semantics.md` I6, reliability.md F52).

mod support;

use std::time::Duration;

use bytes::Bytes;
use riverrun_client::{
    AppendSessionConfig, Error, ErrorCode, NotDone, OnAmbiguous, Outcome, Producer, ProducerConfig, Record,
    RecordTicket, RetryPolicy,
};
use riverrun_protocol::FrameKind;
use riverrun_protocol::batch::{Stamp, stamp};
use riverrun_protocol::response::Response;
use riverrun_protocol::{Batch, StreamId};
use support::{BASIN, FakeServer, Peer, acked, batch_of, eager, error, record_count};

/// Batches of two records, so that a test decides what goes together.
fn in_pairs() -> ProducerConfig {
    ProducerConfig { batch_records_max: 2, linger: Duration::from_secs(3600), ..ProducerConfig::default() }
}

async fn producer(server: &FakeServer, config: ProducerConfig) -> (Producer, Peer) {
    let (client, peer) = server.connected(eager()).await;
    (client.stream(BASIN, "s").expect("valid").producer(config), peer)
}

async fn append(producer: &Producer, bodies: &[&'static str]) -> Vec<RecordTicket> {
    let mut tickets = Vec::new();
    for body in bodies {
        tickets.push(producer.append(Record::new(*body)).await.expect("taken in"));
    }
    tickets
}

async fn outcomes(tickets: Vec<RecordTicket>) -> Vec<Result<u64, Outcome>> {
    let mut outcomes = Vec::new();
    for ticket in tickets {
        outcomes.push(ticket.await.map(|ack| ack.seq_num()).map_err(|error| error.outcome()));
    }
    outcomes
}

/// The bodies of the next input.
async fn receive(peer: &mut Peer) -> Vec<String> {
    let frame = peer.expect(FrameKind::SessionAppend).await;
    let mut bytes = batch_of(&frame);
    stamp(
        &mut bytes,
        &Stamp { stream_id: StreamId([1; 16]), first_seq_num: 0, arrival_ms: 0, expires_at_ms: 0 },
        |_| 0,
    );
    let batch = Batch::parse(Bytes::from(bytes)).expect("sound");
    let text = |body: Bytes| String::from_utf8(body.to_vec()).expect("text");
    batch.records().map(|record| text(record.expect("sound").body)).collect()
}

#[tokio::test]
async fn i6_each_record_gets_its_own_number() {
    let server = FakeServer::start().await;
    let (producer, mut peer) = producer(&server, in_pairs()).await;
    let tickets = append(&producer, &["a", "b", "c", "d"]).await;
    let id = peer.open_append_session(0).await;
    assert_eq!(receive(&mut peer).await, ["a", "b"]);
    assert_eq!(receive(&mut peer).await, ["c", "d"]);
    peer.answer(id, &acked(10, 12)).await;
    peer.answer(id, &acked(20, 22)).await;
    assert_eq!(outcomes(tickets).await, [Ok(10), Ok(11), Ok(20), Ok(21)]);
}

#[tokio::test]
async fn i6_a_batch_that_is_not_full_lingers() {
    let server = FakeServer::start().await;
    let config = ProducerConfig { linger: Duration::from_millis(1), ..in_pairs() };
    let (producer, mut peer) = producer(&server, config).await;
    let tickets = append(&producer, &["a"]).await;
    let id = peer.open_append_session(0).await;
    assert_eq!(receive(&mut peer).await, ["a"]);
    peer.answer(id, &acked(0, 1)).await;
    assert_eq!(outcomes(tickets).await, [Ok(0)]);
}

#[tokio::test]
async fn flush_sends_at_once_and_waits_for_the_acks() {
    let server = FakeServer::start().await;
    let (producer, mut peer) = producer(&server, in_pairs()).await;
    assert_eq!(producer.flush().await, Ok(()), "nothing to wait for");
    let tickets = append(&producer, &["a", "b", "c"]).await;
    let serving = async {
        let id = peer.open_append_session(0).await;
        assert_eq!(receive(&mut peer).await, ["a", "b"]);
        assert_eq!(receive(&mut peer).await, ["c"]);
        peer.answer(id, &acked(0, 2)).await;
        peer.answer(id, &acked(2, 3)).await;
    };
    let (flushed, ()) = tokio::join!(producer.flush(), serving);
    assert_eq!(flushed, Ok(()));
    assert_eq!(outcomes(tickets).await, [Ok(0), Ok(1), Ok(2)]);
}

#[tokio::test]
async fn closing_flushes_and_ends_the_session() {
    let server = FakeServer::start().await;
    let (producer, mut peer) = producer(&server, in_pairs()).await;
    let tickets = append(&producer, &["a"]).await;
    let serving = async {
        let id = peer.open_append_session(0).await;
        assert_eq!(receive(&mut peer).await, ["a"]);
        peer.answer(id, &acked(0, 1)).await;
        assert_eq!(peer.expect_id(FrameKind::CloseAppendSession).await, id);
        peer.answer(id, &Response::SessionEnded).await;
        peer
    };
    let (closed, _peer) = tokio::join!(producer.close(), serving);
    assert_eq!(closed, Ok(()));
    assert_eq!(outcomes(tickets).await, [Ok(0)]);
}

#[tokio::test]
async fn a_dropped_producer_still_sends_what_it_took_in() {
    let server = FakeServer::start().await;
    let (producer, mut peer) = producer(&server, in_pairs()).await;
    let tickets = append(&producer, &["a"]).await;
    drop(producer);
    let id = peer.open_append_session(0).await;
    assert_eq!(receive(&mut peer).await, ["a"]);
    peer.answer(id, &acked(0, 1)).await;
    assert_eq!(outcomes(tickets).await, [Ok(0)]);
}

/// One batch in flight at a time: what is behind it has surely not been sent when the connection is cut.
fn one_at_a_time(on_ambiguous: OnAmbiguous) -> ProducerConfig {
    let inflight = AppendSessionConfig { inflight_batches_max: 1, ..AppendSessionConfig::default() };
    ProducerConfig { inflight, on_ambiguous, ..in_pairs() }
}

#[tokio::test]
async fn f52_by_default_a_batch_in_doubt_ends_the_producer() {
    let server = FakeServer::start().await;
    let (producer, mut peer) = producer(&server, one_at_a_time(OnAmbiguous::Fail)).await;
    let tickets = append(&producer, &["a", "b", "c", "d"]).await;
    peer.open_append_session(0).await;
    assert_eq!(receive(&mut peer).await, ["a", "b"]);
    drop(peer);
    let failed = outcomes(tickets).await;
    assert_eq!(failed[..2], [Err(Outcome::MaybeDone); 2]);
    assert_eq!(failed[2..], [Err(Outcome::NotDone); 2]);
    let later = producer.append(Record::new("e")).await.expect_err("poisoned");
    assert!(matches!(later, Error::NotDone(NotDone::Poisoned { .. })), "{later}");
    assert_eq!(producer.close().await.expect_err("it failed").outcome(), Outcome::MaybeDone);
}

#[tokio::test]
async fn f52_going_on_resends_what_was_not_sent_and_nothing_else() {
    let server = FakeServer::start().await;
    let (producer, mut peer) = producer(&server, one_at_a_time(OnAmbiguous::Continue)).await;
    let tickets = append(&producer, &["a", "b", "c", "d", "e", "f"]).await;
    peer.open_append_session(0).await;
    assert_eq!(receive(&mut peer).await, ["a", "b"]);
    let mut peer = server.accept_after_dropping(peer).await;
    let id = peer.open_append_session(2).await;
    for (bodies, start) in [(["c", "d"], 2), (["e", "f"], 4)] {
        assert_eq!(receive(&mut peer).await, bodies);
        peer.answer(id, &acked(start, start + 2)).await;
    }
    let settled = outcomes(tickets).await;
    assert_eq!(settled[..2], [Err(Outcome::MaybeDone); 2]);
    assert_eq!(settled[2..], [Ok(2), Ok(3), Ok(4), Ok(5)]);
    assert_eq!(producer.flush().await.expect_err("told once").outcome(), Outcome::MaybeDone);
    assert_eq!(producer.flush().await, Ok(()));
}

#[tokio::test]
async fn what_is_refused_without_effect_is_resent_with_all_behind_it_in_order() {
    let server = FakeServer::start().await;
    let (producer, mut peer) = producer(&server, in_pairs()).await;
    let tickets = append(&producer, &["a", "b", "c", "d", "e", "f"]).await;
    let id = peer.open_append_session(0).await;
    for bodies in [["a", "b"], ["c", "d"], ["e", "f"]] {
        assert_eq!(receive(&mut peer).await, bodies);
    }
    peer.answer(id, &acked(0, 2)).await;
    peer.refuse(id, &error(ErrorCode::Overloaded, Outcome::NotDone)).await;
    assert_eq!(peer.expect_id(FrameKind::CloseAppendSession).await, id, "so that the server can forget the session");
    let id = peer.open_append_session(2).await;
    for (bodies, start) in [(["c", "d"], 2), (["e", "f"], 4)] {
        assert_eq!(receive(&mut peer).await, bodies);
        peer.answer(id, &acked(start, start + 2)).await;
    }
    assert_eq!(outcomes(tickets).await, [Ok(0), Ok(1), Ok(2), Ok(3), Ok(4), Ok(5)]);
    assert_eq!(producer.flush().await, Ok(()));
}

#[tokio::test]
async fn a_batch_that_can_never_be_done_ends_the_producer() {
    let server = FakeServer::start().await;
    let (producer, mut peer) = producer(&server, in_pairs()).await;
    let mut tickets = append(&producer, &["a", "b", "c", "d"]).await;
    let id = peer.open_append_session(0).await;
    assert_eq!(receive(&mut peer).await, ["a", "b"]);
    assert_eq!(receive(&mut peer).await, ["c", "d"]);
    peer.refuse(id, &error(ErrorCode::Invalid, Outcome::NotDone)).await;
    let last = tickets.pop().expect("four").await.expect_err("discarded");
    assert!(matches!(last, Error::NotDone(NotDone::Poisoned { .. })), "{last}");
    let first = tickets.swap_remove(0).await.expect_err("refused");
    assert_eq!(first.code(), Some(ErrorCode::Invalid));
    assert_eq!(producer.close().await, Err(first));
}

#[tokio::test]
async fn a_stream_that_is_not_there_fails_the_records_and_not_only_the_session() {
    let server = FakeServer::start().await;
    let (producer, mut peer) = producer(&server, in_pairs()).await;
    let tickets = append(&producer, &["a", "b"]).await;
    let id = peer.expect_id(FrameKind::OpenAppendSession).await;
    peer.refuse(id, &error(ErrorCode::StreamNotFound, Outcome::NotDone)).await;
    for ticket in tickets {
        assert_eq!(ticket.await.expect_err("no stream").code(), Some(ErrorCode::StreamNotFound));
    }
}

#[tokio::test]
async fn a_server_that_stays_away_fails_the_records_as_not_done() {
    let server = FakeServer::start().await;
    let (producer, peer) = producer(&server, in_pairs()).await;
    drop((peer, server));
    let tickets = append(&producer, &["a", "b", "c"]).await;
    assert!(producer.flush().await.is_err());
    assert_eq!(outcomes(tickets).await, [Err(Outcome::NotDone); 3]);
}

#[tokio::test]
async fn d4_a_session_whose_opening_is_in_doubt_leaves_no_record_in_doubt() {
    let server = FakeServer::start().await;
    let (producer, mut peer) = producer(&server, in_pairs()).await;
    let tickets = append(&producer, &["a", "b"]).await;
    peer.expect(FrameKind::OpenAppendSession).await;
    let mut peer = server.accept_after_dropping(peer).await;
    let id = peer.open_append_session(0).await;
    assert_eq!(receive(&mut peer).await, ["a", "b"]);
    peer.answer(id, &acked(0, 2)).await;
    assert_eq!(outcomes(tickets).await, [Ok(0), Ok(1)]);
}

#[tokio::test]
async fn a_full_buffer_holds_back_until_an_ack() {
    let server = FakeServer::start().await;
    let config = ProducerConfig { buffer_bytes_max: 30, ..in_pairs() };
    let (producer, mut peer) = producer(&server, config).await;
    // 9 metered bytes each: three fit, a fourth does not.
    let mut tickets = append(&producer, &["a", "b", "c"]).await;
    let mut fourth = Box::pin(producer.append(Record::new("d")));
    assert!(futures::poll!(&mut fourth).is_pending());
    let id = peer.open_append_session(0).await;
    assert_eq!(receive(&mut peer).await, ["a", "b"]);
    peer.answer(id, &acked(0, 2)).await;
    tickets.push(fourth.await.expect("room again"));
    assert_eq!(receive(&mut peer).await, ["c", "d"]);
    peer.answer(id, &acked(2, 4)).await;
    assert_eq!(outcomes(tickets).await, [Ok(0), Ok(1), Ok(2), Ok(3)]);
}

#[tokio::test]
async fn a_record_that_no_batch_may_hold_does_not_hurt_its_neighbours() {
    let server = FakeServer::start().await;
    let (producer, mut peer) = producer(&server, in_pairs()).await;
    let mut tickets = append(&producer, &["a"]).await;
    let too_large = producer.append(Record::new(vec![0; 1 << 20])).await.expect_err("8 bytes too many");
    assert!(matches!(too_large, Error::NotDone(NotDone::InvalidInput { .. })), "{too_large}");
    let nameless = Record { headers: vec![("".into(), "".into()), ("k".into(), "v".into())], ..Record::new("x") };
    assert!(producer.append(nameless).await.is_err());
    tickets.extend(append(&producer, &["b"]).await);
    let id = peer.open_append_session(0).await;
    assert_eq!(receive(&mut peer).await, ["a", "b"]);
    peer.answer(id, &acked(0, 2)).await;
    assert_eq!(outcomes(tickets).await, [Ok(0), Ok(1)]);
}

#[tokio::test]
async fn a5_a_thousand_records_or_a_mebibyte_make_a_batch() {
    let server = FakeServer::start().await;
    let config = ProducerConfig { linger: Duration::from_secs(3600), ..ProducerConfig::default() };
    let (producer, mut peer) = producer(&server, config).await;
    for _ in 0..1000 {
        drop(producer.append(Record::new("x")).await.expect("room"));
    }
    for _ in 0..3 {
        drop(producer.append(Record::new(vec![0; (400 << 10) - 8])).await.expect("room"));
    }
    let id = peer.open_append_session(0).await;
    assert_eq!(record_count(&peer.expect(FrameKind::SessionAppend).await), 1000);
    assert_eq!(record_count(&peer.expect(FrameKind::SessionAppend).await), 2, "a third would make 1200 KiB");
    peer.answer(id, &acked(0, 1000)).await;
}

/// Each session does one batch and fails: progress every time, though the worker was waiting for room when the ack came.
#[tokio::test]
async fn sessions_that_make_progress_do_not_use_up_the_policy() {
    let server = FakeServer::start().await;
    let inflight = AppendSessionConfig { inflight_batches_max: 1, ..AppendSessionConfig::default() };
    let retry = RetryPolicy { attempts: 2, backoff_base: Duration::ZERO, backoff_max: Duration::ZERO };
    let config = ProducerConfig { inflight, retry: Some(retry), ..in_pairs() };
    let (producer, mut peer) = producer(&server, config).await;
    let tickets = append(&producer, &["a", "b", "c", "d", "e", "f", "g", "h"]).await;
    for n in 0..4 {
        let id = peer.open_append_session(0).await;
        receive(&mut peer).await;
        let mut said = bytes::BytesMut::new();
        acked(2 * n, 2 * n + 2).write(id, &mut said);
        error(ErrorCode::Overloaded, Outcome::NotDone).write(id, &mut said);
        peer.raw(&said).await;
        if n < 3 {
            assert_eq!(peer.expect_id(FrameKind::CloseAppendSession).await, id);
        }
    }
    assert_eq!(outcomes(tickets).await, (0..8).map(Ok).collect::<Vec<_>>());
}
