//! From a read session to an output: what `read` and `tail` have in common.

use std::io::{self, IsTerminal};
use std::sync::OnceLock;
use std::time::Duration;

use riverrun_client::{Client, Error, ReadEvent, ReadOptions, ReadSession, ReadSessionConfig};
use riverrun_protocol::Batch;
use riverrun_protocol::request::{ReadParams, ReadStart};

use crate::Globals;
use crate::console::remark;
use crate::errors::{Failure, nearest, unwritten};
use crate::format::{Format, Rendered};
use crate::interrupt::Interrupt;
use crate::output::{Output, Piece, Target, Written};
use crate::progress::{Mode, Progress};
use crate::server;
use crate::uri::StreamUri;

pub mod rest;

/// What to read and where to put it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    pub uri: StreamUri,
    pub params: ReadParams,
    pub format: Format,
    pub output: Target,
}

/// How long an interrupted read waits for what is on its way to a pipe that nobody may be reading.
const FLUSH_PATIENCE: Duration = Duration::from_secs(1);

/// A server speaks at least every 15 s (`s2-semantics.md` C8); this is a silence to be told.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// How the reading side ended.
enum End {
    Read(Result<(), Failure>),
    Interrupted,
    OutputFailed,
}

impl Plan {
    /// Without a bound a read follows for ever (`s2-semantics.md` C3).
    pub fn follows(&self) -> bool {
        let ReadParams { count, bytes, until, .. } = &self.params;
        count.is_none() && bytes.is_none() && until.is_none()
    }

    fn options(&self) -> ReadOptions {
        let ReadParams { start, clamp, count, bytes, until, wait_secs: _ } = self.params;
        let mut options = match start {
            ReadStart::SeqNum(n) => ReadOptions::from_seq_num(n),
            ReadStart::Timestamp(ms) => ReadOptions::from_timestamp(ms),
            ReadStart::TailOffset(n) => ReadOptions::from_tail(n),
        };
        options = options.clamp(clamp);
        options = count.into_iter().fold(options, ReadOptions::count);
        options = bytes.into_iter().fold(options, ReadOptions::bytes);
        until.into_iter().fold(options, ReadOptions::until)
    }

    /// A follower waits for its server however long it is away; a bounded read gives up some time.
    fn session_config(&self) -> ReadSessionConfig {
        let attempts = if self.follows() { u32::MAX } else { server::PATIENT.attempts };
        let retry = riverrun_client::RetryPolicy { attempts, ..server::PATIENT };
        ReadSessionConfig { retry: Some(retry), ..ReadSessionConfig::default() }
    }

    fn progress(&self) -> Progress {
        let on_terminal = self.output == Target::Stdout && io::stdout().is_terminal();
        let mode = match Mode::for_stderr() {
            _ if on_terminal => Mode::Off,
            Mode::Log if self.follows() => Mode::Off,
            mode => mode,
        };
        Progress::new("read", mode, None)
    }
}

/// Reads until a bound, the tail, Ctrl-C, or the end of the output's reader. Only the bounds' and the tail's ends are silent.
pub async fn run(globals: &Globals, plan: Plan) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let output = plan.output.open().map_err(|e| Failure::io(format!("{} cannot be written", plan.output), &e))?;
    let opened_at = OnceLock::new();
    let end = tokio::select! {
        biased;
        () = interrupt.wait() => End::Interrupted,
        () = output.failed() => End::OutputFailed,
        result = transfer(globals, &plan, &output, &opened_at) => End::Read(result),
    };
    let patience = matches!(end, End::Interrupted).then_some(FLUSH_PATIENCE);
    conclude(globals, &plan, end, output.finish(patience).await, opened_at.get().copied())
}

/// `opened_at` is told the number that the session delivers first, if it is known then: a follower that never got a record
/// has a place to resume at too.
async fn transfer(globals: &Globals, plan: &Plan, output: &Output, opened_at: &OnceLock<u64>) -> Result<(), Failure> {
    let client = server::connect(globals).await?;
    let mut session = match open(&client, plan).await {
        Ok(session) => session,
        Err(error) => return Err(not_read(globals, &client, plan, &error).await),
    };
    let mut progress = plan.progress();
    session.next_seq_num().into_iter().for_each(|first| _ = opened_at.set(first));
    while let Some(event) = next_event(globals, &mut session, &progress).await {
        let event = event.map_err(|error| Failure::of_call(globals, not_all(plan), &error))?;
        let ReadEvent::Batch(batch) = event else { continue };
        let piece = render(plan.format, &batch).map_err(|error| Failure::new(not_all(plan), error, ""))?;
        progress.add(piece.records, piece.data.len() as u64);
        if output.write(piece).await.is_err() {
            break;
        }
    }
    progress.finish();
    Ok(())
}

/// The session reconnects by itself; whoever waits for its records should know that it does.
async fn next_event(
    globals: &Globals,
    session: &mut ReadSession,
    progress: &Progress,
) -> Option<Result<ReadEvent, Error>> {
    if let Ok(event) = tokio::time::timeout(SILENCE_MAX, session.next_event()).await {
        return event;
    }
    progress.line(&format!("nothing was heard from {} for {SILENCE_MAX:?}; still trying", globals.addr));
    let event = session.next_event().await;
    if matches!(event, Some(Ok(_))) {
        progress.line(&format!("{} is back", globals.addr));
    }
    event
}

async fn open(client: &Client, plan: &Plan) -> Result<ReadSession, Error> {
    let stream = server::stream(client, &plan.uri)?;
    server::patiently("opening the stream", stream.read_session_with(plan.options(), plan.session_config())).await
}

fn render(format: Format, batch: &Batch) -> Result<Piece, riverrun_protocol::DecodeError> {
    let mut out = Rendered { data: Vec::with_capacity(batch.bytes().len()), notes: String::new() };
    for record in batch.records() {
        format.render(&record?, &mut out);
    }
    Ok(Piece {
        data: out.data,
        notes: out.notes,
        next_seq_num: batch.end_seq_num(),
        records: batch.record_count().into(),
        metered_bytes: batch.metered_bytes(),
    })
}

async fn not_read(globals: &Globals, client: &Client, plan: &Plan, error: &Error) -> Failure {
    let failure = Failure::of_call(globals, format!("{} cannot be read", plan.uri), error);
    match error.unwritten() {
        Some(tail) => unwritten::explain(globals, plan, tail, failure),
        None => nearest::improve(globals, client, &plan.uri, error, failure).await,
    }
}

fn not_all(plan: &Plan) -> String {
    format!("{} could not be read to the end", plan.uri)
}

fn conclude(
    globals: &Globals,
    plan: &Plan,
    end: End,
    written: io::Result<Written>,
    opened_at: Option<u64>,
) -> Result<(), Failure> {
    let written = match written {
        Ok(written) => written,
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        Err(e) => return Err(Failure::io(format!("{} could not be written", plan.output), &e)),
    };
    let rest = rest::Rest::of(plan, &written, opened_at);
    match end {
        End::Interrupted => {
            rest.iter().for_each(|rest| remark(&rest.stopped(globals)));
            Ok(())
        }
        End::Read(Err(failure)) if written.records > 0 => Err(match rest {
            Some(rest) => failure.advise(&rest.stopped(globals)),
            None => failure,
        }),
        End::Read(result) => result,
        End::OutputFailed => Ok(()),
    }
}
