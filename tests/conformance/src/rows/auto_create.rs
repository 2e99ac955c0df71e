//! E7: streams that are created on first use.

use riverrun_protocol::config::BasinConfig;
use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::request::StreamRef;

use crate::row::Row;
use crate::stage::data::{body_of, from_seq, from_timestamp};
use crate::stage::{Stage, done, refused, stream_name};

pub(super) const ROWS: &[Row] = &[
    Row::new("E7", "a single append creates by create_stream_on_append", |stage| {
        creates(stage, true, |stage, target| stage.try_append(target, &[body_of("x")]).map(drop));
    }),
    Row::new("E7", "an append session creates by create_stream_on_append", |stage| {
        creates(stage, true, |stage, target| stage.try_open_append(target).1.map(drop));
    }),
    Row::new("E7", "a single-batch read creates by create_stream_on_read", |stage| {
        creates(stage, false, |stage, target| stage.try_read(target, from_timestamp(0)).map(drop));
    }),
    Row::new("E7", "a read session creates by create_stream_on_read", |stage| {
        creates(stage, false, |stage, target| stage.try_open_read(target, from_seq(0)).1.map(drop));
    }),
    Row::new("E7", "check tail creates by create_stream_on_read", |stage| {
        creates(stage, false, |stage, target| stage.try_tail(target).map(drop));
    }),
    Row::new("E7", "the read that creates follows the usual rules: 416, and the stream is there", |stage| {
        let target = named(stage, false, true);
        let error = refused(stage.try_read(&target, from_seq(0)), ErrorCode::Unwritten);
        assert_eq!(error.tail, Some(Default::default()));
        done(stage.stream_config(&target));
    }),
    Row::new("E7", "configuration calls create nothing", |stage| {
        let target = named(stage, true, true);
        refused(stage.stream_config(&target), ErrorCode::StreamNotFound);
        refused(stage.patch_stream(&target, Default::default()), ErrorCode::StreamNotFound);
        refused(stage.delete_stream(&target), ErrorCode::StreamNotFound);
        assert_eq!(done(stage.list_streams(&target.basin, "", "", 0)).streams, []);
    }),
    Row::new("E7", "what is created on first use is listed", |stage| {
        let target = named(stage, true, false);
        stage.say(&target, &["x"]);
        let streams = done(stage.list_streams(&target.basin, "", "", 0)).streams;
        assert_eq!(streams.len(), 1);
        assert_eq!((&streams[0].name, streams[0].deleted_at_ms), (&target.stream, None));
    }),
    Row::new("E7", "many first uses at once make one stream", |stage| {
        let target = named(stage, true, true);
        let links: Vec<_> = (0..4).map(|_| stage.enter()).collect();
        let send = |stage: &mut Stage<'_>| stage.send_append(&target, Default::default(), &[body_of("x")]);
        let ids: Vec<u64> = links.iter().map(|link| stage.behind(*link, send)).collect();
        for (link, id) in links.iter().zip(ids) {
            done(stage.behind(*link, |stage| stage.answer(id)));
        }
        assert_eq!(stage.tail(&target).seq_num, 4);
        assert_eq!(done(stage.list_streams(&target.basin, "", "", 0)).streams.len(), 1);
    }),
    Row::new("E7", "an append that creates is there behind a restart", |stage| {
        let target = named(stage, true, false);
        stage.say(&target, &["x"]);
        stage.restart();
        assert_eq!(stage.read_all(&target).bodies(), ["x"]);
    })
    .needs_restart(),
];

/// A name in a basin with these switches.
fn named(stage: &mut Stage<'_>, on_append: bool, on_read: bool) -> StreamRef {
    let config =
        BasinConfig { create_stream_on_append: on_append, create_stream_on_read: on_read, ..BasinConfig::default() };
    StreamRef { basin: stage.basin_with(config), stream: stream_name("first/use") }
}

/// By its own switch, and not by the other one.
fn creates(
    stage: &mut Stage<'_>,
    by_append: bool,
    request: impl Fn(&mut Stage<'_>, &StreamRef) -> Result<(), ErrorFrame>,
) {
    let target = named(stage, !by_append, by_append);
    refused(request(stage, &target), ErrorCode::StreamNotFound);
    refused(stage.stream_config(&target), ErrorCode::StreamNotFound);
    let target = named(stage, by_append, !by_append);
    done(request(stage, &target));
    done(stage.stream_config(&target));
}
