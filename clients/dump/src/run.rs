//! Each subcommand, from its arguments to its end.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::args::{ConnectArgs, DumpCommand, EncodeArgs, FileArgs, ProxyArgs};
use crate::connect::Manner;
use crate::describe::Direction;
use crate::encode::Encoder;
use crate::error::Error;
use crate::file::{self, Encoding};
use crate::input::{Input, Lines};
use crate::watch::Watch;
use crate::{chunk, connect, hextext, journal, proxy, say};

/// Runs `riverrun dump ...`. Needs a tokio runtime with time and I/O.
///
/// # Errors
/// What went wrong, why, and what to do. Damage in stored files and bytes that are no frames are errors too, so that the
/// exit code tells; a closed output is not.
pub async fn run(command: DumpCommand) -> miette::Result<()> {
    let result = match command {
        DumpCommand::Proxy(args) => run_proxy(args).await,
        DumpCommand::Connect(args) => run_connect(args).await,
        DumpCommand::File(args) => run_file(args).await,
        DumpCommand::Encode(args) => run_encode(args).await,
        DumpCommand::Chunk(args) => chunk::run(&args, &mut stdout()),
        DumpCommand::Journal(args) => journal::run(&args, &mut stdout()),
    };
    match result {
        Err(Error::OutputClosed) => Ok(()),
        result => Ok(result?),
    }
}

fn stdout() -> BufWriter<io::Stdout> {
    BufWriter::new(io::stdout())
}

async fn run_proxy(args: ProxyArgs) -> Result<(), Error> {
    let watch = Watch::new(stdout(), args.view.options(Some(&args.time)));
    proxy::run(&args.listen, &args.connect, watch).await
}

async fn run_connect(args: ConnectArgs) -> Result<(), Error> {
    let mut watch = Watch::new(stdout(), args.view.options(Some(&args.time)));
    if !args.show_sent {
        watch = watch.muted(Direction::Client);
    }
    let source = Input::from(args.input.as_path());
    let input = source.open().map_err(|why| Error::Input { name: source.name(), why })?;
    let hello_token = if args.no_hello { None } else { Some(token(args.token_file.as_deref())?) };
    connect::run(&args.address, input, Manner { hello_token, wait: args.wait }, &mut watch).await
}

fn token(file: Option<&Path>) -> Result<Vec<u8>, Error> {
    let Some(path) = file else {
        return Ok(std::env::var("RIVERRUN_TOKEN").unwrap_or_default().into_bytes());
    };
    let token = std::fs::read(path).map_err(|why| Error::Input { name: path.display().to_string(), why })?;
    Ok(token.trim_ascii().to_vec())
}

async fn run_file(args: FileArgs) -> Result<(), Error> {
    let mut watch = Watch::new(stdout(), args.view.options(None));
    let encoding = match (args.hex, args.raw) {
        (true, _) => Encoding::Hex,
        (_, true) => Encoding::Raw,
        _ => Encoding::Auto,
    };
    let result = file::run(&Input::from(args.file.as_path()), encoding, args.direction, &mut watch).await;
    if !matches!(result, Err(Error::OutputClosed)) {
        say::tell(&watch.summary);
    }
    result
}

async fn run_encode(args: EncodeArgs) -> Result<(), Error> {
    let input = Input::from(args.input.as_path());
    encode_all(&input, Encoder::new(0, args.direction), args.hex, &mut stdout()).await
}

/// Every line's bytes to `out`; the first line that is wrong ends it, since what follows would be another conversation.
async fn encode_all(input: &Input, mut encoder: Encoder, hex: bool, out: &mut impl Write) -> Result<(), Error> {
    let unreadable = |why| Error::Input { name: input.name(), why };
    let mut bytes = input.open().map_err(unreadable)?;
    let mut lines = Lines::default();
    while !lines.is_finished() {
        match bytes.recv().await.transpose().map_err(unreadable)? {
            Some(bytes) => lines.push(&bytes),
            None => lines.finish(),
        }
        while let Some(line) = lines.poll()? {
            let frame = encoder.line(&line).map_err(|why| Error::Line { line: lines.number(), why })?;
            match hex {
                true if frame.is_empty() => {}
                true => writeln!(out, "{}", hextext::digits(&frame))?,
                false => out.write_all(&frame)?,
            }
        }
        out.flush()?;
    }
    Ok(())
}
