use riverrun_core::access::PublicId;
use riverrun_core::control::{RatedToken, RootTokenRow, TokenKeyRow, TokenRow, keys};
use riverrun_core::stored::StoredError;
use riverrun_protocol::access::{Operation, OperationGroups, Operations, ResourceSet, TokenRates, TokenScope};

use crate::support::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn row() -> TokenRow {
    let rates = TokenRates { append_bytes_per_sec: Some(5), requests_per_sec: None };
    TokenRow {
        id: token_id("team/1"),
        public_id: PublicId([1; 16]),
        secret_hash: secret(1).hash(),
        created_at_ms: 0x0102,
        expires_at_ms: Some(0x0304),
        auto_prefix_streams: true,
        scope: TokenScope {
            basins: exact("logs-basin"),
            streams: prefix("a"),
            access_tokens: ResourceSet::Nothing,
            groups: OperationGroups::from_bits(0b10_0001).unwrap(),
            operations: Operations::NONE.with(Operation::Read),
        },
        rates,
        ancestors: vec![RatedToken { public_id: PublicId([2; 16]), rates }],
        parent: Some(token_id("team")),
    }
}

#[test]
fn rows_come_back_as_they_were() {
    let plain = TokenRow {
        expires_at_ms: None,
        parent: None,
        ancestors: Vec::new(),
        rates: TokenRates::default(),
        auto_prefix_streams: false,
        ..row()
    };
    for row in [row(), plain] {
        assert_eq!(TokenRow::decode(&row.encode()), Ok(row));
    }
    let root = RootTokenRow::new(&secret(3), 7);
    assert_eq!(RootTokenRow::decode(&root.encode()), Ok(root));
    let key = TokenKeyRow { id: token_id("team/1") };
    assert_eq!(TokenKeyRow::decode(&key.encode()), Ok(key));
}

#[test]
fn the_bytes_of_version_1_stay() {
    let stored = hex(&row().encode());
    assert_eq!(&stored[..20], "1e0106007465616d2f31", "kind 30, version 1, the id");
    let scope =
        "21".to_owned() + "00800000" + "01" + "0a00" + &hex(b"logs-basin") + "02" + "0100" + "61" + "00" + "0000";
    let rates = "05000000000000000000000000000000";
    assert!(
        stored.contains(&format!("01{}{scope}{rates}01000000{}{rates}", "04007465616d", "02".repeat(16))),
        "{stored}"
    );
    assert!(hex(&RootTokenRow::new(&secret(3), 7).encode()).starts_with(&format!("2001{}", "03".repeat(16))));
    assert!(hex(&TokenKeyRow { id: token_id("ab") }.encode()).starts_with("1f0102006162"));
}

#[test]
fn no_truncation_or_flipped_bit_passes_for_a_row() {
    let bytes = row().encode();
    for length in 0..bytes.len() {
        assert!(TokenRow::decode(&bytes[..length]).is_err(), "{length} bytes");
    }
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(TokenRow::decode(&flipped).is_err(), "bit {bit}");
    }
    assert!(matches!(TokenKeyRow::decode(&bytes), Err(StoredError::Damaged { .. })), "another kind");
}

#[test]
fn keys_of_tokens_are_in_byte_order_of_ids_and_apart_from_the_others() {
    assert_eq!(&keys::token(&token_id("a/b"))[..], b"token/a/b");
    assert_eq!(&keys::token_key(PublicId([0xab; 16]))[..], format!("token-key/{}", "ab".repeat(16)).as_bytes());
    assert!(keys::token(&token_id("a")) < keys::token(&token_id("b")));
    assert!(!keys::token_key(PublicId([0; 16])).starts_with(keys::TOKEN_PREFIX));
    assert!(!keys::ROOT_TOKEN.starts_with(keys::TOKEN_PREFIX));
}
