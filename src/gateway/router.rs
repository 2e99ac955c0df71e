//! From a request to its handler. Every route of S2's has one; what is not one is 404 or 405 without a body (`s2-semantics.md` H2).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use http::{Method, Request, Response};
use riverrun_gateway_wire::HttpError;
use riverrun_gateway_wire::path::{Route, route};
use tower::service_fn;

use super::answer::{self, Answer};
use super::call::Call;
use super::{App, cors, host};

/// As a label of metrics: what no route is.
const NO_OPERATION: &str = "none";

pub fn router(app: Arc<App>) -> Router {
    let cors = cors::layer(&app.settings.origins);
    let router = Router::new().fallback_service(service_fn(move |request: Request<Body>| {
        let app = app.clone();
        async move { Ok::<_, Infallible>(handle(&app, request).await) }
    }));
    match cors {
        Some(cors) => router.layer(cors),
        None => router,
    }
}

async fn handle(app: &App, request: Request<Body>) -> Response<Body> {
    let begun = Instant::now();
    let (parts, body) = request.into_parts();
    let (operation, response) = match route(&parts.method, parts.uri.path()) {
        Ok(route) => (route.operation(), answer(&Call { app, parts: &parts }, route, body).await),
        Err(none) => (NO_OPERATION, answer::no_route(none)),
    };
    app.metrics.http().answered(operation, response.status().as_u16(), begun.elapsed());
    if parts.method == Method::HEAD { answer::without_body(response) } else { response }
}

async fn answer(call: &Call<'_>, route: Route, body: Body) -> Response<Body> {
    let answer = match host::check(call.parts, &call.app.settings) {
        Ok(()) => carry_out(call, route, body).await,
        Err(refused) => Err(refused),
    };
    answer.unwrap_or_else(|error| answer::error(&error))
}

async fn carry_out(call: &Call<'_>, route: Route, body: Body) -> Answer {
    match route {
        Route::Health => Ok(answer::plain("OK")),
        Route::Ready => Ok(call.ready().await),
        Route::PrometheusMetrics => call.prometheus().await,
        Route::ListBasins => call.list_basins().await,
        Route::CreateBasin => call.create_basin(body).await,
        Route::EnsureBasin(basin) => call.ensure_basin(basin, body).await,
        Route::GetBasinConfig(basin) => call.basin_config(basin).await,
        Route::ReconfigureBasin(basin) => call.reconfigure_basin(basin, body).await,
        Route::DeleteBasin(basin) => call.delete_basin(basin).await,
        Route::ListStreams => call.list_streams().await,
        Route::CreateStream => call.create_stream(body).await,
        Route::EnsureStream(stream) => call.ensure_stream(stream, body).await,
        Route::GetStreamConfig(stream) => call.stream_config(stream).await,
        Route::ReconfigureStream(stream) => call.reconfigure_stream(stream, body).await,
        Route::DeleteStream(stream) => call.delete_stream(stream).await,
        Route::CheckTail(stream) => call.check_tail(stream).await,
        Route::Read(stream) => call.read(stream).await,
        Route::Append(stream) => call.append(stream, body).await,
        Route::IssueTicket(stream) => call.issue_ticket(stream).await,
        Route::ListAccessTokens => call.list_access_tokens().await,
        Route::IssueAccessToken => call.issue_access_token(body).await,
        Route::RevokeAccessToken(id) => call.revoke_access_token(id).await,
        Route::ListLocations => call.list_locations().await,
        Route::GetDefaultLocation => call.default_location().await,
        Route::SetDefaultLocation => call.set_default_location(body).await,
        Route::AccountMetrics | Route::BasinMetrics(_) | Route::StreamMetrics(..) => {
            Err(HttpError::not_implemented("this server keeps no usage metrics yet"))
        }
    }
}
