//! A2: names and ids, at their boundaries.

use std::fmt::Debug;

use riverrun_protocol::config::{BasinConfig, PartialStreamConfig};
use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::frame::FrameKind;
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::response::Response;

use crate::forge;
use crate::row::Row;
use crate::stage::data::{body_of, fence, if_token};
use crate::stage::{Stage, done, name, refused, refused_as, stream_name};

pub(super) const ROWS: &[Row] = &[
    Row::new("A2", "a basin name of 8 bytes", |stage| {
        let basin = name(&short_name(stage));
        done(stage.create_basin(&basin, BasinConfig::default(), None));
        done(stage.basin_config(&basin));
    }),
    Row::new("A2", "a basin name of 48 bytes", |stage| {
        let basin = stage.basin_name();
        let basin = name(&format!("{basin}{}", "z".repeat(48 - basin.as_str().len())));
        done(stage.create_basin(&basin, BasinConfig::default(), None));
        done(stage.basin_config(&basin));
    }),
    Row::new("A2", "a basin name of 7 bytes is invalid", |stage| bad_basin(stage, "abcdefg")).needs_frames(),
    Row::new("A2", "a basin name of 49 bytes is invalid", |stage| bad_basin(stage, &"a".repeat(49))).needs_frames(),
    Row::new("A2", "a basin name with a capital is invalid", |stage| bad_basin(stage, "Abcdefgh")).needs_frames(),
    Row::new("A2", "a basin name with _ is invalid", |stage| bad_basin(stage, "abc_defgh")).needs_frames(),
    Row::new("A2", "a basin name with a dot is invalid", |stage| bad_basin(stage, "abc.defgh")).needs_frames(),
    Row::new("A2", "a basin name that begins with - is invalid", |stage| bad_basin(stage, "-abcdefgh")).needs_frames(),
    Row::new("A2", "a basin name that ends with - is invalid", |stage| bad_basin(stage, "abcdefgh-")).needs_frames(),
    Row::new("A2", "a basin name may begin and end with a digit", |stage| {
        let basin = stage.basin_name();
        let basin = name(&format!("0{basin}-9"));
        done(stage.create_basin(&basin, BasinConfig::default(), None));
    }),
    Row::new("A2", "a basin prefix may end with -", |stage| {
        done(stage.list_basins("conf-", "", 1));
    }),
    Row::new("A2", "a basin prefix may be shorter than any name", |stage| {
        done(stage.list_basins("c", "a", 1));
    }),
    Row::new("A2", "a basin prefix of 49 bytes is invalid", |stage| {
        bad_filter(stage.list_basins(&"a".repeat(49), "", 1));
    }),
    Row::new("A2", "a basin prefix that begins with - is invalid", |stage| {
        bad_filter(stage.list_basins("-a", "", 1));
    }),
    Row::new("A2", "a basin start_after with a capital is invalid", |stage| {
        bad_filter(stage.list_basins("", "A", 1));
    }),
    Row::new("A2", "a stream name of 1 byte", |stage| good_stream(stage, "a")),
    Row::new("A2", "a stream name of 512 bytes", |stage| good_stream(stage, &"s".repeat(512))),
    Row::new("A2", "a stream name with slashes and spaces", |stage| good_stream(stage, "/a b//c/ ")),
    Row::new("A2", "a stream name of other scripts", |stage| good_stream(stage, "río/河/🌊")),
    Row::new("A2", "a stream name of three dots", |stage| good_stream(stage, "...")),
    Row::new("A2", "a stream name that looks like a path upwards", |stage| good_stream(stage, "../x")),
    Row::new("A2", "a stream name with line ends and DEL", |stage| good_stream(stage, "a\r\n\u{7f}")),
    Row::new("A2", "an empty stream name is invalid", |stage| bad_stream(stage, b"")).needs_frames(),
    Row::new("A2", "a stream name of 513 bytes is invalid", |stage| bad_stream(stage, &[b's'; 513])).needs_frames(),
    Row::new("A2", "a stream name . is invalid", |stage| bad_stream(stage, b".")).needs_frames(),
    Row::new("A2", "a stream name .. is invalid", |stage| bad_stream(stage, b"..")).needs_frames(),
    Row::new("A2", "a stream name with NUL is invalid", |stage| bad_stream(stage, b"a\0b")).needs_frames(),
    Row::new("A2", "a stream name that is no UTF-8 is invalid", |stage| bad_stream(stage, b"a\xff")).needs_frames(),
    Row::new("A2", "a stream prefix may be . or ..", |stage| {
        let basin = stage.streams(&["..a", "b"]);
        let found = done(stage.list_streams(&basin, "..", ".", 0));
        assert_eq!(crate::stage::control::names(&found), ["..a"]);
    }),
    Row::new("A2", "a stream prefix of 513 bytes is invalid", |stage| {
        let basin = stage.basin();
        bad_filter(stage.list_streams(&basin, &"s".repeat(513), "", 0));
    }),
    Row::new("A2", "names are ordered by bytes", |stage| {
        let basin = stage.streams(&["b", "B", "a/b", "a", "a-", "ä", "~"]);
        let found = done(stage.list_streams(&basin, "", "", 0));
        assert_eq!(crate::stage::control::names(&found), ["B", "a", "a-", "a/b", "b", "~", "ä"]);
    }),
    Row::new("A2", "a request token of 36 bytes, and an empty one", |stage| {
        for token in ["t".repeat(36), String::new()] {
            let basin = stage.basin_name();
            done(stage.create_basin(&basin, BasinConfig::default(), Some(&token)));
            done(stage.create_basin(&basin, BasinConfig::default(), Some(&token)));
        }
    }),
    Row::new("A2", "a request token of 37 bytes is invalid", |stage| {
        let basin = stage.basin_name();
        let body = [&[1, 0, 0, 0, basin.as_str().len() as u8], basin.as_str().as_bytes(), &[0; 3], &[37], &[b't'; 37]];
        refused(stage.call_body(FrameKind::CreateBasin, &body.concat()), ErrorCode::Invalid);
        refused(stage.basin_config(&basin), ErrorCode::BasinNotFound);
    })
    .needs_frames(),
    Row::new("A2", "a fencing token of 36 bytes is set and matched", |stage| {
        let (target, token) = (stage.stream(), "t".repeat(36));
        stage.append(&target, &[fence(&token)]);
        done(stage.try_append_if(&target, if_token(&token), &[body_of("x")]));
    }),
    Row::new("A2", "a fencing token of 37 bytes as a condition is invalid", |stage| {
        let target = stage.stream();
        let batch = forge::encode(&[body_of("x")]);
        let body = [&[2, 0, 0, 0], &target_bytes(&target)[..], &[37], &[b't'; 37], &batch];
        refused(stage.call_body(FrameKind::Append, &body.concat()), ErrorCode::Invalid);
        assert_eq!(stage.tail(&target).seq_num, 0);
    })
    .needs_frames(),
    Row::new("A2", "an access token id of 97 bytes is invalid", |stage| bad_token_id(stage, &"t".repeat(97)))
        .needs_frames(),
    Row::new("A2", "an access token id . is invalid", |stage| bad_token_id(stage, ".")).needs_frames(),
    Row::new("A2", "an access token id .. is invalid", |stage| bad_token_id(stage, "..")).needs_frames(),
    Row::new("A2", "an access token id with NUL is invalid", |stage| bad_token_id(stage, "a\0")).needs_frames(),
    Row::new("A2", "an empty access token id is invalid", |stage| bad_token_id(stage, "")).needs_frames(),
];

/// Eight bytes, the row's number in them.
fn short_name(stage: &mut Stage<'_>) -> String {
    let long = stage.basin_name().to_string();
    let hash = long.bytes().fold(7u64, |hash, byte| hash.wrapping_mul(1_000_003) ^ u64::from(byte));
    format!("{:08x}", hash as u32)
}

fn bad_basin(stage: &mut Stage<'_>, name: &str) {
    let name = [&[name.len() as u8], name.as_bytes()].concat();
    let body = [&[0; 4], &name[..], &[0; 3]].concat();
    refused(stage.call_body(FrameKind::CreateBasin, &body), ErrorCode::Invalid);
    refused(stage.call_body(FrameKind::EnsureBasin, &body), ErrorCode::Invalid);
    refused(stage.call_body(FrameKind::GetBasinConfig, &[&[0; 4], &name[..]].concat()), ErrorCode::Invalid);
}

fn good_stream(stage: &mut Stage<'_>, name: &str) {
    let target = StreamRef { basin: stage.basin(), stream: stream_name(name) };
    let created = done(stage.create_stream(&target, PartialStreamConfig::default(), None));
    assert_eq!(created.info.name, target.stream);
    stage.say(&target, &["x"]);
    assert_eq!(stage.tail(&target).seq_num, 1);
}

fn bad_stream(stage: &mut Stage<'_>, name: &[u8]) {
    let basin = stage.basin();
    for kind in [FrameKind::CheckTail, FrameKind::GetStreamConfig, FrameKind::OpenAppendSession] {
        let body = [&[0; 4], &text8(basin.as_str())[..], &(name.len() as u16).to_le_bytes(), name].concat();
        refused(called(stage, kind, &body), ErrorCode::Invalid);
    }
}

/// Against a rule, or not even a query: where a name is found decides which.
fn bad_filter<T: Debug>(outcome: Result<T, ErrorFrame>) {
    refused_as(outcome, &[ErrorCode::Invalid, ErrorCode::BadFrame]);
}

fn bad_token_id(stage: &mut Stage<'_>, id: &str) {
    let body = [&[0; 4], &text8(id)[..]].concat();
    refused(called(stage, FrameKind::RevokeAccessToken, &body), ErrorCode::Invalid);
}

fn called(stage: &mut Stage<'_>, kind: FrameKind, body: &[u8]) -> Result<Response, ErrorFrame> {
    stage.call_body(kind, body)
}

fn target_bytes(target: &StreamRef) -> Vec<u8> {
    let stream = target.stream.as_str().as_bytes();
    [&text8(target.basin.as_str())[..], &(stream.len() as u16).to_le_bytes(), stream].concat()
}

fn text8(text: &str) -> Vec<u8> {
    [&[text.len() as u8], text.as_bytes()].concat()
}
