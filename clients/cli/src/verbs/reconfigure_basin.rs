//! `reconfigure-basin BASIN`.

use riverrun_client::BasinConfigPatch;

use crate::Globals;
use crate::config::{StreamConfigArgs, basin_json};
use crate::console::print;
use crate::errors::{Exit, Failure, nearest};
use crate::server;
use crate::uri::BasinUri;

/// Change part of a basin's configuration, and print all of it
#[derive(clap::Args, Clone, PartialEq, Eq, Debug)]
#[command(
    after_help = "The stream configuration is the default for streams created from now on; those that exist keep theirs.

Examples:
  riverrun reconfigure-basin my-basin-1 --create-stream-on-append true
  riverrun reconfigure-basin my-basin-1 --create-stream-on-read false --retention-policy 7d
  riverrun reconfigure-basin s2://my-basin-1 --storage-class standard"
)]
pub struct ReconfigureBasin {
    /// The basin
    #[arg(value_name = "BASIN")]
    pub basin: BasinUri,
    /// Whether appending to a stream that does not exist creates it
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub create_stream_on_append: Option<bool>,
    /// Whether reading a stream that does not exist creates it
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub create_stream_on_read: Option<bool>,
    #[command(flatten)]
    pub defaults: StreamConfigArgs,
}

pub async fn run(globals: &Globals, args: ReconfigureBasin) -> Result<(), Failure> {
    let patch = BasinConfigPatch {
        default_stream_config: args.defaults.partial().into(),
        create_stream_on_append: args.create_stream_on_append,
        create_stream_on_read: args.create_stream_on_read,
    };
    let what = format!("the basin {} was not changed", args.basin);
    if patch == BasinConfigPatch::default() {
        return Err(Failure::new(what, "nothing says how", "name a setting; --help has them").with_exit(Exit::Usage));
    }
    let client = server::connect(globals).await?;
    let basin = args.basin.name();
    match server::patiently("changing the basin", client.reconfigure_basin(basin, patch)).await {
        Ok(config) => print(&basin_json(&config)).map(|_| ()),
        Err(error) => {
            let failure = Failure::of_call(globals, what, &error);
            Err(nearest::improve_basin(globals, &client, basin, &error, failure).await)
        }
    }
}
