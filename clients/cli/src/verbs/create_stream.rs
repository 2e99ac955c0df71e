//! `create-stream BASIN/STREAM`.

use crate::Globals;
use crate::console::remark;
use crate::errors::{Failure, nearest};
use crate::server;
use crate::uri::StreamUri;

/// Create a stream in a basin
#[derive(clap::Args, Clone, PartialEq, Eq, Debug)]
#[command(after_help = "Examples:
  riverrun create-stream my-basin-1/logs
  riverrun create-stream my-basin-1/logs/2026/app
  riverrun create-stream s2://my-basin-1/logs")]
pub struct CreateStream {
    /// The stream; everything behind the first `/` is its name
    #[arg(value_name = "BASIN/STREAM")]
    pub uri: StreamUri,
}

pub async fn run(globals: &Globals, args: CreateStream) -> Result<(), Failure> {
    let client = server::connect(globals).await?;
    let (basin, stream) = (args.uri.0.basin.as_str(), args.uri.0.stream.as_str());
    match server::patiently("creating the stream", client.create_stream(basin, stream)).await {
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
