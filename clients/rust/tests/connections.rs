//! Which connection a request takes, and when a new one is made (design.md 5).

mod support;

use riverrun_client::{Client, ClientConfig, Error, ErrorCode, NotDone, Outcome, ReadOptions, Record, Terminal};
use riverrun_protocol::FrameKind;
use riverrun_protocol::response::{Push, Response};
use std::time::Duration;
use support::{BASIN, FakeServer, acked_on, eager, error, once, opened_on, tail};

/// The server moves a connection to the shard of its first stream request, whatever shard said hello.
#[tokio::test]
async fn one_shard_s_streams_share_one_connection() {
    let server = FakeServer::start().await;
    let (client, mut only) = tokio::join!(Client::connect(server.address.clone(), once()), server.accept_on(0, 4));
    let client = client.expect("a hello");
    let records = [Record::new("x")];
    let calls = async {
        let stream = client.stream(BASIN, "s").expect("valid");
        stream.append(&records).await.expect("acked");
        stream.clone().append(&records).await.expect("acked");
        let session = stream.read_session(ReadOptions::default()).await.expect("opened");
        client.stream(BASIN, "t").expect("valid").check_tail().await.expect("answered");
        session
    };
    let serving = async {
        for _ in 0..2 {
            let id = only.expect_id(FrameKind::Append).await;
            only.answer(id, &acked_on(0, 1, 2)).await;
        }
        let id = only.expect_id(FrameKind::OpenReadSession).await;
        only.answer(id, &Response::ReadSessionOpened(opened_on(1, 2))).await;
        let id = only.expect_id(FrameKind::CheckTail).await;
        only.answer(id, &tail(1, 2)).await;
    };
    tokio::join!(calls, serving);
}

#[tokio::test]
async fn another_shard_s_streams_get_a_connection_of_their_own_once_that_is_known() {
    let server = FakeServer::start().await;
    let (client, mut first) = tokio::join!(Client::connect(server.address.clone(), once()), server.accept_on(0, 4));
    let client = client.expect("a hello");
    let (here, there) = (client.stream(BASIN, "here").expect("valid"), client.stream(BASIN, "there").expect("valid"));
    let calls = async {
        here.check_tail().await.expect("the first connection is from now on its own");
        there.check_tail().await.expect("unknown: over any");
        there.check_tail().await.expect("known: over a new one");
        here.check_tail().await.expect("as before");
        there.append_session().await.expect("likewise")
    };
    let serving = async {
        for shard in [2, 3] {
            let id = first.expect_id(FrameKind::CheckTail).await;
            first.answer(id, &tail(0, shard)).await;
        }
        let mut second = server.accept_on(1, 4).await;
        let id = second.expect_id(FrameKind::CheckTail).await;
        second.answer(id, &tail(0, 3)).await;
        let id = first.expect_id(FrameKind::CheckTail).await;
        first.answer(id, &tail(0, 2)).await;
        let id = second.expect_id(FrameKind::OpenAppendSession).await;
        second.answer(id, &Response::AppendSessionOpened(opened_on(0, 3))).await;
        (first, second)
    };
    tokio::join!(calls, serving);
}

/// After a reconnect, streams that know their shards may meet a connection that was made for a request of no stream.
#[tokio::test]
async fn a_connection_made_for_no_stream_still_gets_a_shard_of_its_own() {
    let server = FakeServer::start().await;
    let (client, mut old) = tokio::join!(Client::connect(server.address.clone(), once()), server.accept_on(0, 4));
    let client = client.expect("a hello");
    let (here, there) = (client.stream(BASIN, "here").expect("valid"), client.stream(BASIN, "there").expect("valid"));
    let calls = async {
        here.check_tail().await.expect("it is on shard 2");
        there.check_tail().await.expect("it is on shard 3");
        client.ping().await.expect_err("no answer to believe");
        here.check_tail().await.expect("over the ping's connection");
        there.check_tail().await.expect("over one of its own");
    };
    let serving = async {
        for shard in [2, 3] {
            let id = old.expect_id(FrameKind::CheckTail).await;
            old.answer(id, &tail(0, shard)).await;
        }
        old.push(0, &Push::Draining).await;
        let mut new = server.accept_on(0, 4).await;
        let id = new.expect_id(FrameKind::Ping).await;
        new.answer(id, &Response::Pong { nonce: 0 }).await;
        let id = new.expect_id(FrameKind::CheckTail).await;
        new.answer(id, &tail(0, 2)).await;
        let mut own = server.accept_on(0, 4).await;
        let id = own.expect_id(FrameKind::CheckTail).await;
        own.answer(id, &tail(0, 3)).await;
        (old, new, own)
    };
    tokio::join!(calls, serving);
}

#[tokio::test]
async fn sessions_opened_on_another_shard_s_connection_are_opened_again_on_their_own() {
    let server = FakeServer::start().await;
    let (client, mut first) = tokio::join!(Client::connect(server.address.clone(), once()), server.accept_on(0, 2));
    let client = client.expect("a hello");
    let (here, there) = (client.stream(BASIN, "here").expect("valid"), client.stream(BASIN, "there").expect("valid"));
    let calls = async {
        here.check_tail().await.expect("the first connection is from now on its own");
        let append = there.append_session().await.expect("opened");
        let read = there.read_session(ReadOptions::default()).await.expect("opened");
        (append, read)
    };
    let serving = async {
        let id = first.expect_id(FrameKind::CheckTail).await;
        first.answer(id, &tail(0, 0)).await;
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

/// A server that came back with fewer shards than a handle remembers.
#[tokio::test]
async fn a_shard_that_is_no_more_costs_no_connections() {
    let server = FakeServer::start().await;
    let (client, mut old) = tokio::join!(Client::connect(server.address.clone(), once()), server.accept_on(0, 4));
    let stream = client.expect("a hello").stream(BASIN, "s").expect("valid");
    let calls = async {
        stream.check_tail().await.expect("on shard 3");
        for _ in 0..3 {
            stream.check_tail().await.expect("over the one connection that there is");
        }
    };
    let serving = async {
        let id = old.expect_id(FrameKind::CheckTail).await;
        old.push(0, &Push::Draining).await;
        old.answer(id, &tail(0, 3)).await;
        let mut new = server.accept_on(0, 1).await;
        for _ in 0..3 {
            let id = new.expect_id(FrameKind::CheckTail).await;
            new.answer(id, &tail(0, 0)).await;
        }
    };
    tokio::join!(calls, serving);
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
async fn a_refusal_by_a_draining_server_is_as_good_as_the_push() {
    let server = FakeServer::start().await;
    let (client, mut old) = server.connected(eager()).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    let serving = async {
        let id = old.expect_id(FrameKind::Append).await;
        old.refuse(id, &error(ErrorCode::Draining, Outcome::NotDone)).await;
        // The old one stays open: a server drains for as long as it takes.
        let mut new = server.accept().await;
        let id = new.expect_id(FrameKind::Append).await;
        new.answer(id, &acked_on(0, 1, 0)).await;
        new
    };
    let records = [Record::new("x")];
    let (acked, _new) = tokio::join!(stream.append(&records), serving);
    acked.expect("over a new connection");
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
