//! Connections that go from shard to shard, where access ends or is used up (`s2-semantics.md` F, reliability.md 5.1).

use std::sync::{Arc, Barrier};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use riverrun_core::control::{placement, shard_of};
use riverrun_protocol::access::TokenRates;
use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::request::{IssueAccessToken, Ping, Request, StreamRef};
use riverrun_protocol::response::Response;
use riverrun_protocol::types::TokenId;

use crate::raw::{Raw, Said, target, token};
use crate::support::{Data, PATIENCE, Server};

/// A second is promised; the rest is for a busy machine to say so.
const CUT_WITHIN: Duration = Duration::from_secs(1);
const FLOOD: u64 = 10_000;

/// A broker with two shards, and root's connection to it.
fn two_shards(data: &Data) -> (Server, Raw) {
    let server = data.serve(&["--auth", "required", "--shards", "2"]);
    let mut root = Raw::connect(&server.addr, &data.root_token()).expect("root gets in");
    root.create_basin("demo-basin");
    // An answer that waits for a stream to be made would keep a connection where it is.
    one_of_each().iter().for_each(|stream| drop(root.append(stream, "x").expect("appended")));
    (server, root)
}

/// A stream of either shard.
fn one_of_each() -> [StreamRef; 2] {
    [0, 1].map(|shard| {
        let mut streams = (0..).map(|n| target("demo-basin", &format!("a/{n}")));
        streams.find(|s| shard_of(placement(&s.basin, &s.stream), 2) == shard).expect("one of many")
    })
}

fn moved(root: &mut Raw) -> u64 {
    match root.ok(&Request::Status) {
        Response::Status(status) => {
            let moved = status.counters.iter().filter(|counter| counter.0 == "connections_moved_total");
            moved.map(|counter| counter.1).sum()
        }
        other => panic!("{other:?}"),
    }
}

/// Asks for a stream of one shard, then of the other, and so on, without waiting for answers. Returns how many were
/// refused.
fn flood(mut raw: Raw) -> JoinHandle<u64> {
    let streams = one_of_each().map(Request::CheckTail);
    thread::spawn(move || {
        let both: Vec<_> = (1..=FLOOD).map(|id| (id, &streams[id as usize % 2])).collect();
        raw.send_all(&both);
        let is_refused = |said| matches!(said, Said::Error(_, error) if error.code == ErrorCode::Overloaded);
        (0..FLOOD).filter(|_| is_refused(raw.next())).count() as u64
    })
}

#[test]
fn what_a_rate_refuses_moves_nobody_and_is_in_nobodys_way() {
    let data = Data::new();
    let (server, mut root) = two_shards(&data);
    let rates = TokenRates { requests_per_sec: Some(1), append_bytes_per_sec: None };
    let slow = root.issue(&IssueAccessToken { rates, ..token("slow", "a/") });
    let other = root.issue(&token("other", "a/"));
    let before = moved(&mut root);
    let mut greedy = Raw::connect(&server.addr, &slow).expect("issued");
    greedy.ok(&Request::CheckTail(one_of_each()[0].clone()));
    let flood = flood(greedy);
    loop {
        let is_over = flood.is_finished();
        let mut other = Raw::connect(&server.addr, &other).expect("others get in");
        assert_eq!(other.ok(&Request::Ping(Ping { nonce: 7 })), Response::Pong { nonce: 7 });
        if is_over {
            break;
        }
    }
    let refused = flood.join().expect("every answer");
    assert!(refused > FLOOD / 2, "{refused} of {FLOOD} were refused");
    let (moves, allowed) = (moved(&mut root) - before, 1 + FLOOD - refused);
    assert!(moves <= allowed, "{moves} moves for {allowed} requests");
}

/// Goes from shard to shard until it is told why not any more.
fn wanderer(mut raw: Raw, on_its_way: Arc<Barrier>) -> JoinHandle<(ErrorFrame, Instant)> {
    thread::spawn(move || {
        let streams = one_of_each().map(Request::CheckTail);
        (0..20).for_each(|n| drop(raw.ok(&streams[n % 2])));
        on_its_way.wait();
        let begun = Instant::now();
        let mut calls = (0..).take_while(|_| begun.elapsed() < PATIENCE);
        let error = calls.find_map(|n| raw.call(&streams[n % 2]).err()).expect("it ends");
        (error, Instant::now())
    })
}

#[test]
fn f3_whoever_is_on_its_way_between_shards_ends_with_its_token() {
    let data = Data::new();
    let (server, mut root) = two_shards(&data);
    for round in 0..5 {
        let id = format!("team-{round}");
        let secret = root.issue(&token(&id, "a/"));
        let before = moved(&mut root);
        let on_their_way = Arc::new(Barrier::new(17));
        let connect = || Raw::connect(&server.addr, &secret).expect("issued");
        let wanderers: Vec<_> = (0..16).map(|_| wanderer(connect(), Arc::clone(&on_their_way))).collect();
        on_their_way.wait();
        root.ok(&Request::RevokeAccessToken(TokenId::new(&id).expect("an id")));
        let revoked = Instant::now();
        for wanderer in wanderers {
            let (error, at) = wanderer.join().expect("its last words");
            assert_eq!(error.code, ErrorCode::Authn, "{error}");
            assert!(at.saturating_duration_since(revoked) < CUT_WITHIN, "{:?}", at - revoked);
        }
        assert!(moved(&mut root) - before >= 16 * 19, "they were on their way");
    }
}
