//! `get-stream-config BASIN/STREAM`.

use crate::Globals;
use crate::config::stream_json;
use crate::console::print;
use crate::errors::{Failure, nearest};
use crate::server;
use crate::uri::StreamUri;

/// Print a stream's configuration, as JSON
#[derive(clap::Args, Clone, PartialEq, Eq, Debug)]
#[command(after_help = "Examples:
  riverrun get-stream-config my-basin-1/logs
  riverrun get-stream-config s2://my-basin-1/logs
  riverrun get-stream-config my-basin-1/logs | jq .retention_policy")]
pub struct GetStreamConfig {
    /// The stream
    #[arg(value_name = "BASIN/STREAM")]
    pub uri: StreamUri,
}

pub async fn run(globals: &Globals, args: GetStreamConfig) -> Result<(), Failure> {
    let client = server::connect(globals).await?;
    let (basin, stream) = args.uri.names();
    match server::patiently("asking for the configuration", client.get_stream_config(basin, stream)).await {
        Ok(config) => print(&stream_json(config)).map(|_| ()),
        Err(error) => {
            let failure = Failure::of_call(globals, format!("the configuration of {} is not known", args.uri), &error);
            Err(nearest::improve(globals, &client, &args.uri, &error, failure).await)
        }
    }
}
