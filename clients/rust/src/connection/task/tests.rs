use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::request::{Ping, Request};
use riverrun_protocol::response::{HelloAccepted, Push, Response};
use tokio::io::ReadBuf;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;
use crate::config::ClientConfig;
use crate::connection::outbox::Track;
use crate::connection::{Inbound, Next, Session, head};
use crate::error::Error;

fn hello() -> HelloAccepted {
    HelloAccepted {
        version: 1,
        features: 0,
        shards: 1,
        shard: 0,
        frame_body_bytes_max: 0,
        batch_bytes_max: 0,
        batch_records_max: 0,
        agent: String::new(),
    }
}

/// A socket that refuses the first write, and only then shows what had arrived before.
#[derive(Clone, Default)]
struct Reset(Arc<Mutex<Arrived>>);

#[derive(Default)]
struct Arrived {
    bytes: BytesMut,
    shown: bool,
    reader: Option<Waker>,
}

impl AsyncRead for Reset {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut arrived = self.0.lock().expect("unpoisoned");
        if !arrived.shown {
            arrived.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        out.put_slice(&arrived.bytes.split());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Reset {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        let mut arrived = self.0.lock().expect("unpoisoned");
        arrived.shown = true;
        if let Some(reader) = arrived.reader.take() {
            reader.wake();
        }
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A connection over any socket, with two calls on it that were sent a while ago.
struct Rig {
    shared: Arc<Shared>,
    sender: mpsc::UnboundedSender<Outgoing>,
    queue: Option<mpsc::UnboundedReceiver<Outgoing>>,
    answers: [oneshot::Receiver<Result<Response, Error>>; 2],
}

fn rig() -> Rig {
    let shared = Arc::new(Shared::new(hello()));
    let (sender, queue) = mpsc::unbounded_channel();
    let answers = [1, 2].map(|id| {
        assert_eq!(shared.next_id(), id);
        let (answer, answered) = oneshot::channel();
        shared.registry.insert(id, Slot::call(answer)).expect("open");
        answered
    });
    Rig { shared, sender, queue: Some(queue), answers }
}

impl Rig {
    fn serve(
        &mut self,
        read: impl AsyncRead + Unpin + Send + 'static,
        write: impl AsyncWrite + Unpin + Send + 'static,
    ) -> JoinHandle<()> {
        let watch = Watch::new(self.shared.clone(), self.sender.downgrade(), &ClientConfig::default());
        let queue = self.queue.take().expect("served once");
        tokio::spawn(serve(read, write, BytesMut::new(), self.shared.clone(), queue, watch))
    }

    fn send_something(&self) {
        let head = head(3, &Request::Ping(Ping { nonce: 3 }), 0);
        self.sender.send(Outgoing { head, track: Track::None }).expect("the task is there");
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_had_arrived_before_a_write_failed_are_heard() {
    let mut rig = rig();
    let socket = Reset::default();
    Response::Pong { nonce: 7 }.write(1, &mut socket.0.lock().expect("unpoisoned").bytes);
    rig.send_something();
    rig.serve(socket.clone(), socket).await.expect("no panic");
    let [answered, lost] = rig.answers;
    assert_eq!(answered.await.expect("told"), Ok(Response::Pong { nonce: 7 }));
    let lost = lost.await.expect("told").expect_err("no answer");
    assert!(lost.why().contains("broken pipe"), "the write's failure, not the end that was read behind it: {lost}");
}

#[tokio::test(start_paused = true)]
async fn what_the_server_said_on_leaving_is_why_the_write_failed() {
    let mut rig = rig();
    let socket = Reset::default();
    ErrorFrame::new(ErrorCode::Timeout, "too slow").write(0, &mut socket.0.lock().expect("unpoisoned").bytes);
    rig.send_something();
    rig.serve(socket.clone(), socket).await.expect("no panic");
    let [lost, _] = rig.answers;
    assert!(lost.await.expect("told").expect_err("no answer").why().contains("too slow"));
}

/// The peer keeps its end open, but takes nothing: no caller waits for more than the farewell.
#[tokio::test(start_paused = true)]
async fn a_connection_that_takes_nothing_is_out_of_use_and_ends_soon() {
    let mut rig = rig();
    let (_peer, silent) = tokio::io::duplex(100);
    rig.send_something();
    let task = rig.serve(silent, Reset::default());
    tokio::task::yield_now().await;
    assert!(rig.shared.draining.load(Ordering::Relaxed));
    tokio::time::timeout(FAREWELL_MAX * 2, task).await.expect("it ends").expect("no panic");
}

/// Remembers until when it was told to wait.
#[derive(Debug, Default)]
struct Spy(Mutex<Option<Instant>>);

impl Session for Spy {
    fn on_frame(&self, frame: Inbound) -> Result<Next, String> {
        Err(format!("{frame:?}"))
    }

    fn on_disconnect(&self, _: &Disconnect) {}

    fn on_throttled(&self, until: Instant) {
        *self.0.lock().expect("unpoisoned") = Some(until);
    }

    fn on_tick(&self, _: Instant) -> Next {
        Next::More
    }
}

#[tokio::test(start_paused = true)]
async fn f_every_session_hears_that_the_server_reads_nothing() {
    let mut rig = rig();
    let spies = [3, 4].map(|id| {
        let spy = Arc::new(Spy::default());
        rig.shared.registry.insert(id, Slot::Session(spy.clone())).expect("open");
        spy
    });
    let (mut peer, socket) = tokio::io::duplex(100);
    let mut arrived = BytesMut::new();
    Push::Throttled { retry_after_ms: 2500 }.write(0, &mut arrived);
    peer.write_all(&arrived).await.expect("room enough");
    let (read, write) = tokio::io::split(socket);
    let task = rig.serve(read, write);
    tokio::task::yield_now().await;
    assert!(rig.shared.registry.is_open());
    let until = Instant::now() + Duration::from_millis(2500);
    assert!(spies.iter().all(|spy| *spy.0.lock().expect("unpoisoned") == Some(until)));
    task.abort();
}

/// Ctrl-Z, and `fg` after longer than any silence that is put up with: the tick and the server's bytes are there at once.
#[tokio::test(start_paused = true)]
async fn a_process_that_was_suspended_hears_the_server_before_it_judges_its_silence() {
    for _ in 0..32 {
        let mut rig = rig();
        tokio::time::advance(Duration::from_secs(60)).await;
        let (mut peer, socket) = tokio::io::duplex(100);
        let mut arrived = BytesMut::new();
        Response::Pong { nonce: 7 }.write(1, &mut arrived);
        peer.write_all(&arrived).await.expect("room enough");
        let (read, write) = tokio::io::split(socket);
        let task = rig.serve(read, write);
        tokio::task::yield_now().await;
        assert!(rig.shared.registry.is_open(), "the connection was given up");
        task.abort();
    }
}
