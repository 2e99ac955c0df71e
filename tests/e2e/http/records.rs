//! Records, one call at a time (`s2-semantics.md` B, C4, C9, D, H4).

use serde_json::json;

use super::with_basin;
use crate::support::Data;

const RECORDS: &str = "/v1/streams/s/records";

#[test]
fn h4_json_goes_in_and_comes_out_in_both_formats() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    let body = r#"{"records":[{"body":"first","headers":[["a","b"]]},{"timestamp":null,"body":"\u00e4"}]}"#;
    let ack = http.json("POST", RECORDS, body).value();
    assert_eq!((&ack["start"]["seq_num"], &ack["end"]["seq_num"], &ack["tail"]), (&json!(0), &json!(2), &ack["end"]));
    let binary = http.with("s2-format", "base64").json("POST", RECORDS, r#"{"records":[{"body":"//4="}]}"#);
    assert_eq!(binary.status, 200, "{}", binary.text());
    let read = http.get("/v1/streams/s/records?seq_num=0").value();
    assert_eq!(read["records"][0]["headers"], json!([["a", "b"]]));
    assert_eq!(
        (&read["records"][1]["body"], &read["records"][2]["body"]),
        (&json!("\u{e4}"), &json!("\u{fffd}\u{fffd}"))
    );
    assert!(read.get("tail").is_none());
    let read = http.with("s2-format", "base64").get("/v1/streams/s/records?seq_num=2").value();
    assert_eq!(read["records"][0]["body"], json!("//4="));
    let tail = http.get("/v1/streams/s/records/tail").value();
    assert_eq!(tail["tail"]["seq_num"], json!(3));
}

#[test]
fn h7_protobuf_goes_in_and_comes_out() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    let proto = http.with("content-type", "application/protobuf").with("accept", "application/protobuf");
    // AppendInput { records: [AppendRecord { timestamp: 0, body: "ab" }], match_seq_num: 0 }
    let input = b"\x0a\x06\x08\x00\x1a\x02ab\x10\x00";
    let ack = proto.send("POST", RECORDS, input);
    assert_eq!((ack.status, ack.header("content-type")), (200, Some("application/protobuf")), "{ack:?}");
    // A start of zeros is there all the same, empty or not.
    assert_eq!(ack.body[0], 0x0a);
    let read = proto.get("/v1/streams/s/records?seq_num=0");
    assert!(read.body.windows(4).any(|window| window == b"\x22\x02ab"), "{read:?}");
    // An explicit 0 is a condition.
    let refused = proto.send("POST", RECORDS, input);
    assert_eq!((refused.status, refused.header("content-type")), (412, Some("application/json")));
}

#[test]
fn b11_c4_conditions_and_the_tail_have_bodies_of_their_own() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    let append = |body: &str| http.json("POST", RECORDS, body);
    assert_eq!(append(r#"{"records":[{"body":"x"}],"match_seq_num":0}"#).status, 200);
    let refused = append(r#"{"records":[{"body":"x"}],"match_seq_num":0}"#);
    assert_eq!((refused.status, refused.text()), (412, r#"{"seq_num_mismatch":1}"#));
    let fence = r#"{"records":[{"headers":[["","fence"]],"body":"mine"}]}"#;
    assert_eq!(append(fence).status, 200);
    let refused = append(r#"{"records":[{"body":"x"}],"fencing_token":"yours"}"#);
    assert_eq!((refused.status, refused.text()), (412, r#"{"fencing_token_mismatch":"mine"}"#));
    let at_the_tail = http.get("/v1/streams/s/records?seq_num=2");
    assert_eq!(at_the_tail.status, 416);
    assert_eq!(at_the_tail.value()["tail"]["seq_num"], json!(2));
    assert!(at_the_tail.value().get("code").is_none());
    // Nothing there yet, and a second to wait: an empty page.
    let waited = http.get("/v1/streams/s/records?seq_num=2&wait=1");
    assert_eq!((waited.status, waited.text()), (200, r#"{"records":[]}"#));
    assert_eq!(http.get("/v1/streams/none/records?seq_num=0").code(), "stream_not_found");
}
