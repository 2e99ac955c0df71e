//! A server that knows one stream and nothing else, serves read sessions from it as `s2-semantics.md` C says, and cuts its
//! connections where it is told to.

use std::convert::Infallible;
use std::ops::Range;

use bytes::BytesMut;
use riverrun_protocol::FrameKind;
use riverrun_protocol::error::{ErrorCode, ErrorFrame, Outcome};
use riverrun_protocol::request::{ReadParams, ReadStart, Request};
use riverrun_protocol::response::{Push, ReadBatches, Response};

use super::records::{batch, heartbeat, position};
use super::{FakeServer, Peer, opened};

/// What a read session hears: history, then, if it may follow, heartbeats and what is appended while it is there.
#[derive(Clone)]
pub struct Script {
    /// Batches as stored; those before `live_from` are there from the beginning, the others come one by one.
    pub batches: Vec<Range<u64>>,
    pub live_from: usize,
}

impl Script {
    fn end(&self) -> u64 {
        self.batches.last().map_or(0, |range| range.end)
    }

    fn history_end(&self) -> u64 {
        self.batches[..self.live_from].last().map_or(0, |range| range.end)
    }

    /// All frames of a session with these parameters. `seen` is how much of the stream was already there: what one session
    /// has seen live is history for the next.
    pub fn frames(&self, id: u64, params: &ReadParams, seen: u64) -> Vec<BytesMut> {
        let tail = self.history_end().max(seen);
        let may_follow = params.wait_secs.is_some_and(|wait| wait > 0) || !is_bounded(params);
        let start = start(params, tail);
        let mut out = Frames { id, frames: Vec::new() };
        if start > tail || (start == tail && !may_follow && !matches!(params.start, ReadStart::Timestamp(_))) {
            let refusal = ErrorFrame {
                outcome: Outcome::NotDone,
                tail: Some(position(tail)),
                ..ErrorFrame::new(ErrorCode::Unwritten, "nothing there yet")
            };
            out.error(&refusal);
            return out.frames;
        }
        out.response(&Response::ReadSessionOpened(opened(tail)));
        let mut budget = params.count.unwrap_or(u64::MAX);
        let caught_up = self.scan(&mut out, start..tail, &mut budget, false);
        if caught_up && may_follow {
            out.push(&heartbeat(tail));
            self.scan(&mut out, tail.max(start)..self.end(), &mut budget, true);
        }
        // A script's follower has waited long enough once nothing more comes.
        out.response(&Response::SessionEnded);
        out.frames
    }

    /// Pushes batch by batch; `false` once the budget is used up.
    fn scan(&self, out: &mut Frames, range: Range<u64>, budget: &mut u64, live: bool) -> bool {
        for stored in &self.batches {
            let from = stored.start.max(range.start);
            let to = stored.end.min(range.end).min(from.saturating_add(*budget));
            if from < to {
                *budget -= to - from;
                let mut read = ReadBatches { tail: live.then(|| position(stored.end)), parts: Vec::new() };
                read.push(batch(stored.clone()).slice((from - stored.start) as u32..(to - stored.start) as u32));
                out.push(&Push::Records(read));
            }
            if *budget == 0 {
                return false;
            }
        }
        true
    }

    /// Serves connections one after the other, for ever; the n-th is cut after `cuts[n]` bytes behind its hello, those beyond
    /// say all they have to say. `asked` gets the parameters that each session asked for.
    pub async fn serve(&self, server: &FakeServer, cuts: &[usize], asked: &mut Vec<ReadParams>) -> Infallible {
        let mut seen = 0;
        loop {
            let mut peer = server.accept().await;
            let cut = cuts.get(asked.len());
            let Some((id, params)) = read_session(&mut peer).await else { continue };
            let said: BytesMut = self.frames(id, &params, seen).into_iter().flatten().collect();
            seen = self.end();
            asked.push(params);
            match cut {
                Some(cut) if *cut < said.len() => peer.raw(&said[..*cut]).await,
                _ => {
                    peer.raw(&said).await;
                    peer.drained().await;
                }
            }
        }
    }
}

struct Frames {
    id: u64,
    frames: Vec<BytesMut>,
}

impl Frames {
    fn write(&mut self, write: impl FnOnce(u64, &mut BytesMut)) {
        let mut out = BytesMut::new();
        write(self.id, &mut out);
        self.frames.push(out);
    }

    fn response(&mut self, response: &Response) {
        self.write(|id, out| response.write(id, out));
    }

    fn push(&mut self, push: &Push) {
        self.write(|id, out| push.write(id, out));
    }

    fn error(&mut self, error: &ErrorFrame) {
        self.write(|id, out| error.write(id, out));
    }
}

async fn read_session(peer: &mut Peer) -> Option<(u64, ReadParams)> {
    let frame = peer.next().await?;
    assert_eq!(FrameKind::from_byte(frame.header.kind), Some(FrameKind::OpenReadSession));
    match Request::parse(frame.header.kind, &frame.body) {
        Ok(Request::OpenReadSession(open)) => Some((frame.header.id, open.params)),
        other => panic!("{other:?}"),
    }
}

fn is_bounded(params: &ReadParams) -> bool {
    params.count.is_some() || params.bytes.is_some() || params.until.is_some()
}

fn start(params: &ReadParams, tail: u64) -> u64 {
    match params.start {
        ReadStart::SeqNum(seq_num) if params.clamp => seq_num.min(tail),
        ReadStart::SeqNum(seq_num) => seq_num,
        ReadStart::TailOffset(offset) => tail.saturating_sub(offset),
        ReadStart::Timestamp(timestamp) => timestamp.saturating_sub(1000).min(tail),
    }
}

/// Where one of these frames ends, and a byte inside each.
pub fn cut_points(frames: &[BytesMut]) -> Vec<usize> {
    let mut points = vec![0];
    let mut at = 0;
    for frame in frames {
        points.extend([at + 1, at + 9, at + frame.len() / 2, at + frame.len() - 1, at + frame.len()]);
        at += frame.len();
    }
    points.sort_unstable();
    points.dedup();
    points
}
