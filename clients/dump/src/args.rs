//! `riverrun dump ...` on the command line.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};

use crate::describe::Direction;
use crate::view::{Format, Options, Payload, Time};

/// See the protocol's frames: live, captured, typed by hand; and what stored files hold.
#[derive(Debug, Subcommand)]
pub enum DumpCommand {
    /// Forward TCP connections and show every frame that goes by
    ///
    /// Not a byte is changed or held up. Example: `riverrun dump proxy 127.0.0.1:6000 127.0.0.1:5252`, and have the client
    /// connect to port 6000.
    Proxy(ProxyArgs),
    /// Send frames typed as JSON lines, hex or kinds, and show the answers
    ///
    /// A line is an object as `-o jsonl` prints it (`v`, `dir`, `id` and `derived` may be left out), `hex` and hexadecimal
    /// digits, or a kind's name alone. Example:
    /// `echo '{"kind":"CheckTail","fields":{"basin":"my-basin","stream":"hello"}}' | riverrun dump connect 127.0.0.1:5252`
    Connect(ConnectArgs),
    /// Show the frames in a file of captured bytes, raw or as hexadecimal text
    File(FileArgs),
    /// Turn JSON lines back into the bytes that they were printed from
    Encode(EncodeArgs),
    /// Show what a stored chunk holds, and verify every checksum in it
    Chunk(ChunkArgs),
    /// Show the blocks in journal files, verify them, and give recovery's verdict
    Journal(JournalArgs),
}

#[derive(Debug, Args)]
pub struct ProxyArgs {
    /// Address to listen on
    pub listen: String,
    /// Address of the server
    pub connect: String,
    #[command(flatten)]
    pub view: ViewArgs,
    #[command(flatten)]
    pub time: TimeArgs,
}

#[derive(Debug, Args)]
pub struct ConnectArgs {
    /// Address of the server
    pub address: String,
    /// Lines to send; `-` is standard input
    #[arg(default_value = "-")]
    pub input: PathBuf,
    /// Send no hello first
    #[arg(long)]
    pub no_hello: bool,
    /// Stay this long after the input's end (e.g. `5s`), instead of until everything asked for is answered
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub wait: Option<Duration>,
    /// Show the frames that are sent, too
    #[arg(long)]
    pub show_sent: bool,
    /// File that holds the access token for the hello; without it, `RIVERRUN_TOKEN` is taken from the environment
    // A token among the arguments could be read by every user of the machine (reliability.md, secrets at hand).
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    #[command(flatten)]
    pub view: ViewArgs,
    #[command(flatten)]
    pub time: TimeArgs,
}

#[derive(Debug, Args)]
pub struct FileArgs {
    /// Captured bytes; `-` is standard input
    pub file: PathBuf,
    /// The file is hexadecimal text (default: told by its first bytes)
    #[arg(long, conflicts_with = "raw")]
    pub hex: bool,
    /// The file is raw bytes (default: told by its first bytes)
    #[arg(long)]
    pub raw: bool,
    /// Who sent the bytes (default: told by each frame's kind)
    #[arg(long, value_enum)]
    pub direction: Option<Direction>,
    #[command(flatten)]
    pub view: ViewArgs,
}

#[derive(Debug, Args)]
pub struct EncodeArgs {
    /// JSON lines; `-` is standard input
    #[arg(default_value = "-")]
    pub input: PathBuf,
    /// Only the lines of this direction
    #[arg(long, value_enum)]
    pub direction: Option<Direction>,
    /// Write hexadecimal text, one frame per line
    #[arg(long)]
    pub hex: bool,
}

#[derive(Debug, Args)]
pub struct ChunkArgs {
    /// A chunk's object, copied out of the store
    pub file: PathBuf,
    /// Show every run of every stream, and its batches
    #[arg(long)]
    pub batches: bool,
    /// One JSON object per line
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct JournalArgs {
    /// Journal files, or directories of them. Give all of a store's: blocks in files left out are reported as missing
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Show the batches of every block
    #[arg(long)]
    pub batches: bool,
    /// One JSON object per line
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Output {
    /// One line per frame, page, stream or block
    #[default]
    Line,
    /// One JSON object per line
    Jsonl,
}

#[derive(Debug, Args)]
pub struct ViewArgs {
    /// Below each line, every byte of the frame with the field that it belongs to
    #[arg(short = 'x', long, conflicts_with = "output")]
    pub hex_dump: bool,
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
    /// Record headers and bodies: their size (default; JSON lines hold them whole), as text, or as hex
    #[arg(long, value_enum)]
    pub payload: Option<Payload>,
    /// Show access tokens, and bytes that nobody understands and that may hold some
    #[arg(long)]
    pub show_secrets: bool,
}

#[derive(Debug, Args)]
pub struct TimeArgs {
    #[arg(long, value_enum, default_value_t, conflicts_with = "no_time")]
    pub time: Time,
    /// As `--time none`: no times and latencies, so that two runs print the same
    #[arg(long)]
    pub no_time: bool,
}

impl ViewArgs {
    /// With times counted from now.
    pub fn options(&self, time: Option<&TimeArgs>) -> Options {
        let format = match (self.output, self.hex_dump) {
            (Output::Jsonl, _) => Format::Jsonl,
            (Output::Line, true) => Format::Hex,
            (Output::Line, false) => Format::Line,
        };
        let time = time.map_or(Time::None, |args| if args.no_time { Time::None } else { args.time });
        Options { format, payload: self.payload, show_secrets: self.show_secrets, time, start: SystemTime::now() }
    }
}
