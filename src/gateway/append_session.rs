//! S2S append sessions (`s2-semantics.md` B10, H8): frames in while acks go out, over either version of HTTP.
//!
//! Two halves share a session: one takes the request's body and passes its inputs on, the other turns what the broker says into the
//! response's body. The broker holds the first up when it has no room, and when the acks are not taken. An input that cannot be read
//! closes the session for what comes behind it; its error is the last frame, behind the acks of what came before.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use axum::body::{Body, BodyDataStream};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use riverrun_gateway_wire::headers::{S2S_CONTENT_TYPE, accepted_frames};
use riverrun_gateway_wire::s2s::{self, FrameDecoder, FrameOptions};
use riverrun_gateway_wire::{EncodedAppend, HttpError};
use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::request::{Request, StreamRef};
use riverrun_protocol::response::Response;
use tokio_util::task::AbortOnDropHandle;

use super::answer::{self, Answer};
use super::body_room::Share;
use super::call::{Call, unexpected};
use super::inner::Asking;
use super::session::{self, Listening, Next};

/// What the halves know of each other.
#[derive(Default)]
struct Shared {
    /// What was wrong with an input, if anything was.
    bad: OnceLock<HttpError>,
    /// Inputs that have been begun to be sent.
    inputs: AtomicU64,
}

/// The half that passes inputs on.
struct Inputs {
    asking: Asking,
    session: u64,
    shared: Arc<Shared>,
    /// For the input that has begun.
    share: Share,
}

/// The half that answers.
struct Acks {
    listening: Listening,
    options: FrameOptions,
    shared: Arc<Shared>,
    acked: u64,
    is_over: bool,
    /// Ends with the response.
    _inputs: AbortOnDropHandle<()>,
}

impl Call<'_> {
    pub(super) async fn append_session(&self, target: StreamRef, body: Body) -> Answer {
        let held = self.enter_at(&target).await?;
        let (asking, listening) = session::open(held, &Request::OpenAppendSession(target)).await?;
        let shared = Arc::<Shared>::default();
        let share = self.app.bodies.share();
        let inputs = Inputs { asking, session: listening.id(), shared: shared.clone(), share };
        let inputs = AbortOnDropHandle::new(tokio::spawn(inputs.pass_on(body.into_data_stream())));
        let compression = accepted_frames(&self.parts.headers);
        let options = FrameOptions { compression, reconnect_advised: false };
        let acks = Acks { listening, options, shared, acked: 0, is_over: false, _inputs: inputs };
        let frames = futures::stream::unfold(acks, |mut acks| async move {
            let frame = acks.next_frame().await?;
            Some((Ok::<Bytes, std::convert::Infallible>(frame), acks))
        });
        Ok(answer::session(S2S_CONTENT_TYPE, Body::from_stream(frames)))
    }
}

impl Inputs {
    /// Until the body ends, breaks off, or has something in it that is no input.
    async fn pass_on(mut self, mut body: BodyDataStream) {
        let mut decoder = FrameDecoder::new();
        while let Some(piece) = body.next().await {
            // A client that is gone has not ended its session: what became of its inputs it asks the stream.
            let Ok(mut piece) = piece else { return };
            loop {
                match take_input(&mut decoder, &mut piece) {
                    Ok(Some(input)) => {
                        self.shared.inputs.fetch_add(1, Ordering::AcqRel);
                        // The broker has ended the connection: the other half says why.
                        let Ok(()) = self.send(&Request::SessionAppend(input.session_append())).await else { return };
                    }
                    Ok(None) => match self.share.hold(decoder.buffered_bytes()) {
                        Ok(()) => break,
                        Err(error) => return self.end_with(error).await,
                    },
                    Err(error) => return self.end_with(error).await,
                }
            }
        }
        match decoder.finish() {
            Ok(()) => self.close().await,
            Err(error) => self.end_with(error.into()).await,
        }
    }

    async fn end_with(&mut self, error: HttpError) {
        // There is one input half, and this is the last thing that it does.
        let _ = self.shared.bad.set(error);
        self.close().await;
    }

    async fn close(&mut self) {
        let _ = self.send(&Request::CloseAppendSession).await;
    }

    async fn send(&mut self, request: &Request<'_>) -> std::io::Result<()> {
        self.asking.send(self.session, request).await
    }
}

fn take_input(decoder: &mut FrameDecoder, piece: &mut Bytes) -> Result<Option<EncodedAppend>, HttpError> {
    let Some(frame) = decoder.next(piece)? else { return Ok(None) };
    s2s::append_input(frame)?.encode().map(Some)
}

impl Acks {
    /// Never without bytes: an empty chunk would be the body's end.
    async fn next_frame(&mut self) -> Option<Bytes> {
        let mut out = BytesMut::new();
        while out.is_empty() && !self.is_over {
            self.hear(&mut out).await;
        }
        (!out.is_empty()).then(|| out.freeze())
    }

    async fn hear(&mut self, out: &mut BytesMut) {
        let next = self.listening.next().await;
        self.options.reconnect_advised = self.listening.is_draining();
        let end = match next {
            Next::Answer(Response::AppendAck(ack)) => {
                self.acked += 1;
                s2s::put_append_ack(out, self.options, &ack).err().map(HttpError::from)
            }
            Next::Ended => {
                self.is_over = true;
                self.shared.bad.get().cloned()
            }
            Next::Failed(error) => Some(self.failure(error)),
            Next::Answer(other) => Some(unexpected(&other)),
            Next::Push { .. } => None,
        };
        if let Some(error) = end {
            self.is_over = true;
            s2s::put_terminal(out, &error);
        }
    }

    /// An input is counted before it is sent, so one that the broker may have heard of is in doubt here.
    fn failure(&self, error: ErrorFrame) -> HttpError {
        match self.shared.inputs.load(Ordering::Acquire) == self.acked {
            true => self.listening.end_of_quiet(error),
            false => error.into(),
        }
    }
}
