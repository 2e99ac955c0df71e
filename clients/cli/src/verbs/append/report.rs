//! What is said when an append has ended: nothing if all went well; else which lines are stored, which may be, and the command
//! that goes on from there.

use riverrun_client::{Client, Error};

use super::acks::Outcomes;
use super::{Append, LINGER_DEFAULT};
use crate::Globals;
use crate::conditions;
use crate::console::remark;
use crate::errors::{Exit, Failure, nearest};
use crate::format::Format;
use crate::input::{InputError, Source};
use crate::resume::{CommandLine, quoted};

/// How many records to look at where it is not known how many were sent.
const LOOK_RECORDS: u64 = 10;

/// Why feeding ended.
#[derive(Debug)]
pub(super) enum End {
    AllRead,
    BadInput(InputError),
    /// A line failed; the outcomes tell which.
    Failed,
    /// The producer did not take a line in.
    Refused(Error),
    Interrupted,
}

pub(super) async fn report(
    globals: &Globals,
    args: &Append,
    client: &Client,
    end: End,
    outcomes: &Outcomes,
) -> Result<(), Failure> {
    let failure = match (&outcomes.error, &end) {
        (None, _) if outcomes.given_up => given_up(globals, args, outcomes),
        (Some(error), _) | (None, End::Refused(error)) => {
            let failure = failed(globals, args, error, outcomes);
            match outcomes.stored {
                0 => nearest::improve(globals, client, &args.uri, error, failure).await,
                // The names were right when it began. What is stored is the better advice.
                _ => failure,
            }
        }
        (None, End::BadInput(error)) => bad_input(globals, args, error, outcomes),
        (None, End::Interrupted) => {
            remark(&interrupted(globals, args, outcomes));
            return Ok(());
        }
        (None, End::AllRead | End::Failed) => return Ok(()),
    };
    Err(failure)
}

fn failed(globals: &Globals, args: &Append, error: &Error, outcomes: &Outcomes) -> Failure {
    let uri = &args.uri;
    let first = outcomes.stored + 1;
    if outcomes.maybe > 0 {
        let lines = lines(first, first + outcomes.maybe - 1);
        let what = format!("{lines} may or may not have been appended to {uri}");
        let advice = compare_advice(globals, args, outcomes);
        return Failure { advice, ..Failure::of_call(globals, what, error).with_exit(Exit::Ambiguous) };
    }
    if error.fencing_token_mismatch().is_some() || error.seq_num_mismatch().is_some() {
        let failure = Failure::new(format!("appending to {uri} ended in front of line {first}"), "", "");
        return conditions::explain(globals, uri, error, failure).advise(&stored(outcomes.stored));
    }
    if outcomes.stored == 0 {
        return Failure::of_call(globals, format!("nothing was appended to {uri}"), error);
    }
    let what = format!("appending to {uri} ended in front of line {first}");
    Failure::of_call(globals, what, error).advise(&go_on_advice(globals, args, outcomes))
}

fn given_up(globals: &Globals, args: &Append, outcomes: &Outcomes) -> Failure {
    let sent = match outcomes.stored {
        0 => "what was sent".to_owned(),
        n => format!("what was sent behind line {n}"),
    };
    let what = format!("{sent} may or may not have been appended to {}", args.uri);
    let advice = compare_advice(globals, args, outcomes);
    Failure::new(what, "its acknowledgements were not waited for", advice).with_exit(Exit::Ambiguous)
}

fn bad_input(globals: &Globals, args: &Append, error: &InputError, outcomes: &Outcomes) -> Failure {
    match error {
        InputError::Line { line, why } => {
            let stored = stored(outcomes.stored);
            let resume = resume(globals, args, outcomes.stored);
            let advice = format!("{stored}, nothing behind was sent; mend the line, then go on with\n{resume}");
            Failure::new(format!("line {line} of {} is no record", args.input), why, advice)
        }
        InputError::Read { source, .. } => {
            let failure = Failure::io(format!("{} could not be read to its end", args.input), source);
            failure.advise(&go_on_advice(globals, args, outcomes))
        }
    }
}

fn interrupted(globals: &Globals, args: &Append, outcomes: &Outcomes) -> String {
    let at = outcomes.last.map_or(String::new(), |ack| format!(", the last one as {}", ack.end.seq_num - 1));
    format!("stopped: {}{at}; resume: {}", stored(outcomes.stored), resume(globals, args, outcomes.stored))
}

fn lines(first: u64, last: u64) -> String {
    if first == last { format!("line {first}") } else { format!("lines {first} to {last}") }
}

fn stored(count: u64) -> String {
    match count {
        0 => "no line is stored".to_owned(),
        n => format!("{} {} stored", lines(1, n), if n == 1 { "is" } else { "are" }),
    }
}

fn go_on_advice(globals: &Globals, args: &Append, outcomes: &Outcomes) -> String {
    let resume = resume(globals, args, outcomes.stored);
    match outcomes.stored {
        0 => format!("no line is stored; to begin again:\n{resume}"),
        n => format!("{}; to go on with line {}:\n{resume}", stored(n), n + 1),
    }
}

fn compare_advice(globals: &Globals, args: &Append, outcomes: &Outcomes) -> String {
    let (look, resume) = (look(globals, args, outcomes), resume(globals, args, outcomes.stored));
    let stored = match outcomes.stored {
        0 => "see whether any of the input is stored".to_owned(),
        n => format!("{}; see whether more of the input is", stored(n)),
    };
    format!("{stored}:\n{look}\nIf not, go on with\n{resume}")
}

/// The command that shows what may have been stored. It ends by itself: one that follows would leave people waiting for
/// records that are not there.
fn look(globals: &Globals, args: &Append, outcomes: &Outcomes) -> CommandLine {
    // After giving up, nobody knows how many.
    let maybe = Some(outcomes.maybe).filter(|maybe| *maybe > 0);
    let look = match outcomes.last {
        Some(ack) => {
            let read = CommandLine::new(globals, "read").word(&args.uri).option("--seq-num", ack.end.seq_num);
            read.option("--count", maybe.unwrap_or(LOOK_RECORDS))
        }
        None => CommandLine::new(globals, "tail").word(&args.uri).option("-n", maybe.unwrap_or(LOOK_RECORDS)),
    };
    look.maybe("--format", not_text(args.format))
}

/// The command that appends from the line behind `lines` on.
fn resume(globals: &Globals, args: &Append, lines: u64) -> String {
    let linger = (*args.linger != LINGER_DEFAULT).then_some(args.linger);
    let append = CommandLine::new(globals, "append")
        .word(&args.uri)
        .maybe("--format", not_text(args.format))
        .maybe("--linger", linger.map(|linger| linger.to_string().replace(' ', "")));
    let append = args.conditions.spelled(append, lines);
    match &args.input {
        Source::File(path) if lines == 0 => append.option("-i", path.display()).to_string(),
        Source::File(path) => {
            format!("tail -n +{} {} | {append}", lines + 1, quoted(&path.display().to_string()))
        }
        Source::Stdin if lines == 0 => append.to_string(),
        // The dots stand for whatever fed the input.
        Source::Stdin => format!("... | tail -n +{} | {append}", lines + 1),
    }
}

fn not_text(format: Format) -> Option<&'static str> {
    (format != Format::Text).then(|| format.name())
}

#[cfg(test)]
mod tests;
