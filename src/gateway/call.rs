//! One HTTP request on its way to the broker and back.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use riverrun_gateway_wire::{BodyFormat, HttpError, S2Code, compress, headers};
use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::request::{Request, StreamRef};
use riverrun_protocol::response::Response;
use riverrun_protocol::types::{BasinName, StreamName};
use tokio::time::timeout;

use super::body_room::Share;
use super::limits::{BODY_DEADLINE, CALL_DEADLINE};
use super::listener::Peer;
use super::pool::Held;
use super::{App, host};

/// What of a request is known before its body: who asks what of whom.
#[derive(Debug)]
pub struct Call<'a> {
    pub app: &'a App,
    pub parts: &'a Parts,
}

impl Call<'_> {
    /// The basin of a stream's route (`s2-semantics.md` H1).
    ///
    /// # Errors
    /// `bad_header`.
    pub fn basin(&self) -> Result<BasinName, HttpError> {
        headers::basin(&self.parts.headers, host::of(self.parts), self.app.settings.zone.as_deref())
    }

    /// # Errors
    /// As [`Self::basin`].
    pub fn target(&self, stream: StreamName) -> Result<StreamRef, HttpError> {
        Ok(StreamRef { basin: self.basin()?, stream })
    }

    pub fn query(&self) -> &str {
        self.parts.uri.query().unwrap_or("")
    }

    /// A whole body, decompressed (`s2-semantics.md` H6).
    ///
    /// # Errors
    /// `bad_json` or `bad_proto` where it is too long or damaged, `request_timeout` where it does not come, `rate_limited` where there is
    /// no room for it, 415.
    pub async fn body(&self, body: Body, format: BodyFormat, bytes_max: usize) -> Result<Whole, HttpError> {
        let mut share = self.app.bodies.share();
        let received = timeout(BODY_DEADLINE, receive(Limited::new(body, bytes_max), &mut share)).await;
        let received = received.map_err(|_| HttpError::new(S2Code::RequestTimeout, "the body did not come in time"))?;
        let received = received.map_err(|error| match error {
            Broken::Length => format.bad_body(format!("the body exceeds {bytes_max} bytes")),
            Broken::Off => format.bad_body("the body broke off"),
            Broken::Room(error) => error,
        })?;
        let bytes = compress::request_body(&self.parts.headers, &received, format, bytes_max)?;
        drop(received);
        share.hold(bytes.len())?;
        Ok(Whole { bytes, _share: share })
    }

    /// A connection into the broker that speaks for whoever asks.
    ///
    /// # Errors
    /// `authn`, `rate_limited`.
    pub async fn enter(&self, shard: u16) -> Result<Held, HttpError> {
        self.enter_as(self.token()?, shard).await
    }

    /// The access token that was sent, or none.
    ///
    /// # Errors
    /// `authn`.
    pub fn token(&self) -> Result<&str, HttpError> {
        Ok(headers::bearer_token(&self.parts.headers)?.unwrap_or(""))
    }

    /// # Errors
    /// As [`Self::enter`].
    pub async fn enter_as(&self, token: &str, shard: u16) -> Result<Held, HttpError> {
        let address = self.parts.extensions.get::<Peer>().map(|peer| peer.0.ip());
        Ok(self.app.pool.take(token, address, shard).await?)
    }

    /// As [`Self::enter`], on the shard of a stream.
    ///
    /// # Errors
    /// As [`Self::enter`].
    pub async fn enter_at(&self, target: &StreamRef) -> Result<Held, HttpError> {
        self.enter(self.app.pool.reception().owner(target)).await
    }

    /// Asks about names: any shard will do.
    ///
    /// # Errors
    /// The broker's.
    pub async fn ask(&self, request: &Request<'_>) -> Result<Response, HttpError> {
        let held = self.enter(0).await?;
        self.ask_over(held, request, CALL_DEADLINE).await
    }

    /// Asks about a stream, whose shard `wait` longer than usual may take.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub async fn ask_stream(
        &self,
        target: &StreamRef,
        request: &Request<'_>,
        wait: Duration,
    ) -> Result<Response, HttpError> {
        let held = self.enter_at(target).await?;
        self.ask_over(held, request, CALL_DEADLINE + wait).await
    }

    async fn ask_over(&self, mut held: Held, request: &Request<'_>, deadline: Duration) -> Result<Response, HttpError> {
        let answer = timeout(deadline, held.inner.ask(request)).await;
        let Ok(answer) = answer else {
            return Err(ErrorFrame::new(ErrorCode::Unavailable, "the broker did not answer in time").into());
        };
        self.app.pool.put_back(held);
        Ok(answer?)
    }
}

/// A body that is here, and its room.
#[derive(Debug)]
pub struct Whole {
    pub bytes: Bytes,
    _share: Share,
}

enum Broken {
    Length,
    Off,
    Room(HttpError),
}

async fn receive(mut body: Limited<Body>, share: &mut Share) -> Result<Bytes, Broken> {
    let mut received = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => Broken::Length,
            None => Broken::Off,
        })?;
        // Trailers say nothing here.
        let Ok(piece) = frame.into_data() else { continue };
        share.hold_more(piece.len()).map_err(Broken::Room)?;
        received.extend_from_slice(&piece);
    }
    Ok(received.freeze())
}

/// An answer that this request does not have: what became of it is not known.
pub fn unexpected(response: &Response) -> HttpError {
    HttpError::new(S2Code::Other, format!("the broker answered with {:?}", response.kind()))
}
