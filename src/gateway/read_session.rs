//! Read sessions (`s2-semantics.md` C6 to C11): S2S frames, or server-sent events.
//!
//! The broker pushes as long as there is credit, and what the client has taken is granted again. So a client that takes nothing has at
//! most `READ_CREDIT_BYTES` here, whatever the stream holds.

use std::convert::Infallible;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use riverrun_gateway_wire::headers::{
    RecordFormat, S2S_CONTENT_TYPE, SSE_CONTENT_TYPE, accepted_frames, record_format,
};
use riverrun_gateway_wire::query::ReadQuery;
use riverrun_gateway_wire::s2s::{self, FrameOptions};
use riverrun_gateway_wire::sse::{self, EventCounters, LastEventId};
use riverrun_gateway_wire::{HttpError, ReadBatch};
use riverrun_protocol::request::{GrantCredit, OpenReadSession, ReadParams, Request, StreamRef};
use riverrun_protocol::response::Push;

use super::answer::{self, Answer};
use super::call::{Call, unexpected};
use super::inner::Asking;
use super::limits::READ_CREDIT_BYTES;
use super::session::{self, Listening, Next};
use super::tickets::Admission;
use crate::server::Clock;

/// How a session's events are written.
enum Form {
    S2s(FrameOptions),
    Sse { format: RecordFormat, counters: EventCounters, clock: Clock },
}

/// One session on its way out.
struct Reading {
    asking: Asking,
    listening: Listening,
    form: Form,
    _admission: Option<Admission>,
    /// What was given to the client and is not granted again yet.
    taken_bytes: u64,
    is_over: bool,
}

impl Call<'_> {
    pub(super) async fn read_session(&self, target: StreamRef, query: &ReadQuery) -> Answer {
        let options = FrameOptions { compression: accepted_frames(&self.parts.headers), reconnect_advised: false };
        self.session(target, query.params()?, Form::S2s(options), None).await
    }

    /// `admission`: whose rights it has, where these are not the visitor's own.
    pub(super) async fn events(&self, target: StreamRef, query: &ReadQuery, admission: Option<Admission>) -> Answer {
        let format = record_format(&self.parts.headers)?;
        let resumed = LastEventId::from_headers(&self.parts.headers)?;
        let params = resumed.map_or_else(|| query.params(), |last| last.resume(query))?;
        let clock = self.app.pool.reception().clock();
        let form = Form::Sse { format, counters: EventCounters::new(resumed), clock };
        self.session(target, params, form, admission).await
    }

    async fn session(&self, target: StreamRef, params: ReadParams, form: Form, admission: Option<Admission>) -> Answer {
        let token = admission.as_ref().map_or_else(|| self.token(), |admission| Ok(admission.token()))?;
        let held = self.enter_as(token, self.app.pool.reception().owner(&target)).await?;
        let content_type = form.content_type();
        let open = OpenReadSession { target, params, credit_bytes: READ_CREDIT_BYTES, takes_pages: false };
        let (asking, listening) = session::open(held, &Request::OpenReadSession(open)).await?;
        let reading = Reading { asking, listening, form, _admission: admission, taken_bytes: 0, is_over: false };
        let pieces = futures::stream::unfold(reading, |mut reading| async move {
            let piece = reading.next_piece().await?;
            Some((Ok::<Bytes, Infallible>(piece), reading))
        });
        Ok(answer::session(content_type, Body::from_stream(pieces)))
    }
}

impl Reading {
    /// Never without bytes: an empty chunk would be the body's end.
    async fn next_piece(&mut self) -> Option<Bytes> {
        let mut out = BytesMut::new();
        while out.is_empty() && !self.is_over {
            self.hear(&mut out).await;
        }
        (!out.is_empty()).then(|| out.freeze())
    }

    async fn hear(&mut self, out: &mut BytesMut) {
        self.grant_again().await;
        let next = self.listening.next().await;
        let written = match next {
            Next::Push { push: Push::Records(records), body_bytes } => {
                self.taken_bytes += body_bytes;
                ReadBatch::open(&records)
                    .and_then(|batch| self.form.put_batch(out, &batch, self.listening.is_draining()))
            }
            Next::Push { push: Push::Heartbeat { tail }, body_bytes } => {
                self.taken_bytes += body_bytes;
                let heartbeat = ReadBatch::heartbeat(tail);
                self.form.put_batch(out, &heartbeat, self.listening.is_draining())
            }
            Next::Push { .. } => Ok(()),
            Next::Ended => {
                self.is_over = true;
                self.form.put_end(out);
                Ok(())
            }
            // Nothing of a reader's is ever in doubt.
            Next::Failed(error) => Err(self.listening.end_of_quiet(error)),
            Next::Answer(other) => Err(unexpected(&other)),
        };
        if let Err(error) = written {
            self.is_over = true;
            self.form.put_error(out, &error);
        }
    }

    /// The client has taken what it was given, or this would not be asked for more.
    async fn grant_again(&mut self) {
        if self.taken_bytes >= READ_CREDIT_BYTES / 4 {
            let bytes = std::mem::take(&mut self.taken_bytes);
            // A connection that has ended says so when it is heard.
            let _ = self.asking.send(self.listening.id(), &Request::GrantCredit(GrantCredit { bytes })).await;
        }
    }
}

impl Form {
    fn content_type(&self) -> &'static str {
        match self {
            Self::S2s(_) => S2S_CONTENT_TYPE,
            Self::Sse { .. } => SSE_CONTENT_TYPE,
        }
    }

    /// Records, or a heartbeat.
    fn put_batch(&mut self, out: &mut BytesMut, batch: &ReadBatch, is_draining: bool) -> Result<(), HttpError> {
        match self {
            Self::S2s(options) => {
                options.reconnect_advised = is_draining;
                s2s::put_read_batch(out, *options, batch)
            }
            Self::Sse { format, counters, clock } => {
                if let (true, Some(tail)) = (batch.is_empty(), batch.tail) {
                    sse::put_ping(out, clock.now().wall_ms, tail);
                }
                sse::put_batch(out, batch, *format, counters)
            }
        }
    }

    /// S2S ends with the body.
    fn put_end(&self, out: &mut BytesMut) {
        match self {
            Self::S2s(_) => {}
            Self::Sse { .. } => sse::put_done(out),
        }
    }

    fn put_error(&self, out: &mut BytesMut, error: &HttpError) {
        match self {
            Self::S2s(_) => s2s::put_terminal(out, error),
            Self::Sse { .. } => sse::put_error(out, error),
        }
    }
}
