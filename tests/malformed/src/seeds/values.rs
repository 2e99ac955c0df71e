//! One of each kind of value that the catalog holds, with everything in it that can be there, and a few keys.

use riverrun_core::access::{PublicId, TokenSecret};
use riverrun_core::chunk::{ChunkId, FooterRange, Lane};
use riverrun_core::control::*;
use riverrun_protocol::access::{Operation, OperationGroups, Operations, ResourceSet, TokenRates, TokenScope};
use riverrun_protocol::config::{BasinConfig, PartialStreamConfig, Retention};
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::types::{StreamId, TokenId};

use super::{Seeds, named};

pub fn catalog() -> Seeds {
    let mut seeds = names();
    seeds.extend(shards());
    seeds.extend(tokens());
    seeds.extend(keys_of_all_kinds());
    seeds
}

fn target() -> StreamRef {
    StreamRef { basin: "logs-basin".parse().expect("a name"), stream: "a/b".parse().expect("a name") }
}

const STREAM: StreamId = StreamId([0xab; 16]);

fn names() -> Seeds {
    let StreamRef { basin, stream } = target();
    let retention = Some(Retention::Age(0x0304));
    let config = BasinConfig {
        create_stream_on_append: true,
        create_stream_on_read: false,
        default_stream_config: PartialStreamConfig { retention, ..PartialStreamConfig::default() },
    };
    let creation = Some([0xcd; 32]);
    let basin_entry = BasinEntry { name: basin.clone(), created_at_ms: 1, config, deleted_at_ms: Some(2), creation };
    let entry = StreamEntry::new(STREAM, basin.clone(), stream.clone(), 1, SYSTEM_DEFAULTS);
    let entry = StreamEntry { deleted_at_ms: Some(3), creation, ..entry };
    named([
        ("basin", basin_entry.encode().into()),
        ("stream", entry.encode().into()),
        ("id", IdRow { basin, name: stream, purged_at_ms: Some(4) }.encode().into()),
        ("due", DueRow { target: target() }.encode().into()),
        ("pending-stream", PendingStream { target: target(), epoch: 5 }.encode().into()),
        ("pending-basin", PendingBasin { deleted_at_ms: 6 }.encode().into()),
        ("tombstone", TombstoneRow { purged_at_ms: 7 }.encode().into()),
    ])
}

fn shards() -> Seeds {
    let chunk = ChunkRow {
        object_bytes: 1_000,
        raw_bytes: 2_000,
        footer: FooterRange { offset: 800, bytes: 160, crc: 9 },
        stream_count: 3,
    };
    let inherited = InheritedJournal { journal_id: [3; 16], epoch: 4, shard: 5, needed_from: 6, last_number: 7 };
    let loss = JournalLossRow {
        of_epoch: 3,
        accepted_at_ms: 4,
        journals: vec![LostJournal { journal_id: [4; 16], epoch: 2, shard: 5 }],
        streams: vec![CutStream { stream_id: STREAM, ended_at: 6 }],
    };
    let state = riverrun_core::chunk::StreamState {
        stream_id: STREAM,
        fencing_token: b"token".to_vec(),
        ..riverrun_core::chunk::StreamState::default()
    };
    named([
        ("chunk", chunk.encode().into()),
        ("sequence", SequenceRow { indexed_to: 3, ended_at: Some(3) }.encode().into()),
        ("epoch", EpochRow { node: "host".into(), shards: 2, journals: vec![[1; 16], [2; 16]] }.encode().into()),
        ("serving", ServingRow { inherited: vec![inherited] }.encode().into()),
        ("closed", ClosedRow { closed_at_ms: 9 }.encode().into()),
        ("store", StoreRow::new([7; 16], 9).encode().into()),
        ("journal-loss", loss.encode().into()),
        ("dead", DeadRow { since_ms: 8 }.encode().into()),
        ("state", StateRow { quiet_since_ms: 2, state }.encode().into()),
    ])
}

fn tokens() -> Seeds {
    let secret = TokenSecret::new([1; 16], [2; 32]);
    let id = || TokenId::new("team/1").expect("an id");
    let rates = TokenRates { append_bytes_per_sec: Some(5), requests_per_sec: None };
    let row = TokenRow {
        id: id(),
        public_id: secret.public_id(),
        secret_hash: secret.hash(),
        created_at_ms: 1,
        expires_at_ms: Some(2),
        auto_prefix_streams: true,
        scope: TokenScope {
            basins: ResourceSet::Exact("logs-basin".to_owned()),
            streams: ResourceSet::Prefix("a".to_owned()),
            access_tokens: ResourceSet::Nothing,
            groups: OperationGroups::from_bits(0b10_0001).expect("two groups"),
            operations: Operations::NONE.with(Operation::Read),
        },
        rates,
        ancestors: vec![RatedToken { public_id: PublicId([2; 16]), rates }],
        parent: Some(id()),
    };
    named([
        ("token", row.encode().into()),
        ("token-key", TokenKeyRow { id: id() }.encode().into()),
        ("root-token", RootTokenRow::new(&secret, 7).encode().into()),
    ])
}

fn keys_of_all_kinds() -> Seeds {
    let chunk = ChunkId { epoch: 2, shard: 1, lane: Lane::Standard, number: 7 };
    named([
        ("key-pending-basin", keys::pending_basin(&target().basin).into()),
        ("key-pending-stream", keys::pending_stream(STREAM).into()),
        ("key-chunk", keys::chunk(chunk).into()),
        ("key-dead", keys::dead(chunk).into()),
        ("key-due", keys::due(77, STREAM).into()),
        ("key-state", keys::state(STREAM).into()),
        ("key-sequence", keys::sequence(chunk.sequence()).into()),
        ("key-epoch", keys::epoch(3).into()),
        ("key-serving", keys::serving(3).into()),
        ("key-journal-loss", keys::journal_loss(3).into()),
    ])
}
