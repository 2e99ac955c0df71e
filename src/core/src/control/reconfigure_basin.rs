//! Change part of a basin's configuration (`s2-semantics.md` E5). Streams that exist are not touched (E2).

use riverrun_protocol::request::ReconfigureBasin;

use super::config::check_patch;
use super::existing::open_basin;
use super::{BasinEntry, Refusal, Verdict, patched_basin};

pub fn reconfigure_basin(
    basin: Option<&BasinEntry>,
    request: &ReconfigureBasin,
) -> Result<Verdict<BasinEntry>, Refusal> {
    check_patch(&request.patch.default_stream_config)?;
    let entry = open_basin(basin, &request.basin)?;
    let config = patched_basin(&entry.config, &request.patch);
    match config == entry.config {
        true => Ok(Verdict::noop(entry)),
        false => Ok(Verdict::updated(BasinEntry { config, ..entry.clone() })),
    }
}
