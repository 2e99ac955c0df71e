//! `append BASIN/STREAM`: one record per input line, through a producer; one line on stderr per acknowledged batch.
//!
//! Two tasks: this one feeds lines to the producer, the other (`acks`) waits for the outcomes in order. Only the second
//! knows what is stored, so everything said about "stored up to line N" comes from it.

mod acks;
mod report;

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use riverrun_client::{Client, OnAmbiguous, Producer, ProducerConfig, RecordTicket};
use tokio::sync::mpsc;

use crate::Globals;
use crate::conditions::Conditions;
use crate::errors::Failure;
use crate::format::Format;
use crate::input::{self, Chunk, InputError, Source};
use crate::interrupt::Interrupt;
use crate::progress::{Mode, Progress};
use crate::server;
use crate::time::parse_duration;
use crate::uri::StreamUri;

use acks::{Acks, Fed};
use report::End;

/// Append records, one per line of the input
///
/// A line feed ends a record; every other byte, a carriage return included, is part of it. One line on stderr tells each
/// acknowledged batch: `[APPENDED] FIRST..END // tail: SEQ_NUM @ TIMESTAMP`.
#[derive(clap::Args, Clone, PartialEq, Eq, Debug)]
#[command(after_help = "\
A record has at most 1 MiB. A line that is too long or no record ends the append: everything in front of it is stored, \
nothing behind it is sent. Ctrl-C waits for what was sent, then says where it stopped and how to go on; a second one does not \
wait.

With -m, each batch must follow the one before it: no other writer's records can come between, and no line is stored twice \
when an append is repeated.

Exit codes: 0 all is stored (or Ctrl-C); 1 failed, with the stored lines told; 2 usage; 3 the outcome of some lines is \
unknown, they may have been stored.

Examples:
  echo hello | riverrun append my-basin-1/logs
  riverrun append my-basin-1/logs -i app.log
  tail -f app.log | riverrun append my-basin-1/logs --linger 50ms
  riverrun append my-basin-1/logs -i app.log -f leader-7 -m 0")]
pub struct Append {
    /// The stream
    #[arg(value_name = "BASIN/STREAM")]
    pub uri: StreamUri,
    /// The file to read; `-` is stdin
    #[arg(short, long, default_value = "-", value_name = "FILE")]
    pub input: Source,
    #[command(flatten)]
    pub conditions: Conditions,
    /// How records are spelled
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// How long a record waits for others to share a batch with
    #[arg(long, default_value = "5ms", value_name = "DURATION", value_parser = parse_linger)]
    pub linger: humantime::Duration,
}

/// As clap's default spells it.
const LINGER_DEFAULT: Duration = Duration::from_millis(5);
/// Nobody waits longer for a batch to fill, and adding it to a time never overflows.
const LINGER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

fn parse_linger(text: &str) -> Result<humantime::Duration, String> {
    let linger = parse_duration(text)?;
    if *linger > LINGER_MAX { Err("the most is 1day".to_owned()) } else { Ok(linger) }
}

/// Chunks of records whose outcome is awaited. The producer's own limits (bytes and batches in flight) are reached earlier
/// unless records are tiny.
const CHUNKS_AWAITED_MAX: usize = 256;

pub async fn run(globals: &Globals, args: Append) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let what = format!("nothing was appended to {}", args.uri);
    let (input, input_bytes) =
        args.input.open().map_err(|e| Failure::io(format!("{what}: {} cannot be read", args.input), &e))?;
    let client = tokio::select! {
        () = interrupt.wait() => return Ok(()),
        client = server::connect(globals) => client?,
    };
    let producer = start_producer(&client, &args).map_err(|e| Failure::of_call(globals, what, &e))?;
    let (fed, awaited) = mpsc::channel(CHUNKS_AWAITED_MAX);
    let progress = Progress::new("appended", progress_mode(input_bytes), input_bytes);
    let acks = Acks::start(awaited, progress, *args.linger);
    let mut feeder = Feeder { lines: input::start(input, args.format), producer, fed, unreported: Fed::default() };
    let end = tokio::select! {
        biased;
        () = interrupt.wait() => End::Interrupted,
        () = acks.failed() => End::Failed,
        end = feeder.feed() => end,
    };
    let given_up = feeder.close(&mut interrupt, matches!(end, End::Interrupted)).await;
    let outcomes = acks.outcomes(given_up).await;
    report::report(globals, &args, &client, end, &outcomes).await
}

fn start_producer(client: &Client, args: &Append) -> Result<Producer, riverrun_client::Error> {
    let config = ProducerConfig {
        linger: *args.linger,
        // Lines are a sequence: what follows a line that may be missing must not be stored in front of it.
        on_ambiguous: OnAmbiguous::Fail,
        fencing_token: args.conditions.fencing_token.clone(),
        match_seq_num: args.conditions.match_seq_num,
        retry: Some(server::PATIENT),
        ..ProducerConfig::default()
    };
    Ok(server::stream(client, &args.uri)?.producer(config))
}

/// The ack lines tell the progress; only how far a file has got they cannot tell.
fn progress_mode(input_bytes: Option<u64>) -> Mode {
    if input_bytes.is_some() && stderr().is_terminal() { Mode::Terminal } else { Mode::Off }
}

/// From the input's thread to the producer.
struct Feeder {
    lines: mpsc::Receiver<Result<Chunk, InputError>>,
    producer: Producer,
    fed: mpsc::Sender<Fed>,
    /// Taken in by the producer, not yet known to the other task. Kept here, so that an interrupt loses no ticket.
    unreported: Fed,
}

impl Feeder {
    async fn feed(&mut self) -> End {
        while let Some(chunk) = self.lines.recv().await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => return End::BadInput(error),
            };
            for record in chunk.records {
                // Cancel-safe: until it resolves, the record has not been taken in.
                let ticket: RecordTicket = match self.producer.append(record).await {
                    Ok(ticket) => ticket,
                    // Mostly a line before has failed, and the outcomes tell that; but they know nothing of this one.
                    Err(error) => return End::Refused(error),
                };
                self.unreported.tickets.push(ticket);
            }
            self.unreported.input_bytes += chunk.input_bytes;
            let _ = self.fed.send(std::mem::take(&mut self.unreported)).await;
        }
        End::AllRead
    }

    /// Sends what the producer holds and waits for it. True: somebody did not want to wait any longer, and said so a second time;
    /// the first may well come when the input has just ended.
    async fn close(self, interrupt: &mut Interrupt, was_interrupted: bool) -> bool {
        let Self { producer, fed, unreported, .. } = self;
        let closing = async {
            let _ = fed.send(unreported).await;
            drop(fed);
            // Every ticket has its own outcome; the other task sees the first failure.
            let _ = producer.close().await;
        };
        let given_up = async {
            if !was_interrupted {
                interrupt.wait().await;
            }
            interrupt.wait().await;
        };
        tokio::select! {
            () = closing => false,
            () = given_up => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linger_has_a_limit() {
        assert_eq!(parse_linger("5ms").map(|linger| *linger), Ok(LINGER_DEFAULT));
        assert_eq!(parse_linger("24h").map(|linger| *linger), Ok(LINGER_MAX));
        assert_eq!(parse_linger("18446744073709551615s"), Err("the most is 1day".to_owned()));
        assert!(parse_linger("soon").is_err());
    }
}
