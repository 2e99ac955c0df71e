//! E3: listings.

use riverrun_protocol::config::{BasinConfig, PartialStreamConfig};
use riverrun_protocol::error::ErrorCode;
use riverrun_protocol::response::{BasinList, StreamList};
use riverrun_protocol::types::BasinName;

use crate::row::Row;
use crate::stage::control::names;
use crate::stage::{Stage, done, name};

pub(super) const ROWS: &[Row] = &[
    Row::new("E3", "streams are listed in byte order", |stage| listed(stage, "", "", 0, &["a", "ab", "b", "c"], false)),
    Row::new("E3", "an empty basin", |stage| {
        let basin = stage.basin();
        assert_eq!(done(stage.list_streams(&basin, "", "", 0)), StreamList { streams: vec![], has_more: false });
    }),
    Row::new("E3", "prefix", |stage| listed(stage, "a", "", 0, &["a", "ab"], false)),
    Row::new("E3", "a prefix that is a whole name", |stage| listed(stage, "ab", "", 0, &["ab"], false)),
    Row::new("E3", "a prefix of nothing", |stage| listed(stage, "x", "", 0, &[], false)),
    Row::new("E3", "start_after is strict", |stage| listed(stage, "", "ab", 0, &["b", "c"], false)),
    Row::new("E3", "start_after need not exist", |stage| listed(stage, "", "aa", 0, &["ab", "b", "c"], false)),
    Row::new("E3", "start_after the last", |stage| listed(stage, "", "c", 0, &[], false)),
    Row::new("E3", "start_after before the prefix", |stage| listed(stage, "b", "a", 0, &["b"], false)),
    Row::new("E3", "start_after within the prefix", |stage| listed(stage, "a", "a", 0, &["ab"], false)),
    Row::new("E3", "start_after beyond the whole prefix: an empty page", |stage| {
        listed(stage, "a", "b", 0, &[], false);
    }),
    Row::new("E3", "limit", |stage| listed(stage, "", "", 2, &["a", "ab"], true)),
    Row::new("E3", "limit of all that match: no more", |stage| listed(stage, "", "", 4, &["a", "ab", "b", "c"], false)),
    Row::new("E3", "has_more counts what matches alone", |stage| listed(stage, "a", "", 2, &["a", "ab"], false)),
    Row::new("E3", "limit above 1000 is 1000", |stage| listed(stage, "", "", 5000, &["a", "ab", "b", "c"], false)),
    Row::new("E3", "pages by start_after meet everything once", |stage| {
        let all: Vec<String> = (0..25).map(|n| format!("s{n:02}")).collect();
        let basin = stage.streams(&all.iter().map(String::as_str).collect::<Vec<_>>());
        let (mut found, mut after, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = done(stage.list_streams(&basin, "s", &after, 10));
            found.extend(names(&page).into_iter().map(str::to_owned));
            pages += 1;
            if !page.has_more {
                break;
            }
            after = found.last().cloned().unwrap_or_default();
        }
        assert_eq!((found, pages), (all, 3));
    }),
    Row::new("E3", "limit 0 is 1000, and has_more is exact there", |stage| {
        let all: Vec<String> = (0..1001).map(|n| format!("{n:04}")).collect();
        let basin = stage.streams(&all.iter().map(String::as_str).collect::<Vec<_>>());
        for limit in [0, 1001, u32::MAX] {
            let page = done(stage.list_streams(&basin, "", "", limit));
            assert_eq!((page.streams.len(), page.has_more), (1000, true), "limit {limit}");
        }
        let page = done(stage.list_streams(&basin, "", "0000", 1000));
        assert_eq!((page.streams.len(), page.has_more), (1000, false));
    }),
    Row::new("E3", "a listed stream is the one that was created", |stage| {
        let target = stage.no_stream();
        let created = done(stage.create_stream(&target, PartialStreamConfig::default(), None)).info;
        assert_eq!(done(stage.list_streams(&target.basin, "", "", 0)).streams, [created]);
    }),
    Row::new("E3", "streams of other basins are not listed", |stage| {
        let mine = stage.streams(&["a"]);
        stage.streams(&["b"]);
        assert_eq!(names(&done(stage.list_streams(&mine, "", "", 0))), ["a"]);
    }),
    Row::new("E3", "streams of a missing basin: an empty page, or not found", |stage| {
        let basin = stage.basin_name();
        match stage.list_streams(&basin, "", "", 0) {
            Ok(page) => assert_eq!(page, StreamList { streams: vec![], has_more: false }),
            Err(error) => assert_eq!(error.code, ErrorCode::BasinNotFound),
        }
    }),
    Row::new("E3", "what create says exists is listed at once", |stage| {
        let basin = stage.basin_name();
        done(stage.create_basin(&basin, BasinConfig::default(), None));
        assert_eq!(basin_names(&done(stage.list_basins(basin.as_str(), "", 0))), [basin.as_str()]);
    }),
    Row::new("E3", "basins: prefix, start_after and limit", |stage| {
        let prefix = stage.basin_name();
        let all: Vec<BasinName> = ["-a", "-ab", "-b"].iter().map(|tail| name(&format!("{prefix}{tail}"))).collect();
        for basin in &all {
            done(stage.create_basin(basin, BasinConfig::default(), None));
        }
        let all: Vec<&str> = all.iter().map(BasinName::as_str).collect();
        let prefix = format!("{prefix}-");
        let page = done(stage.list_basins(&prefix, "", 2));
        assert_eq!((basin_names(&page), page.has_more), (all[..2].to_vec(), true));
        let page = done(stage.list_basins(&prefix, all[1], 2));
        assert_eq!((basin_names(&page), page.has_more), (all[2..].to_vec(), false));
        let page = done(stage.list_basins(&format!("{prefix}a"), "", 0));
        assert_eq!((basin_names(&page), page.has_more), (all[..2].to_vec(), false));
    }),
];

fn basin_names(list: &BasinList) -> Vec<&str> {
    list.basins.iter().map(|info| info.name.as_str()).collect()
}

/// Among the streams a, ab, b and c.
fn listed(stage: &mut Stage<'_>, prefix: &str, after: &str, limit: u32, expected: &[&str], has_more: bool) {
    let basin = stage.streams(&["c", "a", "b", "ab"]);
    let page = done(stage.list_streams(&basin, prefix, after, limit));
    assert_eq!((names(&page), page.has_more), (expected.to_vec(), has_more));
}
