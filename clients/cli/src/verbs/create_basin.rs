//! `create-basin BASIN`.

use riverrun_client::BasinConfig;

use crate::Globals;
use crate::config::StreamConfigArgs;
use crate::console::remark;
use crate::errors::Failure;
use crate::server;
use crate::uri::BasinUri;

/// Create a basin, a namespace of streams
#[derive(clap::Args, Clone, PartialEq, Eq, Debug)]
#[command(after_help = "The stream configuration is the default for streams created in it.

Examples:
  riverrun create-basin my-basin-1
  riverrun create-basin my-basin-1 --create-stream-on-append --retention-policy 30d
  riverrun create-basin s2://my-basin-1 --create-stream-on-append --create-stream-on-read")]
pub struct CreateBasin {
    /// Its name: 8 to 48 of a-z, 0-9 and `-`
    #[arg(value_name = "BASIN")]
    pub basin: BasinUri,
    /// Appending to a stream that does not exist creates it
    #[arg(long)]
    pub create_stream_on_append: bool,
    /// Reading a stream that does not exist creates it
    #[arg(long)]
    pub create_stream_on_read: bool,
    #[command(flatten)]
    pub defaults: StreamConfigArgs,
}

pub async fn run(globals: &Globals, args: CreateBasin) -> Result<(), Failure> {
    let client = server::connect(globals).await?;
    let config = BasinConfig {
        default_stream_config: args.defaults.partial(),
        create_stream_on_append: args.create_stream_on_append,
        create_stream_on_read: args.create_stream_on_read,
    };
    let created = server::patiently("creating the basin", client.create_basin(args.basin.name(), config)).await;
    created.map_err(|error| Failure::of_creation(globals, &format!("the basin {}", args.basin), &error))?;
    remark("Basin created");
    Ok(())
}
