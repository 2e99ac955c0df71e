//! What people and scripts type: lines of records, JSON lines of frames, hexadecimal.

use super::{Seeds, named, wire};

pub fn records() -> Seeds {
    let commands = [
        r#"{"headers":[["","fence"]],"body":"token"}"#,
        r#"{"headers":[["","trim"]],"body":"\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0005"}"#,
    ];
    named([
        ("text", b"one\ntwo\n\nthree".to_vec()),
        ("json", br#"{"timestamp":5,"headers":[["color","green"],["n","1"]],"body":"hi \u00e9\n"}"#.to_vec()),
        (
            "json-read",
            b"{\"seq_num\":3,\"timestamp\":18446744073709551615,\"body\":\"x\"}\n{}\n{\"body\":null}".to_vec(),
        ),
        ("json-base64", br#"{"timestamp":0,"headers":[["Y29sb3I=","/w=="]],"body":"aGkA/w=="}"#.to_vec()),
        ("commands", commands.join("\n").into_bytes()),
        ("commands-base64", br#"{"headers":[["","ZmVuY2U="]],"body":"dG9rZW4="}"#.to_vec()),
    ])
}

pub fn dump() -> Seeds {
    let typed = [
        "# comments are passed over",
        "Ping",
        r#"{"kind":"Append","id":7,"fields":{"basin":"my-basin","stream":"logs/web 1","records":["hi",{"body":"ho","headers":[["a","b"]]}]}}"#,
        r#"{"kind":"Read","id":7,"fields":{"basin":"my-basin","stream":"s","clamp":true,"count":11,"start":{"kind":"seq_num","value":10}}}"#,
        r#"{"v":1,"dir":"server","kind":"Error","id":7,"fields":{"code":"unwritten","outcome":"not_done","tail":{"seq_num":40,"timestamp":9},"message":"no"}}"#,
        r#"{"kind":"0x3e","id":1,"body":"0102ff"}"#,
        "hex 01 02",
    ];
    let mut seeds = named([
        ("typed", typed.join("\n").into_bytes()),
        ("xxd", b"00000000: 1800 ff52                                ...R".to_vec()),
        ("hexdump", b"00000000  18 00 ff 52                                       |...R|\n00000004\n".to_vec()),
        ("pasted", b"0x18, 0x00, 0xff, 0x52 # why\n\\x18\\x00".to_vec()),
    ]);
    seeds.extend(wire::frames().into_iter().filter(|(name, _)| KINDS.iter().any(|kind| name.ends_with(kind))));
    seeds
}

/// Frames of different build: the views of all the others are made of the same fields.
const KINDS: [&str; 8] =
    ["Hello", "Ping", "SessionAppend", "AppendAck", "IssueAccessToken", "StatusReport", "conversation", "Tail"];
