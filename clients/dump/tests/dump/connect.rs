//! Netcat mode: lines become frames, answers are printed, and it ends when everything asked for is answered.

use std::time::Duration;

use bytes::Bytes;
use riverrun_dump::connect::{self, Manner};
use riverrun_dump::describe::Direction;
use riverrun_dump::error::Error;
use riverrun_dump::view::Format;
use riverrun_dump::watch::Watch;
use riverrun_protocol::FrameKind;
use riverrun_protocol::request::Hello;
use riverrun_protocol::{Request, frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::samples::{TOKEN, sample};
use crate::see::{self, Screen};

/// A server that takes so many frames, then says these and closes.
async fn server(frames: usize, answers: Vec<Bytes>) -> (String, tokio::task::JoinHandle<Vec<Bytes>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut received = Vec::new();
        while received.len() < frames {
            received.push(receive(&mut stream).await);
        }
        stream.write_all(&answers.concat()).await.unwrap();
        // Open for as long as the other side likes: it has to know by itself that all is said.
        while stream.read(&mut [0; 64]).await.unwrap_or(0) > 0 {}
        received
    });
    (address, task)
}

async fn receive(stream: &mut TcpStream) -> Bytes {
    let mut bytes = vec![0; 16];
    stream.read_exact(&mut bytes).await.unwrap();
    let body_bytes = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
    bytes.resize(16 + body_bytes, 0);
    stream.read_exact(&mut bytes[16..]).await.unwrap();
    bytes.into()
}

fn input(text: &str) -> mpsc::Receiver<std::io::Result<Bytes>> {
    let (sender, receiver) = mpsc::channel(1);
    sender.try_send(Ok(Bytes::from(text.to_owned()))).unwrap();
    receiver
}

async fn talk(address: &str, lines: &str, manner: Manner) -> (Result<(), Error>, String) {
    let screen = Screen::default();
    let mut watch = Watch::new(screen.clone(), see::options(Format::Line)).muted(Direction::Client);
    let result = connect::run(address, input(lines), manner, &mut watch).await;
    (result, screen.text())
}

fn with_token(token: &[u8]) -> Manner {
    Manner { hello_token: Some(token.to_vec()), wait: None }
}

#[tokio::test]
async fn lines_are_sent_behind_a_hello_and_answers_are_printed() {
    let (address, server) =
        server(3, vec![sample(FrameKind::Heartbeat), accepted(), sample(FrameKind::Pong), tail(8)]).await;
    let lines = r#"{"kind":"Ping","id":7,"fields":{"nonce":99}}
        {"kind":"CheckTail","fields":{"basin":"my-basin","stream":"logs/web 1"}}"#;
    let (result, printed) = talk(&address, lines, with_token(TOKEN)).await;
    result.unwrap();
    insta::assert_snapshot!(printed, @"
        <- Heartbeat id=7 36B tail=40@1700000000040
        <- HelloAccepted id=0 67B version=1 shards=4 shard=2 features=3 frame_body_bytes_max=2097152 batch_bytes_max=1114112 batch_records_max=1000 agent=riverrun/0.1.0
        <- Pong id=7 28B nonce=99
        <- Tail id=8 40B level=object shard=2 tail=40@1700000000040
        ");
    let received = server.await.unwrap();
    let Ok(Request::Hello(Hello { token, .. })) = Request::parse(1, &received[0][16..]) else { panic!("no hello") };
    assert_eq!(token, TOKEN);
    assert_eq!(received[1], sample(FrameKind::Ping));
    assert_eq!(received[2][8..16], 8u64.to_le_bytes());
}

/// The server's hello, as the answer to one with id 0.
fn accepted() -> Bytes {
    with_id(FrameKind::HelloAccepted, 0)
}

fn tail(id: u64) -> Bytes {
    with_id(FrameKind::Tail, id)
}

fn with_id(kind: FrameKind, id: u64) -> Bytes {
    let mut frame = sample(kind).to_vec();
    frame[8..16].copy_from_slice(&id.to_le_bytes());
    assert!(frame::cut(&frame).is_ok());
    frame.into()
}

#[tokio::test]
async fn an_unanswered_request_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        receive(&mut stream).await;
    });
    let (result, _) = talk(&address, "Ping", Manner::default()).await;
    assert!(matches!(result, Err(Error::Unanswered { requests: 1, .. })), "{result:?}");
    server.await.unwrap();
}

#[tokio::test]
async fn a_wait_ends_also_without_answers() {
    let (address, _server) = server(1, vec![sample(FrameKind::Heartbeat)]).await;
    let manner = Manner { hello_token: None, wait: Some(Duration::from_millis(200)) };
    let (result, printed) = talk(&address, "Ping", manner).await;
    assert!(matches!(result, Err(Error::Unanswered { .. })), "{result:?}");
    assert!(printed.is_empty() || printed.contains("Heartbeat"), "{printed}");
}

/// `--wait 1000000years` is as good as any way to say "until I interrupt it".
#[tokio::test]
async fn a_wait_may_be_longer_than_the_clock_can_tell() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        receive(&mut stream).await;
        stream.write_all(&with_id(FrameKind::Pong, 1)).await.unwrap();
    });
    let manner = Manner { hello_token: None, wait: Some(Duration::MAX) };
    talk(&address, "Ping", manner).await.0.unwrap();
    server.await.unwrap();
}

/// Whoever types a wrong line corrects it and goes on; a script still learns of it.
#[tokio::test]
async fn a_wrong_line_ends_nothing_and_is_told_at_the_end() {
    let (address, server) = server(1, vec![sample(FrameKind::Pong)]).await;
    let (result, printed) = talk(&address, "Pin\n{\"kind\":\"Ping\",\"id\":7}", Manner::default()).await;
    assert!(matches!(result, Err(Error::Line { line: 1, .. })), "{result:?}");
    assert!(printed.contains("Pong"), "{printed}");
    assert_eq!(server.await.unwrap().len(), 1);
}

#[tokio::test]
async fn nobody_there_is_said_with_the_address() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let (result, _) = talk(&unused, "Ping", Manner::default()).await;
    assert!(matches!(&result, Err(Error::Connect { address, .. }) if *address == unused), "{result:?}");
}
