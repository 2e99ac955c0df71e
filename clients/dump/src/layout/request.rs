//! What clients send.

use riverrun_protocol::request::{VERSION_MAX, VERSION_MIN};

use super::{access, basin, batch, config, magic, no_options, options, stream, wall};
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
    let there = options(w, &["request_token"])?;
    basin(w)?;
    config::basin(w)?;
    request_token(w, there)
}

fn request_token<W: Walk>(w: &mut W, there: u64) -> Walked {
    if there & 1 == 1 { w.text_or_empty("request_token", 1).map(drop) } else { Ok(()) }
}

pub fn ensure_basin<W: Walk>(w: &mut W) -> Walked {
    basin_alone(w)?;
    config::basin(w)
}

pub fn reconfigure_basin<W: Walk>(w: &mut W) -> Walked {
    basin_alone(w)?;
    config::basin_change(w)
}

pub fn basin_alone<W: Walk>(w: &mut W) -> Walked {
    no_options(w)?;
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

pub fn create_stream<W: Walk>(w: &mut W) -> Walked {
    let there = options(w, &["request_token"])?;
    stream(w)?;
    config::stream(w, "config")?;
    request_token(w, there)
}

pub fn ensure_stream<W: Walk>(w: &mut W) -> Walked {
    stream_alone(w)?;
    config::stream(w, "config")
}

/// A replacement and a change are laid out alike; only a change clears.
pub fn reconfigure_stream<W: Walk>(w: &mut W) -> Walked {
    ensure_stream(w)
}

pub fn issue_access_token<W: Walk>(w: &mut W) -> Walked {
    let there = options(w, &["expires_at_ms", "auto_prefix_streams"])?;
    w.text("token_id", 1)?;
    if there & 1 == 1 {
        wall(w, "expires_at_ms")?;
    }
    access::scope(w)?;
    access::rates(w)
}

pub fn list_access_tokens<W: Walk>(w: &mut W) -> Walked {
    list_basins(w)
}

pub fn revoke_access_token<W: Walk>(w: &mut W) -> Walked {
    no_options(w)?;
    w.text("token_id", 1).map(drop)
}

pub fn append<W: Walk>(w: &mut W) -> Walked {
    let there = options(w, CONDITIONS)?;
    stream(w)?;
    conditions(w, there)?;
    batch::batch(w)
}

pub fn session_append<W: Walk>(w: &mut W) -> Walked {
    let there = options(w, CONDITIONS)?;
    conditions(w, there)?;
    batch::batch(w)
}

const CONDITIONS: &[&str] = &["match_seq_num", "fencing_token"];

fn conditions<W: Walk>(w: &mut W, there: u64) -> Walked {
    if there & 1 == 1 {
        w.plain("match_seq_num", 8)?;
    }
    if there & 2 == 2 {
        w.text_or_empty("fencing_token", 1)?;
    }
    Ok(())
}

pub fn read<W: Walk>(w: &mut W) -> Walked {
    read_parameters(w, READ_OPTIONS)?;
    stream(w)
}

pub fn open_read_session<W: Walk>(w: &mut W) -> Walked {
    read_parameters(w, READ_SESSION_OPTIONS)?;
    w.plain("credit_bytes", 8)?;
    stream(w)
}

const READ_OPTIONS: &[&str] = &["clamp", "count", "bytes", "until", "wait_secs"];
const READ_SESSION_OPTIONS: &[&str] = &["clamp", "count", "bytes", "until", "wait_secs", "takes_pages"];

fn read_parameters<W: Walk>(w: &mut W, option_names: &'static [&'static str]) -> Walked {
    let there = options(w, option_names)?;
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

pub fn set_default_location<W: Walk>(w: &mut W) -> Walked {
    no_options(w)?;
    w.text("location", 1).map(drop)
}
