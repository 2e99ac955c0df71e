//! What pages in browsers may do: origins that are named, and tickets (`s2-semantics.md` H11; reliability.md F59).

use serde_json::{Value, json};

use super::client::{Answer, Http};
use super::{BASIN, http_addr, serve};
use crate::support::{Data, Server};

const ORIGIN: &str = "https://app.example";
const RECORDS: &str = "/v1/streams/a%2Fb/records";
const TICKETS: &str = "/v1/streams/a%2Fb/tickets";

/// A server that asks for tokens, and root's way in.
fn guarded(data: &Data) -> (Server, Http, Http) {
    let server = serve(data, &["--auth", "required", "--http-allow-origin", ORIGIN]);
    let http = Http::new(&http_addr(&server));
    let token = data.root_token();
    let root = http.with("authorization", format!("Bearer {}", token));
    let body = format!(r#"{{"basin":"{BASIN}","config":{{"create_stream_on_append":true}}}}"#);
    assert_eq!(root.json("POST", "/v1/basins", &body).status, 201);
    assert_eq!(root.json("POST", RECORDS, r#"{"records":[{"body":"one"},{"body":"two"}]}"#).status, 200);
    (server, http, root)
}

fn refused(answer: &Answer) -> (u16, String) {
    (answer.status, answer.code())
}

fn ticket(visitor: &Http) -> String {
    let issued = visitor.send("POST", TICKETS, b"");
    assert_eq!(issued.status, 201, "{}", issued.text());
    assert_eq!(issued.value()["first_use_within_secs"], json!(60));
    issued.value()["ticket"].as_str().expect("a ticket").to_owned()
}

/// What `EventSource` sends: no header of its own.
fn page(http: &Http) -> Http {
    http.bare().with("accept", "text/event-stream").with("origin", ORIGIN)
}

fn first_event(visitor: &Http, path: &str) -> String {
    let mut open = visitor.open("GET", path);
    assert_eq!(open.answer.status, 200);
    String::from_utf8(open.chunk().expect("an event")).expect("text")
}

#[test]
fn h11_pages_of_named_origins_may_use_it_and_no_others() {
    let data = Data::new();
    let (_server, _, root) = guarded(&data);
    let preflight = |origin: &str| {
        let asking = root.bare().with("origin", origin).with("access-control-request-method", "PATCH");
        asking.with("access-control-request-headers", "authorization,s2-basin").send("OPTIONS", "/v1/streams/s", b"")
    };
    let allowed = preflight(ORIGIN);
    assert_eq!(allowed.status, 200);
    assert_eq!(allowed.header("access-control-allow-origin"), Some(ORIGIN));
    assert!(allowed.header("access-control-allow-methods").is_some_and(|methods| methods.contains("PATCH")));
    assert_eq!(allowed.header("access-control-allow-headers"), Some("authorization,s2-basin"));
    assert_eq!(allowed.header("access-control-allow-credentials"), None);
    assert_eq!(preflight("https://evil.example").header("access-control-allow-origin"), None);

    let listed = root.with("origin", ORIGIN).get("/v1/basins");
    assert_eq!((listed.status, listed.header("access-control-allow-origin")), (200, Some(ORIGIN)));
    assert!(listed.header("access-control-expose-headers").is_some_and(|names| names.contains("s2-provision-result")));
    assert!(listed.header("vary").is_some_and(|names| names.contains("origin")));
    for other in ["https://evil.example", "https://app.example.evil.example", "http://app.example", "null"] {
        let answer = root.with("origin", other).get("/v1/basins");
        assert_eq!(refused(&answer), (403, "permission_denied".to_owned()), "{other}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{other}");
    }
}

#[test]
fn f59_no_origin_is_allowed_unless_it_is_named() {
    let data = Data::new();
    let (_server, http) = super::with_basin(&data);
    let preflight = http.with("origin", ORIGIN).with("access-control-request-method", "GET");
    assert_eq!(preflight.send("OPTIONS", "/v1/basins", b"").header("access-control-allow-origin"), None);
    let answer = http.with("origin", ORIGIN).get("/v1/basins");
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (403, None));
}

#[test]
fn a_ticket_opens_the_events_of_its_stream_again_and_again() {
    let data = Data::new();
    let (_server, http, root) = guarded(&data);
    let (page, ticket) = (page(&http), ticket(&root));
    let path = format!("{RECORDS}?seq_num=0&ticket={ticket}");
    let event = first_event(&page, &path);
    assert!(event.contains("\"body\":\"one\"") && event.contains("id: 1,2,"), "{event}");
    let resumed = first_event(&page.with("last-event-id", "0,1,11"), &path);
    assert!(!resumed.contains("\"body\":\"one\"") && resumed.contains("\"body\":\"two\""), "{resumed}");
}

#[test]
fn a_ticket_opens_nothing_else() {
    let data = Data::new();
    let (_server, http, root) = guarded(&data);
    let (page, ticket) = (page(&http), ticket(&root));
    assert_eq!(root.json("POST", "/v1/streams/other/records", r#"{"records":[{"body":"x"}]}"#).status, 200);
    let with = |path: &str| format!("{path}?ticket={ticket}&seq_num=0");
    let denied = (403, "permission_denied".to_owned());
    assert_eq!(refused(&page.get(&with("/v1/streams/other/records"))), denied, "another stream");
    assert_eq!(refused(&page.with("s2-basin", "other-basin").get(&with(RECORDS))), denied, "another basin");
    assert_eq!(refused(&http.bare().get(&with(RECORDS))), denied, "a single read");
    assert_eq!(refused(&http.bare().with("content-type", "s2s/proto").get(&with(RECORDS))), denied, "S2S");
    let unknown = (401, "authn".to_owned());
    for (method, path, body) in [
        ("POST", RECORDS, r#"{"records":[{"body":"x"}]}"#),
        ("GET", "/v1/streams/a%2Fb/records/tail", ""),
        ("GET", "/v1/streams/a%2Fb", ""),
        ("GET", "/v1/streams", ""),
        ("GET", "/v1/basins", ""),
        ("POST", TICKETS, ""),
        ("GET", "/metrics", ""),
    ] {
        let answer = http.with("content-type", "application/json").send(method, &with(path), body.as_bytes());
        assert_eq!(refused(&answer), unknown, "{method} {path}");
    }
    for text in ["", "0", &"0".repeat(32), &ticket[1..]] {
        let answer = page.get(&format!("{RECORDS}?seq_num=0&ticket={text}"));
        assert_eq!(refused(&answer), unknown, "{text}");
    }
}

/// `EventSource` tells a page nothing of why it was refused: so whoever asks for a ticket is told.
#[test]
fn a_ticket_is_for_those_who_may_read() {
    let data = Data::new();
    let (_server, http, root) = guarded(&data);
    assert_eq!(refused(&http.send("POST", TICKETS, b"")), (401, "authn".to_owned()));
    let missing = root.send("POST", "/v1/streams/missing/tickets", b"");
    assert_eq!(refused(&missing), (404, "stream_not_found".to_owned()));
    let appender = token(&root, "appender", &["append"]);
    let answer = http.with("authorization", format!("Bearer {appender}")).send("POST", TICKETS, b"");
    assert_eq!(refused(&answer), (403, "permission_denied".to_owned()));
}

fn token(root: &Http, id: &str, operations: &[&str]) -> String {
    let scope = json!({"id": id, "scope": {"basins": {"exact": BASIN}, "streams": {"prefix": ""}, "ops": operations}});
    let issued: Value = root.json("POST", "/v1/access-tokens", &scope.to_string()).value();
    issued["access_token"].as_str().expect("the secret").to_owned()
}

#[test]
fn f_a_ticket_ends_with_the_token_that_it_was_issued_for() {
    let data = Data::new();
    let (_server, http, root) = guarded(&data);
    let reader = http.with("authorization", format!("Bearer {}", token(&root, "reader", &["read"])));
    let path = format!("{RECORDS}?seq_num=2&ticket={}", ticket(&reader));
    let mut open = page(&http).open("GET", &path);
    assert_eq!(open.answer.status, 200);
    assert!(open.chunk().is_some_and(|ping| ping.starts_with(b"event: ping")));
    assert_eq!(root.send("DELETE", "/v1/access-tokens/reader", b"").status, 204);
    let last = std::iter::from_fn(|| open.chunk()).last().expect("a last word");
    assert!(String::from_utf8_lossy(&last).contains("\"code\":\"authn\""), "{last:?}");
    assert_eq!(refused(&page(&http).get(&path)), (401, "authn".to_owned()));
}

/// A session with a ticket of this token's, as a page opens it. Returns the ticket.
pub fn visited(addr: &str, token: &str) -> String {
    let http = Http::new(addr);
    let bearer = http.with("authorization", format!("Bearer {token}"));
    let body = format!(r#"{{"basin":"{BASIN}","config":{{"create_stream_on_append":true}}}}"#);
    assert_eq!(bearer.json("POST", "/v1/basins", &body).status, 201);
    assert_eq!(bearer.json("POST", RECORDS, r#"{"records":[{"body":"one"}]}"#).status, 200);
    let ticket = ticket(&bearer);
    let event =
        first_event(&http.bare().with("accept", "text/event-stream"), &format!("{RECORDS}?seq_num=0&ticket={ticket}"));
    assert!(event.contains("\"body\":\"one\""), "{event}");
    ticket
}
