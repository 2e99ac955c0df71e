//! `create-stream BASIN/STREAM`.

use crate::Globals;
use crate::config::StreamConfigArgs;
use crate::console::remark;
use crate::errors::{Failure, nearest};
use crate::server;
use crate::uri::StreamUri;

/// Create a stream in a basin
#[derive(clap::Args, Clone, PartialEq, Eq, Debug)]
#[command(after_help = "What is not said about its configuration it gets from its basin's defaults, as they are now.

Examples:
  riverrun create-stream my-basin-1/logs
  riverrun create-stream my-basin-1/logs/2026/app --retention-policy 30d --storage-class standard
  riverrun create-stream s2://my-basin-1/logs --timestamping-mode arrival")]
pub struct CreateStream {
    /// The stream; everything behind the first `/` is its name
    #[arg(value_name = "BASIN/STREAM")]
    pub uri: StreamUri,
    #[command(flatten)]
    pub config: StreamConfigArgs,
}

pub async fn run(globals: &Globals, args: CreateStream) -> Result<(), Failure> {
    let client = server::connect(globals).await?;
    let (basin, stream) = args.uri.names();
    let creating = client.create_stream_with(basin, stream, args.config.partial());
    match server::patiently("creating the stream", creating).await {
        Ok(_) => {
            remark("Stream created");
            Ok(())
        }
        Err(error) => {
            let failure = Failure::of_creation(globals, &format!("the stream {}", args.uri), &error);
            Err(nearest::improve(globals, &client, &args.uri, &error, failure).await)
        }
    }
}
