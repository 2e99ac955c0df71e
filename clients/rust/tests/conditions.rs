//! Append conditions and command records: what is sent, and what a condition that does not hold is told as
//! (`s2-semantics.md` B3, B4, B5, B11).

mod support;

use std::time::Duration;

use riverrun_client::{
    AckTicket, AppendConditions, AppendSession, Error, ErrorCode, FencingToken, NotDone, Outcome, Producer,
    ProducerConfig, Record, RecordTicket, Terminal,
};
use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::request::Request;
use riverrun_protocol::{Frame, FrameKind};
use support::{BASIN, FakeServer, Peer, acked, batch_of, eager, record_count};

fn token(token: &str) -> FencingToken {
    FencingToken::new(token).expect("short")
}

fn conditions(match_seq_num: Option<u64>, fencing_token: Option<&str>) -> AppendConditions {
    AppendConditions { match_seq_num, fencing_token: fencing_token.map(token) }
}

/// The conditions of the next append or session input, and its id.
async fn receive(peer: &mut Peer, kind: FrameKind) -> (u64, AppendConditions) {
    let frame = peer.expect(kind).await;
    (frame.header.id, sent(&frame).0)
}

/// An append's or input's conditions and batch.
fn sent(frame: &Frame) -> (AppendConditions, Vec<u8>) {
    let conditions = match Request::parse(frame.header.kind, &frame.body) {
        Ok(Request::Append(append)) => append.conditions,
        Ok(Request::SessionAppend(append)) => append.conditions,
        other => panic!("{other:?} is no append"),
    };
    (conditions, batch_of(frame))
}

#[tokio::test]
async fn b1_each_condition_is_sent_as_given_and_none_where_none_is() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(eager()).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    for wanted in
        [conditions(None, None), conditions(Some(0), None), conditions(None, Some("")), conditions(Some(7), Some("me"))]
    {
        let serving = async {
            let (id, conditions) = receive(&mut peer, FrameKind::Append).await;
            peer.answer(id, &acked(0, 1)).await;
            conditions
        };
        let records = [Record::new("x")];
        let (ack, conditions) = tokio::join!(stream.append_with(&records, wanted.clone()), serving);
        ack.expect("acked");
        assert_eq!(conditions, wanted);
    }
}

#[tokio::test]
async fn b5_fence_and_trim_append_one_command_record_each() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(eager()).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    let calls = async {
        stream.fence(&token("me"), conditions(None, Some(""))).await.expect("fenced");
        stream.trim(42, conditions(Some(1), None)).await.expect("trimmed")
    };
    let serving = async {
        let mut received = Vec::new();
        for n in 0..2 {
            let frame = peer.expect(FrameKind::Append).await;
            received.push(sent(&frame));
            peer.answer(frame.header.id, &acked(n, n + 1)).await;
        }
        received
    };
    let (trimmed, received) = tokio::join!(calls, serving);
    assert_eq!(trimmed.start.seq_num, 1);
    let encoded = |record| riverrun_protocol::batch::encode(&[record]).expect("sound").to_vec();
    let fence = Record { headers: vec![("".into(), "fence".into())], ..Record::new("me") };
    let trim = Record { headers: vec![("".into(), "trim".into())], ..Record::new(42_u64.to_be_bytes().to_vec()) };
    assert_eq!(received[0], (conditions(None, Some("")), encoded(fence)));
    assert_eq!(received[1], (conditions(Some(1), None), encoded(trim)));
}

#[tokio::test]
async fn b11_a_condition_that_does_not_hold_is_told_with_what_the_stream_has_and_not_sent_again() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(eager()).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    let serving = async {
        for refusal in [ErrorFrame::seq_num_mismatch(9), ErrorFrame::fencing_token_mismatch(token("other"))] {
            let id = peer.expect_id(FrameKind::Append).await;
            peer.refuse(id, &refusal).await;
        }
        peer
    };
    let records = [Record::new("x")];
    let calls = async {
        let behind = stream.append_with(&records, conditions(Some(7), None)).await.expect_err("9 is next");
        let fenced = stream.append_with(&records, conditions(None, Some("me"))).await.expect_err("another's");
        (behind, fenced)
    };
    let ((behind, fenced), peer) = tokio::join!(calls, serving);
    assert_eq!(behind, Error::NotDone(NotDone::SeqNumMismatch { next: 9 }));
    assert_eq!(fenced, Error::Terminal(Terminal::FencingTokenMismatch { current: token("other") }));
    drop((client, stream));
    assert!(peer.drained().await.is_empty(), "nothing was sent twice");
}

async fn session(server: &FakeServer) -> (AppendSession, Peer, u64) {
    let (client, mut peer) = server.connected(eager()).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    let (session, id) = tokio::join!(stream.append_session(), peer.open_append_session(0));
    (session.expect("opened"), peer, id)
}

async fn submit(session: &AppendSession, at: &[u64]) -> Vec<AckTicket> {
    let mut tickets = Vec::new();
    for seq_num in at {
        let conditions = conditions(Some(*seq_num), Some("me"));
        tickets.push(session.submit_with(&[Record::new("x")], conditions).await.expect("room"));
    }
    tickets
}

async fn failures(tickets: Vec<AckTicket>) -> Vec<Error> {
    let mut failures = Vec::new();
    for ticket in tickets {
        failures.push(ticket.await.expect_err("refused"));
    }
    failures
}

#[tokio::test]
async fn b10_conditions_are_each_input_s_own_and_the_first_mismatch_ends_the_session() {
    let server = FakeServer::start().await;
    let (session, mut peer, id) = session(&server).await;
    let mut tickets = submit(&session, &[0, 1, 2]).await;
    for seq_num in 0..3 {
        let (of, sent) = receive(&mut peer, FrameKind::SessionAppend).await;
        assert_eq!((of, sent), (id, conditions(Some(seq_num), Some("me"))));
    }
    peer.answer(id, &acked(0, 1)).await;
    peer.refuse(id, &ErrorFrame::seq_num_mismatch(5)).await;
    assert_eq!(tickets.remove(0).await.expect("acked").start.seq_num, 0);
    let failures = failures(tickets).await;
    assert_eq!(failures[0].seq_num_mismatch(), Some(5));
    assert!(matches!(failures[1], Error::NotDone(NotDone::Poisoned { .. })), "{}", failures[1]);
    assert_eq!(session.failure().and_then(|failure| failure.seq_num_mismatch()), Some(5));
}

#[tokio::test]
async fn b4_a_session_that_is_fenced_off_ends_for_good() {
    let server = FakeServer::start().await;
    let (session, mut peer, id) = session(&server).await;
    let tickets = submit(&session, &[0, 1]).await;
    for _ in 0..2 {
        receive(&mut peer, FrameKind::SessionAppend).await;
    }
    peer.refuse(id, &ErrorFrame::fencing_token_mismatch(token("other"))).await;
    for failure in failures(tickets).await {
        assert_eq!(failure.fencing_token_mismatch(), Some(&token("other")), "{failure}");
    }
    let later = session.submit(&[Record::new("x")]).await.expect_err("it has ended");
    assert_eq!(later.outcome(), Outcome::NotDone);
}

/// Batches of two records.
async fn producer(server: &FakeServer, match_seq_num: u64) -> (Producer, Peer) {
    let (client, peer) = server.connected(eager()).await;
    let config = ProducerConfig {
        batch_records_max: 2,
        linger: Duration::from_secs(3600),
        fencing_token: Some(token("me")),
        match_seq_num: Some(match_seq_num),
        ..ProducerConfig::default()
    };
    (client.stream(BASIN, "s").expect("valid").producer(config), peer)
}

async fn append(producer: &Producer, records: usize) -> Vec<RecordTicket> {
    let mut tickets = Vec::new();
    for _ in 0..records {
        tickets.push(producer.append(Record::new("x")).await.expect("taken in"));
    }
    tickets
}

/// The next input's number to match and how many records it has; it must come with the token.
async fn matched(peer: &mut Peer) -> (Option<u64>, u64) {
    let frame = peer.expect(FrameKind::SessionAppend).await;
    let (conditions, _) = sent(&frame);
    assert_eq!(conditions.fencing_token, Some(token("me")));
    (conditions.match_seq_num, record_count(&frame))
}

#[tokio::test]
async fn i4_a_producer_advances_the_number_by_each_batch_s_records() {
    let server = FakeServer::start().await;
    let (producer, mut peer) = producer(&server, 10).await;
    let tickets = append(&producer, 5).await;
    let flushing = producer.flush();
    let serving = async {
        let id = peer.open_append_session(10).await;
        for (match_seq_num, records) in [(10, 2), (12, 2), (14, 1)] {
            assert_eq!(matched(&mut peer).await, (Some(match_seq_num), records));
            peer.answer(id, &acked(match_seq_num, match_seq_num + records)).await;
        }
    };
    let (flushed, ()) = tokio::join!(flushing, serving);
    assert_eq!(flushed, Ok(()));
    assert_eq!(tickets.into_iter().last().expect("five").await.expect("acked").seq_num(), 14);
}

#[tokio::test]
async fn i4_a_batch_that_is_sent_again_keeps_its_number() {
    let server = FakeServer::start().await;
    let (producer, mut peer) = producer(&server, 0).await;
    let tickets = append(&producer, 4).await;
    let id = peer.open_append_session(0).await;
    assert_eq!(matched(&mut peer).await, (Some(0), 2));
    assert_eq!(matched(&mut peer).await, (Some(2), 2));
    peer.answer(id, &acked(0, 2)).await;
    peer.refuse(id, &ErrorFrame::new(ErrorCode::Overloaded, "full")).await;
    peer.expect(FrameKind::CloseAppendSession).await;
    let id = peer.open_append_session(2).await;
    assert_eq!(matched(&mut peer).await, (Some(2), 2));
    peer.answer(id, &acked(2, 4)).await;
    for (n, ticket) in tickets.into_iter().enumerate() {
        assert_eq!(ticket.await.expect("acked").seq_num(), n as u64);
    }
}

#[tokio::test]
async fn b4_a_producer_that_is_fenced_off_ends_without_trying_again() {
    let server = FakeServer::start().await;
    let (producer, mut peer) = producer(&server, 0).await;
    let tickets = append(&producer, 4).await;
    let id = peer.open_append_session(0).await;
    for _ in 0..2 {
        peer.expect(FrameKind::SessionAppend).await;
    }
    peer.refuse(id, &ErrorFrame::fencing_token_mismatch(token("other"))).await;
    for ticket in tickets {
        let failure = ticket.await.expect_err("fenced off");
        assert_eq!(failure.fencing_token_mismatch(), Some(&token("other")), "{failure}");
    }
    let later = producer.append(Record::new("x")).await.expect_err("it has ended");
    assert!(matches!(later, Error::NotDone(NotDone::Poisoned { .. })), "{later}");
    drop(producer);
    let after: Vec<_> = peer.drained().await.iter().map(|frame| FrameKind::from_byte(frame.header.kind)).collect();
    assert!(after.iter().all(|kind| *kind == Some(FrameKind::CloseAppendSession)), "{after:?}");
}
