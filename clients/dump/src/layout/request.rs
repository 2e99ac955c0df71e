//! What clients send.

use riverrun_protocol::request::{VERSION_MAX, VERSION_MIN};

use super::{basin, batch, magic, no_options, options, stream};
use crate::field::Show;
use crate::walk::{Length, Meaning, Run, Uint, Walk, Walked};

pub fn hello<W: Walk>(w: &mut W) -> Walked {
    magic(w)?;
    no_options(w)?;
    w.uint(Uint::new("version_min", 2, Show::Plain).or(u64::from(VERSION_MIN)))?;
    w.uint(Uint::new("version_max", 2, Show::Plain).or(u64::from(VERSION_MAX)))?;
    w.quiet("features", 8)?;
    w.run(Run { name: "token", length: Length::Prefix(2), meaning: Meaning::Secret, default: Some(b"") })?;
    w.text_or_empty("agent", 1).map(drop)
}

pub fn create_basin<W: Walk>(w: &mut W) -> Walked {
    options(w, &["create_stream_on_append", "create_stream_on_read"])?;
    basin(w)
}

pub fn list_basins<W: Walk>(w: &mut W) -> Walked {
    no_options(w)?;
    w.plain("limit", 4)?;
    filters(w)
}

pub fn list_streams<W: Walk>(w: &mut W) -> Walked {
    no_options(w)?;
    w.plain("limit", 4)?;
    basin(w)?;
    filters(w)
}

fn filters<W: Walk>(w: &mut W) -> Walked {
    w.text_or_empty("prefix", 2)?;
    w.text_or_empty("start_after", 2).map(drop)
}

pub fn stream_alone<W: Walk>(w: &mut W) -> Walked {
    no_options(w)?;
    stream(w)
}

pub fn append<W: Walk>(w: &mut W) -> Walked {
    no_options(w)?;
    stream(w)?;
    batch::batch(w)
}

pub fn read<W: Walk>(w: &mut W) -> Walked {
    read_parameters(w)?;
    stream(w)
}

pub fn open_read_session<W: Walk>(w: &mut W) -> Walked {
    read_parameters(w)?;
    w.plain("credit_bytes", 8)?;
    stream(w)
}

fn read_parameters<W: Walk>(w: &mut W) -> Walked {
    let there = options(w, &["clamp", "count", "bytes", "until", "wait_secs"])?;
    w.group("start", |w| {
        w.uint(Uint::new("kind", 1, Show::Named(start_kind)))?;
        w.plain("value", 8)
    })?;
    let bounds = [("count", 8), ("bytes", 8), ("until", 8), ("wait_secs", 4)];
    for (bit, (name, width)) in (1..).zip(bounds) {
        if there >> bit & 1 == 1 {
            w.plain(name, width)?;
        }
    }
    Ok(())
}

fn start_kind(value: u64) -> Option<&'static str> {
    ["seq_num", "timestamp", "tail_offset"].get(usize::try_from(value).ok()?).copied()
}

pub fn grant_credit<W: Walk>(w: &mut W) -> Walked {
    no_options(w)?;
    w.plain("bytes", 8).map(drop)
}
