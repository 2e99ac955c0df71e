//! The proxy changes and delays nothing, whatever goes through it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use riverrun_dump::error::Error;
use riverrun_dump::proxy::{self, Forwarded, Note, Taps, forward, on_note};
use riverrun_dump::view::{Format, Options};
use riverrun_dump::watch::Watch;
use riverrun_protocol::FrameKind;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::any;
use crate::samples::sample;
use crate::see::{self, Screen};

struct Rig {
    client: DuplexStream,
    server: DuplexStream,
    notes: mpsc::Receiver<Note>,
    forwarding: JoinHandle<Forwarded>,
}

/// A client and a server, `capacity` bytes of network on either side of the proxy.
fn rig(capacity: usize, taps: (Taps, mpsc::Receiver<Note>)) -> Rig {
    let (client, near_client) = duplex(capacity);
    let (server, near_server) = duplex(capacity);
    let (taps, notes) = taps;
    let pair = taps.pair(1);
    let forwarding = tokio::spawn(async move { forward(split(near_client), split(near_server), pair).await });
    Rig { client, server, notes, forwarding }
}

fn watch(format: Format) -> (Watch, Screen) {
    let screen = Screen::default();
    (Watch::new(screen.clone(), see::options(format)), screen)
}

/// Everything the decoder was told, shown.
async fn decode(mut notes: mpsc::Receiver<Note>, watch: &mut Watch) {
    while let Some(note) = notes.recv().await {
        on_note(watch, note).unwrap();
    }
}

async fn send_in_pieces(to: &mut (impl AsyncWriteExt + Unpin), bytes: &[u8], sizes: &[usize]) {
    let mut sizes = sizes.iter().cycle();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
        to.write_all(piece).await.unwrap();
        rest = after;
    }
    to.shutdown().await.unwrap();
}

async fn receive_all(from: &mut (impl AsyncReadExt + Unpin)) -> Vec<u8> {
    let mut all = Vec::new();
    from.read_to_end(&mut all).await.unwrap();
    all
}

/// Both directions at once, in pieces of these sizes; what arrived there and here, and what was shown.
async fn converse(to_server: &[u8], to_client: &[u8], sizes: &[usize], capacity: usize) -> (Vec<u8>, Vec<u8>, String) {
    let rig = rig(capacity, Taps::new());
    let (mut from_proxy_c, mut to_proxy_c) = split(rig.client);
    let (mut from_proxy_s, mut to_proxy_s) = split(rig.server);
    let (there, here, (), ()) = tokio::join!(
        receive_all(&mut from_proxy_s),
        receive_all(&mut from_proxy_c),
        send_in_pieces(&mut to_proxy_c, to_server, sizes),
        send_in_pieces(&mut to_proxy_s, to_client, sizes),
    );
    let forwarded = rig.forwarding.await.unwrap();
    assert!(forwarded.why.is_none());
    assert_eq!((forwarded.from_client, forwarded.from_server), (to_server.len() as u64, to_client.len() as u64));
    let (mut watch, screen) = watch(Format::Jsonl);
    decode(rig.notes, &mut watch).await;
    (there, here, screen.text())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn bytes_arrive_as_they_were_sent_however_they_are_cut(
        to_server in proptest::collection::vec(any::frame(), 0..5),
        to_client in proptest::collection::vec(any::frame(), 0..5),
        rubbish in proptest::collection::vec(any::<u8>(), 0..50),
        sizes in proptest::collection::vec(1usize..200, 1..8),
        capacity in 1usize..300,
    ) {
        let (to_server, to_client) = ([to_server.concat(), rubbish].concat(), to_client.concat());
        let (there, here, shown) = block_on(converse(&to_server, &to_client, &sizes, capacity));
        prop_assert_eq!(there, to_server);
        prop_assert_eq!(here, to_client);
        prop_assert_eq!(shown.is_empty(), shown.lines().count() == 0);
    }
}

#[tokio::test]
async fn what_went_by_is_shown_and_turns_back_into_bytes() {
    let to_server = [sample(FrameKind::CheckTail), sample(FrameKind::Append)].concat();
    let to_client = sample(FrameKind::Tail);
    let (_, _, shown) = converse(&to_server, &to_client, &[7, 100], 64).await;
    for (direction, bytes) in [("client", to_server), ("server", to_client.to_vec())] {
        let of_direction = shown.lines().filter(|line| line.contains(&format!(r#""dir":"{direction}""#)));
        let mut encoder = riverrun_dump::encode::Encoder::default();
        let encoded: Vec<u8> = of_direction.flat_map(|line| encoder.line(line).unwrap().to_vec()).collect();
        assert_eq!(encoded, bytes);
    }
}

/// One direction ends; the other goes on until it ends by itself.
#[tokio::test]
async fn a_half_close_is_passed_on_and_leaves_the_other_half_open() {
    let mut rig = rig(64, Taps::new());
    rig.client.shutdown().await.unwrap();
    assert_eq!(rig.server.read(&mut [0; 8]).await.unwrap(), 0);
    rig.server.write_all(b"still here").await.unwrap();
    let mut answer = [0; 10];
    rig.client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"still here");
    assert!(!rig.forwarding.is_finished());
    rig.server.shutdown().await.unwrap();
    assert!(rig.forwarding.await.unwrap().why.is_none());
}

/// A server that refuses and leaves: what the client still sends cannot be written any more, and its answer is still unread.
#[tokio::test(start_paused = true)]
async fn a_failed_write_loses_nothing_of_what_was_said_before() {
    let (mut client, near_client) = duplex(1 << 10);
    let (taps, _notes) = Taps::new();
    // Says its last words only after a write to it has failed.
    let (hears, failed) = tokio::sync::oneshot::channel();
    let last_words = sample(FrameKind::Error);
    let (mut words, from_server) = duplex(1 << 10);
    let said = last_words.clone();
    let server = tokio::spawn(async move {
        failed.await.unwrap();
        words.write_all(&said).await.unwrap();
    });
    client.write_all(&sample(FrameKind::Ping)).await.unwrap();
    let forwarding = tokio::spawn(forward(split(near_client), (from_server, Gone(Some(hears))), taps.pair(1)));
    let mut here = vec![0; last_words.len()];
    client.read_exact(&mut here).await.unwrap();
    assert_eq!(here, last_words);
    let forwarded = forwarding.await.unwrap();
    assert_eq!(forwarded.from_server, last_words.len() as u64);
    assert_eq!(forwarded.why.unwrap().kind(), std::io::ErrorKind::BrokenPipe);
    server.await.unwrap();
}

/// The same, and the server neither says anything nor closes.
#[tokio::test(start_paused = true)]
async fn a_failed_write_ends_the_connection_soon() {
    let (mut client, near_client) = duplex(1 << 10);
    let (_words, from_server) = duplex(1 << 10);
    let (taps, _notes) = Taps::new();
    client.write_all(&sample(FrameKind::Ping)).await.unwrap();
    let forwarding = forward(split(near_client), (from_server, Gone(None)), taps.pair(1));
    let forwarded = tokio::time::timeout(Duration::from_secs(60), forwarding).await.unwrap();
    assert!(forwarded.why.is_some());
}

/// Takes nothing, and tells when that was found out.
struct Gone(Option<tokio::sync::oneshot::Sender<()>>);

impl AsyncWrite for Gone {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<std::io::Result<usize>> {
        if let Some(hears) = self.0.take() {
            hears.send(()).unwrap();
        }
        Poll::Ready(Err(std::io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A receiver that takes nothing stops its sender, as it would without the proxy. Time stands still until nobody can go on.
#[tokio::test(start_paused = true)]
async fn back_pressure_goes_through() {
    let mut rig = rig(1024, Taps::new());
    let mut sent = 0;
    let soon = Duration::from_secs(1);
    while let Ok(written) = tokio::time::timeout(soon, rig.client.write(&[0; 100])).await {
        sent += written.unwrap();
    }
    assert!((2 * 1024..=4 * 1024).contains(&sent), "{sent} bytes under way over a network of 2 x 1024");
    let mut there = vec![0; sent];
    rig.server.read_exact(&mut there).await.unwrap();
    assert!(tokio::time::timeout(soon, rig.client.write(&[0; 100])).await.is_ok());
}

/// A decoder that stands still delays nobody; what it did not see is counted, and it finds its way back.
#[tokio::test]
async fn forwarding_goes_on_when_decoding_falls_behind() {
    let mut rig = rig(1 << 20, Taps::with_limits(1000, 100));
    let ping = sample(FrameKind::Ping);
    let mut sent = 0;
    for _ in 0..50 {
        rig.client.write_all(&ping).await.unwrap();
        let mut there = vec![0; ping.len()];
        rig.server.read_exact(&mut there).await.unwrap();
        assert_eq!(there, ping);
        sent += ping.len();
    }
    let (mut watch, screen) = watch(Format::Line);
    while let Ok(note) = rig.notes.try_recv() {
        on_note(&mut watch, note).unwrap();
    }
    rig.client.write_all(&ping).await.unwrap();
    rig.client.shutdown().await.unwrap();
    rig.server.shutdown().await.unwrap();
    assert_eq!(receive_all(&mut rig.server).await, ping);
    rig.forwarding.await.unwrap();
    decode(rig.notes, &mut watch).await;
    let text = screen.text();
    let missed = sent - 3 * ping.len();
    assert!(text.contains(&format!("MISSED {missed}B that were forwarded but not decoded")), "{text}");
    assert_eq!(text.matches("Ping").count(), 4, "{text}");
}

/// A decoder whose output nobody reads keeps no socket open: an end is passed on, and the connection is over.
#[tokio::test]
async fn a_decoder_that_stands_still_holds_no_connection_open() {
    let mut rig = rig(1 << 10, Taps::with_limits(1, 100));
    rig.client.write_all(&sample(FrameKind::Ping)).await.unwrap();
    rig.client.shutdown().await.unwrap();
    rig.server.shutdown().await.unwrap();
    assert_eq!(receive_all(&mut rig.server).await, sample(FrameKind::Ping));
    assert_eq!(rig.forwarding.await.unwrap().from_client, 28);
    assert_eq!(rig.notes.len(), 1, "the queue was full all the while");
}

#[tokio::test]
async fn rubbish_is_said_and_forwarded() {
    let rubbish: Vec<u8> = (0..=255).rev().cycle().take(5000).collect();
    let (there, _, shown) = converse(&rubbish, b"", &[999], 4096).await;
    assert_eq!(there, rubbish);
    assert!(shown.contains("frame body longer than 2097152 bytes"), "{shown}");
}

/// Answers are shown behind their requests, with the time between, and connections are told apart.
#[test]
fn answers_tell_their_latency() {
    use riverrun_dump::describe::Direction::{Client, Server};
    let screen = Screen::default();
    let options = Options { time: riverrun_dump::view::Time::Relative, ..see::options(Format::Line) };
    let mut watch = Watch::new(screen.clone(), options);
    watch.on_bytes(see::seen(1, Client, 10), &sample(FrameKind::Ping)).unwrap();
    watch.on_bytes(see::seen(2, Client, 12), &sample(FrameKind::CheckTail)).unwrap();
    watch.on_bytes(see::seen(1, Server, 15), &sample(FrameKind::Pong)).unwrap();
    watch.on_bytes(see::seen(2, Server, 20), &sample(FrameKind::Error)).unwrap();
    insta::assert_snapshot!(screen.text(), @r#"
        +0.010000 #1 -> Ping id=7 28B nonce=99
        +0.012000 #2 -> CheckTail id=7 41B my-basin/"logs/web 1"
        +0.015000 #1 <- Pong id=7 28B nonce=99 in 5.000ms
        +0.020000 #2 <- Error id=7 63B code=unwritten outcome=not_done retry_after_ms=250 tail=40@1700000000040 message="nothing there yet" in 8.000ms
        "#);
    insta::assert_snapshot!(watch.summary, @"
        kind                     frames          bytes        p50        max
        Ping                          1             28          -          -
        CheckTail                     1             41          -          -
        Pong                          1             28    5.003ms    5.003ms
        Error                         1             63    8.003ms    8.003ms
        all                           4            160
        ");
}

/// An ack behind a gap could be any input's: no latency is better than a wrong one.
#[test]
fn behind_a_gap_nothing_is_paired() {
    use riverrun_dump::describe::Direction::{Client, Server};
    let screen = Screen::default();
    let options = Options { time: riverrun_dump::view::Time::Relative, ..see::options(Format::Line) };
    let mut watch = Watch::new(screen.clone(), options);
    for (missed, shown) in [(false, 1), (true, 1)] {
        watch.on_bytes(see::seen(1, Client, 10), &sample(FrameKind::SessionAppend)).unwrap();
        if missed {
            watch.on_missed(see::seen(1, Server, 11), 76).unwrap();
        }
        watch.on_bytes(see::seen(1, Server, 15), &sample(FrameKind::AppendAck)).unwrap();
        assert_eq!(screen.text().matches(" in 5.000ms").count(), shown, "{}", screen.text());
    }
    assert_eq!(watch.conversation.waiting(), 0);
}

/// The whole thing over real sockets: connections told apart, and a reset that stays a reset.
#[tokio::test]
async fn over_tcp() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = upstream.local_addr().unwrap().to_string();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = listener.local_addr().unwrap().to_string();
    let proxy = tokio::spawn(async move { proxy::serve(&listener, &address, watch(Format::Line).0).await });
    for id in 1..=2 {
        let mut client = TcpStream::connect(&listen).await.unwrap();
        let (mut server, _) = upstream.accept().await.unwrap();
        client.write_all(&sample(FrameKind::Ping)).await.unwrap();
        let mut there = vec![0; sample(FrameKind::Ping).len()];
        server.read_exact(&mut there).await.unwrap();
        server.write_all(&sample(FrameKind::Pong)).await.unwrap();
        drop(server);
        assert_eq!(receive_all(&mut client).await, sample(FrameKind::Pong), "connection {id}");
    }
    let mut client = TcpStream::connect(&listen).await.unwrap();
    let (server, _) = upstream.accept().await.unwrap();
    server.set_zero_linger().unwrap();
    drop(server);
    assert_eq!(client.read(&mut [0; 8]).await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    proxy.abort();
}

#[tokio::test]
async fn a_taken_port_is_said() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let error = proxy::run(&listen, "127.0.0.1:1", watch(Format::Line).0).await.unwrap_err();
    assert!(matches!(&error, Error::Listen { address, .. } if *address == listen), "{error}");
}

#[test]
fn pieces_share_the_forwarded_bytes() {
    let (taps, mut notes) = Taps::new();
    let (mut tap, _) = taps.pair(1);
    let bytes = Bytes::from_static(b"not copied");
    tap.offer(&bytes);
    let Ok(Note::Bytes { bytes: seen, .. }) = notes.try_recv() else { panic!("nothing was offered") };
    assert_eq!(seen.as_ptr(), bytes.as_ptr());
}

/// `riverrun dump proxy ... | head`: whoever has seen enough ends it, and that is no error for [`riverrun_dump::run`].
#[tokio::test]
async fn a_closed_output_ends_it() {
    struct Closed;
    impl std::io::Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    client.write_all(&sample(FrameKind::Ping)).await.unwrap();
    let address = upstream.local_addr().unwrap().to_string();
    let watch = Watch::new(Closed, see::options(Format::Line));
    let ended = proxy::serve(&listener, &address, watch).await;
    assert!(matches!(ended, Err(Error::OutputClosed)), "{ended:?}");
}
