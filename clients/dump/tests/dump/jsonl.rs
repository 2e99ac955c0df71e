//! JSON lines lose nothing: they turn back into the bytes that they were printed from.

use proptest::prelude::*;
use riverrun_dump::describe::Direction;
use riverrun_dump::encode::Encoder;
use riverrun_dump::view::{Format, Options, Payload};
use riverrun_protocol::FrameKind;
use serde_json::Value;

use crate::samples::{request, sample, target};
use crate::{any, see};

fn shown() -> Options {
    Options { show_secrets: true, ..see::options(Format::Jsonl) }
}

fn encoded(text: &str) -> Vec<u8> {
    let mut encoder = Encoder::new(0, None);
    let lines = text.lines().map(|line| encoder.line(line).unwrap_or_else(|why| panic!("{why}: {line}")));
    lines.flat_map(|bytes| bytes.to_vec()).collect()
}

fn refusal(line: &str) -> String {
    Encoder::new(1, None).line(line).unwrap_err().to_string()
}

#[test]
fn samples_of_every_kind_come_back_and_are_spelled_out() {
    for kind in FrameKind::ALL {
        let frame = sample(*kind);
        let text = see::file(&frame, shown());
        assert_eq!(encoded(&text), frame, "{text}");
        let object: Value = serde_json::from_str(&text).unwrap();
        assert!(object["fields"].is_object() && object.get("body").is_none(), "{text}");
    }
}

#[test]
fn the_schema_is_pinned() {
    insta::assert_snapshot!(see::file(&sample(FrameKind::Read), shown()), @r#"{"v":1,"dir":"client","kind":"Read","id":7,"fields":{"options":["clamp","count","bytes","until","wait_secs"],"start":{"kind":"seq_num","value":10},"count":11,"bytes":12,"until":13,"wait_secs":14,"basin":"my-basin","stream":"logs/web 1"},"derived":{"offset":0,"frame_bytes":78}}"#);
    insta::assert_snapshot!(see::file(&sample(FrameKind::Error), shown()), @r#"{"v":1,"dir":"server","kind":"Error","id":7,"fields":{"options":["tail"],"code":"unwritten","outcome":"not_done","reserved":0,"retry_after_ms":250,"tail":{"seq_num":40,"timestamp":1700000000040},"message":"nothing there yet"},"derived":{"offset":0,"frame_bytes":63}}"#);
    insta::assert_snapshot!(see::file(&sample(FrameKind::AccessTokenList), shown()), @r#"{"v":1,"dir":"server","kind":"AccessTokenList","id":7,"fields":{"options":["has_more"],"tokens":[{"created_at_ms":1700000000000,"flags":["expires_at_ms","auto_prefix_streams"],"token_id":"team a/ci","expires_at_ms":1700000000009,"scope":{"groups":["basin_read","stream_read"],"operations":["append","fence"],"basins":{"kind":"exact","value":"my-basin"},"streams":{"kind":"prefix","value":"logs/"},"access_tokens":{"kind":"nothing"}},"rates":{"append_bytes_per_sec":1048576,"requests_per_sec":100}}]},"derived":{"offset":0,"frame_bytes":90}}"#);
    insta::assert_snapshot!(see::file(&sample(FrameKind::BasinConfig), shown()), @r#"{"v":1,"dir":"server","kind":"BasinConfig","id":7,"fields":{"options":[],"config":{"switches":["create_stream_on_read"],"default_stream_config":{"set":["retention"],"cleared":[],"retention":{"kind":"infinite","age_secs":0}}}},"derived":{"offset":0,"frame_bytes":32}}"#);
    insta::assert_snapshot!(see::file(&sample(FrameKind::SessionAppend), shown()), @r#"{"v":1,"dir":"client","kind":"SessionAppend","id":7,"fields":{"options":[],"batch":{"version":1,"flags":[],"reserved":0,"record_count":3,"payload_bytes":30,"table_crc":2820763284,"columns_crc":3002034203,"payload_crc":3718753045,"producer_id":0,"producer_session":0,"reserved_producer":0,"producer_number":0,"stream_id":"00000000000000000000000000000000","first_seq_num":0,"arrival_ms":0,"expires_at_ms":0,"cut_before":{"records":0,"payload_bytes":0,"columns_crc":0,"payload_crc":0},"cut_after":{"records":0,"payload_bytes":0,"columns_crc":0,"payload_crc":0},"server_crc":0,"reserved_server":0,"table":[{"timestamp":1700000000000,"header_count":1,"header_bytes":12,"body_bytes":5,"flags":["has_timestamp"],"reserved":0,"length_bytes_extra":0},{"timestamp":0,"header_count":0,"header_bytes":0,"body_bytes":11,"flags":[],"reserved":0,"length_bytes_extra":0},{"timestamp":0,"header_count":0,"header_bytes":0,"body_bytes":2,"flags":[],"reserved":0,"length_bytes_extra":0}],"payload":[{"headers":[{"name_bytes":5,"value_bytes":5,"name":"color","value":"green"}],"body":"first"},{"body":"second \u001b[2J"},{"body":{"base64":"//4="}}]}},"derived":{"offset":0,"frame_bytes":250,"batches":{"count":1,"records":3,"payload_bytes":30,"metered_bytes":54}}}"#);
}

#[test]
fn frames_typed_by_hand_need_no_more_than_they_say() {
    let typed = format!(
        "# comments and empty lines are passed over\n\n{}\n{}\nClose_append_session\nhex 01 02",
        r#"{"kind":"Append","id":7,"fields":{"basin":"my-basin","stream":"logs/web 1","records":["hi",{"body":"ho","headers":[["a","b"]]}]}}"#,
        r#"{"kind":"Read","id":7,"fields":{"basin":"my-basin","stream":"logs/web 1","clamp":true,"count":11,"bytes":12,"until":13,"wait_secs":14,"start":{"kind":"seq_num","value":10}}}"#,
    );
    let bytes = encoded(&typed);
    insta::assert_snapshot!(see::file(&bytes, see::options(Format::Line)), @r#"
        @0 -> Append id=7 225B my-basin/"logs/web 1" records=2 payload=8B metered=24B
        @225 -> Read id=7 78B my-basin/"logs/web 1" clamp start=seq_num:10 count=11 bytes=12 until=13 wait_secs=14
        @303 -> CloseAppendSession id=8 20B
        @323 -> BAD at byte 323: the bytes end inside a frame: at least 14 more would follow; looking for the next frame
        @323 -> RUBBISH 2B that belong to no frame
        "#);
    let read = sample(FrameKind::Read);
    assert!(bytes.windows(read.len()).any(|window| window == read), "the sample's options follow from its fields");
}

/// A switch that is set to off is set; what is cleared is named; everything else stays as it is (`s2-semantics.md` E5).
#[test]
fn e5_changes_typed_by_hand_are_what_they_say() {
    let stream = r#"{"kind":"ReconfigureStream","id":7,"fields":{"basin":"my-basin","stream":"logs/web 1","config":{"cleared":["retention","delete_on_empty_min_age_secs"],"storage_class":"express","timestamping_uncapped":false}}}"#;
    assert_eq!(encoded(stream), sample(FrameKind::ReconfigureStream));
    let basin = r#"{"kind":"ReconfigureBasin","id":7,"fields":{"basin":"my-basin","config":{"create_stream_on_append":true,"create_stream_on_read":false,"default_stream_config":{"cleared":["retention","delete_on_empty_min_age_secs"],"storage_class":"express","timestamping_uncapped":false}}}}"#;
    assert_eq!(encoded(basin), sample(FrameKind::ReconfigureBasin));
}

#[test]
fn f2_access_tokens_typed_by_hand_speak_in_words() {
    let issue = r#"{"kind":"IssueAccessToken","id":7,"fields":{"token_id":"team a/ci","expires_at_ms":1700000000009,"auto_prefix_streams":true,"scope":{"groups":["basin_read","stream_read"],"operations":["append","fence"],"basins":{"kind":"exact","value":"my-basin"},"streams":{"kind":"prefix","value":"logs/"}},"rates":{"append_bytes_per_sec":1048576,"requests_per_sec":100}}}"#;
    assert_eq!(encoded(issue), sample(FrameKind::IssueAccessToken));
}

#[test]
fn an_id_left_out_is_the_next_one() {
    let mut encoder = Encoder::new(1, None);
    let ids = ["Ping", r#"{"kind":"Ping","id":9}"#, "Ping"].map(|line| encoder.line(line).unwrap()[8]);
    assert_eq!(ids, [1, 9, 10]);
}

#[test]
fn lines_of_the_other_direction_are_passed_over() {
    let mut encoder = Encoder::new(0, Some(Direction::Server));
    assert!(encoder.line(r#"{"dir":"client","kind":"Ping"}"#).unwrap().is_empty());
    assert!(!encoder.line(r#"{"dir":"server","kind":"Pong"}"#).unwrap().is_empty());
}

#[test]
fn what_a_line_gets_wrong_is_said_in_words() {
    let wrong = [
        r#"{"kind":"Pin"#,
        "Pin",
        r#"{"v":2,"kind":"Ping"}"#,
        r#"{"kind":"Ping","nonce":1}"#,
        r#"{"kind":"Ping","fields":{"nonse":1}}"#,
        r#"{"kind":"Ping","fields":{"nonce":-1}}"#,
        r#"{"kind":"Tail","fields":{"level":"paper"}}"#,
        r#"{"kind":"CheckTail","fields":{"basin":"my-basin"}}"#,
        r#"{"kind":"HelloAccepted","fields":{"shards":65536}}"#,
        r#"{"kind":"CreateBasin","fields":{"basin":"my-basin","options":["nonsense"]}}"#,
        r#"{"kind":"ReconfigureStream","fields":{"basin":"b","stream":"s","config":{"timestamping_uncapped":"on"}}}"#,
        r#"{"kind":"0x3e"}"#,
        r#"{"kind":"Append","fields":{"basin":"b","stream":"s","records":[{"bodi":"x"}]}}"#,
        r#"{"kind":"Hello","fields":{"token":{"redacted_bytes":17}}}"#,
        "hex 1",
    ];
    let said: Vec<String> = wrong.iter().map(|line| refusal(line)).collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
        not JSON: EOF while parsing a string at line 1 column 12
        there is no kind `Pin`; there are: Hello, Ping, Status, GetStages, ListLocations, GetDefaultLocation, SetDefaultLocation, CreateBasin, ListBasins, CreateStream, ListStreams, GetBasinConfig, ReconfigureBasin, DeleteBasin, EnsureBasin, GetStreamConfig, ReconfigureStream, DeleteStream, EnsureStream, IssueAccessToken, ListAccessTokens, RevokeAccessToken, RotateRootToken, Append, OpenAppendSession, SessionAppend, CloseAppendSession, CheckTail, Read, OpenReadSession, GrantCredit, CloseReadSession, HelloAccepted, Pong, StatusReport, StageHistograms, LocationList, Location, BasinProvisioned, BasinList, StreamProvisioned, StreamList, BasinConfig, StreamConfig, Done, AccessTokenIssued, AccessTokenList, AppendAck, AppendSessionOpened, SessionEnded, Tail, ReadBatches, ReadSessionOpened, Records, Heartbeat, Draining, Throttled, Page, Error, and any number as 0x05
        `v` is 2; this version reads schema 1
        a line has no `nonce` (fields of the frame go into `fields`); there are: v, dir, kind, id, fields, body, raw, derived, redacted
        no field is called `nonse` here; there are: options, nonce
        `nonce` must be a whole number from 0, not -1
        `level` cannot be `paper`: no such name
        `stream` is missing
        `shards` has 2 bytes, too few for 65536
        `options` has no "nonsense"; there are: request_token
        in `config`: `timestamping_uncapped` must be true or false, not "on"
        a kind that this version does not know; JSON gives its bytes as `body`, in hexadecimal
        in `records`: a record has no `bodi`; there are: body, headers, timestamp
        `token` was redacted when it was dumped: dump again with --show-secrets (tokens) and without --payload (payloads) to get bytes back
        1 digits, an odd number
        "#);
}

/// Payloads left out are left out for good, and the line says so.
#[test]
fn a_redacted_payload_does_not_come_back_as_something_else() {
    let options = Options { payload: Some(Payload::Size), ..shown() };
    let text = see::file(&sample(FrameKind::SessionAppend), options);
    let object: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(object["redacted"], serde_json::json!(["name", "value", "body"]));
    assert_eq!(object["fields"]["batch"]["payload"][0]["body"]["redacted_bytes"], 5);
    assert!(refusal(text.trim()).contains("was redacted when it was dumped"));
}

/// A stream name that is no UTF-8 cannot be said in JSON text, and must not be mistaken for one that spells its escape.
#[test]
fn bytes_that_are_no_text_come_back_too() {
    let mut frame = request(&riverrun_protocol::Request::CheckTail(target())).to_vec();
    let last = frame.len() - 1;
    frame[last] = 0xff;
    let text = see::file(&frame, shown());
    assert!(text.contains("base64") && encoded(&text) == frame, "{text}");
}

proptest! {
    #[test]
    fn any_frame_comes_back(frames in proptest::collection::vec(any::frame(), 1..4)) {
        let bytes = frames.concat();
        let text = see::file(&bytes, shown());
        prop_assert_eq!(text.lines().count(), frames.len());
        prop_assert_eq!(encoded(&text), bytes);
    }

    /// Known kinds are spelled out, whatever is in them: hexadecimal bodies are for what has no layout.
    #[test]
    fn any_frame_of_a_known_kind_is_spelled_out(frame in proptest::sample::select(FrameKind::ALL).prop_flat_map(any::of_kind)) {
        let object: Value = serde_json::from_str(&see::file(&frame, shown())).unwrap();
        prop_assert!(object["fields"].is_object(), "{}", object);
        prop_assert!(object["derived"].get("error").is_none(), "{}", object);
    }

    /// Malformed bodies, and bytes that are no frames at all, lose nothing either.
    #[test]
    fn any_bytes_come_back(
        frame in any::frame(),
        cut in any::<proptest::sample::Index>(),
        flips in proptest::collection::vec(any::<(proptest::sample::Index, u8)>(), 0..4),
        rubbish in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut bytes = frame.to_vec();
        flips.iter().for_each(|(at, flip)| bytes[at.index(frame.len())] ^= flip);
        bytes.truncate(cut.index(frame.len()) + 1);
        bytes.extend(rubbish);
        prop_assert_eq!(encoded(&see::file(&bytes, shown())), bytes);
    }
}
