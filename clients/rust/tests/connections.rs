//! Which connection a request takes, and when a new one is made (design.md 5).

mod support;

use riverrun_client::{Client, ClientConfig, Error, ErrorCode, NotDone, Outcome, ReadOptions, Record, Terminal};
use riverrun_protocol::FrameKind;
use riverrun_protocol::response::{Push, Response};
use std::time::Duration;
use support::{BASIN, FakeServer, acked_on, eager, error, once, opened_on, tail};

#[tokio::test]
async fn a_stream_s_requests_move_to_its_shard_s_connection_once_that_is_known() {
    let server = FakeServer::start().await;
    let (client, mut first) = tokio::join!(Client::connect(server.address.clone(), once()), server.accept_on(0, 4));
    let client = client.expect("a hello");
    let stream = client.stream(BASIN, "s").expect("valid");
    let records = [Record::new("x")];
    let calls = async {
        stream.append(&records).await.expect("over any connection");
        stream.clone().append(&records).await.expect("over the shard's own");
        stream.check_tail().await.expect("likewise");
        client.stream(BASIN, "t").expect("valid").check_tail().await.expect("unknown: over any");
    };
    let serving = async {
        let id = first.expect_id(FrameKind::Append).await;
        first.answer(id, &acked_on(0, 1, 2)).await;
        let mut second = server.accept_on(3, 4).await;
        let id = second.expect_id(FrameKind::Append).await;
        second.answer(id, &acked_on(1, 2, 2)).await;
        let id = second.expect_id(FrameKind::CheckTail).await;
        second.answer(id, &tail(2, 2)).await;
        let id = first.expect_id(FrameKind::CheckTail).await;
        first.answer(id, &tail(2, 0)).await;
    };
    tokio::join!(calls, serving);
}

#[tokio::test]
async fn sessions_opened_on_another_shard_s_connection_are_opened_again_on_their_own() {
    let server = FakeServer::start().await;
    let (client, mut first) = tokio::join!(Client::connect(server.address.clone(), once()), server.accept_on(0, 2));
    let stream = client.expect("a hello").stream(BASIN, "s").expect("valid");
    let calls = async {
        let append = stream.append_session().await.expect("opened");
        let read = stream.read_session(ReadOptions::default()).await.expect("opened");
        (append, read)
    };
    let serving = async {
        let id = first.expect_id(FrameKind::OpenAppendSession).await;
        first.answer(id, &Response::AppendSessionOpened(opened_on(0, 1))).await;
        let mut second = server.accept_on(1, 2).await;
        let again = second.expect_id(FrameKind::OpenAppendSession).await;
        second.answer(again, &Response::AppendSessionOpened(opened_on(0, 1))).await;
        let read = second.expect_id(FrameKind::OpenReadSession).await;
        second.answer(read, &Response::ReadSessionOpened(opened_on(0, 1))).await;
        assert_eq!(first.expect_id(FrameKind::CloseAppendSession).await, id, "the detour is given up");
        (first, second)
    };
    let ((_append, _read), (_first, _second)) = tokio::join!(calls, serving);
}

#[tokio::test]
async fn a_draining_connection_finishes_its_work_and_gets_no_more() {
    let server = FakeServer::start().await;
    let (client, mut old) = server.connected(once()).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    let serving = async {
        let id = old.expect_id(FrameKind::CheckTail).await;
        old.push(0, &Push::Draining).await;
        old.answer(id, &tail(1, 0)).await;
        let mut new = server.accept().await;
        let id = new.expect_id(FrameKind::CheckTail).await;
        new.answer(id, &tail(2, 0)).await;
        new
    };
    let calls = async {
        let before = stream.check_tail().await.expect("in flight when the server began to drain");
        let after = stream.check_tail().await.expect("over a new connection");
        (before.seq_num, after.seq_num)
    };
    let (seen, _new) = tokio::join!(calls, serving);
    assert_eq!(seen, (1, 2));
}

#[tokio::test]
async fn nobody_there_is_not_done() {
    let server = FakeServer::start().await;
    let address = server.address.clone();
    drop(server);
    let refused = Client::connect(address.clone(), eager()).await.expect_err("nobody listens");
    assert!(
        matches!(&refused, Error::NotDone(NotDone::Connect { address: tried, .. }) if *tried == address),
        "{refused}"
    );
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let server = FakeServer::start().await;
    let config = ClientConfig { connect_timeout: Duration::from_millis(50), ..once() };
    let (client, _peer) = tokio::join!(Client::connect(server.address.clone(), config), server.accept_silently());
    let silent = client.expect_err("no hello");
    assert!(matches!(silent, Error::NotDone(NotDone::Connect { .. })), "{silent}");
}

#[tokio::test]
async fn a_refused_hello_says_why() {
    let server = FakeServer::start().await;
    for (code, outcome) in [(ErrorCode::Invalid, Outcome::Terminal), (ErrorCode::Overloaded, Outcome::NotDone)] {
        let serving = async {
            let mut peer = server.accept_silently().await;
            peer.expect(FrameKind::Hello).await;
            peer.refuse(0, &error(code, outcome)).await;
            peer
        };
        let (client, _peer) = tokio::join!(Client::connect(server.address.clone(), once()), serving);
        let refused = client.expect_err("refused");
        assert_eq!((refused.code(), refused.outcome()), (Some(code), outcome));
    }
}

#[tokio::test]
async fn another_protocol_s_server_is_recognised() {
    let server = FakeServer::start().await;
    let serving = async {
        let mut peer = server.accept_silently().await;
        peer.raw(b"SSH-2.0-OpenSSH_9.6\r\n").await;
        peer
    };
    let (client, _peer) = tokio::join!(Client::connect(server.address.clone(), eager()), serving);
    let foreign = client.expect_err("no hello");
    assert!(matches!(foreign, Error::Terminal(Terminal::Violation { .. })), "{foreign}");
    assert!(foreign.why().contains("no Riverrun server"), "{foreign}");
}

#[tokio::test]
async fn many_calls_that_find_no_connection_make_one() {
    let server = FakeServer::start().await;
    let (client, mut old) = server.connected(once()).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    let serving = async {
        // Told to go away: from here on there is no usable connection.
        let id = old.expect_id(FrameKind::CheckTail).await;
        old.push(0, &Push::Draining).await;
        old.answer(id, &tail(0, 0)).await;
        let mut new = server.accept().await;
        for n in 0..10 {
            let id = new.expect_id(FrameKind::CheckTail).await;
            new.answer(id, &tail(n, 0)).await;
        }
        new
    };
    let calls = async {
        stream.check_tail().await.expect("the old connection's last answer");
        futures::future::join_all((0..10).map(|_| stream.check_tail())).await
    };
    let (answers, _new) = tokio::join!(calls, serving);
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}
