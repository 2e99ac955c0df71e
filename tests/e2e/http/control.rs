//! Basins, streams and what is no route (`s2-semantics.md` E, H2, H5, H6).

use serde_json::json;

use super::client::Http;
use super::{BASIN, with_basin};
use crate::support::{Data, until};

#[test]
fn e3_a_basin_from_its_creation_to_its_end() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    let again = http.json("POST", "/v1/basins", &format!(r#"{{"basin":"{BASIN}"}}"#));
    assert_eq!((again.status, again.code().as_str()), (409, "resource_already_exists"));
    let ensured = http.send("PUT", "/v1/basins/another-basin", b"");
    assert_eq!((ensured.status, ensured.header("s2-provision-result")), (201, Some("created")));
    let ensured = http.send("PUT", "/v1/basins/another-basin", b"");
    assert_eq!((ensured.status, ensured.header("s2-provision-result")), (200, Some("noop")));
    let info = ensured.value();
    assert_eq!((info["name"].as_str(), info["state"].as_str()), (Some("another-basin"), Some("active")));
    let patched = http.json("PATCH", "/v1/basins/another-basin", r#"{"create_stream_on_read":true}"#);
    assert_eq!(patched.value()["create_stream_on_read"], json!(true));
    assert_eq!(http.get("/v1/basins/another-basin").value(), patched.value());
    let page = http.get("/v1/basins?prefix=another&limit=1").value();
    assert_eq!((page["basins"][0]["name"].as_str(), &page["has_more"]), (Some("another-basin"), &json!(false)));
    let deleted = http.send("DELETE", "/v1/basins/another-basin", b"");
    assert_eq!((deleted.status, deleted.body.len(), deleted.header("content-length")), (202, 0, Some("0")));
    until("it is gone", || http.get("/v1/basins/another-basin").status == 404);
    assert_eq!(http.get("/v1/basins/another-basin").code(), "basin_not_found");
}

#[test]
fn e3_a_stream_from_its_creation_to_its_end() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    let tokened = http.with("s2-request-token", "once");
    for result in ["created", "noop"] {
        let created = tokened.json("POST", "/v1/streams", r#"{"stream":"a/b","config":{"storage_class":"express"}}"#);
        assert_eq!((created.status, created.header("s2-provision-result")), (201, Some(result)));
        assert_eq!(
            (created.value()["name"].as_str(), created.value().get("deleted_at")),
            (Some("a/b"), Some(&json!(null)))
        );
    }
    // `%2F` is part of the name, and a slash of its own is not.
    let config = http.get("/v1/streams/a%2Fb").value();
    assert_eq!(
        (config["storage_class"].as_str(), &config["retention_policy"]),
        (Some("express"), &json!({"age": 604_800}))
    );
    assert_eq!(http.get("/v1/streams/a/b").status, 404);
    let patched = http.json("PATCH", "/v1/streams/a%2Fb", r#"{"retention_policy":{"infinite":{}}}"#);
    assert_eq!(patched.value()["retention_policy"], json!({"infinite": {}}));
    let refused = http.json("PATCH", "/v1/streams/a%2Fb", r#"{"retention_policy":{"age":0}}"#);
    assert_eq!((refused.status, refused.code().as_str()), (422, "invalid"));
    let listed = http.get("/v1/streams").value();
    assert_eq!(listed["streams"][0]["name"], json!("a/b"));
    assert_eq!(http.send("DELETE", "/v1/streams/a%2Fb", b"").status, 202);
    until("it is gone", || http.get("/v1/streams/a%2Fb").status == 404);
}

/// RFC 9110 9.3.2: as GET, without the body. Load balancers ask so.
#[test]
fn h2_head_is_get_without_a_body() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    for path in ["/health", "/v1/basins", "/v1/streams/missing", "/v1/nothing"] {
        let (get, head) = (http.get(path), http.send("HEAD", path, b""));
        assert_eq!((head.status, head.header("content-length")), (get.status, get.header("content-length")), "{path}");
    }
    let mut socket = http.connect();
    let both = "HEAD /health HTTP/1.1\r\nhost: a.localhost\r\n\r\nGET /health HTTP/1.1\r\nhost: a.localhost\r\nconnection: close\r\n\r\n";
    std::io::Write::write_all(&mut socket, both.as_bytes()).expect("sent");
    let mut said = String::new();
    std::io::Read::read_to_string(&mut socket, &mut said).expect("answers");
    assert_eq!((said.matches("HTTP/1.1 200").count(), said.matches("\r\n\r\nOK").count()), (2, 1), "{said}");
}

#[test]
fn h2_what_is_no_route_has_no_body() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    for path in ["/", "/v1", "/v1/nothing", "/v1/basins/", "/v2/basins", "//v1/basins"] {
        let answer = http.get(path);
        assert_eq!((answer.status, answer.body.len()), (404, 0), "{path}");
    }
    let wrong = http.send("DELETE", "/v1/basins", b"");
    assert_eq!((wrong.status, wrong.body.len()), (405, 0));
    assert!(wrong.header("allow").is_some_and(|allow| allow.contains("GET") && allow.contains("POST")), "{wrong:?}");
    let health = http.bare().get("/health");
    assert_eq!(
        (health.status, health.text(), health.header("content-type")),
        (200, "OK", Some("text/plain; charset=utf-8"))
    );
    assert_eq!(http.bare().get("/ping").text(), "OK");
}

#[test]
fn h5_each_kind_of_bad_request_has_its_code() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    let records = "/v1/streams/s/records";
    for (answer, status, code) in [
        (http.bare().get("/v1/streams"), 400, "bad_header"),
        (http.with("s2-format", "hex").get(records), 400, "bad_header"),
        (http.get("/v1/streams/%zz/records"), 400, "bad_path"),
        (http.get("/v1/streams/s/records?count=x"), 400, "bad_query"),
        (http.get("/v1/streams/s/records?seq_num=1&timestamp=1"), 422, "invalid"),
        (http.json("POST", records, "{"), 400, "bad_json"),
        (http.send("POST", records, b"{}"), 400, "bad_json"),
        (http.with("content-type", "application/protobuf").send("POST", records, b"\xff"), 400, "bad_proto"),
        (http.json("POST", records, r#"{"records":[]}"#), 422, "invalid"),
        (http.json("POST", "/v1/basins", r#"{"basin":"x"}"#), 400, "bad_json"),
    ] {
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    let encoded = http.with("content-encoding", "br").json("POST", records, r#"{"records":[{}]}"#);
    assert_eq!(encoded.status, 415);
}

#[test]
fn h6_whole_bodies_are_compressed_both_ways() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    let body = format!(r#"{{"records":[{{"body":"{}"}}]}}"#, "x".repeat(20_000));
    let compressed = zstd::bulk::compress(body.as_bytes(), 1).expect("compressed");
    let typed = http.with("content-type", "application/json").with("content-encoding", "zstd");
    assert_eq!(typed.send("POST", "/v1/streams/s/records", &compressed).status, 200);
    let read = http.with("accept-encoding", "gzip, zstd").get("/v1/streams/s/records?seq_num=0");
    assert_eq!((read.status, read.header("content-encoding")), (200, Some("zstd")));
    let text = zstd::bulk::decompress(&read.body, 1 << 20).expect("decompressed");
    assert!(text.ends_with(b"\"}]}"), "{}", String::from_utf8_lossy(&text));
    // A bomb is refused by what it becomes.
    let bomb = zstd::bulk::compress(&vec![b' '; 64 << 20], 19).expect("compressed");
    let refused = typed.send("POST", "/v1/streams/s/records", &bomb);
    assert_eq!((refused.status, refused.code().as_str()), (400, "bad_json"));
}

#[test]
fn e10_there_is_one_location_and_every_basin_is_there() {
    let data = Data::new();
    let server = super::serve(&data, &["--location", "rack:7.b-east"]);
    let http = Http::new(&super::http_addr(&server));
    let here = json!({"name": "rack:7.b-east", "is_private": false});
    assert_eq!(http.get("/v1/locations").value(), json!([here]));
    assert_eq!(http.get("/v1/locations/default").value(), here);
    assert_eq!(http.json("PUT", "/v1/locations/default", r#""rack:7.b-east""#).value(), here);
    let refused = http.json("PUT", "/v1/locations/default", r#""elsewhere""#);
    assert_eq!((refused.status, refused.code().as_str()), (422, "invalid"));
    let refused = http.json("PUT", "/v1/locations/default", r#""a b""#);
    assert_eq!((refused.status, refused.code().as_str()), (400, "bad_json"));
    let made = http.json("POST", "/v1/basins", r#"{"basin":"basin-here","location":"rack:7.b-east"}"#);
    assert_eq!((made.status, &made.value()["location"]), (201, &here["name"]));
    let refused = http.json("POST", "/v1/basins", r#"{"basin":"basin-elsewhere","location":"aws:us-east-1"}"#);
    assert_eq!((refused.status, refused.code().as_str()), (422, "invalid"));
    assert_eq!(http.get("/v1/basins").value()["basins"][0]["location"], here["name"]);
    assert_eq!(server.ok(&["list-locations"]), b"rack:7.b-east\n");
    assert_eq!(server.ok(&["get-default-location"]), b"rack:7.b-east\n");
    assert_eq!(server.ok(&["set-default-location", "rack:7.b-east"]), b"rack:7.b-east\n");
    let refused = server.cli(&["set-default-location", "elsewhere"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("there is no location `elsewhere`"), "{refused:?}");
}
