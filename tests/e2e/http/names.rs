//! What is no name, id or token (`s2-semantics.md` A2): where it is found decides the code. The conformance table's rows about them are
//! bytes of the binary protocol.

use prost::Message;
use riverrun_gateway_wire::proto;
use serde_json::json;

use super::client::Answer;
use super::with_basin;
use crate::support::Data;

fn refused(answer: &Answer, status: u16, code: &str, what: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{what}: {}", answer.text());
}

/// In a path, all bytes escaped.
fn escaped(name: &[u8]) -> String {
    name.iter().map(|byte| format!("%{byte:02x}")).collect()
}

#[test]
fn a2_what_is_no_basin() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    let long = "a".repeat(49);
    for name in ["abcdefg", &long, "Abcdefgh", "abc_defgh", "abc.defgh", "-abcdefgh", "abcdefgh-"] {
        let path = format!("/v1/basins/{name}");
        for method in ["GET", "PUT", "PATCH", "DELETE"] {
            refused(&http.json(method, &path, "{}"), 400, "bad_path", name);
        }
        refused(&http.json("POST", "/v1/basins", &json!({ "basin": name }).to_string()), 400, "bad_json", name);
        refused(&http.bare().with("s2-basin", name).get("/v1/streams"), 400, "bad_header", name);
    }
    for filter in [&long, "-a", "A"] {
        refused(&http.get(&format!("/v1/basins?prefix={filter}")), 400, "bad_query", filter);
        refused(&http.get(&format!("/v1/basins?start_after={filter}")), 400, "bad_query", filter);
    }
}

#[test]
fn a2_what_is_no_stream() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    let long = "s".repeat(513);
    for name in [long.as_bytes(), b".", b"..", b"a\0b", b"a\xff"] {
        let (path, what) = (format!("/v1/streams/{}", escaped(name)), String::from_utf8_lossy(name));
        for below in ["", "/records", "/records/tail"] {
            refused(&http.get(&format!("{path}{below}")), 400, "bad_path", &what);
        }
        refused(&http.json("POST", &format!("{path}/records"), r#"{"records":[{}]}"#), 400, "bad_path", &what);
        let session = http.with("content-type", "s2s/proto").send("POST", &format!("{path}/records"), b"");
        refused(&session, 400, "bad_path", &what);
    }
    for name in [&long, ".", "..", "a\0b", ""] {
        refused(&http.json("POST", "/v1/streams", &json!({ "stream": name }).to_string()), 400, "bad_json", name);
    }
    refused(&http.get(&format!("/v1/streams?prefix={long}")), 400, "bad_query", "a long prefix");
    assert_eq!(http.get("/v1/streams").value(), json!({"streams": [], "has_more": false}), "nothing was created");
}

#[test]
fn a2_what_is_no_token() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    let long = "t".repeat(97);
    for id in [&long, ".", "..", "a\0"] {
        refused(
            &http.send("DELETE", &format!("/v1/access-tokens/{}", escaped(id.as_bytes())), b""),
            400,
            "bad_path",
            id,
        );
    }
    for id in [&long, ".", "..", "a\0", ""] {
        let body = json!({"id": id, "scope": {"basins": {"prefix": ""}, "ops": ["list-basins"]}}).to_string();
        refused(&http.json("POST", "/v1/access-tokens", &body), 400, "bad_json", id);
    }
    let tokened = http.with("s2-request-token", "t".repeat(37));
    refused(&tokened.json("POST", "/v1/basins", r#"{"basin":"never-made"}"#), 400, "bad_header", "a request token");
    refused(&tokened.json("POST", "/v1/streams", r#"{"stream":"never-made"}"#), 400, "bad_header", "a request token");
    refused(&http.get("/v1/basins/never-made"), 404, "basin_not_found", "nothing was made");
}

/// In protobuf it is only text until it is judged.
#[test]
fn a2_what_is_no_fencing_token() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    let records = "/v1/streams/s/records";
    let token = "t".repeat(37);
    let body = json!({"records": [{}], "fencing_token": token}).to_string();
    refused(&http.json("POST", records, &body), 400, "bad_json", "JSON");
    let record = proto::AppendRecord::default();
    let input = proto::AppendInput { records: vec![record], match_seq_num: None, fencing_token: Some(token) };
    let typed = http.with("content-type", "application/protobuf");
    refused(&typed.send("POST", records, &input.encode_to_vec()), 422, "invalid", "protobuf");
    refused(&http.get("/v1/streams/s"), 404, "stream_not_found", "it was judged before the stream was looked up");
}
