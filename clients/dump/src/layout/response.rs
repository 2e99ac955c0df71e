//! What servers send.

use riverrun_protocol::response::ProvisionResult;

use super::{access, batch, config, level, magic, no_options, options, position, stream_id, wall};
use crate::field::Show;
use crate::walk::{Count, Length, Meaning, Run, Uint, Walk, Walked};

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

pub fn stage_histograms<W: Walk>(w: &mut W) -> Walked {
    no_options(w)?;
    w.list("stages", Count::Prefix(2), |w, _| {
        w.text("name", 1)?;
        w.run(Run { name: "histogram", length: Length::Prefix(2), meaning: Meaning::Bytes, default: None }).map(drop)
    })?;
    Ok(())
}

pub fn location_list<W: Walk>(w: &mut W) -> Walked {
    no_options(w)?;
    w.list("locations", Count::Prefix(2), |w, _| location_info(w)).map(drop)
}

pub fn location<W: Walk>(w: &mut W) -> Walked {
    no_options(w)?;
    location_info(w)
}

fn location_info<W: Walk>(w: &mut W) -> Walked {
    w.uint(Uint::new("is_private", 1, Show::Switch))?;
    w.text("name", 1).map(drop)
}

pub fn basin_provisioned<W: Walk>(w: &mut W) -> Walked {
    result(w)?;
    basin_info(w)
}

fn result<W: Walk>(w: &mut W) -> Walked {
    no_options(w)?;
    w.uint(Uint::new("result", 1, Show::Named(result_name))).map(drop)
}

fn result_name(value: u64) -> Option<&'static str> {
    let all = [ProvisionResult::Created, ProvisionResult::Updated, ProvisionResult::Noop];
    all.into_iter().find(|result| *result as u64 == value).map(ProvisionResult::name)
}

pub fn basin_list<W: Walk>(w: &mut W) -> Walked {
    options(w, &["has_more"])?;
    w.list("basins", Count::Prefix(2), |w, _| basin_info(w)).map(drop)
}

fn basin_info<W: Walk>(w: &mut W) -> Walked {
    wall(w, "created_at_ms")?;
    deleted_at(w)?;
    w.text("name", 1).map(drop)
}

fn deleted_at<W: Walk>(w: &mut W) -> Walked {
    match w.bits("flags", 1, &["deleted_at_ms"])? & 1 {
        0 => Ok(()),
        _ => wall(w, "deleted_at_ms"),
    }
}

pub fn basin_config<W: Walk>(w: &mut W) -> Walked {
    no_options(w)?;
    config::basin(w)
}

pub fn stream_config<W: Walk>(w: &mut W) -> Walked {
    no_options(w)?;
    config::stream(w, "config")
}

pub fn access_token_issued<W: Walk>(w: &mut W) -> Walked {
    no_options(w)?;
    w.run(Run { name: "secret", length: Length::Prefix(2), meaning: Meaning::Secret, default: None }).map(drop)
}

pub fn access_token_list<W: Walk>(w: &mut W) -> Walked {
    options(w, &["has_more"])?;
    w.list("tokens", Count::Prefix(2), |w, _| token_info(w)).map(drop)
}

fn token_info<W: Walk>(w: &mut W) -> Walked {
    wall(w, "created_at_ms")?;
    let there = w.bits("flags", 1, &["expires_at_ms", "auto_prefix_streams"])?;
    w.text("token_id", 1)?;
    if there & 1 == 1 {
        wall(w, "expires_at_ms")?;
    }
    access::scope(w)?;
    access::rates(w)
}

pub fn stream_provisioned<W: Walk>(w: &mut W) -> Walked {
    result(w)?;
    stream_info(w)
}

pub fn stream_list<W: Walk>(w: &mut W) -> Walked {
    options(w, &["has_more"])?;
    w.list("streams", Count::Prefix(2), |w, _| stream_info(w)).map(drop)
}

fn stream_info<W: Walk>(w: &mut W) -> Walked {
    stream_id(w)?;
    wall(w, "created_at_ms")?;
    deleted_at(w)?;
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

/// What is compressed belongs to the application, as the records in it do.
pub fn page<W: Walk>(w: &mut W) -> Walked {
    no_options(w)?;
    w.uint(Uint::new("raw_bytes", 4, Show::Plain).required())?;
    w.uint(Uint::new("crc", 4, Show::Hex).required())?;
    w.uint(Uint::new("first_seq_num", 8, Show::Plain).required())?;
    w.uint(Uint::new("end_seq_num", 8, Show::Plain).required())?;
    w.run(Run { name: "stored", length: Length::Rest, meaning: Meaning::Payload, default: None }).map(drop)
}

pub fn heartbeat<W: Walk>(w: &mut W) -> Walked {
    no_options(w)?;
    position(w, "tail")
}

pub fn throttled<W: Walk>(w: &mut W) -> Walked {
    no_options(w)?;
    w.plain("retry_after_ms", 4).map(drop)
}
