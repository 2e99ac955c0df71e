//! Read sessions: credit, heartbeats, ends and errors (`s2-semantics.md` C, I5). Resuming is in `read_resume.rs`.

mod support;

use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt};
use riverrun_client::{
    ClientConfig, Error, ErrorCode, Outcome, ReadEvent, ReadOptions, ReadSession, ReadSessionConfig, RetryPolicy,
    StreamId, Terminal,
};
use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::request::{OpenReadSession, Request};
use riverrun_protocol::response::{Push, ReadBatches, Response, SessionOpened};
use riverrun_protocol::{FrameKind, limits::FRAME_HEADER_BYTES};
use support::records::{STREAM, batch, batch_of, body, heartbeat, numbers, position, push};
use support::{BASIN, FakeServer, Peer, eager, error};

struct Pair {
    session: ReadSession,
    peer: Peer,
    id: u64,
    asked: OpenReadSession,
}

async fn pair_with(server: &FakeServer, client: ClientConfig, options: ReadOptions, config: ReadSessionConfig) -> Pair {
    let (client, mut peer) = server.connected(client).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    let serving = async {
        let frame = peer.expect(FrameKind::OpenReadSession).await;
        let Ok(Request::OpenReadSession(asked)) = Request::parse(frame.header.kind, &frame.body) else { panic!() };
        peer.answer(frame.header.id, &Response::ReadSessionOpened(support::opened(9))).await;
        (frame.header.id, asked)
    };
    let (session, (id, asked)) = tokio::join!(stream.read_session_with(options, config), serving);
    Pair { session: session.expect("opened"), peer, id, asked }
}

async fn pair(server: &FakeServer) -> Pair {
    pair_with(server, eager(), ReadOptions::default(), ReadSessionConfig::default()).await
}

fn body_bytes(push: &Push) -> u64 {
    let mut out = bytes::BytesMut::new();
    push.write(1, &mut out);
    (out.len() - FRAME_HEADER_BYTES) as u64
}

async fn granted(peer: &mut Peer) -> u64 {
    let frame = peer.expect(FrameKind::GrantCredit).await;
    match Request::parse(frame.header.kind, &frame.body) {
        Ok(Request::GrantCredit(grant)) => grant.bytes,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn records_batches_and_the_clean_end() {
    let server = FakeServer::start().await;
    let Pair { session, mut peer, id, .. } = pair(&server).await;
    peer.push(id, &push(&[batch(0..2), batch(2..3)], None)).await;
    peer.push(id, &push(&[batch(3..7)], Some(7))).await;
    peer.answer(id, &Response::SessionEnded).await;
    let records: Vec<_> = session.try_collect().await.expect("a clean end");
    assert_eq!(numbers(&records), (0..7).collect::<Vec<u64>>());
}

#[tokio::test]
async fn c13_caught_up_when_the_last_record_before_the_tail_has_been_delivered() {
    let server = FakeServer::start().await;
    let Pair { mut session, mut peer, id, .. } = pair(&server).await;
    peer.push(id, &push(&[batch(0..2), batch(2..9)], None)).await;
    peer.push(id, &heartbeat(9)).await;
    peer.push(id, &push(&[batch(9..10), batch(10..12)], Some(12))).await;
    let mut seen = Vec::new();
    for _ in 0..5 {
        let event = session.next_event().await.expect("more").expect("sound");
        let upto = match event {
            ReadEvent::Batch(batch) => batch.end_seq_num(),
            ReadEvent::Heartbeat(tail) => tail.seq_num,
        };
        seen.push((upto, session.caught_up(), session.tail().map(|tail| tail.seq_num)));
    }
    let expected = [(2, false, None), (9, false, None), (9, true, Some(9)), (10, false, Some(9)), (12, true, Some(12))];
    assert_eq!(seen, expected);
    assert_eq!((session.next_seq_num(), session.stream_id()), (Some(12), Some(STREAM)));
}

#[tokio::test]
async fn record_by_record_the_position_is_the_next_record_s() {
    let server = FakeServer::start().await;
    let Pair { mut session, mut peer, id, .. } = pair(&server).await;
    peer.push(id, &push(&[batch(0..3)], Some(3))).await;
    let mut positions = Vec::new();
    while !session.caught_up() {
        let record = session.next().await.expect("more").expect("sound");
        positions.push((record.seq_num, session.next_seq_num()));
    }
    assert_eq!(positions, [(0, Some(1)), (1, Some(2)), (2, Some(3))]);
}

#[tokio::test]
async fn credit_is_granted_as_pushes_are_picked_up() {
    let server = FakeServer::start().await;
    let pushes = [push(&[batch(0..4)], None), push(&[batch(4..8)], None), push(&[batch(8..12)], None)];
    let config = ReadSessionConfig { window_bytes: 4 * body_bytes(&pushes[0]), ..ReadSessionConfig::default() };
    let Pair { mut session, mut peer, id, asked } = pair_with(&server, eager(), ReadOptions::default(), config).await;
    assert_eq!(asked.credit_bytes, config.window_bytes);
    for push in &pushes {
        peer.push(id, push).await;
        session.next_batch().await.expect("more").expect("sound");
        assert_eq!(granted(&mut peer).await, body_bytes(push), "a quarter of the window was picked up");
    }
}

#[tokio::test]
async fn small_pushes_are_granted_together() {
    let server = FakeServer::start().await;
    let push_bytes = body_bytes(&push(&[batch(0..1)], None));
    let config = ReadSessionConfig { window_bytes: 12 * push_bytes, ..ReadSessionConfig::default() };
    let Pair { mut session, mut peer, id, .. } = pair_with(&server, eager(), ReadOptions::default(), config).await;
    for n in 0..9 {
        peer.push(id, &push(&[batch(n..n + 1)], None)).await;
        session.next_batch().await.expect("more").expect("sound");
    }
    for _ in 0..3 {
        assert_eq!(granted(&mut peer).await, 3 * push_bytes);
    }
}

#[tokio::test]
async fn nothing_is_granted_for_what_nobody_picked_up() {
    let server = FakeServer::start().await;
    let pushes = [push(&[batch(0..4)], None), push(&[batch(4..8)], None)];
    let config = ReadSessionConfig { window_bytes: 1, ..ReadSessionConfig::default() };
    let Pair { mut session, mut peer, id, .. } = pair_with(&server, eager(), ReadOptions::default(), config).await;
    peer.push(id, &pushes[0]).await;
    session.next_batch().await.expect("more").expect("sound");
    assert_eq!(granted(&mut peer).await, body_bytes(&pushes[0]));
    // A second push is picked up by nobody; the session ends instead.
    peer.push(id, &pushes[1]).await;
    drop(session);
    assert_eq!(peer.expect_id(FrameKind::CloseReadSession).await, id);
}

#[tokio::test]
async fn a_push_without_credit_breaks_the_protocol() {
    let server = FakeServer::start().await;
    let config = ReadSessionConfig { window_bytes: 1, ..ReadSessionConfig::default() };
    let Pair { mut session, mut peer, id, .. } = pair_with(&server, eager(), ReadOptions::default(), config).await;
    peer.push(id, &push(&[batch(0..4)], None)).await;
    peer.push(id, &push(&[batch(4..8)], None)).await;
    // The one push that there was credit for is good.
    session.next_batch().await.expect("more").expect("sound");
    let broken = session.next_batch().await.expect("an error").expect_err("the second");
    assert!(broken.why().contains("Records without credit"), "{broken}");
    assert!(session.next_batch().await.is_none(), "an error is the last item");
}

#[tokio::test]
async fn dropping_a_session_closes_it_on_the_server() {
    let server = FakeServer::start().await;
    let Pair { session, mut peer, id, .. } = pair(&server).await;
    drop(session);
    assert_eq!(peer.expect_id(FrameKind::CloseReadSession).await, id);
}

#[tokio::test]
async fn c4_unwritten_is_told_with_the_tail_and_not_retried() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(eager()).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    let serving = async {
        let id = peer.expect_id(FrameKind::OpenReadSession).await;
        let refusal = ErrorFrame { tail: Some(position(9)), ..error(ErrorCode::Unwritten, Outcome::NotDone) };
        peer.refuse(id, &refusal).await;
    };
    let (session, ()) = tokio::join!(stream.read_session(ReadOptions::from_seq_num(12)), serving);
    assert_eq!(session.expect_err("beyond the tail").unwritten(), Some(position(9)));
}

#[tokio::test]
async fn f23_damage_on_the_way_is_found_and_told() {
    let server = FakeServer::start().await;
    for place in [0, 20, 70, 130, 200] {
        let Pair { mut session, mut peer, id, .. } = pair(&server).await;
        let mut damaged = batch(0..4).bytes().to_vec();
        damaged[place] ^= 4;
        let read = ReadBatches { tail: None, parts: vec![damaged.into()] };
        peer.push(id, &Push::Records(read)).await;
        let corrupt = session.next_batch().await.expect("an error").expect_err("damaged");
        assert!(matches!(corrupt, Error::Terminal(Terminal::Corrupt { .. })), "byte {place}: {corrupt}");
        assert!(session.next_batch().await.is_none());
    }
}

#[tokio::test]
async fn repeats_and_other_streams_records_are_refused() {
    let server = FakeServer::start().await;
    for wrong in [batch(2..5), batch_of(StreamId([8; 16]), 3..5, body)] {
        let Pair { mut session, mut peer, id, .. } = pair(&server).await;
        peer.push(id, &push(&[batch(0..3)], None)).await;
        peer.push(id, &push(&[wrong], None)).await;
        session.next_batch().await.expect("more").expect("sound");
        let broken = session.next_batch().await.expect("an error").expect_err("the second");
        assert!(matches!(broken, Error::Terminal(Terminal::Violation { .. })), "{broken}");
    }
}

#[tokio::test]
async fn c16_a_stream_created_again_under_the_same_name_is_not_gone_on_with() {
    let server = FakeServer::start().await;
    let Pair { mut session, mut peer, id, .. } = pair(&server).await;
    peer.push(id, &push(&[batch(0..3)], None)).await;
    session.next_batch().await.expect("more").expect("sound");
    let serving = async {
        let mut peer = server.accept_after_dropping(peer).await;
        let id = peer.expect_id(FrameKind::OpenReadSession).await;
        let other = SessionOpened { stream_id: StreamId([8; 16]), ..support::opened(9) };
        peer.answer(id, &Response::ReadSessionOpened(other)).await;
        peer
    };
    let (next, _peer) = tokio::join!(session.next_batch(), serving);
    assert_eq!(next.expect("an error").expect_err("another stream"), Error::Terminal(Terminal::Recreated));
}

#[tokio::test]
async fn a_stopping_server_is_left_and_come_back_to() {
    let server = FakeServer::start().await;
    let Pair { mut session, mut peer, id, .. } = pair(&server).await;
    peer.push(id, &push(&[batch(0..3)], None)).await;
    session.next_batch().await.expect("more").expect("sound");
    let serving = async {
        peer.push(0, &Push::Draining).await;
        peer.refuse(id, &error(ErrorCode::Draining, Outcome::NotDone)).await;
        let mut peer = server.accept().await;
        let id = peer.open_read_session(9).await;
        peer.push(id, &push(&[batch(3..5)], None)).await;
        peer
    };
    let (next, _peer) = tokio::join!(session.next_batch(), serving);
    assert_eq!(next.expect("more").expect("sound").first_seq_num(), 3);
}

#[tokio::test]
async fn i5_silence_makes_the_session_reconnect() {
    let server = FakeServer::start().await;
    let config = ReadSessionConfig { silence_max: Duration::from_millis(30), ..ReadSessionConfig::default() };
    let Pair { mut session, mut peer, id, .. } = pair_with(&server, eager(), ReadOptions::default(), config).await;
    let serving = async {
        // The connection itself is fine, so the session is opened anew on it.
        assert_eq!(peer.expect_id(FrameKind::CloseReadSession).await, id);
        let again = peer.open_read_session(9).await;
        peer.push(again, &push(&[batch(0..1)], None)).await;
    };
    let (next, ()) = tokio::join!(session.next_batch(), serving);
    assert_eq!(next.expect("more").expect("sound").first_seq_num(), 0);
}

/// Its credit may be used up, and what it grants is not read.
#[tokio::test]
async fn f_a_throttled_session_s_silence_begins_when_the_server_reads_again() {
    let server = FakeServer::start().await;
    let config = ReadSessionConfig { silence_max: Duration::from_millis(500), ..ReadSessionConfig::default() };
    let Pair { mut session, mut peer, id, .. } = pair_with(&server, eager(), ReadOptions::default(), config).await;
    let throttled = Instant::now();
    peer.push(0, &Push::Throttled { retry_after_ms: 500 }).await;
    peer.push(id, &push(&[batch(0..1)], None)).await;
    session.next_batch().await.expect("more").expect("sound");
    let serving = async {
        assert_eq!(peer.expect_id(FrameKind::CloseReadSession).await, id);
        assert!(throttled.elapsed() >= Duration::from_secs(1), "{:?}", throttled.elapsed());
        let again = peer.open_read_session(9).await;
        peer.push(again, &push(&[batch(1..2)], None)).await;
    };
    let (next, ()) = tokio::join!(session.next_batch(), serving);
    assert_eq!(next.expect("more").expect("sound").first_seq_num(), 1);
}

#[tokio::test]
async fn reconnecting_gives_up_when_the_policy_is_used_up() {
    let server = FakeServer::start().await;
    let config = ReadSessionConfig { retry: Some(RetryPolicy::NEVER), ..ReadSessionConfig::default() };
    let Pair { mut session, peer, .. } = pair_with(&server, eager(), ReadOptions::default(), config).await;
    drop(peer);
    let lost = session.next_batch().await.expect("an error").expect_err("lost");
    assert!(lost.is_transient(), "{lost}");
    assert!(session.next().await.is_none());
}

#[tokio::test]
async fn a_session_on_a_stream_that_is_gone_ends_with_that() {
    let server = FakeServer::start().await;
    let Pair { mut session, mut peer, id, .. } = pair(&server).await;
    peer.push(id, &push(&[batch(0..3)], None)).await;
    peer.refuse(id, &error(ErrorCode::StreamNotFound, Outcome::NotDone)).await;
    session.next_batch().await.expect("more").expect("what came before is delivered");
    let gone = session.next_batch().await.expect("an error").expect_err("gone");
    assert_eq!(gone.code(), Some(ErrorCode::StreamNotFound));
}

#[tokio::test]
async fn a_slow_reader_of_one_session_does_not_hold_up_another() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(eager()).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    let serving = async {
        let slow = peer.open_read_session(0).await;
        let fast = peer.open_read_session(0).await;
        for n in 0..100 {
            peer.push(slow, &push(&[batch(n..n + 1)], None)).await;
        }
        peer.push(fast, &push(&[batch(0..1)], None)).await;
    };
    let opening = async {
        let slow = stream.read_session(ReadOptions::default()).await.expect("opened");
        (slow, stream.read_session(ReadOptions::default()).await.expect("opened"))
    };
    let ((slow, mut fast), ()) = tokio::join!(opening, serving);
    assert_eq!(fast.next_batch().await.expect("more").expect("sound").first_seq_num(), 0);
    drop(slow);
}
