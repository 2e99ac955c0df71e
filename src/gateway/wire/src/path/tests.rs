use proptest::prelude::*;

use super::*;

fn basin() -> BasinName {
    BasinName::new("my-basin").unwrap()
}

fn stream(name: &str) -> StreamName {
    StreamName::new(name).unwrap()
}

fn get(path: &str) -> Result<Route, NoRoute> {
    route(&Method::GET, path)
}

#[test]
fn h2_every_row() {
    let s = || stream("s");
    for (method, path, expected) in [
        ("GET", "/health", Route::Health),
        ("GET", "/ping", Route::Health),
        ("GET", "/metrics", Route::PrometheusMetrics),
        ("GET", "/v1/basins", Route::ListBasins),
        ("POST", "/v1/basins", Route::CreateBasin),
        ("PUT", "/v1/basins/my-basin", Route::EnsureBasin(basin())),
        ("GET", "/v1/basins/my-basin", Route::GetBasinConfig(basin())),
        ("PATCH", "/v1/basins/my-basin", Route::ReconfigureBasin(basin())),
        ("DELETE", "/v1/basins/my-basin", Route::DeleteBasin(basin())),
        ("GET", "/v1/streams", Route::ListStreams),
        ("POST", "/v1/streams", Route::CreateStream),
        ("PUT", "/v1/streams/s", Route::EnsureStream(s())),
        ("GET", "/v1/streams/s", Route::GetStreamConfig(s())),
        ("PATCH", "/v1/streams/s", Route::ReconfigureStream(s())),
        ("DELETE", "/v1/streams/s", Route::DeleteStream(s())),
        ("GET", "/v1/streams/s/records/tail", Route::CheckTail(s())),
        ("GET", "/v1/streams/s/records", Route::Read(s())),
        ("POST", "/v1/streams/s/records", Route::Append(s())),
        ("POST", "/v1/streams/s/tickets", Route::IssueTicket(s())),
        ("GET", "/v1/access-tokens", Route::ListAccessTokens),
        ("POST", "/v1/access-tokens", Route::IssueAccessToken),
        ("DELETE", "/v1/access-tokens/a%20b", Route::RevokeAccessToken(TokenId::new("a b").unwrap())),
        ("GET", "/v1/locations", Route::ListLocations),
        ("GET", "/v1/locations/default", Route::GetDefaultLocation),
        ("PUT", "/v1/locations/default", Route::SetDefaultLocation),
        ("GET", "/v1/metrics", Route::AccountMetrics),
        ("GET", "/v1/metrics/my-basin", Route::BasinMetrics(basin())),
        ("GET", "/v1/metrics/my-basin/a%2Fb", Route::StreamMetrics(basin(), stream("a/b"))),
    ] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        assert_eq!(route(&method, path), Ok(expected), "{method} {path}");
    }
}

#[test]
fn h2_names_are_decoded_within_their_segment() {
    for (segment, name) in [
        ("a%2Fb", "a/b"),
        ("a%2fb%2Frecords", "a/b/records"),
        ("bench%2Fx", "bench/x"),
        ("%C3%A4+%20", "\u{e4}+ "),
        ("records", "records"),
        ("%2e%2E%2e", "..."),
        ("%25", "%"),
    ] {
        assert_eq!(get(&format!("/v1/streams/{segment}/records")), Ok(Route::Read(stream(name))), "{segment}");
    }
}

#[test]
fn h2_unknown_paths() {
    for path in [
        "",
        "/",
        "v1/basins",
        "/v2/basins",
        "/v1",
        "/v1/",
        "/v1/basins/",
        "/v1//streams",
        "/v1/streams//records",
        "/v1/streams/a/b",
        "/v1/streams/s/records/",
        "/v1/streams/s/records/tail/x",
        "/v1/streams/s/records/head",
        "/v1/locations/other",
        "/v1/Basins",
        "/health/",
        "/v1/a/b/c/d/e/f/g",
    ] {
        assert_eq!(get(path), Err(NoRoute::UnknownPath), "{path}");
    }
    assert_eq!(HttpError::from(NoRoute::UnknownPath).status, 404);
}

#[test]
fn h2_wrong_methods() {
    for (method, path, allow) in [
        (Method::DELETE, "/v1/basins", "GET, HEAD, POST"),
        (Method::POST, "/v1/basins/my-basin", "DELETE, GET, HEAD, PATCH, PUT"),
        (Method::POST, "/v1/streams/s/records/tail", "GET, HEAD"),
        (Method::GET, "/v1/access-tokens/x", "DELETE"),
        (Method::OPTIONS, "/v1/locations/default", "GET, HEAD, PUT"),
        (Method::HEAD, "/v1/access-tokens/x", "DELETE"),
        (Method::POST, "/v1/streams/..", "DELETE, GET, HEAD, PATCH, PUT"),
    ] {
        assert_eq!(route(&method, path), Err(NoRoute::WrongMethod { allow }), "{method} {path}");
    }
    assert_eq!(HttpError::from(NoRoute::WrongMethod { allow: "" }).status, 405);
}

#[test]
fn h2_head_is_get() {
    assert_eq!(route(&Method::HEAD, "/v1/streams/s/records"), Ok(Route::Read(stream("s"))));
}

#[test]
fn a2_names_against_their_rules_are_bad_path() {
    let long = "s".repeat(513);
    for (path, why) in [
        ("/v1/basins/NO", "8 to 48 bytes"),
        ("/v1/basins/my_basin", "not '_'"),
        ("/v1/streams/%2e%2E", "not `.`"),
        ("/v1/streams/.", "not `.`"),
        ("/v1/streams/a%00", "NUL"),
        ("/v1/streams/%ff", "not UTF-8"),
        ("/v1/streams/a%2", "two hexadecimal digits"),
        (&format!("/v1/streams/{long}"), "at most 512 bytes"),
    ] {
        let error = HttpError::from(get(path).unwrap_err());
        assert_eq!((error.status.as_u16(), error.code()), (400, Some("bad_path")), "{path}");
        let text = String::from_utf8(error.json().to_vec()).unwrap();
        assert!(text.contains(why), "{path}: {text}");
    }
}

proptest! {
    #[test]
    fn no_path_panics(path in "(/|%|v1|streams|[a-z0-9/%\u{e4}]){0,12}") {
        let _ = get(&path);
    }

    #[test]
    fn every_name_comes_through(name in "\\PC{1,40}") {
        prop_assume!(name != "." && name != "..");
        let segment = percent_encoding::utf8_percent_encode(&name, percent_encoding::NON_ALPHANUMERIC);
        prop_assert_eq!(get(&format!("/v1/streams/{segment}")), Ok(Route::GetStreamConfig(stream(&name))));
    }
}
