//! Who gets in over HTTP (`s2-semantics.md` F; reliability.md F54, F59): the same as over the binary protocol.

use serde_json::json;

use super::client::Http;
use super::{BASIN, http_addr, serve, with_basin};
use crate::audit::recorded;
use crate::raw::Raw;
use crate::support::{Data, until};

fn bearing(http: &Http, token: &str) -> Http {
    http.with("authorization", format!("Bearer {token}"))
}

#[test]
fn f54_where_tokens_are_required_nothing_else_gets_in() {
    let data = Data::new();
    let server = serve(&data, &["--auth", "required"]);
    let http = Http::new(&http_addr(&server));
    for visitor in
        [http.clone(), bearing(&http, "s2-token"), bearing(&http, "rrt_typo"), http.with("authorization", "Basic eDp5")]
    {
        let refused = visitor.get("/v1/basins");
        assert_eq!((refused.status, refused.code().as_str()), (401, "authn"));
    }
    assert_eq!(bearing(&http, &data.root_token()).get("/v1/basins").status, 200);
    assert_eq!(http.get("/health").status, 200, "whether it lives is nobody's secret");
}

#[test]
fn f_a_token_is_issued_held_to_its_scope_and_taken_away() {
    let data = Data::new();
    let server = serve(&data, &["--auth", "required"]);
    let http = Http::new(&http_addr(&server));
    let root = bearing(&http, &data.root_token());
    let body = format!(r#"{{"basin":"{BASIN}","config":{{"create_stream_on_append":true}}}}"#);
    assert_eq!(root.json("POST", "/v1/basins", &body).status, 201);
    let scope = json!({"id": "reader/1", "scope": {"basins": {"exact": BASIN}, "streams": {"prefix": "s"}, "ops": ["read", "check-tail"]}});
    let issued = root.json("POST", "/v1/access-tokens", &scope.to_string());
    assert_eq!(issued.status, 201, "{}", issued.text());
    let token = issued.value()["access_token"].as_str().expect("the secret").to_owned();
    let reader = bearing(&http, &token);
    assert_eq!(root.json("POST", "/v1/streams/s/records", r#"{"records":[{"body":"x"}]}"#).status, 200);
    assert_eq!(reader.get("/v1/streams/s/records?seq_num=0").status, 200);
    for refused in [
        reader.json("POST", "/v1/streams/s/records", r#"{"records":[{"body":"x"}]}"#),
        reader.get("/v1/streams/other/records?seq_num=0"),
        reader.get("/v1/streams"),
        reader.get("/v1/access-tokens"),
    ] {
        assert_eq!((refused.status, refused.code().as_str()), (403, "permission_denied"));
    }
    let listed = root.get("/v1/access-tokens").value();
    assert_eq!(listed["access_tokens"][0]["id"], json!("reader/1"));
    // A session that is open ends with the token, and so do the connections that waited for its next call.
    let mut follower = reader.with("accept", "text/event-stream").open("GET", "/v1/streams/s/records?seq_num=1");
    assert!(follower.chunk().is_some_and(|ping| ping.starts_with(b"event: ping")));
    let revoked = root.send("DELETE", "/v1/access-tokens/reader%2F1", b"");
    assert_eq!((revoked.status, revoked.body.len()), (204, 0));
    let last = std::iter::from_fn(|| follower.chunk()).last().expect("a last word");
    assert!(String::from_utf8_lossy(&last).contains("\"code\":\"authn\""), "{last:?}");
    assert_eq!(reader.get("/v1/streams/s/records?seq_num=0").code(), "authn");
}

/// Calls of one token share connections into the broker, and each is noted with the address that it came from.
#[test]
fn f_the_audit_stream_names_who_asked_over_http() {
    let data = Data::new();
    let server = serve(&data, &[]);
    let http = Http::new(&http_addr(&server));
    let mut raw = Raw::connect(&server.addr, "").expect("open");
    for (last, basin) in [(2, "first-basin"), (3, "second-basin"), (2, "third-basin")] {
        let from = http.from(std::net::Ipv4Addr::new(127, 0, 0, last));
        assert_eq!(from.json("POST", "/v1/basins", &format!(r#"{{"basin":"{basin}"}}"#)).status, 201);
        recorded(&mut raw, &[r#""operation":"create-basin""#, basin, &format!("127.0.0.{last}")]);
    }
}

#[test]
fn f59_pages_of_others_and_names_of_others_are_refused() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    let refused = http.with("origin", "https://evil.example").get("/v1/basins");
    assert_eq!((refused.status, refused.code().as_str()), (403, "permission_denied"));
    let mut socket = http.connect();
    std::io::Write::write_all(
        &mut socket,
        b"GET /v1/basins HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n",
    )
    .expect("sent");
    let mut said = String::new();
    std::io::Read::read_to_string(&mut socket, &mut said).expect("an answer");
    assert!(said.starts_with("HTTP/1.1 403 ") && said.contains("permission_denied"), "{said}");
}

#[test]
fn h1_the_basin_may_be_the_first_label_of_the_host() {
    let data = Data::new();
    let server = serve(&data, &["--http-zone", "b.example"]);
    let http = Http::new(&http_addr(&server));
    let body = format!(r#"{{"basin":"{BASIN}","config":{{"create_stream_on_append":true}}}}"#);
    assert_eq!(http.json("POST", "/v1/basins", &body).status, 201);
    let request = format!("GET /v1/streams HTTP/1.1\r\nhost: {BASIN}.b.example:80\r\nconnection: close\r\n\r\n");
    let mut socket = http.connect();
    std::io::Write::write_all(&mut socket, request.as_bytes()).expect("sent");
    let mut said = String::new();
    std::io::Read::read_to_string(&mut socket, &mut said).expect("an answer");
    assert!(said.starts_with("HTTP/1.1 200 ") && said.contains("\"streams\":[]"), "{said}");
}

#[test]
fn a_stop_is_said_to_sessions() {
    let data = Data::new();
    let (server, http) = with_basin(&data);
    assert_eq!(http.json("POST", "/v1/streams/s/records", r#"{"records":[{"body":"x"}]}"#).status, 200);
    let mut follower = http.with("accept", "text/event-stream").open("GET", "/v1/streams/s/records?seq_num=1");
    assert!(follower.chunk().is_some_and(|ping| ping.starts_with(b"event: ping")));
    let stopping = std::thread::spawn(move || server.terminate());
    let last = std::iter::from_fn(|| follower.chunk()).last().expect("a last word");
    assert!(
        String::from_utf8_lossy(&last).contains("\"code\":\"server_draining\""),
        "{}",
        String::from_utf8_lossy(&last)
    );
    stopping.join().expect("a graceful stop");
}

#[test]
fn what_is_closed_gives_its_place_back() {
    let data = Data::new();
    let (server, http) = with_basin(&data);
    assert_eq!(http.json("POST", "/v1/streams/s/records", r#"{"records":[{"body":"x"}]}"#).status, 200);
    let followers: Vec<_> = (0..50)
        .map(|_| http.with("accept", "text/event-stream").open("GET", "/v1/streams/s/records?seq_num=0"))
        .collect();
    until("they read", || crate::support::counter(&server, "readers") == 50);
    drop(followers);
    until("they are gone", || crate::support::counter(&server, "readers") == 0);
}
