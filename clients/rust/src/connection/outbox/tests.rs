use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use super::*;

/// Takes so many bytes, a few at a time, and then fails.
struct Limited {
    taken: Vec<u8>,
    limit: usize,
    at_once: usize,
}

impl AsyncWrite for Limited {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let room = (self.limit - self.taken.len()).min(self.at_once).min(bytes.len());
        if room == 0 {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        self.taken.extend_from_slice(&bytes[..room]);
        Poll::Ready(Ok(room))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        self.as_mut().poll_write(cx, &all)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Counts claims, as an append session does.
#[derive(Debug, Default)]
struct Claims {
    sent: Mutex<usize>,
    closed: bool,
}

impl Input for Claims {
    fn claim(&self) -> bool {
        if !self.closed {
            *self.sent.lock().expect("no panic under it") += 1;
        }
        !self.closed
    }

    fn unclaim(&self) {
        *self.sent.lock().expect("no panic under it") -= 1;
    }
}

const FRAMES: [(&str, &str); 4] = [("head", ""), ("h", "batch of some length"), ("he", "b"), ("hea", "")];

fn frame_bytes((head, batch): (&str, &str)) -> usize {
    head.len() + batch.len()
}

fn queued(track: impl Fn() -> Track) -> Outbox {
    let (sender, queue) = mpsc::unbounded_channel();
    for (head, batch) in FRAMES {
        let (head, batch) = (Bytes::from_static(head.as_bytes()), Bytes::from_static(batch.as_bytes()));
        sender.send(Outgoing { head, batch, track: track() }).expect("the receiver is there");
    }
    Outbox::new(queue)
}

#[tokio::test]
async fn d4_sent_is_what_a_byte_was_written_of_wherever_the_connection_ends() {
    let all: String = FRAMES.iter().flat_map(|(head, batch)| [*head, *batch]).collect();
    for limit in 0..all.len() {
        for at_once in [1, 3, usize::MAX] {
            let calls: Vec<Arc<Progress>> = FRAMES.iter().map(|_| Arc::default()).collect();
            let claims = Arc::new(Claims::default());
            let of_calls = Mutex::new(calls.iter().cloned());
            let mut by_call =
                queued(|| Track::Call(of_calls.lock().expect("unpoisoned").next().expect("one for each frame")));
            let mut by_input = queued(|| Track::Input(claims.clone()));
            for outbox in [&mut by_call, &mut by_input] {
                let mut socket = Limited { taken: Vec::new(), limit, at_once };
                outbox.write_all(&mut socket).await.expect_err("the socket fails");
                outbox.end();
                assert_eq!(socket.taken, all.as_bytes()[..limit]);
            }
            let mut start = 0;
            let begun = FRAMES.map(|frame| {
                let begun = start < limit;
                start += frame_bytes(frame);
                begun
            });
            let sent: Vec<bool> = calls.iter().map(|call| call.is_sent()).collect();
            assert_eq!(sent, begun, "{limit} bytes written, {at_once} at once");
            assert_eq!(*claims.sent.lock().expect("unpoisoned"), begun.iter().filter(|begun| **begun).count());
        }
    }
}

#[tokio::test]
async fn nothing_of_a_failed_session_is_written() {
    let mut outbox = queued(|| Track::Input(Arc::new(Claims { closed: true, ..Claims::default() })));
    let mut socket = Limited { taken: Vec::new(), limit: 100, at_once: 100 };
    outbox.write_all(&mut socket).await.expect("nothing to write");
    assert!(socket.taken.is_empty());
}

#[tokio::test]
async fn ends_once_every_handle_is_gone_and_everything_is_written() {
    let mut outbox = queued(|| Track::None);
    let mut socket = Limited { taken: Vec::new(), limit: 100, at_once: 5 };
    outbox.write_all(&mut socket).await.expect("room enough");
    assert_eq!(socket.taken.len(), FRAMES.into_iter().map(frame_bytes).sum::<usize>());
}

#[tokio::test]
async fn a_write_takes_no_more_than_it_claims() {
    let (sender, queue) = mpsc::unbounded_channel();
    for _ in 0..10 {
        let batch = Bytes::from(vec![0; CLAIMED_BYTES_MAX / 4]);
        sender.send(Outgoing { head: Bytes::from_static(b"head"), batch, track: Track::None }).expect("open");
    }
    let mut outbox = Outbox::new(queue);
    assert!(outbox.claim_some().await);
    assert_eq!(outbox.claimed.len(), 4, "the rest stays unclaimed, so surely unsent");
}
