use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use tokio::sync::Semaphore;

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
#[derive(Debug)]
struct Claims {
    sent: Mutex<usize>,
    batches: Vec<Bytes>,
}

impl Input for Claims {
    fn claim(&self) -> Option<Bytes> {
        let mut sent = self.sent.lock().expect("no panic under it");
        let batch = self.batches.get(*sent)?.clone();
        *sent += 1;
        Some(batch)
    }

    fn unclaim(&self) {
        *self.sent.lock().expect("no panic under it") -= 1;
    }
}

const FRAMES: [(&str, &str); 4] = [("head", ""), ("h", "batch of some length"), ("he", "b"), ("hea", "")];

fn frame_bytes((head, batch): (&str, &str)) -> usize {
    head.len() + batch.len()
}

fn batches() -> Vec<Bytes> {
    FRAMES.map(|(_, batch)| Bytes::from_static(batch.as_bytes())).into()
}

fn claims(batches: Vec<Bytes>) -> Arc<Claims> {
    Arc::new(Claims { sent: Mutex::new(0), batches })
}

/// A call with this batch, and the semaphore its permit is from.
fn call(batch: Bytes) -> (Arc<Progress>, Arc<Semaphore>) {
    let calls = Arc::new(Semaphore::new(1));
    let permit = calls.clone().try_acquire_owned().expect("one is free");
    (Arc::new(Progress::new(batch, permit)), calls)
}

fn queued(tracks: impl IntoIterator<Item = Track>) -> Outbox {
    let (sender, queue) = mpsc::unbounded_channel();
    for ((head, _), track) in FRAMES.into_iter().zip(tracks) {
        let head = Bytes::from_static(head.as_bytes());
        sender.send(Outgoing { head, track }).expect("the receiver is there");
    }
    Outbox::new(queue)
}

fn inputs(claims: &Arc<Claims>) -> Outbox {
    queued(FRAMES.map(|_| Track::Input(claims.clone())))
}

#[tokio::test]
async fn d4_sent_is_what_a_byte_was_written_of_wherever_the_connection_ends() {
    let all: String = FRAMES.iter().flat_map(|(head, batch)| [*head, *batch]).collect();
    for limit in 0..all.len() {
        for at_once in [1, 3, usize::MAX] {
            let calls: Vec<_> = batches().into_iter().map(|batch| call(batch).0).collect();
            let claims = claims(batches());
            let mut by_call = queued(calls.iter().cloned().map(Track::Call));
            let mut by_input = inputs(&claims);
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
    let mut outbox = inputs(&claims(Vec::new()));
    let mut socket = Limited { taken: Vec::new(), limit: 100, at_once: 100 };
    outbox.write_all(&mut socket).await.expect("nothing to write");
    assert!(socket.taken.is_empty());
}

#[tokio::test]
async fn ends_once_every_handle_is_gone_and_everything_is_written() {
    let mut outbox = inputs(&claims(batches()));
    let mut socket = Limited { taken: Vec::new(), limit: 100, at_once: 5 };
    outbox.write_all(&mut socket).await.expect("room enough");
    assert_eq!(socket.taken.len(), FRAMES.into_iter().map(frame_bytes).sum::<usize>());
}

#[tokio::test]
async fn a_write_takes_no_more_than_it_claims() {
    let (sender, queue) = mpsc::unbounded_channel();
    let claims = claims(vec![Bytes::from(vec![0; CLAIMED_BYTES_MAX / 4]); 10]);
    for _ in 0..10 {
        let track = Track::Input(claims.clone());
        sender.send(Outgoing { head: Bytes::from_static(b"head"), track }).expect("open");
    }
    let mut outbox = Outbox::new(queue);
    assert!(outbox.claim_some().await);
    assert_eq!(outbox.claimed.len(), 4, "the rest stays unclaimed, so surely unsent");
}

/// A server that does not read for long, and callers that give up meanwhile.
#[tokio::test]
async fn what_is_given_up_in_the_queue_frees_its_batch_at_once_and_its_place_when_the_queue_moves() {
    let batch = Bytes::from(vec![0; 100]);
    let (call, calls) = call(batch.clone());
    let mut outbox = queued([Track::Call(call.clone())]);
    assert!(!batch.is_unique());
    assert!(call.withdraw());
    assert!(batch.is_unique());
    drop(call);
    assert_eq!(calls.available_permits(), 0, "or the queue would grow without end");
    let mut socket = Limited { taken: Vec::new(), limit: 100, at_once: 100 };
    outbox.write_all(&mut socket).await.expect("nothing to write");
    assert!(socket.taken.is_empty());
    assert_eq!(calls.available_permits(), 1);
}
