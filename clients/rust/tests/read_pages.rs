//! History that comes compressed: who gets it, what it costs, and that what is wrong with it is told.

mod support;

use futures::TryStreamExt;
use riverrun_client::{
    Batch, Client, Error, ReadEvent, ReadOptions, ReadSession, ReadSessionConfig, StreamId, Terminal,
};
use riverrun_protocol::request::{FEATURE_PAGES, GrantCredit, OpenReadSession, Request};
use riverrun_protocol::response::{CompressedPage, Push, Response};
use riverrun_protocol::{Frame, FrameKind};
use support::records::{STREAM, batch, batch_of, body, heartbeat, numbers, page, push};
use support::{BASIN, FakeServer, Peer, eager};

struct Pair {
    session: ReadSession,
    peer: Peer,
    id: u64,
    asked: OpenReadSession,
}

fn parsed(frame: &Frame) -> Request<'_> {
    Request::parse(frame.header.kind, &frame.body).expect("sound")
}

/// Opens a session at the server's next connection, which can do what `features` say.
async fn pair(server: &FakeServer, features: u64, config: ReadSessionConfig) -> Pair {
    let serving = async {
        let mut peer = server.accept_silently().await;
        peer.hello_with(features).await;
        let (id, asked) = opened(&mut peer).await;
        (peer, id, asked)
    };
    let opening = async {
        let client = Client::connect(server.address.clone(), eager()).await.expect("a hello was said");
        let stream = client.stream(BASIN, "s").expect("valid");
        stream.read_session_with(ReadOptions::default(), config).await.expect("opened")
    };
    let (session, (peer, id, asked)) = tokio::join!(opening, serving);
    Pair { session, peer, id, asked }
}

async fn opened(peer: &mut Peer) -> (u64, OpenReadSession) {
    let frame = peer.expect(FrameKind::OpenReadSession).await;
    let Request::OpenReadSession(asked) = parsed(&frame) else { panic!() };
    peer.answer(frame.header.id, &Response::ReadSessionOpened(support::opened(9))).await;
    (frame.header.id, asked)
}

/// A session that takes pages, with the default window.
async fn reader(server: &FakeServer) -> Pair {
    pair(server, FEATURE_PAGES, ReadSessionConfig::default()).await
}

/// Alike in many ways, so that compressing them is worth it.
fn batches(numbers: std::ops::Range<u64>) -> Vec<Batch> {
    numbers.step_by(3).map(|first| batch(first..first + 3)).collect()
}

fn compressed(push: Push) -> CompressedPage {
    let Push::Page(page) = push else { panic!("{push:?}") };
    page
}

#[tokio::test]
async fn c6_records_pages_and_records_are_one_seam_less_stream() {
    let server = FakeServer::start().await;
    let Pair { session, mut peer, id, asked } = reader(&server).await;
    assert!(asked.takes_pages);
    peer.push(id, &push(&[batch(0..2), batch(2..3)], None)).await;
    peer.push(id, &page(&batches(3..33))).await;
    peer.push(id, &page(&batches(33..63))).await;
    peer.push(id, &push(&[batch(63..64)], None)).await;
    peer.push(id, &heartbeat(64)).await;
    peer.push(id, &push(&[batch(64..70)], Some(70))).await;
    peer.answer(id, &Response::SessionEnded).await;
    let records: Vec<_> = session.try_collect().await.expect("a clean end");
    assert_eq!(numbers(&records), (0..70).collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_page_comes_batch_by_batch_and_is_history() {
    let server = FakeServer::start().await;
    let Pair { mut session, mut peer, id, .. } = reader(&server).await;
    peer.push(id, &page(&batches(0..9))).await;
    for end in [3, 6, 9] {
        let ReadEvent::Batch(batch) = session.next_event().await.expect("more").expect("sound") else { panic!() };
        assert_eq!((batch.end_seq_num(), session.next_seq_num(), session.stream_id()), (end, Some(end), Some(STREAM)));
        assert!(!session.caught_up() && session.tail().is_none(), "a page comes without a tail");
    }
}

#[tokio::test]
async fn a_server_that_does_not_announce_pages_is_not_asked_for_them() {
    let server = FakeServer::start().await;
    for features in [0, !FEATURE_PAGES] {
        let Pair { mut session, mut peer, id, asked } = pair(&server, features, ReadSessionConfig::default()).await;
        assert!(!asked.takes_pages);
        peer.push(id, &push(&[batch(0..3)], None)).await;
        peer.push(id, &page(&batches(3..33))).await;
        session.next_batch().await.expect("more").expect("sound");
        let broken = session.next_batch().await.expect("an error").expect_err("not asked for");
        assert!(broken.why().contains("a Page in a session that takes none"), "{broken}");
    }
}

/// It may be another version by then.
#[tokio::test]
async fn i5_each_connection_s_own_hello_decides() {
    let server = FakeServer::start().await;
    let Pair { mut session, mut peer, id, .. } = reader(&server).await;
    peer.push(id, &page(&batches(0..30))).await;
    for _ in 0..10 {
        session.next_batch().await.expect("more").expect("sound");
    }
    let serving = async {
        let mut peer = server.accept_after_dropping(peer).await;
        let (id, asked) = opened(&mut peer).await;
        assert!(!asked.takes_pages);
        peer.push(id, &push(&[batch(30..31)], None)).await;
        peer
    };
    let (next, _peer) = tokio::join!(session.next_batch(), serving);
    assert_eq!(next.expect("more").expect("sound").first_seq_num(), 30);
}

#[tokio::test]
async fn a_page_s_credit_is_granted_by_its_raw_bytes_as_it_is_picked_up() {
    let server = FakeServer::start().await;
    let page = page(&batches(0..30));
    let raw_bytes = u64::from(compressed(page.clone()).raw_bytes);
    let config = ReadSessionConfig { window_bytes: 4 * raw_bytes, ..ReadSessionConfig::default() };
    let Pair { mut session, mut peer, id, .. } = pair(&server, FEATURE_PAGES, config).await;
    peer.push(id, &page).await;
    session.next_batch().await.expect("more").expect("sound");
    let frame = peer.expect(FrameKind::GrantCredit).await;
    assert_eq!(parsed(&frame), Request::GrantCredit(GrantCredit { bytes: raw_bytes }));
}

#[tokio::test]
async fn a_page_without_credit_breaks_the_protocol() {
    let server = FakeServer::start().await;
    let config = ReadSessionConfig { window_bytes: 1, ..ReadSessionConfig::default() };
    let Pair { mut session, mut peer, id, .. } = pair(&server, FEATURE_PAGES, config).await;
    peer.push(id, &page(&batches(0..3))).await;
    peer.push(id, &page(&batches(3..6))).await;
    // The one push that there was credit for is good.
    session.next_batch().await.expect("more").expect("sound");
    let broken = session.next_batch().await.expect("an error").expect_err("the second");
    assert!(broken.why().contains("Page without credit"), "{broken}");
}

#[tokio::test]
async fn f23_a_damaged_page_ends_the_session_as_damaged_records_do() {
    let server = FakeServer::start().await;
    let sound = compressed(page(&batches(0..30)));
    for damaged in [
        CompressedPage { crc: sound.crc ^ 1, ..sound.clone() },
        CompressedPage { raw_bytes: sound.raw_bytes + 1, ..sound.clone() },
        CompressedPage { end_seq_num: 31, ..sound.clone() },
    ] {
        let Pair { mut session, mut peer, id, .. } = reader(&server).await;
        peer.push(id, &Push::Page(damaged)).await;
        let corrupt = session.next_batch().await.expect("an error").expect_err("damaged");
        assert!(matches!(corrupt, Error::Terminal(Terminal::Corrupt { .. })), "{corrupt}");
        assert!(session.next_batch().await.is_none());
    }
}

#[tokio::test]
async fn repeats_and_other_streams_pages_are_refused() {
    let server = FakeServer::start().await;
    let others = [batch_of(StreamId([8; 16]), 3..30, body)];
    for wrong in [page(&batches(0..30)), page(&others)] {
        let Pair { mut session, mut peer, id, .. } = reader(&server).await;
        peer.push(id, &push(&[batch(0..3)], None)).await;
        peer.push(id, &wrong).await;
        session.next_batch().await.expect("more").expect("sound");
        let broken = session.next_batch().await.expect("an error").expect_err("the second");
        assert!(matches!(broken, Error::Terminal(Terminal::Violation { .. })), "{broken}");
    }
}
