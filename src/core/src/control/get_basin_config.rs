//! A basin's configuration, also while the basin is being deleted (`s2-semantics.md` E6).

use riverrun_protocol::config::BasinConfig;
use riverrun_protocol::types::BasinName;

use super::{BasinEntry, Refusal};

pub fn get_basin_config(basin: Option<&BasinEntry>, name: &BasinName) -> Result<BasinConfig, Refusal> {
    basin.map(|entry| entry.config).ok_or_else(|| Refusal::BasinNotFound(name.clone()))
}
