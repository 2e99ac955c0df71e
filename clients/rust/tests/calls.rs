//! Calls: what is sent, what is repeated, and what never is (reliability.md D4, F52).

mod support;

use std::time::Duration;

use riverrun_client::{
    BasinOptions, Client, ClientConfig, Error, ErrorCode, Level, ListOptions, MaybeDone, NotDone, Outcome, ReadEvent,
    ReadOptions, ReadSessionConfig, Record, RetryPolicy,
};
use riverrun_protocol::FrameKind;
use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::request::Request;
use riverrun_protocol::response::{BasinList, ReadBatches, Response, StageHistogram, StageHistograms, StatusReport};
use riverrun_protocol::types::Position;
use support::records::{batch, heartbeat, numbers};
use support::{BASIN, FakeServer, acked, eager, error, once, tail};

fn one() -> [Record; 1] {
    [Record::new("x")]
}

#[tokio::test]
async fn hello_carries_token_and_agent() {
    let server = FakeServer::start().await;
    let config = ClientConfig { token: Some("s3cret".into()), agent: "test/1".to_owned(), ..once() };
    let (client, hello) = tokio::join!(Client::connect(server.address.clone(), config), async {
        let mut peer = server.accept_silently().await;
        let hello = peer.hello(0, 1).await;
        (peer, hello)
    });
    client.expect("accepted");
    assert_eq!((&hello.1.token[..], &*hello.1.agent), (&b"s3cret"[..], "test/1"));
}

#[tokio::test]
async fn ping_and_status() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(once()).await;
    let report = StatusReport {
        shards: 2,
        uptime_ms: 5,
        connections: 1,
        streams_open: 0,
        epoch: 3,
        level: Level::Journal,
        store: "fs:./riverrun-data".to_owned(),
        version: "0.1.0".to_owned(),
        counters: vec![("acks".to_owned(), 7)],
    };
    let calls = async { (client.ping().await, client.status().await) };
    let serving = async {
        let frame = peer.expect(FrameKind::Ping).await;
        let Ok(Request::Ping(ping)) = Request::parse(frame.header.kind, &frame.body) else { panic!("no ping") };
        peer.answer(frame.header.id, &Response::Pong { nonce: ping.nonce }).await;
        let id = peer.expect_id(FrameKind::Status).await;
        peer.answer(id, &Response::Status(report.clone())).await;
    };
    let ((ping, status), ()) = tokio::join!(calls, serving);
    ping.expect("a pong");
    assert_eq!(status.expect("a report"), report);
}

#[tokio::test]
async fn stages_come_as_they_were_sent() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(once()).await;
    let stage = StageHistogram { name: "journal_write".to_owned(), histogram: vec![1, 2, 3].into() };
    let told = StageHistograms { stages: vec![stage] };
    let serving = async {
        let id = peer.expect_id(FrameKind::GetStages).await;
        peer.answer(id, &Response::StageHistograms(told.clone())).await;
    };
    let (stages, ()) = tokio::join!(client.stage_histograms(), serving);
    assert_eq!(stages.expect("an answer"), told);
}

#[tokio::test]
async fn answers_find_their_calls_in_any_order() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(once()).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    let serving = async {
        let first = peer.expect_id(FrameKind::CheckTail).await;
        let second = peer.expect_id(FrameKind::CheckTail).await;
        assert_ne!(first, second);
        peer.answer(second, &tail(2, 0)).await;
        peer.answer(first, &tail(1, 0)).await;
    };
    let (first, second, ()) = tokio::join!(stream.check_tail(), stream.check_tail(), serving);
    assert_eq!((first.expect("answered").seq_num, second.expect("answered").seq_num), (1, 2));
}

#[tokio::test]
async fn names_and_batches_are_checked_before_anything_is_sent() {
    let server = FakeServer::start().await;
    let (client, peer) = server.connected(once()).await;
    let invalid = |error: Error| matches!(error, Error::NotDone(NotDone::InvalidInput { .. }));
    assert!(invalid(client.stream("short", "s").expect_err("5 bytes")));
    assert!(invalid(client.stream(BASIN, "").expect_err("empty")));
    assert!(invalid(client.create_basin("Nope-Nope", BasinOptions::default()).await.expect_err("upper case")));
    let stream = client.stream(BASIN, "s").expect("valid");
    assert!(invalid(stream.append(&[]).await.expect_err("empty")));
    assert!(invalid(stream.append(&vec![Record::new(""); 1001]).await.expect_err("too many")));
    drop((client, stream));
    assert!(peer.drained().await.is_empty());
}

#[tokio::test]
async fn an_append_arrives_byte_for_byte_and_its_ack_comes_back() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(once()).await;
    let stream = client.stream(BASIN, "logs/a").expect("valid");
    let records = [Record { timestamp: Some(5), headers: vec![("k".into(), "v".into())], body: "x".into() }];
    let serving = async {
        let frame = peer.expect(FrameKind::Append).await;
        let Ok(Request::Append(append)) = Request::parse(frame.header.kind, &frame.body) else { panic!("no append") };
        assert_eq!((append.target.basin.as_str(), append.target.stream.as_str()), (BASIN, "logs/a"));
        assert_eq!(append.batch, &riverrun_protocol::batch::encode(&records).expect("sound")[..]);
        peer.answer(frame.header.id, &acked(4, 5)).await;
    };
    let (ack, ()) = tokio::join!(stream.append(&records), serving);
    assert_eq!(ack.expect("acked").start.seq_num, 4);
}

#[tokio::test]
async fn f52_an_append_that_was_sent_is_never_sent_again() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(eager()).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    let serving = async {
        peer.expect(FrameKind::Append).await;
        drop(peer);
        // Whatever the client does next, it does over a new connection.
        let mut peer = server.accept().await;
        let id = peer.expect_id(FrameKind::CheckTail).await;
        peer.answer(id, &tail(1, 0)).await;
    };
    let calls = async {
        let lost = stream.append(&one()).await.expect_err("no answer");
        assert!(matches!(lost, Error::MaybeDone(MaybeDone::Disconnected(_))), "{lost}");
        stream.check_tail().await.expect("a new connection")
    };
    let (position, ()) = tokio::join!(calls, serving);
    assert_eq!(position.seq_num, 1);
}

#[tokio::test]
async fn d22_an_append_refused_without_effect_is_sent_again() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(eager()).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    let serving = async {
        for _ in 0..2 {
            let id = peer.expect_id(FrameKind::Append).await;
            peer.refuse(id, &error(ErrorCode::Overloaded, Outcome::NotDone)).await;
        }
        let id = peer.expect_id(FrameKind::Append).await;
        peer.answer(id, &acked(0, 1)).await;
    };
    let (ack, ()) = tokio::join!(async { stream.append(&one()).await }, serving);
    ack.expect("the third attempt");
}

#[tokio::test]
async fn answers_that_do_not_pass_are_not_asked_for_again() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(eager()).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    for (code, outcome) in [
        (ErrorCode::StreamNotFound, Outcome::NotDone),
        (ErrorCode::Storage, Outcome::MaybeDone),
        (ErrorCode::Overloaded, Outcome::Terminal),
    ] {
        let serving = async {
            let id = peer.expect_id(FrameKind::Append).await;
            peer.refuse(id, &error(code, outcome)).await;
        };
        let (answer, ()) = tokio::join!(async { stream.append(&one()).await }, serving);
        let refused = answer.expect_err("refused");
        assert_eq!((refused.code(), refused.outcome()), (Some(code), outcome));
    }
    drop((client, stream));
    assert!(peer.drained().await.is_empty(), "nothing was sent twice");
}

#[tokio::test]
async fn d22_a_call_without_effect_survives_lost_connections() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(eager()).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    let serving = async {
        for _ in 0..3 {
            peer.expect(FrameKind::CheckTail).await;
            peer = server.accept_after_dropping(peer).await;
        }
        let id = peer.expect_id(FrameKind::CheckTail).await;
        peer.answer(id, &tail(9, 0)).await;
    };
    let (position, ()) = tokio::join!(stream.check_tail(), serving);
    assert_eq!(position.expect("the fourth attempt").seq_num, 9);
}

#[tokio::test]
async fn a_used_up_policy_surfaces_the_last_failure() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(eager()).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    let serving = async {
        for _ in 0..4 {
            let id = peer.expect_id(FrameKind::CheckTail).await;
            let busy = ErrorFrame { retry_after_ms: 3, ..error(ErrorCode::Unavailable, Outcome::MaybeDone) };
            peer.refuse(id, &busy).await;
        }
    };
    let (answer, ()) = tokio::join!(stream.check_tail(), serving);
    let refused = answer.expect_err("four attempts, no more");
    assert_eq!(refused.code(), Some(ErrorCode::Unavailable));
    assert_eq!(refused.retry_after(), Some(Duration::from_millis(3)));
}

/// There is nothing to look for, and nothing that could be done twice.
#[tokio::test]
async fn d4_calls_that_change_nothing_are_never_in_doubt() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(once()).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    let serving = async {
        peer.expect(FrameKind::CheckTail).await;
        let mut peer = server.accept_after_dropping(peer).await;
        let id = peer.expect_id(FrameKind::Read).await;
        peer.refuse(id, &error(ErrorCode::Storage, Outcome::MaybeDone)).await;
        let id = peer.open_read_session(1).await;
        peer.refuse(id, &error(ErrorCode::Storage, Outcome::MaybeDone)).await;
    };
    let calls = async {
        let checked = stream.check_tail().await.map(drop);
        let read = stream.read(ReadOptions::default()).await.map(drop);
        let mut session = stream.read_session(ReadOptions::default()).await.expect("opened");
        let followed = session.next_event().await.expect("its failure").map(drop);
        (checked, read, followed)
    };
    let ((checked, read, followed), ()) = tokio::join!(calls, serving);
    for failed in [checked, read, followed] {
        let failed = failed.expect_err("no answer");
        assert_eq!(failed.outcome(), Outcome::NotDone, "{failed}");
        assert!(!failed.advice().contains("twice"), "{failed}");
    }
}

#[tokio::test]
async fn d4_no_answer_in_time_is_maybe_done_for_what_was_sent() {
    let server = FakeServer::start().await;
    let config = ClientConfig { request_timeout: Duration::from_millis(50), ..eager() };
    let (client, mut peer) = server.connected(config).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    let late = async {
        let id = peer.expect_id(FrameKind::Append).await;
        // It gives up; its late answer must not disturb the next call.
        let next = peer.expect_id(FrameKind::Read).await;
        peer.answer(id, &acked(0, 1)).await;
        peer.answer(next, &Response::ReadBatches(ReadBatches::default())).await;
    };
    let calls = async {
        let lost = stream.append(&one()).await.expect_err("no answer");
        assert!(matches!(lost, Error::MaybeDone(MaybeDone::TimedOut { .. })), "{lost}");
        // A read's wait comes on top of the timeout, so this one has time.
        stream.read(ReadOptions::default().wait(Duration::from_secs(60))).await
    };
    let (read, ()) = tokio::join!(calls, late);
    assert_eq!(read.expect("the connection is fine").record_count(), 0);
}

/// `Duration::MAX` is what people write for "no limit".
#[tokio::test]
async fn no_limit_is_no_panic() {
    let server = FakeServer::start().await;
    let no_limit = Duration::MAX;
    let config = ClientConfig {
        connect_timeout: no_limit,
        request_timeout: no_limit,
        keep_alive_interval: no_limit,
        silence_max: no_limit,
        retry: RetryPolicy { attempts: 3, backoff_base: Duration::ZERO, backoff_max: no_limit },
        ..ClientConfig::default()
    };
    let (client, mut peer) = server.connected(config).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    let serving = async {
        let id = peer.expect_id(FrameKind::Append).await;
        peer.answer(id, &acked(0, 1)).await;
        let id = peer.open_read_session(1).await;
        peer.push(id, &heartbeat(1)).await;
    };
    let calls = async {
        stream.append(&one()).await.expect("acked");
        let patient = ReadSessionConfig { silence_max: no_limit, ..ReadSessionConfig::default() };
        let mut session = stream.read_session_with(ReadOptions::from_tail(0), patient).await.expect("opened");
        session.next_event().await.expect("no end").expect("a heartbeat")
    };
    let (event, ()) = tokio::join!(calls, serving);
    assert!(matches!(event, ReadEvent::Heartbeat(_)), "{event:?}");
}

#[tokio::test]
async fn an_ack_for_another_number_of_records_is_not_believed() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(eager()).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    let serving = async {
        let id = peer.expect_id(FrameKind::Append).await;
        peer.answer(id, &acked(0, 2)).await;
    };
    let (answer, ()) = tokio::join!(async { stream.append(&one()).await }, serving);
    assert_eq!(answer.expect_err("one record was sent").outcome(), Outcome::MaybeDone);
}

#[tokio::test]
async fn c9_a_read_gives_verified_records_and_the_tail() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(once()).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    let serving = async {
        let id = peer.expect_id(FrameKind::Read).await;
        let mut read = ReadBatches { tail: Some(Position { seq_num: 7, timestamp: 1006 }), parts: Vec::new() };
        read.push(batch(0..3).slice(1..3));
        read.push(batch(3..7).slice(0..4));
        peer.answer(id, &Response::ReadBatches(read)).await;
    };
    let (read, ()) = tokio::join!(stream.read(ReadOptions::from_seq_num(1)), serving);
    let read = read.expect("records");
    let records: Vec<_> = read.records().collect::<Result<_, _>>().expect("sound");
    assert_eq!(numbers(&records), [1, 2, 3, 4, 5, 6]);
    assert_eq!((read.record_count(), read.tail.map(|tail| tail.seq_num)), (6, Some(7)));
}

#[tokio::test]
async fn c4_a_read_at_the_tail_is_refused_with_the_tail() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(eager()).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    let at = Position { seq_num: 7, timestamp: 70 };
    let serving = async {
        let id = peer.expect_id(FrameKind::Read).await;
        peer.refuse(id, &ErrorFrame { tail: Some(at), ..error(ErrorCode::Unwritten, Outcome::NotDone) }).await;
    };
    let (answer, ()) = tokio::join!(stream.read(ReadOptions::from_seq_num(7)), serving);
    assert_eq!(answer.expect_err("nothing there").unwritten(), Some(at));
}

#[tokio::test]
async fn listings_pass_their_options_on() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(once()).await;
    let options = ListOptions { prefix: "demo".to_owned(), start_after: "demo-a".to_owned(), limit: 5 };
    let serving = async {
        let frame = peer.expect(FrameKind::ListBasins).await;
        let Ok(Request::ListBasins(list)) = Request::parse(frame.header.kind, &frame.body) else { panic!("no list") };
        assert_eq!((&*list.prefix, &*list.start_after, list.limit), ("demo", "demo-a", 5));
        let page = BasinList { basins: Vec::new(), has_more: true };
        peer.answer(frame.header.id, &Response::BasinList(page)).await;
    };
    let (page, ()) = tokio::join!(client.list_basins(options), serving);
    assert!(page.expect("a page").has_more);
}

#[tokio::test]
async fn a_call_given_up_before_it_was_sent_never_is() {
    let server = FakeServer::start().await;
    // The peer reads nothing, so that the socket fills up and the last call stays in the queue.
    let config = ClientConfig { request_timeout: Duration::from_millis(200), retry: RetryPolicy::NEVER, ..once() };
    let (client, mut peer) = server.connected(config).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    let large = vec![Record::new(vec![1; 1 << 19])];
    let sending: Vec<_> = (0..40).map(|_| stream.append(&large)).collect();
    let outcomes: Vec<Outcome> =
        futures::future::join_all(sending).await.into_iter().map(|sent| sent.expect_err("silence").outcome()).collect();
    let in_doubt = outcomes.iter().filter(|outcome| **outcome == Outcome::MaybeDone).count();
    assert!(0 < in_doubt && in_doubt < 40, "some were sent and some were not: {outcomes:?}");
    drop((client, stream));
    let mut arrived = 0;
    while peer.next().await.is_some() {
        arrived += 1;
    }
    assert!(arrived <= in_doubt, "{arrived} arrived, {in_doubt} in doubt");
}
