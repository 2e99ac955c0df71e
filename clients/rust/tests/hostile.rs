//! A server that lies, babbles or breaks off: a clear error within the retry policy, no panic, no allocation without bound
//! (reliability.md F23).

mod support;

use bytes::{BufMut, BytesMut};
use proptest::prelude::*;
use riverrun_client::{Client, Error, ReadOptions, Record};
use riverrun_protocol::frame::FrameHeader;
use riverrun_protocol::limits::FRAME_BODY_BYTES_MAX;
use riverrun_protocol::response::{Push, Response};
use riverrun_protocol::{Frame, FrameKind};
use support::{BASIN, FakeServer, Peer, acked, eager, once, opened, tail};

/// Says hello, waits for a request, and answers with these bytes. What the client makes of it.
async fn answer_with(said: impl AsyncFn(&mut Peer, u64)) -> Error {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(once()).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    let serving = async {
        let id = peer.expect_id(FrameKind::CheckTail).await;
        said(&mut peer, id).await;
        peer
    };
    let (answer, _peer) = tokio::join!(stream.check_tail(), serving);
    answer.expect_err("no answer to believe")
}

fn frame(kind: u8, id: u64, body: &[u8]) -> BytesMut {
    let mut out = BytesMut::new();
    FrameHeader { body_bytes: body.len() as u32, kind, flags: 0, id }.write(&mut out);
    out.put_slice(body);
    out
}

#[tokio::test]
async fn a_giant_length_is_refused_before_it_is_read() {
    let error = answer_with(async |peer, id| {
        let mut header = BytesMut::new();
        let body_bytes = FRAME_BODY_BYTES_MAX as u32 + 1;
        FrameHeader { body_bytes, kind: FrameKind::Tail as u8, flags: 0, id }.write(&mut header);
        peer.raw(&header).await;
    })
    .await;
    assert!(error.why().contains("longer than"), "{error}");
}

#[tokio::test]
async fn an_unknown_kind_is_a_clear_error() {
    let error = answer_with(async |peer, id| peer.raw(&frame(0x7e, id, b"")).await).await;
    assert!(error.why().contains("0x7e"), "{error}");
}

#[tokio::test]
async fn unknown_flags_are_a_clear_error() {
    let error = answer_with(async |peer, id| {
        let mut bytes = frame(FrameKind::Tail as u8, id, b"");
        bytes[5] = 1;
        peer.raw(&bytes).await;
    })
    .await;
    assert!(error.why().contains("flags"), "{error}");
}

#[tokio::test]
async fn a_request_is_no_answer() {
    let error = answer_with(async |peer, id| {
        peer.frame(Frame::new(FrameKind::Status, id, bytes::Bytes::from_static(&[0; 4]))).await;
    })
    .await;
    assert!(error.why().contains("broke the protocol"), "{error}");
}

#[tokio::test]
async fn another_call_s_answer_is_no_answer() {
    let error = answer_with(async |peer, id| peer.answer(id, &acked(0, 1)).await).await;
    assert!(error.why().contains("AppendAck"), "{error}");
}

#[tokio::test]
async fn a_push_is_no_answer() {
    let error = answer_with(async |peer, id| peer.push(id, &Push::Heartbeat { tail: Default::default() }).await).await;
    assert!(error.why().contains("Heartbeat"), "{error}");
}

#[tokio::test]
async fn an_answer_nobody_asked_for_is_a_clear_error() {
    let error = answer_with(async |peer, id| peer.answer(id + 1000, &tail(0, 0)).await).await;
    assert!(error.why().contains("no request has had"), "{error}");
}

#[tokio::test]
async fn an_answer_to_nothing_at_all_is_a_clear_error() {
    let error = answer_with(async |peer, _| peer.answer(0, &tail(0, 0)).await).await;
    assert!(error.why().contains("without a request"), "{error}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_lost_connection() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(once()).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    let serving = async {
        let id = peer.expect_id(FrameKind::CheckTail).await;
        let mut out = BytesMut::new();
        tail(0, 0).write(id, &mut out);
        peer.raw(&out[..out.len() - 1]).await;
        drop(peer);
    };
    let (answer, ()) = tokio::join!(stream.check_tail(), serving);
    assert!(answer.expect_err("half an answer").is_transient());
}

#[tokio::test]
async fn a_server_that_breaks_the_protocol_is_not_asked_again_and_again() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(eager()).await;
    let stream = client.stream(BASIN, "s").expect("valid");
    let serving = async {
        let id = peer.expect_id(FrameKind::OpenReadSession).await;
        peer.answer(id, &Response::ReadSessionOpened(opened(0))).await;
        peer.answer(id, &Response::ReadSessionOpened(opened(0))).await;
        peer
    };
    let reading = async { stream.read_session(ReadOptions::default()).await.expect("opened").next_batch().await };
    let (next, _peer) = tokio::join!(reading, serving);
    let broken = next.expect("an error").expect_err("opened twice");
    assert!(broken.why().contains("opened twice"), "{broken}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Any bytes, as a hello or behind one, in the middle of every kind of work: every call comes to an end with an error.
    #[test]
    fn garbage_ends_everything_and_panics_nothing(
        garbage in prop::collection::vec(any::<u8>(), 1..200),
        kind in prop::sample::select(FrameKind::ALL),
        id in 0_u64..6,
        framed in any::<bool>(),
        before_hello in any::<bool>(),
    ) {
        let said = if framed { frame(kind as u8, id, &garbage) } else { BytesMut::from(&garbage[..]) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(babble(&said, before_hello));
    }
}

async fn babble(said: &[u8], before_hello: bool) {
    let server = FakeServer::start().await;
    let address = server.address.clone();
    let serving = async move {
        let mut peer = server.accept_silently().await;
        if !before_hello {
            peer.hello(0, 1).await;
        }
        peer.raw(said).await;
        // So that the client comes to an end even if it takes the garbage for the beginning of something long.
        drop((peer, server));
    };
    let calls = async {
        let Ok(client) = Client::connect(address, once()).await else { return };
        let stream = client.stream(BASIN, "s").expect("valid");
        let one = [Record::new("x")];
        let (ping, append, read) =
            tokio::join!(client.ping(), stream.append(&one), stream.read_session(ReadOptions::default()));
        assert!(ping.is_err() && append.is_err());
        if let Ok(mut session) = read {
            while let Some(Ok(_)) = session.next_batch().await {}
        }
    };
    tokio::join!(serving, calls);
}
