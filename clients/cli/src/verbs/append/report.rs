//! What is said when an append has ended: nothing if all went well; else which lines are stored, which may be, and the command
//! that goes on from there.

use riverrun_client::Client;

use super::Append;
use super::acks::Outcomes;
use crate::Globals;
use crate::console::remark;
use crate::errors::{Exit, Failure, nearest};
use crate::format::Format;
use crate::input::{InputError, Source};
use crate::resume::{CommandLine, quoted};

/// Why feeding ended.
#[derive(Debug)]
pub(super) enum End {
    AllRead,
    BadInput(InputError),
    /// A line failed; the outcomes tell which.
    Failed,
    Interrupted,
}

pub(super) async fn report(
    globals: &Globals,
    args: &Append,
    client: &Client,
    end: End,
    outcomes: &Outcomes,
) -> Result<(), Failure> {
    let failure = match (&outcomes.error, end) {
        (Some(error), _) => {
            let failure = failed(globals, args, error, outcomes);
            nearest::improve(globals, client, &args.uri, error, failure).await
        }
        (None, _) if outcomes.given_up => given_up(globals, args, outcomes),
        (None, End::BadInput(error)) => bad_input(globals, args, &error, outcomes),
        (None, End::Interrupted) => {
            remark(&interrupted(globals, args, outcomes));
            return Ok(());
        }
        (None, End::AllRead | End::Failed) => return Ok(()),
    };
    Err(failure)
}

fn failed(globals: &Globals, args: &Append, error: &riverrun_client::Error, outcomes: &Outcomes) -> Failure {
    let uri = &args.uri;
    let first = outcomes.stored + 1;
    if outcomes.maybe > 0 {
        let what =
            format!("lines {first} to {} may or may not have been appended to {uri}", first + outcomes.maybe - 1);
        let advice = compare_advice(globals, args, outcomes);
        return Failure { advice, ..Failure::of_call(globals, what, error).with_exit(Exit::Ambiguous) };
    }
    if outcomes.stored == 0 {
        return Failure::of_call(globals, format!("nothing was appended to {uri}"), error);
    }
    let failure = Failure::of_call(globals, format!("appending to {uri} ended in front of line {first}"), error);
    let (stored, resume) = (stored(outcomes.stored), resume(globals, args, outcomes.stored));
    let advice = format!("{}\n{stored}; to go on behind them:\n{resume}", failure.advice);
    Failure { advice, ..failure }
}

fn given_up(globals: &Globals, args: &Append, outcomes: &Outcomes) -> Failure {
    let what =
        format!("what was sent behind line {} may or may not have been appended to {}", outcomes.stored, args.uri);
    let advice = compare_advice(globals, args, outcomes);
    Failure::new(what, "its acknowledgements were not waited for", advice).with_exit(Exit::Ambiguous)
}

fn bad_input(globals: &Globals, args: &Append, error: &InputError, outcomes: &Outcomes) -> Failure {
    let resume = resume(globals, args, outcomes.stored);
    let stored = stored(outcomes.stored);
    match error {
        InputError::Line { line, why } => Failure::new(
            format!("line {line} of {} is no record", args.input),
            why,
            format!("{stored}, nothing behind was sent; mend the line, then go on with\n{resume}"),
        ),
        InputError::Read { source, .. } => {
            let failure = Failure::io(format!("{} could not be read to its end", args.input), source);
            Failure { advice: format!("{}\n{stored}; to go on behind them:\n{resume}", failure.advice), ..failure }
        }
    }
}

fn interrupted(globals: &Globals, args: &Append, outcomes: &Outcomes) -> String {
    let at = outcomes.last.map_or(String::new(), |ack| format!(", the last one as {}", ack.end.seq_num - 1));
    format!("stopped: {}{at}; resume: {}", stored(outcomes.stored), resume(globals, args, outcomes.stored))
}

fn stored(lines: u64) -> String {
    match lines {
        0 => "no line is stored".to_owned(),
        1 => "line 1 is stored".to_owned(),
        n => format!("lines 1 to {n} are stored"),
    }
}

fn compare_advice(globals: &Globals, args: &Append, outcomes: &Outcomes) -> String {
    let mut look = CommandLine::new(globals, "read").word(&args.uri).maybe("--format", not_text(args.format));
    look = match outcomes.last {
        Some(ack) => look.option("--seq-num", ack.end.seq_num),
        None => look.option("--tail-offset", outcomes.maybe.max(1)),
    };
    let stored = stored(outcomes.stored);
    let resume = resume(globals, args, outcomes.stored);
    format!("{stored}; see what is there behind them:\n{look}\nIf nothing is, go on with\n{resume}")
}

/// The command that appends from the line behind `lines` on.
fn resume(globals: &Globals, args: &Append, lines: u64) -> String {
    let linger = (args.linger.as_millis() != 5).then_some(args.linger);
    let append = CommandLine::new(globals, "append")
        .word(&args.uri)
        .maybe("--format", not_text(args.format))
        .maybe("--linger", linger.map(|linger| linger.to_string().replace(' ', "")));
    match &args.input {
        Source::File(path) if lines == 0 => append.option("-i", path.display()).to_string(),
        Source::File(path) => {
            format!("tail -n +{} {} | {append}", lines + 1, quoted(&path.display().to_string()))
        }
        Source::Stdin => format!("{append}, fed from line {} of the input on", lines + 1),
    }
}

fn not_text(format: Format) -> Option<&'static str> {
    (format != Format::Text).then(|| format.name())
}

#[cfg(test)]
mod tests;
