//! What connections of one token owe together.

use riverrun_core::access::{Grant, TokenSecret, issue};
use riverrun_protocol::access::{OperationGroups, Operations, ResourceSet, TokenScope};
use riverrun_protocol::batch::{Record, encode};
use riverrun_protocol::request::IssueAccessToken;
use riverrun_protocol::types::TokenId;

use super::*;

fn limited(number: u16, rates: TokenRates) -> Principal {
    let all = || ResourceSet::Prefix(String::new());
    let (groups, operations) = (OperationGroups::ALL, Operations::NONE);
    let request = IssueAccessToken {
        id: TokenId::new("limited").expect("an id"),
        expires_at_ms: None,
        auto_prefix_streams: false,
        scope: TokenScope { basins: all(), streams: all(), access_tokens: all(), groups, operations },
        rates,
    };
    let mut public_id = [0; 16];
    public_id[..2].copy_from_slice(&number.to_le_bytes());
    let row = issue(&Principal::Everyone { local: true }, &request, &TokenSecret::new(public_id, [0; 32]), 0);
    Principal::Token(Arc::new(Grant::new(&row.expect("issued"))))
}

const THOUSAND: TokenRates = TokenRates { append_bytes_per_sec: Some(1000), requests_per_sec: None };

#[test]
fn a_debt_is_found_again_by_a_connection_that_comes_back() {
    let (buckets, principal) = (Buckets::default(), limited(1, THOUSAND));
    let at = Duration::from_secs;
    let first = buckets.of(&principal, at(1));
    assert_eq!(first.debt(at(1)), Duration::ZERO);
    first.charge(at(1), 5000);
    drop(first);
    let second = buckets.of(&principal, at(2));
    assert_eq!(second.debt(at(2)), at(3), "five seconds' worth, of which one is the burst and one has passed");
    assert_eq!(second.debt(at(5)), Duration::ZERO);
}

#[test]
fn a_limit_that_a_token_does_not_have_is_never_owed() {
    let rated = Buckets::default().of(&limited(1, THOUSAND), Duration::ZERO);
    (0..1000).for_each(|_| rated.charge(Duration::ZERO, 0));
    assert_eq!(rated.debt(Duration::ZERO), Duration::ZERO);
}

#[test]
fn a_look_takes_nothing() {
    let rates = TokenRates { append_bytes_per_sec: None, requests_per_sec: Some(1) };
    let rated = Buckets::default().of(&limited(1, rates), Duration::ZERO);
    (0..1000).for_each(|_| rated.room(Duration::ZERO, 0).expect("nothing is taken"));
    rated.charge(Duration::ZERO, 0);
    let refusal = rated.room(Duration::ZERO, 0).expect_err("the one of this second");
    assert_eq!(refusal.retry_after, Duration::from_secs(1));
}

#[test]
fn buckets_that_nobody_needs_are_forgotten_however_many_come_at_a_time() {
    let buckets = Buckets::default();
    let _held = buckets.of(&limited(u16::MAX, THOUSAND), Duration::ZERO);
    for number in 0..5 * BUCKETS_KEPT_MIN as u16 {
        buckets.of(&limited(number, THOUSAND), Duration::ZERO);
        let count = buckets.kept.lock().expect("no panic").by_token.len();
        assert!(count <= BUCKETS_KEPT_MIN + 1, "{count} are kept");
    }
}

#[test]
fn a_batch_costs_no_more_than_what_was_sent() {
    let records: Vec<Record> = (0..3).map(|_| Record::new("body")).collect();
    let mut batch = encode(&records).expect("a batch").to_vec();
    assert_eq!(append_bytes(&batch), 3 * (8 + 4));
    batch[8..12].copy_from_slice(&(1_u32 << 20).to_le_bytes());
    assert_eq!(append_bytes(&batch), batch.len() as u64, "the payload that it claims is not there");
    assert_eq!(append_bytes(b"rubbish"), 7);
}
