//! Every catalog value: golden bytes, round trips, and refusals.

use bytes::Bytes;
use proptest::prelude::*;
use riverrun_protocol::config::{
    BasinConfig, PartialStreamConfig, Retention, StorageClass, StreamConfig, TimestampingMode,
};
use riverrun_protocol::types::{BasinName, StreamId, StreamName};

use crate::action::LoadCause;
use crate::chunk::FooterRange;
use crate::control::*;
use crate::stored::StoredError;

const TIMESTAMPING_MODES: [TimestampingMode; 3] =
    [TimestampingMode::ClientPrefer, TimestampingMode::ClientRequire, TimestampingMode::Arrival];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn basin() -> BasinEntry {
    BasinEntry {
        name: "logs-basin".parse().unwrap(),
        created_at_ms: 0x0102,
        config: BasinConfig {
            create_stream_on_append: true,
            create_stream_on_read: false,
            default_stream_config: PartialStreamConfig {
                retention: Some(Retention::Age(0x0304)),
                timestamping_uncapped: Some(false),
                ..PartialStreamConfig::default()
            },
        },
        deleted_at_ms: Some(0x0506),
        creation: Some([0xcd; 32]),
    }
}

fn stream() -> StreamEntry {
    StreamEntry {
        id: StreamId([0xab; 16]),
        basin: "logs-basin".parse().unwrap(),
        name: "a/b".parse().unwrap(),
        created_at_ms: 0x0102,
        placement: 0x0304,
        config: StreamConfig {
            storage_class: StorageClass::Standard,
            retention: Retention::Infinite,
            timestamping_mode: TimestampingMode::Arrival,
            timestamping_uncapped: true,
            delete_on_empty_min_age_secs: 0x0506,
        },
        config_version: 7,
        deleted_at_ms: Some(0x0809),
        creation: Some([0xcd; 32]),
    }
}

/// What rows of version 1 say, and all that they say.
fn basin_of_version_1() -> BasinEntry {
    let config = BasinConfig { default_stream_config: PartialStreamConfig::default(), ..basin().config };
    BasinEntry { config, deleted_at_ms: None, creation: None, ..basin() }
}

fn stream_of_version_1() -> StreamEntry {
    let (storage_class, retention) = (StorageClass::Standard, Retention::Infinite);
    let config = StreamConfig { storage_class, retention, ..SYSTEM_DEFAULTS };
    StreamEntry { config, config_version: 0, deleted_at_ms: None, creation: None, ..stream() }
}

fn chunk() -> ChunkRow {
    ChunkRow {
        object_bytes: 0x0a,
        raw_bytes: 0x0b,
        footer: FooterRange { offset: 0x0c, bytes: 0x0d, crc: 0x0e },
        stream_count: 0x0f,
    }
}

fn epoch() -> EpochRow {
    EpochRow { node: "host".into(), shards: 2, journals: vec![[1; 16], [2; 16]] }
}

fn serving() -> ServingRow {
    let journal = InheritedJournal { journal_id: [3; 16], epoch: 4, shard: 5, needed_from: 6, last_number: 7 };
    ServingRow { inherited: vec![journal] }
}

fn loss() -> JournalLossRow {
    JournalLossRow {
        of_epoch: 3,
        accepted_at_ms: 0x0102,
        journals: vec![LostJournal { journal_id: [4; 16], epoch: 2, shard: 5 }],
        streams: vec![CutStream { stream_id: StreamId([0xab; 16]), ended_at: 6 }],
    }
}

fn id_row() -> IdRow {
    IdRow { basin: "logs-basin".parse().unwrap(), name: "a/b".parse().unwrap(), purged_at_ms: Some(0x0102) }
}

/// Every value of the catalog, with its decoder made to say only whether it took the bytes.
type Decoder = fn(&[u8]) -> Result<(), StoredError>;

fn all() -> Vec<(&'static str, Bytes, Decoder)> {
    vec![
        ("basin", basin().encode(), |value| BasinEntry::decode(value).map(drop)),
        ("stream", stream().encode(), |value| StreamEntry::decode(value).map(drop)),
        ("id", id_row().encode(), |value| IdRow::decode(value).map(drop)),
        ("chunk", chunk().encode(), |value| ChunkRow::decode(value).map(drop)),
        ("sequence", SequenceRow { indexed_to: 3, ended_at: Some(3) }.encode(), |value| {
            SequenceRow::decode(value).map(drop)
        }),
        ("epoch", epoch().encode(), |value| EpochRow::decode(value).map(drop)),
        ("serving", serving().encode(), |value| ServingRow::decode(value).map(drop)),
        ("closed", ClosedRow { closed_at_ms: 9 }.encode(), |value| ClosedRow::decode(value).map(drop)),
        ("store", StoreRow::new([7; 16], 9).encode(), |value| StoreRow::decode(value).map(drop)),
        ("journal loss", loss().encode(), |value| JournalLossRow::decode(value).map(drop)),
    ]
}

/// A change here is a new version of that value.
#[test]
fn golden_values() {
    let lines: Vec<String> = all().iter().map(|(name, value, _)| format!("{name} {}", hex(value))).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    basin 01020a006c6f67732d626173696e020100000000000001000a000104030000000000000000000000000000000001060500000000000001cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcddd30afc8
    stream 0202abababababababababababababababab0a006c6f67732d626173696e0300612f62020100000000000004030000000000001f02000000000000000000030106050000000000000700000001090800000000000001cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdf84e9220
    id 03020a006c6f67732d626173696e0300612f620102010000000000007f3a6942
    chunk 04010a000000000000000b000000000000000c000000000000000d0000000e0000000f0000006bbc9f04
    sequence 050103000000000000000103000000000000002fcaa323
    epoch 06010400686f7374020002000000010101010101010101010101010101010202020202020202020202020202020287b6776b
    serving 07010100000003030303030303030303030303030303040000000000000005000600000000000000070000000000000036c93c80
    closed 08010900000000000000d0b43e5a
    store 090107070707070707070707070707070707010009000000000000004aa263a6
    journal loss 0a010300000000000000020100000000000001000000040404040404040404040404040404040200000000000000050001000000abababababababababababababababab060000000000000083d97af8
    ");
}

fn unhex(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

/// Stores that were written before these rows got more to say are still read.
#[test]
fn golden_values_of_version_1_are_read() {
    let basin = unhex("01010a006c6f67732d626173696e02010000000000000100b8658927");
    assert_eq!(BasinEntry::decode(&basin), Ok(basin_of_version_1()));
    let stream = unhex(concat!(
        "0201abababababababababababababababab0a006c6f67732d626173696e0300612f62",
        "0201000000000000040300000000000002000000000000000000dbcffdf5",
    ));
    assert_eq!(StreamEntry::decode(&stream), Ok(stream_of_version_1()));
    let id = unhex("03010a006c6f67732d626173696e0300612f62afda7476");
    assert_eq!(IdRow::decode(&id), Ok(IdRow { purged_at_ms: None, ..id_row() }));
}

#[test]
fn values_round_trip() {
    assert_eq!(BasinEntry::decode(&basin().encode()), Ok(basin()));
    assert_eq!(StreamEntry::decode(&stream().encode()), Ok(stream()));
    assert_eq!(IdRow::decode(&id_row().encode()), Ok(id_row()));
    assert_eq!(ChunkRow::decode(&chunk().encode()), Ok(chunk()));
    for ended_at in [None, Some(0), Some(9)] {
        let row = SequenceRow { indexed_to: 3, ended_at };
        assert_eq!(SequenceRow::decode(&row.encode()), Ok(row));
    }
    assert_eq!(EpochRow::decode(&epoch().encode()), Ok(epoch()));
    assert_eq!(ServingRow::decode(&serving().encode()), Ok(serving()));
    assert_eq!(ServingRow::decode(&ServingRow::default().encode()), Ok(ServingRow::default()));
    assert_eq!(ClosedRow::decode(&ClosedRow { closed_at_ms: 9 }.encode()), Ok(ClosedRow { closed_at_ms: 9 }));
    assert_eq!(JournalLossRow::decode(&loss().encode()), Ok(loss()));
    let store = StoreRow::new([7; 16], 9);
    assert_eq!(StoreRow::decode(&store.encode()), Ok(store));
}

/// F10: every changed byte, every cut, every byte too many.
#[test]
fn no_changed_value_passes() {
    for (name, value, decode) in all() {
        for at in 0..value.len() {
            for bit in 0..8 {
                let mut changed = value.to_vec();
                changed[at] ^= 1 << bit;
                assert!(decode(&changed).is_err(), "{name}: bit {bit} of byte {at}");
            }
            assert!(decode(&value[..at]).is_err(), "{name}: cut at {at}");
        }
        assert!(decode(&[&value[..], &[0]].concat()).is_err(), "{name}: a byte too many");
        assert!(decode(&vec![0; value.len()]).is_err(), "{name}: zeros (F14)");
    }
}

/// F12: a value read from another kind's key.
#[test]
fn no_value_passes_for_another_kind() {
    for (name, value, _) in all() {
        for (other, _, decode) in all().into_iter().filter(|(other, ..)| *other != name) {
            assert!(decode(&value).is_err(), "{name} passed for {other}");
        }
    }
}

/// One row has one encoding: a field that is not set has no value.
#[test]
fn a_value_for_a_field_that_is_not_set_is_damage() {
    let value = basin().encode();
    let config = value.len() - 4 - (9 + 33) - 21;
    for (field, at) in [("retention", config + 2), ("uncapped", config + 12), ("delete-on-empty", config + 20)] {
        let mut body = value[..value.len() - 4].to_vec();
        body[config] = 0;
        body[config + 2..config + 21].fill(0);
        body[at] = 1;
        body.extend(crc32c::crc32c(&body).to_le_bytes());
        assert!(matches!(BasinEntry::decode(&body), Err(StoredError::Damaged { .. })), "{field}");
    }
    let mut body = value[..value.len() - 4].to_vec();
    let creation = body.len() - 33;
    body[creation] = 0;
    body.extend(crc32c::crc32c(&body).to_le_bytes());
    assert!(matches!(BasinEntry::decode(&body), Err(StoredError::Damaged { .. })), "creation");
}

/// F22: sound values of a newer version are refused by that version.
#[test]
fn a_newer_value_is_refused_by_name() {
    for (name, value, decode) in all() {
        let mut body = value[..value.len() - 4].to_vec();
        let newest = u16::from(body[1]);
        body[1] += 1;
        body.extend(crc32c::crc32c(&body).to_le_bytes());
        let error = decode(&body).unwrap_err();
        let StoredError::Newer { found, supported, .. } = error else { panic!("{name}: {error}") };
        assert_eq!((u64::from(found), u64::from(supported)), ((newest + 1).into(), newest.into()), "{name}");
    }
}

/// F22.
#[test]
fn a_store_of_a_newer_format_is_refused_by_name() {
    let newer = StoreRow { format_version: 2, ..StoreRow::new([7; 16], 9) };
    insta::assert_snapshot!(
        StoreRow::decode(&newer.encode()).unwrap_err(),
        @"store has format version 2, and this build reads versions up to 1; use a newer riverrun"
    );
}

#[test]
fn a_long_node_name_is_cut_where_a_character_ends() {
    let long = EpochRow { node: "é".repeat(200), ..epoch() };
    assert_eq!(EpochRow::decode(&long.encode()).unwrap().node, "é".repeat(128));
    let odd = EpochRow { node: format!("x{}", "é".repeat(200)), ..epoch() };
    assert_eq!(EpochRow::decode(&odd.encode()).unwrap().node, format!("x{}", "é".repeat(127)));
}

/// E7.
#[test]
fn a_basins_switches_say_which_requests_create_streams() {
    let basin = basin();
    assert!(basin.creates_streams(LoadCause::Append) && !basin.creates_streams(LoadCause::Read));
}

/// E1: 7 days, express.
#[test]
fn a_new_stream_gets_the_defaults() {
    let entry =
        StreamEntry::new(StreamId([1; 16]), "logs-basin".parse().unwrap(), "a".parse().unwrap(), 5, SYSTEM_DEFAULTS);
    assert_eq!((entry.config, entry.config_version), (SYSTEM_DEFAULTS, 0));
    assert_eq!((entry.deleted_at_ms, entry.creation), (None, None));
    assert_eq!((entry.created_at_ms, entry.placement), (5, placement(&entry.basin, &entry.name)));
}

/// E8: the age counts from the write, by the server's clock.
#[test]
fn expiry_is_arrival_plus_age() {
    let with = |retention| StreamEntry { config: StreamConfig { retention, ..SYSTEM_DEFAULTS }, ..stream() };
    assert_eq!(with(Retention::Age(2)).expires_at_ms(1000), 3000);
    assert_eq!(with(Retention::Infinite).expires_at_ms(1000), 0);
    assert_eq!(with(Retention::Age(u64::MAX)).expires_at_ms(1000), u64::MAX);
}

proptest! {
    #[test]
    fn any_stream_entry_round_trips(
        id in any::<[u8; 16]>(), basin in "[a-z0-9][a-z0-9-]{6,46}[a-z0-9]", name in "[^\\x00]{1,100}",
        numbers in any::<[u64; 3]>(), standard in any::<bool>(), age_secs in any::<Option<u64>>(),
        mode in 0..3usize, timestamping_uncapped in any::<bool>(), config_version in any::<u32>(),
        deleted_at_ms in any::<Option<u64>>(), creation in any::<Option<[u8; 32]>>(),
    ) {
        let Ok(name) = StreamName::new(&name) else { return Ok(()) };
        let entry = StreamEntry {
            id: StreamId(id),
            basin: BasinName::new(&basin).unwrap(),
            name,
            created_at_ms: numbers[0],
            placement: numbers[1],
            config: StreamConfig {
                storage_class: if standard { StorageClass::Standard } else { StorageClass::Express },
                retention: age_secs.map_or(Retention::Infinite, Retention::Age),
                timestamping_mode: TIMESTAMPING_MODES[mode],
                timestamping_uncapped,
                delete_on_empty_min_age_secs: numbers[2],
            },
            config_version,
            deleted_at_ms,
            creation,
        };
        prop_assert_eq!(StreamEntry::decode(&entry.encode()), Ok(entry));
    }

    #[test]
    fn any_epoch_and_serving_row_round_trips(
        node in ".{0,60}", shards in any::<u16>(), journals in prop::collection::vec(any::<[u8; 16]>(), 0..20),
        inherited in prop::collection::vec((any::<[u8; 16]>(), any::<[u64; 3]>(), any::<u16>()), 0..20),
    ) {
        let row = EpochRow { node, shards, journals };
        prop_assert_eq!(EpochRow::decode(&row.encode()), Ok(row));
        let journal = |(journal_id, [epoch, needed_from, last_number], shard): ([u8; 16], [u64; 3], u16)| {
            InheritedJournal { journal_id, epoch, shard, needed_from, last_number }
        };
        let row = ServingRow { inherited: inherited.into_iter().map(journal).collect() };
        prop_assert_eq!(ServingRow::decode(&row.encode()), Ok(row));
    }

    /// Also behind a right checksum.
    #[test]
    fn garbage_never_panics(tag in 1u8..11, mut bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        bytes.splice(0..0, [tag, 1]);
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        for (_, _, decode) in all() {
            let _ = decode(&bytes);
        }
    }
}
