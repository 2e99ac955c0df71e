//! Change part of a stream's configuration (`s2-semantics.md` E5).

use riverrun_protocol::config::StreamConfig;
use riverrun_protocol::request::ReconfigureStream;

use super::config::check_patch;
use super::ensure_stream::reconfigured;
use super::existing::{open_basin, open_stream};
use super::{BasinEntry, Refusal, StreamEntry, Verdict, patched_stream};

pub fn reconfigure_stream(
    basin: Option<&BasinEntry>,
    stream: Option<&StreamEntry>,
    request: &ReconfigureStream,
    system: &StreamConfig,
) -> Result<Verdict<StreamEntry>, Refusal> {
    check_patch(&request.patch)?;
    let basin = open_basin(basin, &request.target.basin)?;
    let entry = open_stream(stream, &request.target)?;
    let config = patched_stream(&entry.config, &request.patch, &basin.config.default_stream_config, system);
    Ok(reconfigured(entry, config))
}
