//! What must hold for an append, as flags (`s2-semantics.md` B3, J2), and what to do where it does not.

use riverrun_client::{AppendConditions, Error, FencingToken};

use crate::Globals;
use crate::errors::{Failure, Why};
use crate::resume::CommandLine;
use crate::uri::StreamUri;

#[derive(clap::Args, Clone, PartialEq, Eq, Debug, Default)]
pub struct Conditions {
    /// Only if this is the stream's fencing token; '' = only if it has none
    #[arg(short, long, value_name = "TOKEN")]
    pub fencing_token: Option<FencingToken>,
    /// Only if the first record gets this sequence number
    #[arg(short, long, value_name = "SEQ_NUM")]
    pub match_seq_num: Option<u64>,
}

impl Conditions {
    pub fn sent(&self) -> AppendConditions {
        AppendConditions { match_seq_num: self.match_seq_num, fencing_token: self.fencing_token.clone() }
    }

    /// The flags, for what comes behind `records` more records.
    pub fn spelled(&self, line: CommandLine, records: u64) -> CommandLine {
        line.maybe("-f", self.fencing_token.as_ref())
            .maybe("-m", self.match_seq_num.map(|seq_num| seq_num.saturating_add(records)))
    }
}

/// Says what the stream has where a condition did not hold, and how to go on; other failures stay as they are.
pub fn explain(globals: &Globals, uri: &StreamUri, error: &Error, failure: Failure) -> Failure {
    if let Some(current) = error.fencing_token_mismatch() {
        return fenced(globals, uri, current, failure);
    }
    let Some(next) = error.seq_num_mismatch() else { return failure };
    let look = CommandLine::new(globals, "tail").word(uri);
    let advice = format!("see what there is with `{look}`; if it may follow that, go on with -m {next}");
    Failure { why: Why(format!("the next record of the stream gets the number {next}")), advice, ..failure }
}

fn fenced(globals: &Globals, uri: &StreamUri, current: &FencingToken, failure: Failure) -> Failure {
    let fence = CommandLine::new(globals, "fence").word(uri);
    if current.as_str().is_empty() {
        let advice = format!("leave out -f, or set one with `{fence} TOKEN`");
        return Failure { why: Why("the stream has no fencing token".to_owned()), advice, ..failure };
    }
    let take_over = fence.word("TOKEN").option("-f", current);
    let why = Why(format!("the stream's fencing token is `{current}`"));
    let advice = format!("another writer has taken over; leave the stream to it, or take it back with `{take_over}`");
    Failure { why, advice, ..failure }
}
