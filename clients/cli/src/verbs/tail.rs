//! `tail BASIN/STREAM`.

use riverrun_protocol::request::{ReadParams, ReadStart};

use crate::Globals;
use crate::copy::{self, Plan};
use crate::errors::Failure;
use crate::format::Format;
use crate::output::Target;
use crate::uri::StreamUri;

/// Print a stream's last records
#[derive(clap::Args, Clone, PartialEq, Eq, Debug)]
#[command(after_help = "Examples:
  riverrun tail my-basin-1/logs
  riverrun tail my-basin-1/logs -n 100 -f
  riverrun tail my-basin-1/logs -n 1 --format json")]
pub struct Tail {
    /// The stream
    #[arg(value_name = "BASIN/STREAM")]
    pub uri: StreamUri,
    /// How many records
    #[arg(short = 'n', long, default_value_t = 10)]
    pub lines: u64,
    /// Then go on with what comes
    #[arg(short, long)]
    pub follow: bool,
    /// How records are written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// The file to append to; `-` is stdout
    #[arg(short, long, default_value = "-", value_name = "FILE")]
    pub output: Target,
}

impl Tail {
    fn params(&self) -> ReadParams {
        let count = (!self.follow).then_some(self.lines);
        let start = ReadStart::TailOffset(self.lines);
        ReadParams { start, clamp: true, count, bytes: None, until: None, wait_secs: None }
    }
}

pub async fn run(globals: &Globals, args: Tail) -> Result<(), Failure> {
    let params = args.params();
    copy::run(globals, Plan { uri: args.uri, params, format: args.format, output: args.output }).await
}
