//! Who a browser thinks it speaks to (reliability.md F59). A page of somebody else's may have its own name resolve to this machine, and
//! then reads from an open broker as its own origin: so where no token is asked for, only names that nobody else can have are served. And a
//! page may send requests across origins: what names an origin that is not allowed is refused.

use std::net::IpAddr;

use http::header::{HOST, ORIGIN};
use http::request::Parts;
use riverrun_gateway_wire::{HttpError, S2Code};

use super::Settings;

/// The authority of a request: of the address it asks for (HTTP/2), or of its `Host` header.
pub fn of(parts: &Parts) -> Option<&str> {
    let in_address = parts.uri.authority().map(http::uri::Authority::as_str);
    in_address.or_else(|| parts.headers.get(HOST).and_then(|host| host.to_str().ok()))
}

/// # Errors
/// `permission_denied`: nothing was done.
pub fn check(parts: &Parts, settings: &Settings) -> Result<(), HttpError> {
    let origin = parts.headers.get(ORIGIN).filter(|named| !settings.origins.iter().any(|origin| origin.is(named)));
    if let Some(origin) = origin {
        let origin = String::from_utf8_lossy(origin.as_bytes());
        let message = format!("requests from pages of {origin} are not allowed here");
        return Err(HttpError::new(S2Code::PermissionDenied, message));
    }
    let host = of(parts).map(name_of).unwrap_or_default();
    if settings.is_guarded || is_ours(host, settings.zone.as_deref()) {
        return Ok(());
    }
    let message =
        format!("`{host}` is no name of this server: use its address, `localhost`, or a name under --http-zone");
    Err(HttpError::new(S2Code::PermissionDenied, message))
}

/// Without the port.
fn name_of(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => authority.rsplit_once(':').map_or(authority, |(name, _)| name),
    }
}

/// Addresses and `localhost` resolve to what they are, and to nothing else.
fn is_ours(host: &str, zone: Option<&str>) -> bool {
    let host = host.to_ascii_lowercase();
    let is_in = |zone: &str| host == zone || host.strip_suffix(zone).is_some_and(|front| front.ends_with('.'));
    host.is_empty()
        || host.parse::<IpAddr>().is_ok()
        || is_in("localhost")
        || zone.is_some_and(|z| is_in(&z.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f59_names_that_somebody_else_can_have_are_not_ours() {
        for ours in
            ["127.0.0.1", "::1", "localhost", "LOCALHOST", "my-basin.localhost", "b.example", "my-basin.B.example", ""]
        {
            assert!(is_ours(ours, Some("b.example")), "{ours}");
        }
        for other in ["evil.example", "localhost.evil.example", "xb.example", "notlocalhost", "127.0.0.1.evil.example"]
        {
            assert!(!is_ours(other, Some("b.example")), "{other}");
        }
        assert!(!is_ours("my-basin.b.example", None));
    }

    #[test]
    fn ports_are_no_part_of_a_name() {
        for (authority, name) in [("a:1", "a"), ("a", "a"), ("[::1]:80", "::1"), ("127.0.0.1:5280", "127.0.0.1")] {
            assert_eq!(name_of(authority), name);
        }
    }
}
