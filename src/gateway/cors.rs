//! What browsers are told: which pages of other origins may use this server (`s2-semantics.md` H11). None, unless they are named.
//!
//! No cookies are known here and credentials are not allowed: a page has to bring its token itself, or a ticket.

use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use http::{Method, Uri};
use riverrun_gateway_wire::headers::{PROVISION_RESULT, RETRY_AFTER_MS};
use tower_http::cors::{AllowHeaders, CorsLayer};

/// How long a browser need not ask again.
const PREFLIGHT_AGE: Duration = Duration::from_secs(600);

/// An origin as browsers send it: scheme, host, and a port that is not the scheme's own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin(HeaderValue);

impl Origin {
    /// Whether a request names this one.
    pub fn is(&self, named: &HeaderValue) -> bool {
        self.0 == named
    }
}

impl std::str::FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let origin = as_sent(text).and_then(|origin| HeaderValue::from_str(&origin).ok());
        origin.map(Self).ok_or_else(|| format!("`{text}` is no origin: give `https://HOST` or `http://HOST:PORT`"))
    }
}

/// `None` for what has anything but a scheme, a host and a port.
fn as_sent(text: &str) -> Option<String> {
    let text = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
    let uri: Uri = text.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let port_of_scheme = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    if text != format!("{scheme}://{authority}") || authority.as_str().contains('@') {
        return None;
    }
    let host = authority.host();
    Some(match authority.port_u16() {
        Some(port) if port != port_of_scheme => format!("{scheme}://{host}:{port}"),
        _ => format!("{scheme}://{host}"),
    })
}

/// Answers preflights, and tells browsers who may see the answers. `None`: nobody is named, and browsers are told nothing.
pub fn layer(origins: &[Origin]) -> Option<CorsLayer> {
    let layer = CorsLayer::new()
        .allow_origin(origins.iter().map(|origin| origin.0.clone()).collect::<Vec<_>>())
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([PROVISION_RESULT, RETRY_AFTER_MS].map(HeaderName::from_static))
        .allow_private_network(true)
        .max_age(PREFLIGHT_AGE);
    (!origins.is_empty()).then_some(layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h11_origins_are_what_browsers_send() {
        for (text, sent) in [
            ("https://app.example", "https://app.example"),
            ("https://App.Example/", "https://app.example"),
            ("https://app.example:443", "https://app.example"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://localhost:443", "http://localhost:443"),
            ("http://[::1]:80", "http://[::1]"),
        ] {
            let origin: Origin = text.parse().expect(text);
            assert!(origin.is(&HeaderValue::from_static(sent)), "{text}: {origin:?}");
        }
    }

    #[test]
    fn h11_what_is_no_origin_is_refused() {
        for text in [
            "*",
            "null",
            "",
            "app.example",
            "https://",
            "ftp://a.example",
            "https://a.example/app",
            "https://u@a.example",
            "https://a.example?x",
        ] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }
}
