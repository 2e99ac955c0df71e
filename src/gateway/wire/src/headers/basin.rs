//! Which basin a request is about (`s2-semantics.md` H1): the `s2-basin` header, else the first label of the host.

use http::header::HeaderMap;
use riverrun_protocol::types::{BasinName, NameError};

use super::{S2_BASIN, text};
use crate::error::HttpError;

/// `host` is the request's authority, with or without a port; `zone` is what follows the basin in it (`b.s2.dev` of
/// `my-basin.b.s2.dev`), for gateways that have one. Without a zone no label is taken for a basin: `localhost` would be one.
///
/// # Errors
/// `bad_header` where neither tells a basin, or what it tells is no basin's name.
pub fn basin(headers: &HeaderMap, host: Option<&str>, zone: Option<&str>) -> Result<BasinName, HttpError> {
    if let Some(name) = text(headers, S2_BASIN)? {
        return BasinName::new(name).map_err(|error| refused(S2_BASIN, &error));
    }
    let label = host.zip(zone).and_then(|(host, zone)| label(host, zone));
    let label = label.ok_or_else(|| HttpError::bad_header(format!("Missing header `{S2_BASIN}`")))?;
    BasinName::new(&label).map_err(|error| refused("host", &error))
}

fn refused(header: &str, error: &NameError) -> HttpError {
    HttpError::bad_header(format!("header `{header}`: {error}"))
}

/// Hosts are compared without regard to case.
fn label(host: &str, zone: &str) -> Option<String> {
    let host = host.split(':').next().unwrap_or(host).to_ascii_lowercase();
    let label = host.strip_suffix(&zone.to_ascii_lowercase())?.strip_suffix('.')?;
    (!label.is_empty() && !label.contains('.')).then(|| label.to_owned())
}
