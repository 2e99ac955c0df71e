//! Where the time of an append goes, as the broker tells it: each stage has been seen by whatever went through it.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use riverrun::{Broker, Config};
use riverrun_protocol::error::{ErrorCode, Outcome};
use riverrun_protocol::request::Request;
use riverrun_protocol::response::{Response, StageHistograms};

use crate::raw::{Raw, Said, follow, target, token};
use crate::support::{Data, Server, until};

const APPENDS: u64 = 20;
/// Received into a buffer of its own.
const LARGE_BYTES: usize = 200_000;

/// How many times each stage was measured.
fn counts(server: &Server) -> BTreeMap<String, u64> {
    let json: serde_json::Value =
        serde_json::from_slice(&server.ok(&["status", "--stages", "-o", "json"])).expect("JSON");
    let stages = json["stages"].as_object().expect("stages by name");
    stages.iter().map(|(name, stage)| (name.clone(), stage["count"].as_u64().expect("a count"))).collect()
}

#[test]
fn an_append_is_seen_in_every_stage_that_it_goes_through() {
    let data = Data::new();
    let server = data.serve(&["--shards", "2"]);
    let mut raw = Raw::connect(&server.addr, "").expect("anybody gets in");
    raw.create_basin("stages-basin");
    let stream = target("stages-basin", "s");
    raw.append(&stream, "first").expect("appended");
    let mut follower = Raw::connect(&server.addr, "").expect("anybody gets in");
    follower.send(1, &follow(&stream, 1));
    assert!(matches!(follower.next(), Said::Answer(1, _)), "a session opened");
    assert!(matches!(follower.next(), Said::Push(1)), "a heartbeat: it is at the tail");
    let before = counts(&server);
    (0..APPENDS).for_each(|_| drop(raw.append(&stream, "x").expect("appended")));
    raw.append(&stream, &"x".repeat(LARGE_BYTES)).expect("appended");
    // A send is noted in the turn that hears of its end, which may be behind whoever got the bytes.
    until("every stage has seen what went through it", || {
        let now = counts(&server);
        let since = |stage: &str| now[stage] - before[stage];
        let all = ["wait_for_block", "journal_write", "journal_order", "ack_send"];
        all.iter().all(|stage| since(stage) > APPENDS)
            && since("turn") > APPENDS
            && since("receive") > 0
            && since("push_send") > 0
    });
    let table = server.ok(&["status", "--stages"]);
    assert!(String::from_utf8_lossy(&table).lines().any(|line| line.starts_with("journal_write ")));
}

#[test]
fn a_chunk_is_encoded_and_put() {
    let data = Data::new();
    let config =
        Config { data: data.data(), shards: Some(2), chunk_age_max: Duration::from_millis(50), ..Config::default() };
    let broker = Broker::start(Config { journal_file_bytes: 4 << 20, ..config }).expect("it starts");
    let address = broker.addr().to_string();
    let mut raw = Raw::connect(&address, "").expect("anybody gets in");
    raw.create_basin("stages-basin");
    raw.append(&target("stages-basin", "s"), "x").expect("appended");
    until("its chunk is there", || {
        let Response::StageHistograms(told) = raw.ok(&Request::GetStages) else { panic!("no stages") };
        ["chunk_encode", "chunk_put"].iter().all(|name| is_measured(&told, name))
    });
    broker.stop().expect("it stops");
}

fn is_measured(told: &StageHistograms, name: &str) -> bool {
    let stage = told.stages.iter().find(|stage| stage.name == name).expect("it is told");
    let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut &stage.histogram[..]).expect("HdrHistogram's");
    !histogram.is_empty()
}

/// Also one whose scope is everything: it shows what all others do.
#[test]
fn the_holder_of_an_issued_token_may_not_see_it() {
    let data = Data::new();
    let server = data.serve(&["--auth", "required"]);
    let mut root = Raw::connect(&server.addr, &data.root_token()).expect("root gets in");
    assert!(root.call(&Request::GetStages).is_ok());
    let secret = root.issue(&token("team", ""));
    let mut holder = Raw::connect(&server.addr, &secret).expect("issued");
    let denied = holder.call(&Request::GetStages).expect_err("denied");
    assert_eq!((denied.code, denied.outcome), (ErrorCode::PermissionDenied, Outcome::NotDone));
}
