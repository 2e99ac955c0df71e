//! What those ask who run the broker: whether it works, and what it counts.

use axum::body::Body;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use riverrun_protocol::request::Request;

use super::answer::{self, Answer};
use super::call::Call;
use crate::metrics;

impl Call<'_> {
    /// It needs no token: a load balancer has none.
    pub async fn ready(&self) -> Response<Body> {
        let is_stopping = self.app.stop.is_cancelled();
        readiness(is_stopping, is_stopping || self.app.metrics.is_answering().await)
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

/// Whether new work would be done: 503 where a shard does not answer, or the broker is about to stop.
fn readiness(is_stopping: bool, is_answering: bool) -> Response<Body> {
    let why = match (is_stopping, is_answering) {
        (false, true) => return answer::plain("OK"),
        (true, _) => "the server is stopping",
        (false, false) => "a shard does not answer",
    };
    let mut response = answer::plain(why);
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_a_broker_that_would_do_no_work_is_sent_elsewhere() {
        for (is_stopping, is_answering, status) in
            [(false, true, 200), (false, false, 503), (true, true, 503), (true, false, 503)]
        {
            assert_eq!(readiness(is_stopping, is_answering).status(), status);
        }
    }
}
