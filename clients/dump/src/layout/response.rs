//! What servers send.

use super::{batch, level, magic, no_options, options, position, stream_id};
use crate::field::Show;
use crate::walk::{Count, Uint, Walk, Walked};

pub fn hello_accepted<W: Walk>(w: &mut W) -> Walked {
    magic(w)?;
    no_options(w)?;
    w.uint(Uint::new("version", 2, Show::Plain).or(1))?;
    w.plain("shards", 2)?;
    w.plain("shard", 2)?;
    w.quiet("reserved", 2)?;
    w.quiet("features", 8)?;
    w.plain("frame_body_bytes_max", 4)?;
    w.plain("batch_bytes_max", 4)?;
    w.plain("batch_records_max", 4)?;
    w.text_or_empty("agent", 1).map(drop)
}

pub fn status_report<W: Walk>(w: &mut W) -> Walked {
    no_options(w)?;
    w.plain("shards", 2)?;
    level(w)?;
    w.quiet("reserved", 1)?;
    for name in ["uptime_ms", "connections", "streams_open", "epoch"] {
        w.plain(name, 8)?;
    }
    w.text_or_empty("store", 2)?;
    w.text_or_empty("version", 1)?;
    w.list("counters", Count::Prefix(2), |w, _| {
        w.text("name", 1)?;
        w.plain("value", 8)
    })?;
    Ok(())
}

pub fn basin_created<W: Walk>(w: &mut W) -> Walked {
    no_options(w)?;
    basin_info(w)
}

pub fn basin_list<W: Walk>(w: &mut W) -> Walked {
    options(w, &["has_more"])?;
    w.list("basins", Count::Prefix(2), |w, _| basin_info(w)).map(drop)
}

fn basin_info<W: Walk>(w: &mut W) -> Walked {
    w.uint(Uint::new("created_at_ms", 8, Show::Wall))?;
    w.bits("flags", 1, &["create_stream_on_append", "create_stream_on_read"])?;
    w.text("name", 1).map(drop)
}

pub fn stream_created<W: Walk>(w: &mut W) -> Walked {
    no_options(w)?;
    stream_info(w)
}

pub fn stream_list<W: Walk>(w: &mut W) -> Walked {
    options(w, &["has_more"])?;
    w.list("streams", Count::Prefix(2), |w, _| stream_info(w)).map(drop)
}

fn stream_info<W: Walk>(w: &mut W) -> Walked {
    stream_id(w)?;
    w.uint(Uint::new("created_at_ms", 8, Show::Wall))?;
    w.text("name", 2).map(drop)
}

pub fn append_ack<W: Walk>(w: &mut W) -> Walked {
    level_and_shard(w)?;
    position(w, "start")?;
    position(w, "end")?;
    position(w, "tail")
}

pub fn tail<W: Walk>(w: &mut W) -> Walked {
    level_and_shard(w)?;
    position(w, "tail")
}

fn level_and_shard<W: Walk>(w: &mut W) -> Walked {
    no_options(w)?;
    level(w)?;
    w.quiet("reserved", 1)?;
    w.plain("shard", 2).map(drop)
}

pub fn session_opened<W: Walk>(w: &mut W) -> Walked {
    no_options(w)?;
    w.plain("shard", 2)?;
    w.quiet("reserved", 2)?;
    stream_id(w)?;
    position(w, "tail")
}

pub fn read_batches<W: Walk>(w: &mut W) -> Walked {
    let there = options(w, &["tail"])?;
    if there & 1 == 1 {
        position(w, "tail")?;
    }
    batch::batches(w)
}

pub fn heartbeat<W: Walk>(w: &mut W) -> Walked {
    no_options(w)?;
    position(w, "tail")
}
