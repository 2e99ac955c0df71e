//! Append sessions: pipelining, order, and what each input is told when something ends (`s2-semantics.md` B10, reliability.md
//! D4).

mod support;

use riverrun_client::{
    AckTicket, AppendBatch, AppendSession, AppendSessionConfig, Error, ErrorCode, NotDone, Outcome, Record,
};
use riverrun_protocol::FrameKind;
use riverrun_protocol::response::Response;
use support::{BASIN, FakeServer, Peer, acked, eager, error, record_count};

/// An open session and the server's end of it. Every input has as many records as its number, plus one.
struct Pair {
    session: AppendSession,
    peer: Peer,
    id: u64,
}

async fn pair(server: &FakeServer, config: AppendSessionConfig) -> Pair {
    let (client, mut peer) = server.connected(eager()).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    let (session, id) = tokio::join!(stream.append_session_with(config), peer.open_append_session(0));
    Pair { session: session.expect("opened"), peer, id }
}

fn input(records: usize) -> Vec<Record> {
    vec![Record::new("x"); records]
}

impl Pair {
    async fn submit(&self, inputs: usize) -> Vec<AckTicket> {
        let mut tickets = Vec::new();
        for n in 0..inputs {
            tickets.push(self.session.submit(&input(n + 1)).await.expect("room"));
        }
        tickets
    }

    /// Receives an input of so many records.
    async fn receive(&mut self, records: u64) {
        let frame = self.peer.expect(FrameKind::SessionAppend).await;
        assert_eq!((frame.header.id, record_count(&frame)), (self.id, records));
    }

    async fn ack(&mut self, start: u64, end: u64) {
        self.peer.answer(self.id, &acked(start, end)).await;
    }
}

async fn outcomes(tickets: Vec<AckTicket>) -> Vec<Result<u64, Outcome>> {
    let mut outcomes = Vec::new();
    for ticket in tickets {
        outcomes.push(ticket.await.map(|ack| ack.start.seq_num).map_err(|error| error.outcome()));
    }
    outcomes
}

#[tokio::test]
async fn b10_inputs_are_pipelined_and_acked_in_order() {
    let server = FakeServer::start().await;
    let mut pair = pair(&server, AppendSessionConfig::default()).await;
    let tickets = pair.submit(3).await;
    for records in 1..=3 {
        pair.receive(records).await;
    }
    for (start, end) in [(0, 1), (1, 3), (7, 10)] {
        pair.ack(start, end).await;
    }
    assert_eq!(outcomes(tickets).await, [Ok(0), Ok(1), Ok(7)]);
}

#[tokio::test]
async fn closing_waits_for_the_acks_and_the_end() {
    let server = FakeServer::start().await;
    let mut pair = pair(&server, AppendSessionConfig::default()).await;
    let tickets = pair.submit(2).await;
    for records in 1..=2 {
        pair.receive(records).await;
    }
    let Pair { session, mut peer, id } = pair;
    let serving = async {
        assert_eq!(peer.expect_id(FrameKind::CloseAppendSession).await, id);
        peer.answer(id, &acked(0, 1)).await;
        peer.answer(id, &acked(1, 3)).await;
        peer.answer(id, &Response::SessionEnded).await;
        peer
    };
    let (closed, _peer) = tokio::join!(session.close(), serving);
    assert_eq!(closed, Ok(()));
    assert_eq!(outcomes(tickets).await, [Ok(0), Ok(1)]);
}

#[tokio::test]
async fn dropping_a_session_sends_what_was_submitted_and_ends_it() {
    let server = FakeServer::start().await;
    let mut pair = pair(&server, AppendSessionConfig::default()).await;
    let tickets = pair.submit(2).await;
    let Pair { session, .. } = pair;
    drop(session);
    pair.peer.expect(FrameKind::SessionAppend).await;
    pair.peer.expect(FrameKind::SessionAppend).await;
    pair.peer.expect(FrameKind::CloseAppendSession).await;
    pair.peer.answer(pair.id, &acked(0, 1)).await;
    pair.peer.answer(pair.id, &acked(1, 3)).await;
    assert_eq!(outcomes(tickets).await, [Ok(0), Ok(1)], "tickets outlive the session");
}

#[tokio::test]
async fn d4_cut_behind_some_acks_the_rest_is_in_doubt() {
    for acks in 0..=3 {
        let server = FakeServer::start().await;
        let mut pair = pair(&server, AppendSessionConfig::default()).await;
        let tickets = pair.submit(3).await;
        let mut end = 0;
        for n in 1..=3 {
            pair.receive(n).await;
        }
        for n in 1..=acks {
            pair.ack(end, end + n).await;
            end += n;
        }
        let Pair { session, peer, .. } = pair;
        drop(peer);
        let outcomes = outcomes(tickets).await;
        let (acked, lost) = outcomes.split_at(acks as usize);
        assert!(acked.iter().all(Result::is_ok), "{acks} acks were sent: {outcomes:?}");
        assert!(lost.iter().all(|outcome| *outcome == Err(Outcome::MaybeDone)), "{outcomes:?}");
        let later = until_refused(&session).await;
        assert!(matches!(later, NotDone::Poisoned { .. } | NotDone::Disconnected(_)), "{later}");
        let closed = session.close().await.expect_err("it failed");
        assert!(acks == 3 || closed.outcome() == Outcome::MaybeDone, "{closed}");
    }
}

/// What a session that has lost its connection says to further inputs, once it knows.
async fn until_refused(session: &AppendSession) -> NotDone {
    loop {
        let refused = match session.submit(&input(1)).await {
            Ok(ticket) => ticket.await.expect_err("nobody is there"),
            Err(refused) => refused,
        };
        if let Error::NotDone(cause) = refused {
            return cause;
        }
    }
}

#[tokio::test]
async fn d4_what_did_not_fit_into_the_socket_is_not_done() {
    let server = FakeServer::start().await;
    let config = AppendSessionConfig { inflight_bytes_max: 256 << 20, inflight_batches_max: 1000 };
    let mut pair = pair(&server, config).await;
    let batch = AppendBatch::encode(&[Record::new(vec![7; 1 << 19])]).expect("small enough");
    let mut tickets = Vec::new();
    for _ in 0..60 {
        tickets.push(pair.session.submit_batch(batch.clone()).await.expect("room"));
    }
    // The server takes three and leaves.
    for _ in 0..3 {
        pair.receive(1).await;
    }
    drop(pair.peer);
    let outcomes = outcomes(tickets).await;
    let in_doubt = outcomes.iter().take_while(|outcome| **outcome == Err(Outcome::MaybeDone)).count();
    assert!(in_doubt >= 3, "three had arrived: {outcomes:?}");
    assert!(in_doubt < 60, "30 MiB do not fit into a socket: {outcomes:?}");
    assert!(outcomes[in_doubt..].iter().all(|outcome| *outcome == Err(Outcome::NotDone)), "{outcomes:?}");
}

#[tokio::test]
async fn b10_the_first_refusal_poisons_the_session() {
    let server = FakeServer::start().await;
    let mut pair = pair(&server, AppendSessionConfig::default()).await;
    let mut tickets = pair.submit(3).await;
    for records in 1..=3 {
        pair.receive(records).await;
    }
    pair.ack(0, 1).await;
    pair.peer.refuse(pair.id, &error(ErrorCode::Invalid, Outcome::NotDone)).await;
    let third = tickets.pop().expect("three").await.expect_err("discarded");
    let second = tickets.pop().expect("two").await.expect_err("refused");
    tickets.pop().expect("one").await.expect("acked");
    assert_eq!(second.code(), Some(ErrorCode::Invalid));
    let Error::NotDone(NotDone::Poisoned { first }) = third else { panic!("{third}") };
    assert_eq!(*first, second);
    let later = pair.session.submit(&input(1)).await.expect_err("poisoned");
    assert!(matches!(later, Error::NotDone(NotDone::Poisoned { .. })), "{later}");
    assert_eq!(pair.session.failure(), Some(second.clone()));
    assert_eq!(pair.session.close().await, Err(second));
    assert_eq!(pair.peer.expect_id(FrameKind::CloseAppendSession).await, pair.id, "so that the server can forget it");
}

#[tokio::test]
async fn a_refused_opening_is_the_call_s_failure() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(eager()).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    let serving = async {
        let id = peer.expect_id(FrameKind::OpenAppendSession).await;
        peer.refuse(id, &error(ErrorCode::StreamNotFound, Outcome::NotDone)).await;
        peer
    };
    let (session, _peer) = tokio::join!(stream.append_session(), serving);
    assert_eq!(session.expect_err("refused").code(), Some(ErrorCode::StreamNotFound));
}

#[tokio::test]
async fn i4_a_full_window_holds_back_until_an_ack() {
    let server = FakeServer::start().await;
    let config = AppendSessionConfig { inflight_batches_max: 2, ..AppendSessionConfig::default() };
    let mut pair = pair(&server, config).await;
    let tickets = pair.submit(2).await;
    pair.receive(1).await;
    pair.receive(2).await;
    let three = input(3);
    let mut third = Box::pin(pair.session.submit(&three));
    assert!(futures::poll!(&mut third).is_pending());
    pair.peer.answer(pair.id, &acked(0, 1)).await;
    let third = third.await.expect("room again");
    pair.peer.expect(FrameKind::SessionAppend).await;
    pair.peer.answer(pair.id, &acked(1, 3)).await;
    pair.peer.answer(pair.id, &acked(3, 6)).await;
    assert_eq!(outcomes(tickets).await, [Ok(0), Ok(1)]);
    assert_eq!(third.await.expect("acked").end.seq_num, 6);
}

#[tokio::test]
async fn a_violation_in_one_session_ends_its_connection_for_all() {
    let server = FakeServer::start().await;
    let mut pair = pair(&server, AppendSessionConfig::default()).await;
    let tickets = pair.submit(2).await;
    pair.receive(1).await;
    pair.receive(2).await;
    pair.ack(0, 99).await;
    assert_eq!(outcomes(tickets).await, [Err(Outcome::MaybeDone), Err(Outcome::MaybeDone)]);
    let failure = pair.session.failure().expect("it failed");
    assert!(failure.why().contains("broke the protocol"), "{failure}");
    assert!(pair.peer.drained().await.is_empty(), "the client hangs up");
}
