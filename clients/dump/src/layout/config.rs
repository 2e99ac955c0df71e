//! Configuration of streams and basins, whole, in part or as a change: one layout, since a field that is not set is not
//! there.

use riverrun_protocol::config::{StorageClass, TimestampingMode};

use crate::field::Show;
use crate::walk::{Implied, Uint, Walk, Walked};

const FIELDS: &[&str] =
    &["storage_class", "retention", "timestamping_mode", "timestamping_uncapped", "delete_on_empty_min_age_secs"];

const SWITCHES: &[&str] = &["create_stream_on_append", "create_stream_on_read"];

/// What a stream is configured to, and what of it is cleared.
pub fn stream<W: Walk>(w: &mut W, name: &'static str) -> Walked {
    w.group(name, |w| {
        let set = w.bits_or("set", 1, FIELDS, Implied::Fields)?;
        w.bits_or("cleared", 1, FIELDS, Implied::Nothing)?;
        (0..FIELDS.len()).filter(|bit| set >> bit & 1 == 1).try_for_each(|bit| field(w, FIELDS[bit]))
    })
}

fn field<W: Walk>(w: &mut W, name: &'static str) -> Walked {
    match name {
        "storage_class" => w.uint(Uint::new(name, 1, Show::Named(storage_class))).map(drop),
        "retention" => w.group(name, |w| {
            w.uint(Uint::new("kind", 1, Show::Named(retention)).or(1))?;
            w.quiet("age_secs", 8).map(drop)
        }),
        "timestamping_mode" => w.uint(Uint::new(name, 1, Show::Named(timestamping_mode))).map(drop),
        "timestamping_uncapped" => w.uint(Uint::new(name, 1, Show::Switch)).map(drop),
        _ => w.plain(name, 8).map(drop),
    }
}

pub fn basin<W: Walk>(w: &mut W) -> Walked {
    w.group("config", |w| {
        w.bits("switches", 1, SWITCHES)?;
        stream(w, "default_stream_config")
    })
}

/// The switches that are set, then what they are set to.
pub fn basin_change<W: Walk>(w: &mut W) -> Walked {
    w.group("config", |w| {
        w.bits_or("switches_set", 1, SWITCHES, Implied::Fields)?;
        w.bits("switches", 1, SWITCHES)?;
        stream(w, "default_stream_config")
    })
}

fn storage_class(value: u64) -> Option<&'static str> {
    let all = [StorageClass::Express, StorageClass::Standard];
    all.into_iter().find(|class| *class as u64 == value).map(StorageClass::name)
}

fn retention(value: u64) -> Option<&'static str> {
    match value {
        1 => Some("age"),
        2 => Some("infinite"),
        _ => None,
    }
}

fn timestamping_mode(value: u64) -> Option<&'static str> {
    let all = [TimestampingMode::ClientPrefer, TimestampingMode::ClientRequire, TimestampingMode::Arrival];
    all.into_iter().find(|mode| *mode as u64 == value).map(TimestampingMode::name)
}
