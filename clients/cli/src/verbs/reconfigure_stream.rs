//! `reconfigure-stream BASIN/STREAM`.

use riverrun_client::PartialStreamConfig;

use crate::Globals;
use crate::config::{StreamConfigArgs, stream_json};
use crate::console::print;
use crate::errors::{Exit, Failure, nearest};
use crate::server;
use crate::uri::StreamUri;

/// Change part of a stream's configuration, and print all of it
#[derive(clap::Args, Clone, PartialEq, Eq, Debug)]
#[command(
    after_help = "It holds for what is written from now on: records that are there keep the time they are to be kept.

Examples:
  riverrun reconfigure-stream my-basin-1/logs --retention-policy infinite
  riverrun reconfigure-stream my-basin-1/logs --timestamping-mode client-require --timestamping-uncapped
  riverrun reconfigure-stream s2://my-basin-1/logs --delete-on-empty-min-age 1d"
)]
pub struct ReconfigureStream {
    /// The stream
    #[arg(value_name = "BASIN/STREAM")]
    pub uri: StreamUri,
    #[command(flatten)]
    pub config: StreamConfigArgs,
}

pub async fn run(globals: &Globals, args: ReconfigureStream) -> Result<(), Failure> {
    let what = format!("the stream {} was not changed", args.uri);
    let config = args.config.partial();
    if config == PartialStreamConfig::default() {
        return Err(Failure::new(what, "nothing says how", "name a setting; --help has them").with_exit(Exit::Usage));
    }
    let client = server::connect(globals).await?;
    let (basin, stream) = args.uri.names();
    let changing = client.reconfigure_stream(basin, stream, config.into());
    match server::patiently("changing the stream", changing).await {
        Ok(config) => print(&stream_json(config)).map(|_| ()),
        Err(error) => {
            let failure = Failure::of_call(globals, what, &error);
            Err(nearest::improve(globals, &client, &args.uri, &error, failure).await)
        }
    }
}
