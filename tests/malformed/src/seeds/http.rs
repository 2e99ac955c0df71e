//! What S2's clients send over HTTP.

use bytes::BytesMut;
use prost::Message;
use riverrun_gateway_wire::Compression;
use riverrun_gateway_wire::compress::response_body;
use riverrun_gateway_wire::proto::{AppendInput, AppendRecord, Header};
use riverrun_gateway_wire::s2s::{FrameOptions, put_frame};

use super::{Seeds, named};

pub fn http_heads() -> Seeds {
    named([
        (
            "read",
            b"GET /v1/streams/logs%2Fweb%201/records?seq_num=10&count=5&bytes=1000&until=99&wait=3&clamp=true\n\
              s2-basin: my-basin\nauthorization: Bearer rrt_secret\naccept: application/protobuf\naccept-encoding: gzip;q=0.5, zstd\n\
              s2-encryption-key: MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
                .to_vec(),
        ),
        (
            "events",
            b"GET /v1/streams/s/records?tail_offset=7&ticket=0123\nhost: my-basin.b.example\naccept: text/event-stream\n\
              last-event-id: 41,12,3456\ns2-format: base64"
                .to_vec(),
        ),
        (
            "append",
            b"POST /v1/streams/s/records\ns2-basin: my-basin\ncontent-type: s2s/proto\ncontent-encoding: zstd".to_vec(),
        ),
        (
            "create",
            b"POST /v1/basins\ncontent-type: application/json; charset=utf-8\ns2-request-token: once".to_vec(),
        ),
        ("list", b"GET /v1/streams?prefix=a+b%2F&start_after=a&limit=50\ns2-basin: my-basin".to_vec()),
        ("metrics", b"GET /v1/metrics/my-basin/a%2Fb?set=storage&start=1699990000&end=1700000000&interval=minute".to_vec()),
        ("token", b"DELETE /v1/access-tokens/team%20a%2Fci\nauthorization: bearer x".to_vec()),
    ])
}

pub fn http_bodies() -> Seeds {
    let config = r#"{"storage_class":"express","retention_policy":{"age":86400},"timestamping":{"mode":"client-prefer","uncapped":true},"delete_on_empty":{"min_age_secs":60}}"#;
    let texts = named([
        (
            "append-json",
            br#"{"records":[{"timestamp":5,"headers":[["a","b"]],"body":"x \u00e9"},{}],"match_seq_num":0,"fencing_token":"t"}"#.to_vec(),
        ),
        ("append-base64", br#"{"records":[{"headers":[["","ZmVuY2U="]],"body":"dG9rZW4="}]}"#.to_vec()),
        ("create-basin", format!(r#"{{"basin":"my-basin","config":{{"default_stream_config":{config},"create_stream_on_append":true}}}}"#).into_bytes()),
        ("create-stream", format!(r#"{{"stream":"a/b","config":{config}}}"#).into_bytes()),
        ("stream-config", config.as_bytes().to_vec()),
        (
            "issue",
            br#"{"id":"ci","expires_at":"2027-01-01T00:00:00Z","auto_prefix_streams":true,"scope":{"basins":{"prefix":""},"streams":{"exact":"s"},"op_groups":{"stream":{"read":true}},"ops":["append"]}}"#.to_vec(),
        ),
        ("location", br#""aws:us-east-1""#.to_vec()),
    ]);
    let compressed = [("gzip", Compression::Gzip), ("zstd", Compression::Zstd)];
    let compressed = compressed.map(|(name, how)| (name, response_body(vec![b'x'; 5_000].into(), how).0.to_vec()));
    [texts, named([("append-proto", input().encode_to_vec())]), named(compressed)].concat()
}

pub fn s2s() -> Seeds {
    let plain = frame(&input(), Compression::None);
    let long = AppendInput { records: vec![record(&"long ".repeat(500))], ..input() };
    named([
        ("two", [plain.clone(), plain].concat()),
        ("gzip", frame(&long, Compression::Gzip)),
        ("zstd", frame(&long, Compression::Zstd)),
        ("terminal", b"\0\0\x05\x80\x01\x90{}".to_vec()),
    ])
}

fn frame(input: &AppendInput, compression: Compression) -> Vec<u8> {
    let mut out = BytesMut::new();
    let options = FrameOptions { compression, reconnect_advised: false };
    put_frame(&mut out, options, |out| input.encode(out).expect("it grows")).expect("small enough");
    out.to_vec()
}

fn input() -> AppendInput {
    AppendInput { records: vec![record("one"), record("")], match_seq_num: Some(0), fencing_token: Some("t".into()) }
}

fn record(body: &str) -> AppendRecord {
    let header = Header { name: (&b"a"[..]).into(), value: (&b"b"[..]).into() };
    AppendRecord { timestamp: Some(5), headers: vec![header], body: body.to_owned().into() }
}
