//! The audit stream: what was asked for and decided, chained, written by nobody but the broker (reliability.md 5.1).

use riverrun_core::access::{AUDIT_STREAM, AuditChain, SYSTEM_BASIN};
use riverrun_protocol::access::{Operation, OperationGroups, Operations, TokenRates, TokenScope};
use riverrun_protocol::batch::{Record, encode};
use riverrun_protocol::error::ErrorCode;
use riverrun_protocol::request::{
    Append, AppendConditions, IssueAccessToken, Read, ReadParams, ReadStart, Request, SessionAppend, StreamRef,
};
use riverrun_protocol::response::Response;

use crate::raw::{Raw, Said, target, token};
use crate::support::{Data, Server, until};

fn stream() -> StreamRef {
    target(SYSTEM_BASIN, AUDIT_STREAM)
}

fn root(data: &Data, server: &Server) -> Raw {
    Raw::connect(&server.addr, &data.root_token()).expect("root gets in")
}

/// Every record so far, as text.
fn records(raw: &mut Raw) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let params = ReadParams { clamp: true, ..ReadParams::new(ReadStart::SeqNum(all.len() as u64)) };
        match raw.call(&Request::Read(Read { target: stream(), params })) {
            Ok(Response::ReadBatches(read)) if !read.parts.is_empty() => {
                for batch in read.batches().expect("batches") {
                    let bodies = batch.records().map(|record| record.expect("a record").body);
                    all.extend(bodies.map(|body| String::from_utf8(body.to_vec()).expect("text")));
                }
            }
            Ok(_) => return all,
            Err(error) if error.code == ErrorCode::Unwritten => return all,
            Err(error) => panic!("{error}"),
        }
    }
}

fn assert_chained(records: &[String]) {
    let mut chain = AuditChain::default();
    for record in records {
        assert!(chain.verify(record), "{record}\nof {records:#?}");
        let _: serde_json::Value = serde_json::from_str(record).expect("JSON");
    }
}

/// Waits for a record that says all of this.
pub fn recorded(raw: &mut Raw, words: &[&str]) {
    until(&format!("a record of {words:?}"), || {
        records(raw).iter().any(|record| words.iter().all(|word| record.contains(word)))
    });
}

#[test]
fn what_is_asked_and_decided_is_recorded_in_one_chain_over_restarts() {
    let data = Data::new();
    for round in 0..3 {
        let server = data.serve(&["--auth", "required"]);
        let mut raw = root(&data, &server);
        let basin = format!("demo-basin-{round}");
        raw.create_basin(&basin);
        let secret = raw.issue(&token(&format!("team-{round}"), "a/"));
        let mut holder = Raw::connect(&server.addr, &secret).expect("issued");
        holder.append(&target(&basin, "b"), "x").expect_err("denied");
        Raw::connect(&server.addr, "").expect_err("no token");
        recorded(&mut raw, &[r#""principal":"root","operation":"create-basin""#, &basin, r#""allowed""#]);
        let who = format!(r#""principal":"token:team-{round}","operation":"append""#);
        recorded(&mut raw, &[&who, &basin, r#""denied""#, r#""address":"127.0.0.1:"#]);
        recorded(&mut raw, &[r#""principal":"unknown","operation":"hello""#, r#""denied""#]);
        assert_chained(&records(&mut raw));
        // Once by force, so that the chain's end is found in the journal, and otherwise in a chunk.
        if round == 0 { server.kill() } else { drop(server.terminate()) }
    }
}

#[test]
fn nobody_writes_into_it() {
    let data = Data::new();
    let server = data.serve(&[]);
    let mut everyone = Raw::connect(&server.addr, "").expect("open");
    let error = everyone.append(&stream(), "forged").expect_err("the broker's own");
    assert_eq!(error.code, ErrorCode::PermissionDenied, "{error}");
    let error = everyone.call(&Request::DeleteStream(stream())).expect_err("the broker's own");
    assert_eq!(error.code, ErrorCode::PermissionDenied, "{error}");
    recorded(&mut everyone, &[r#""principal":"everyone","operation":"append""#, r#""denied""#]);
    assert_chained(&records(&mut everyone));
}

#[test]
fn it_cannot_be_used_to_fill_the_disk() {
    let data = Data::new();
    let server = data.serve(&[]);
    let mut everyone = Raw::connect(&server.addr, "").expect("open");
    for _ in 0..2000 {
        everyone.append(&stream(), "forged").expect_err("the broker's own");
    }
    let shown = records(&mut everyone).len();
    assert!(shown < 1000, "{shown} of 2000 are in it");
    recorded(&mut everyone, &[r#""suppressed":"#]);
    let counted = || {
        let mut raw = Raw::connect(&server.addr, "").expect("open");
        raw.append(&stream(), "forged").expect_err("the broker's own");
        records(&mut raw).iter().any(|record| !record.contains(r#""suppressed":0"#))
    };
    until("a record that tells how many were left out", counted);
    assert_chained(&records(&mut everyone));
}

/// What its rate refused was not done, and everybody could fill the stream with it.
#[test]
fn a_call_that_was_not_carried_out_is_not_recorded() {
    let data = Data::new();
    let server = data.serve(&["--auth", "required"]);
    let mut raw = root(&data, &server);
    raw.create_basin("demo-basin");
    let rates = TokenRates { requests_per_sec: Some(5), append_bytes_per_sec: None };
    let secret = raw.issue(&IssueAccessToken { rates, ..token("team", "a/") });
    let mut holder = Raw::connect(&server.addr, &secret).expect("issued");
    let (mut done, mut refused) = (0, 0);
    while refused < 20 {
        match holder.call(&Request::GetBasinConfig(target("demo-basin", "a/1").basin)) {
            Ok(_) => done += 1,
            Err(error) => {
                assert_eq!(error.code, ErrorCode::Overloaded, "{error}");
                refused += 1;
            }
        }
    }
    raw.create_basin("last-basin");
    recorded(&mut raw, &[r#""operation":"create-basin""#, "last-basin"]);
    let of_holder = |record: &&String| record.contains(r#""principal":"token:team""#);
    assert_eq!(records(&mut raw).iter().filter(of_holder).count(), done);
}

/// What only the stream's shard sees, and what only the tokens' rules do, is denied like everything else.
#[test]
fn what_is_denied_behind_the_door_is_recorded_as_denied() {
    let data = Data::new();
    let server = data.serve(&["--auth", "required", "--shards", "2"]);
    let mut raw = root(&data, &server);
    raw.create_basin("demo-basin");
    let narrow = TokenScope {
        groups: OperationGroups::default(),
        operations: Operations::NONE.with(Operation::Append).with(Operation::IssueAccessToken),
        ..token("x", "a/").scope
    };
    let secret = raw.issue(&IssueAccessToken { scope: narrow, ..token("team", "a/") });
    let mut holder = Raw::connect(&server.addr, &secret).expect("issued");
    let beyond = holder.call(&Request::IssueAccessToken(token("beyond", ""))).expect_err("more than it has");
    assert_eq!(beyond.code, ErrorCode::PermissionDenied, "{beyond}");
    let trim = encode(&[Record::trim(0)]).expect("a batch");
    let conditions = AppendConditions::default();
    let append = Append { target: target("demo-basin", "a/once"), conditions: conditions.clone(), batch: &trim };
    assert_eq!(holder.call(&Request::Append(append)).expect_err("no trimming").code, ErrorCode::PermissionDenied);
    holder.send(70, &Request::OpenAppendSession(target("demo-basin", "a/session")));
    holder.send(70, &Request::SessionAppend(SessionAppend { conditions, batch: &trim }));
    until("the session's end", || matches!(holder.next(), Said::Error(70, e) if e.code == ErrorCode::PermissionDenied));
    for (operation, resource) in
        [("issue-access-token", "`beyond`"), ("trim", "stream `a/once`"), ("trim", "stream `a/session`")]
    {
        let who = format!(r#""principal":"token:team","operation":"{operation}""#);
        recorded(&mut raw, &[&who, resource, r#""denied""#]);
    }
    let allowed = |record: &String| record.contains(r#""principal":"token:team""#) && record.contains(r#""allowed""#);
    assert!(!records(&mut raw).iter().any(allowed), "nothing that it asked for was done");
}
