//! What those ask who run the broker: whether it works, and what it counts.

use axum::body::Body;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use riverrun_protocol::request::Request;

use super::answer::{self, Answer};
use super::call::Call;
use crate::metrics;

impl Call<'_> {
    /// Whether new work would be done: 503 where a shard does not answer, or the broker is about to stop. It needs no token: a load balancer
    /// has none.
    pub async fn ready(&self) -> Response<Body> {
        let why = match self.app.stop.is_cancelled() {
            true => "the server is stopping",
            false if self.app.metrics.is_answering().await => return answer::plain("OK"),
            false => "a shard does not answer",
        };
        let mut response = answer::plain(why);
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response
    }

    /// Where tokens are asked for, only those see it who may see the server's stages (`riverrun status --stages`): how much others send is
    /// not everybody's to know.
    ///
    /// # Errors
    /// `authn`, `permission_denied`.
    pub async fn prometheus(&self) -> Answer {
        if self.app.settings.is_guarded {
            self.ask(&Request::GetStages).await?;
        }
        let mut response = Response::new(Body::from(self.app.metrics.text().await));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE));
        Ok(response)
    }
}
