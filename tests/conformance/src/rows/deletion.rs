//! E6: deletion of streams and basins, while it is pending and behind it.

use std::fmt::Debug;

use riverrun_protocol::config::{BasinConfig, BasinConfigPatch, PartialStreamConfig, StreamConfigPatch};
use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::response::{ProvisionResult, StreamList};
use riverrun_protocol::types::Position;

use crate::row::Row;
use crate::stage::data::{body_of, from_seq};
use crate::stage::{Stage, done, refused, refused_as, stream_name};

const NONE: PartialStreamConfig = PartialStreamConfig {
    storage_class: None,
    retention: None,
    timestamping_mode: None,
    timestamping_uncapped: None,
    delete_on_empty_min_age_secs: None,
};

pub(super) const ROWS: &[Row] = &[
    Row::new("E6", "a deletion is accepted, and repeats safely while it is pending", |stage| {
        let target = deleting(stage);
        done(stage.delete_stream(&target));
    })
    .needs_clock(),
    Row::new("E6", "pending: create and ensure", |stage| {
        let target = deleting(stage);
        refused(stage.create_stream(&target, NONE, None), ErrorCode::StreamDeletionPending);
        refused(stage.create_stream(&target, NONE, Some("token")), ErrorCode::StreamDeletionPending);
        refused(stage.ensure_stream(&target, NONE), ErrorCode::StreamDeletionPending);
    })
    .needs_clock(),
    Row::new("E6", "pending: get config and reconfigure", |stage| {
        let target = deleting(stage);
        refused(stage.stream_config(&target), ErrorCode::StreamDeletionPending);
        refused(stage.patch_stream(&target, StreamConfigPatch::default()), ErrorCode::StreamDeletionPending);
    })
    .needs_clock(),
    Row::new("E6", "pending: append, read and check tail, also where streams are created on first use", |stage| {
        let target = deleting(stage);
        every_use(stage, &target, &[ErrorCode::StreamDeletionPending]);
    })
    .needs_clock(),
    Row::new("E6", "pending: listed, with the time", |stage| {
        let before = stage.wall_ms();
        let target = deleting(stage);
        let streams = done(stage.list_streams(&target.basin, "", "", 0)).streams;
        assert_eq!(streams.len(), 1);
        let deleted_at_ms = streams[0].deleted_at_ms.unwrap_or_else(|| panic!("no deleted_at"));
        assert!((before..=stage.wall_ms()).contains(&deleted_at_ms));
    })
    .needs_clock(),
    Row::new("E6", "pending holds through a restart", |stage| {
        let target = deleting(stage);
        stage.restart();
        refused(stage.stream_config(&target), ErrorCode::StreamDeletionPending);
        every_use(stage, &target, &[ErrorCode::StreamDeletionPending]);
    })
    .needs_clock()
    .needs_restart(),
    Row::new("E6", "a deletion that was acknowledged is completed behind a restart", |stage| {
        let target = plain(stage);
        done(stage.delete_stream(&target));
        stage.restart();
        stage.until("the stream is purged", |stage| {
            let code = stage.stream_config(&target).expect_err("it is deleted").code;
            (code == ErrorCode::StreamNotFound).then_some(())
        });
        assert_eq!(done(stage.create_stream(&target, NONE, None)).result, ProvisionResult::Created);
        assert_eq!(stage.tail(&target), Position::default());
    })
    .needs_restart(),
    Row::new("E6", "from the answer on: nothing but pending or not found", |stage| {
        let target = plain(stage);
        done(stage.delete_stream(&target));
        let codes = [ErrorCode::StreamDeletionPending, ErrorCode::StreamNotFound];
        every_use(stage, &target, &codes);
        refused_as(stage.stream_config(&target), &codes);
        refused_as(stage.patch_stream(&target, StreamConfigPatch::default()), &codes);
    }),
    Row::new("E6", "purged: what is created has another id", |stage| {
        let target = plain(stage);
        let old = done(stage.list_streams(&target.basin, "", "", 0)).streams[0].id;
        stage.purge(&target);
        assert_ne!(done(stage.create_stream(&target, NONE, None)).info.id, old);
    })
    .needs_binary("ids of streams"),
    Row::new("E6", "purged: create makes a fresh stream", |stage| {
        let target = plain(stage);
        stage.purge(&target);
        assert_eq!(done(stage.create_stream(&target, NONE, None)).result, ProvisionResult::Created);
        assert_eq!(stage.tail(&target), Position::default());
        stage.say(&target, &["new"]);
        assert_eq!(stage.read_all(&target).bodies(), ["new"]);
    }),
    Row::new("E6", "purged: the creation token is forgotten", |stage| {
        let target = stage.no_stream();
        done(stage.create_stream(&target, NONE, Some("token")));
        stage.purge(&target);
        assert_eq!(done(stage.create_stream(&target, NONE, Some("token"))).result, ProvisionResult::Created);
    }),
    Row::new("E6", "purged: everything else is not found", |stage| {
        let target = plain(stage);
        stage.purge(&target);
        every_use(stage, &target, &[ErrorCode::StreamNotFound]);
        refused(stage.stream_config(&target), ErrorCode::StreamNotFound);
        refused(stage.patch_stream(&target, StreamConfigPatch::default()), ErrorCode::StreamNotFound);
        refused(stage.delete_stream(&target), ErrorCode::StreamNotFound);
    }),
    Row::new("E6", "purged: not listed", |stage| {
        let target = plain(stage);
        stage.purge(&target);
        assert_eq!(done(stage.list_streams(&target.basin, "", "", 0)).streams, []);
    }),
    Row::new("E6", "purged: created anew on first use", |stage| {
        let target = creating(stage);
        stage.say(&target, &["old", "old"]);
        stage.purge(&target);
        assert_eq!(stage.say(&target, &["new"]).start.seq_num, 0);
        assert_eq!(stage.read_all(&target).bodies(), ["new"]);
    }),
    Row::new("E6", "a missing stream, in a basin and in none", |stage| {
        let mut target = stage.no_stream();
        refused(stage.delete_stream(&target), ErrorCode::StreamNotFound);
        target.basin = stage.basin_name();
        refused(stage.delete_stream(&target), ErrorCode::StreamNotFound);
        refused(stage.stream_config(&target), ErrorCode::StreamNotFound);
    }),
    Row::new("E6", "other streams of the basin go on", |stage| {
        let target = plain(stage);
        let other = StreamRef { basin: target.basin.clone(), stream: stream_name("other") };
        done(stage.create_stream(&other, NONE, None));
        stage.say(&other, &["x"]);
        stage.purge(&target);
        assert_eq!(stage.read_all(&other).bodies(), ["x"]);
    }),
    Row::new("E6", "a standard stream is deleted too", |stage| {
        let standard =
            PartialStreamConfig { storage_class: Some(riverrun_protocol::config::StorageClass::Standard), ..NONE };
        let target = stage.stream_with(standard);
        stage.say(&target, &["x"]);
        stage.purge(&target);
        refused(stage.try_tail(&target), ErrorCode::StreamNotFound);
    }),
    Row::new("E6", "inputs in flight when a stream is deleted: acks in order, then the refusal", |stage| {
        let target = plain(stage);
        let session = stage.open_append(&target);
        (0..20).for_each(|_| stage.input(session, &[body_of("x")]));
        done(stage.delete_stream(&target));
        let mut next = 1;
        let error = loop {
            match stage.next(session) {
                crate::Said::Response(riverrun_protocol::Response::AppendAck(ack)) => {
                    assert_eq!(ack.start.seq_num, next);
                    next += 1;
                }
                crate::Said::Error(error) => break error,
                other => panic!("an ack or a refusal was expected, not {other:?}"),
            }
        };
        // Unless the door keeps them in order, an input may come while it is not decided yet whether the stream is deleted: "unavailable"
        // (B2) promises nothing of it.
        if error.code != ErrorCode::Unavailable || stage.keeps_order() {
            refused_as(Err::<(), _>(error), &[ErrorCode::StreamDeletionPending, ErrorCode::StreamNotFound]);
        }
    }),
    Row::new("E6", "a waiting read on a stream that is deleted ends with an error", |stage| {
        let target = plain(stage);
        let params = riverrun_protocol::request::ReadParams { wait_secs: Some(60), ..from_seq(1) };
        let read = riverrun_protocol::request::Read { target: target.clone(), params };
        let id = stage.send(&riverrun_protocol::Request::Read(read));
        stage.assert_silent(id, &target);
        done(stage.delete_stream(&target));
        // The terminal trim is a live record too (C16).
        if let Err(error) = stage.answer(id) {
            refused_as(Err::<(), _>(error), &[ErrorCode::StreamDeletionPending, ErrorCode::Unavailable]);
        }
    }),
    Row::new("E6", "a pending basin: create and ensure", |stage| {
        let target = in_deleting_basin(stage);
        let basin = &target.basin;
        refused(stage.create_basin(basin, BasinConfig::default(), None), ErrorCode::BasinDeletionPending);
        refused(stage.create_basin(basin, BasinConfig::default(), Some("t")), ErrorCode::BasinDeletionPending);
        let error = refused(stage.ensure_basin(basin, BasinConfig::default()), ErrorCode::BasinDeletionPending);
        assert!(error.message.contains(&format!("basin `{basin}` is being deleted")), "E11: {error}");
    })
    .needs_clock(),
    Row::new("E6", "a pending basin: get config still works, reconfigure does not, delete repeats", |stage| {
        let target = in_deleting_basin(stage);
        done(stage.basin_config(&target.basin));
        refused(stage.patch_basin(&target.basin, BasinConfigPatch::default()), ErrorCode::BasinDeletionPending);
        done(stage.delete_basin(&target.basin));
    })
    .needs_clock(),
    Row::new("E6", "a pending basin takes no new streams, and no changes of streams", |stage| {
        let target = in_deleting_basin(stage);
        let new = StreamRef { basin: target.basin.clone(), stream: stream_name("new") };
        refused(stage.create_stream(&new, NONE, None), ErrorCode::BasinDeletionPending);
        refused(stage.ensure_stream(&new, NONE), ErrorCode::BasinDeletionPending);
        refused(stage.ensure_stream(&target, NONE), ErrorCode::BasinDeletionPending);
        refused(stage.patch_stream(&target, StreamConfigPatch::default()), ErrorCode::BasinDeletionPending);
        every_use(stage, &new, &[ErrorCode::BasinDeletionPending]);
    })
    .needs_clock(),
    Row::new("E6", "a pending basin: streams that still exist work", |stage| {
        let target = in_deleting_basin(stage);
        stage.say(&target, &["y"]);
        assert_eq!(stage.read_all(&target).bodies(), ["x", "y"]);
        assert_eq!(stage.tail(&target).seq_num, 2);
        done(stage.stream_config(&target));
        assert_eq!(done(stage.list_streams(&target.basin, "", "", 0)).streams.len(), 1);
        done(stage.delete_stream(&target));
    })
    .needs_clock(),
    Row::new("E6", "a pending basin is listed, with the time", |stage| {
        let target = in_deleting_basin(stage);
        let basins = done(stage.list_basins(target.basin.as_str(), "", 0)).basins;
        assert!(basins.len() == 1 && basins[0].deleted_at_ms.is_some());
    })
    .needs_clock(),
    Row::new("E6", "a purged basin: not found, whatever is asked", |stage| {
        let target = plain(stage);
        stage.purge_basin(&target.basin);
        refused(stage.basin_config(&target.basin), ErrorCode::BasinNotFound);
        refused(stage.patch_basin(&target.basin, BasinConfigPatch::default()), ErrorCode::BasinNotFound);
        refused(stage.delete_basin(&target.basin), ErrorCode::BasinNotFound);
        refused(stage.create_stream(&target, NONE, None), ErrorCode::BasinNotFound);
        refused(stage.ensure_stream(&target, NONE), ErrorCode::BasinNotFound);
        refused(stage.patch_stream(&target, StreamConfigPatch::default()), ErrorCode::BasinNotFound);
        every_use(stage, &target, &[ErrorCode::BasinNotFound]);
    }),
    Row::new("E6", "a purged basin: its streams are not found, its listing is empty or not found", |stage| {
        let target = plain(stage);
        stage.purge_basin(&target.basin);
        refused(stage.stream_config(&target), ErrorCode::StreamNotFound);
        refused(stage.delete_stream(&target), ErrorCode::StreamNotFound);
        match stage.list_streams(&target.basin, "", "", 0) {
            Ok(page) => assert_eq!(page, StreamList { streams: vec![], has_more: false }),
            Err(error) => assert_eq!(error.code, ErrorCode::BasinNotFound),
        }
        assert_eq!(done(stage.list_basins(target.basin.as_str(), "", 0)).basins, []);
    }),
    Row::new("E6", "a basin that is created again has none of its old streams", |stage| {
        let target = plain(stage);
        stage.purge_basin(&target.basin);
        done(stage.create_basin(&target.basin, BasinConfig::default(), None));
        assert_eq!(done(stage.list_streams(&target.basin, "", "", 0)).streams, []);
        refused(stage.try_tail(&target), ErrorCode::StreamNotFound);
        done(stage.create_stream(&target, NONE, None));
        assert_eq!(stage.tail(&target), Position::default());
    }),
    Row::new("E6", "an empty basin is deleted", |stage| {
        let basin = stage.basin();
        stage.purge_basin(&basin);
        assert_eq!(done(stage.create_basin(&basin, BasinConfig::default(), None)).result, ProvisionResult::Created);
    }),
    Row::new("E6", "a basin of many streams is deleted", |stage| {
        let names: Vec<String> = (0..40).map(|n| format!("s{n}")).collect();
        let basin = stage.streams(&names.iter().map(String::as_str).collect::<Vec<_>>());
        stage.purge_basin(&basin);
        refused(stage.basin_config(&basin), ErrorCode::BasinNotFound);
    }),
    Row::new("E6", "a basin's deletion that was acknowledged is completed behind a restart", |stage| {
        let target = plain(stage);
        done(stage.delete_basin(&target.basin));
        stage.restart();
        stage.until("the basin is purged", |stage| stage.basin_config(&target.basin).is_err().then_some(()));
        done(stage.create_basin(&target.basin, BasinConfig::default(), None));
        assert_eq!(done(stage.list_streams(&target.basin, "", "", 0)).streams, []);
    })
    .needs_restart(),
    Row::new("E6", "a missing basin", |stage| {
        let basin = stage.basin_name();
        refused(stage.delete_basin(&basin), ErrorCode::BasinNotFound);
    }),
];

/// With one record.
fn plain(stage: &mut Stage<'_>) -> StreamRef {
    let target = stage.stream();
    stage.say(&target, &["x"]);
    target
}

/// A name in a basin that creates streams on any use.
fn creating(stage: &mut Stage<'_>) -> StreamRef {
    let config = BasinConfig { create_stream_on_append: true, create_stream_on_read: true, ..BasinConfig::default() };
    StreamRef { basin: stage.basin_with(config), stream: stream_name("s") }
}

/// Whose deletion is pending, in a basin that creates streams on any use.
fn deleting(stage: &mut Stage<'_>) -> StreamRef {
    let target = creating(stage);
    stage.say(&target, &["x"]);
    done(stage.delete_stream(&target));
    target
}

/// In a basin that creates streams on any use, and whose deletion is pending.
fn in_deleting_basin(stage: &mut Stage<'_>) -> StreamRef {
    let target = creating(stage);
    stage.say(&target, &["x"]);
    done(stage.delete_basin(&target.basin));
    target
}

/// Everything that one can do to a stream's records.
fn every_use(stage: &mut Stage<'_>, target: &StreamRef, codes: &[ErrorCode]) {
    fn check<T: Debug>(outcome: Result<T, ErrorFrame>, codes: &[ErrorCode]) {
        refused_as(outcome, codes);
    }
    check(stage.try_append(target, &[body_of("x")]), codes);
    check(stage.try_open_append(target).1, codes);
    check(stage.try_read(target, from_seq(0)), codes);
    check(stage.try_open_read(target, from_seq(0)).1, codes);
    check(stage.try_tail(target), codes);
}
