//! Which operation a request is (`s2-semantics.md` H2): method and path, nothing else.

use http::Method;
use riverrun_protocol::types::{BasinName, NameError, StreamName, TokenId};

use crate::error::HttpError;
use crate::limits::PATH_SEGMENTS_MAX;
use crate::percent;

/// An operation with the names from its path. Stream operations get their basin from [`crate::headers::basin`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Route {
    /// GET `/health` and `/ping`.
    Health,
    /// GET `/ready`: whether new work is taken.
    Ready,
    /// GET `/metrics` at the root: the server's own, as Prometheus reads them.
    PrometheusMetrics,
    ListBasins,
    CreateBasin,
    EnsureBasin(BasinName),
    GetBasinConfig(BasinName),
    ReconfigureBasin(BasinName),
    DeleteBasin(BasinName),
    ListStreams,
    CreateStream,
    EnsureStream(StreamName),
    GetStreamConfig(StreamName),
    ReconfigureStream(StreamName),
    DeleteStream(StreamName),
    CheckTail(StreamName),
    Read(StreamName),
    Append(StreamName),
    /// Riverrun's own: what lets a page's `EventSource` in, which can send no header.
    IssueTicket(StreamName),
    ListAccessTokens,
    IssueAccessToken,
    RevokeAccessToken(TokenId),
    ListLocations,
    GetDefaultLocation,
    SetDefaultLocation,
    AccountMetrics,
    BasinMetrics(BasinName),
    StreamMetrics(BasinName, StreamName),
}

impl Route {
    /// As a label of metrics: one of a fixed set, whatever the request names.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Ready => "ready",
            Self::PrometheusMetrics => "metrics",
            Self::ListBasins => "list_basins",
            Self::CreateBasin => "create_basin",
            Self::EnsureBasin(_) => "ensure_basin",
            Self::GetBasinConfig(_) => "get_basin_config",
            Self::ReconfigureBasin(_) => "reconfigure_basin",
            Self::DeleteBasin(_) => "delete_basin",
            Self::ListStreams => "list_streams",
            Self::CreateStream => "create_stream",
            Self::EnsureStream(_) => "ensure_stream",
            Self::GetStreamConfig(_) => "get_stream_config",
            Self::ReconfigureStream(_) => "reconfigure_stream",
            Self::DeleteStream(_) => "delete_stream",
            Self::CheckTail(_) => "check_tail",
            Self::Read(_) => "read",
            Self::Append(_) => "append",
            Self::IssueTicket(_) => "issue_ticket",
            Self::ListAccessTokens => "list_access_tokens",
            Self::IssueAccessToken => "issue_access_token",
            Self::RevokeAccessToken(_) => "revoke_access_token",
            Self::ListLocations => "list_locations",
            Self::GetDefaultLocation => "get_default_location",
            Self::SetDefaultLocation => "set_default_location",
            Self::AccountMetrics => "account_metrics",
            Self::BasinMetrics(_) => "basin_metrics",
            Self::StreamMetrics(..) => "stream_metrics",
        }
    }
}

/// Why a request is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NoRoute {
    /// 404 without a body.
    UnknownPath,
    /// 405 without a body; `allow` is the value of the `Allow` header.
    WrongMethod { allow: &'static str },
    /// A name in the path breaks its rule: `bad_path`.
    BadPath(HttpError),
}

impl From<NoRoute> for HttpError {
    fn from(none: NoRoute) -> Self {
        match none {
            NoRoute::UnknownPath => Self::unknown_path(),
            NoRoute::WrongMethod { .. } => Self::wrong_method(),
            NoRoute::BadPath(error) => error,
        }
    }
}

/// `path` as it was sent, still percent-encoded, without the query.
///
/// # Errors
/// In this order: a path that there is not, a method that it has not, a name that cannot be.
pub fn route(method: &Method, path: &str) -> Result<Route, NoRoute> {
    let place = place(path).ok_or(NoRoute::UnknownPath)?;
    // Its answer is that of GET without the body (RFC 9110 9.3.2).
    let method = if method == Method::HEAD { &Method::GET } else { method };
    resolve(method, place)?.ok_or(NoRoute::WrongMethod { allow: allowed(place) })
}

/// A path of the table, with its names as they were sent.
#[derive(Clone, Copy)]
enum Place<'a> {
    Health,
    Ready,
    RootMetrics,
    Basins,
    Basin(&'a str),
    Streams,
    Stream(&'a str),
    Records(&'a str),
    Tail(&'a str),
    Tickets(&'a str),
    AccessTokens,
    AccessToken(&'a str),
    Locations,
    DefaultLocation,
    AccountMetrics,
    BasinMetrics(&'a str),
    StreamMetrics(&'a str, &'a str),
}

/// Segments are told apart before anything is decoded: `%2F` is part of a name. None of them is empty.
fn place(path: &str) -> Option<Place<'_>> {
    let mut segments = [""; PATH_SEGMENTS_MAX];
    let mut count = 0;
    for segment in path.strip_prefix('/')?.split('/') {
        *segments.get_mut(count)? = segment;
        count += 1;
    }
    if segments[..count].contains(&"") {
        return None;
    }
    match segments[..count] {
        ["health" | "ping"] => Some(Place::Health),
        ["ready"] => Some(Place::Ready),
        ["metrics"] => Some(Place::RootMetrics),
        ["v1", "basins"] => Some(Place::Basins),
        ["v1", "basins", basin] => Some(Place::Basin(basin)),
        ["v1", "streams"] => Some(Place::Streams),
        ["v1", "streams", stream] => Some(Place::Stream(stream)),
        ["v1", "streams", stream, "records"] => Some(Place::Records(stream)),
        ["v1", "streams", stream, "records", "tail"] => Some(Place::Tail(stream)),
        ["v1", "streams", stream, "tickets"] => Some(Place::Tickets(stream)),
        ["v1", "access-tokens"] => Some(Place::AccessTokens),
        ["v1", "access-tokens", id] => Some(Place::AccessToken(id)),
        ["v1", "locations"] => Some(Place::Locations),
        ["v1", "locations", "default"] => Some(Place::DefaultLocation),
        ["v1", "metrics"] => Some(Place::AccountMetrics),
        ["v1", "metrics", basin] => Some(Place::BasinMetrics(basin)),
        ["v1", "metrics", basin, stream] => Some(Place::StreamMetrics(basin, stream)),
        _ => None,
    }
}

/// `None` for a method that the path has not.
fn resolve(method: &Method, place: Place<'_>) -> Result<Option<Route>, NoRoute> {
    Ok(Some(match (place, method.as_str()) {
        (Place::Health, "GET") => Route::Health,
        (Place::Ready, "GET") => Route::Ready,
        (Place::RootMetrics, "GET") => Route::PrometheusMetrics,
        (Place::Basins, "GET") => Route::ListBasins,
        (Place::Basins, "POST") => Route::CreateBasin,
        (Place::Basin(name), "PUT") => Route::EnsureBasin(basin(name)?),
        (Place::Basin(name), "GET") => Route::GetBasinConfig(basin(name)?),
        (Place::Basin(name), "PATCH") => Route::ReconfigureBasin(basin(name)?),
        (Place::Basin(name), "DELETE") => Route::DeleteBasin(basin(name)?),
        (Place::Streams, "GET") => Route::ListStreams,
        (Place::Streams, "POST") => Route::CreateStream,
        (Place::Stream(name), "PUT") => Route::EnsureStream(stream(name)?),
        (Place::Stream(name), "GET") => Route::GetStreamConfig(stream(name)?),
        (Place::Stream(name), "PATCH") => Route::ReconfigureStream(stream(name)?),
        (Place::Stream(name), "DELETE") => Route::DeleteStream(stream(name)?),
        (Place::Tail(name), "GET") => Route::CheckTail(stream(name)?),
        (Place::Records(name), "GET") => Route::Read(stream(name)?),
        (Place::Records(name), "POST") => Route::Append(stream(name)?),
        (Place::Tickets(name), "POST") => Route::IssueTicket(stream(name)?),
        (Place::AccessTokens, "GET") => Route::ListAccessTokens,
        (Place::AccessTokens, "POST") => Route::IssueAccessToken,
        (Place::AccessToken(id), "DELETE") => Route::RevokeAccessToken(token_id(id)?),
        (Place::Locations, "GET") => Route::ListLocations,
        (Place::DefaultLocation, "GET") => Route::GetDefaultLocation,
        (Place::DefaultLocation, "PUT") => Route::SetDefaultLocation,
        (Place::AccountMetrics, "GET") => Route::AccountMetrics,
        (Place::BasinMetrics(name), "GET") => Route::BasinMetrics(basin(name)?),
        (Place::StreamMetrics(of, name), "GET") => Route::StreamMetrics(basin(of)?, stream(name)?),
        _ => return Ok(None),
    }))
}

fn allowed(place: Place<'_>) -> &'static str {
    match place {
        Place::Basins | Place::Streams | Place::Records(_) | Place::AccessTokens => "GET, HEAD, POST",
        Place::Basin(_) | Place::Stream(_) => "DELETE, GET, HEAD, PATCH, PUT",
        Place::AccessToken(_) => "DELETE",
        Place::Tickets(_) => "POST",
        Place::DefaultLocation => "GET, HEAD, PUT",
        Place::Health
        | Place::Ready
        | Place::RootMetrics
        | Place::Tail(_)
        | Place::Locations
        | Place::AccountMetrics
        | Place::BasinMetrics(_)
        | Place::StreamMetrics(..) => "GET, HEAD",
    }
}

fn basin(segment: &str) -> Result<BasinName, NoRoute> {
    name(segment, BasinName::new)
}

fn stream(segment: &str) -> Result<StreamName, NoRoute> {
    name(segment, StreamName::new)
}

fn token_id(segment: &str) -> Result<TokenId, NoRoute> {
    name(segment, TokenId::new)
}

fn name<T>(segment: &str, rule: fn(&str) -> Result<T, NameError>) -> Result<T, NoRoute> {
    let refused = |why: &dyn std::fmt::Display| NoRoute::BadPath(HttpError::bad_path(format!("`{segment}`: {why}")));
    let decoded = percent::decode(segment).map_err(|why| refused(&why))?;
    rule(&decoded).map_err(|why| refused(&why))
}

#[cfg(test)]
mod tests;
