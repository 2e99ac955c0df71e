//! `get-basin-config BASIN`.

use crate::Globals;
use crate::config::basin_json;
use crate::console::print;
use crate::errors::{Failure, nearest};
use crate::server;
use crate::uri::BasinUri;

/// Print a basin's configuration, as JSON
#[derive(clap::Args, Clone, PartialEq, Eq, Debug)]
#[command(after_help = "Examples:
  riverrun get-basin-config my-basin-1
  riverrun get-basin-config s2://my-basin-1
  riverrun get-basin-config my-basin-1 | jq .default_stream_config.retention_policy")]
pub struct GetBasinConfig {
    /// The basin
    #[arg(value_name = "BASIN")]
    pub basin: BasinUri,
}

pub async fn run(globals: &Globals, args: GetBasinConfig) -> Result<(), Failure> {
    let client = server::connect(globals).await?;
    let basin = args.basin.name();
    match server::patiently("asking for the configuration", client.get_basin_config(basin)).await {
        Ok(config) => print(&basin_json(&config)).map(|_| ()),
        Err(error) => {
            let what = format!("the configuration of {basin} is not known");
            let failure = Failure::of_call(globals, what, &error);
            Err(nearest::improve_basin(globals, &client, basin, &error, failure).await)
        }
    }
}
