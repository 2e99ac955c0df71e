//! E4: a creation is known again by token and configuration as they were sent, for as long as what it made lives.

use riverrun_protocol::config::{BasinConfig, PartialStreamConfig, TimestampingMode};
use riverrun_protocol::request::{CreateBasin, CreateStream};

use super::fixtures::{basin_config, create_basin_request, create_stream_request, token};
use crate::control::CreationHash;
use crate::control::creation::{is_repeated, of_basin, of_stream};

fn hex(hash: Option<CreationHash>) -> String {
    hash.expect("with a token").iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Stored with every basin and stream, so these never change. Computed by another implementation of SHA-256, over the bytes that the layout gives.
#[test]
fn e4_golden() {
    assert_eq!(hex(of_basin(&create_basin_request(token("t")))), GOLDEN_BASIN);
    assert_eq!(hex(of_stream(&create_stream_request(token("t")))), GOLDEN_STREAM);
}

const GOLDEN_BASIN: &str = "7f887871690e2ec7a608e236d367f63121763f65864bcb9a4b016a3441017c9f";
const GOLDEN_STREAM: &str = "d7530c2f2f4e13e91045bd8b97101696d181f6dfbff1ae60911a4c78d08cf8a2";

#[test]
fn e4_without_a_token_nothing_is_repeated() {
    assert_eq!(of_basin(&create_basin_request(None)), None);
    assert_eq!(of_stream(&create_stream_request(None)), None);
    assert!(!is_repeated(None, None), "neither of two creations without a token is the other");
    assert!(!is_repeated(Some(&[1; 32]), None) && !is_repeated(None, Some(&[1; 32])));
}

/// An empty token is one (A2), a value that looks like nothing is one, and what defaults make equal was not sent equally.
#[test]
fn e4_every_difference_in_what_was_sent_counts() {
    let basin = create_basin_request(token("t"));
    let switched = BasinConfig { create_stream_on_read: true, ..basin_config() };
    let others = [
        CreateBasin { request_token: token(""), ..basin.clone() },
        CreateBasin { config: switched, ..basin.clone() },
        CreateBasin { config: BasinConfig::default(), ..basin.clone() },
    ];
    assert!(others.iter().all(|other| of_basin(other) != of_basin(&basin)));

    let stream = create_stream_request(token("t"));
    let nothing = PartialStreamConfig::default();
    let configs = [
        PartialStreamConfig { delete_on_empty_min_age_secs: Some(0), ..nothing },
        PartialStreamConfig { timestamping_uncapped: Some(false), ..nothing },
        PartialStreamConfig { timestamping_mode: Some(TimestampingMode::ClientPrefer), ..nothing },
    ];
    let mut hashes: Vec<_> =
        configs.into_iter().map(|config| of_stream(&CreateStream { config, ..stream.clone() })).collect();
    hashes.push(of_stream(&stream));
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), 4);
}
