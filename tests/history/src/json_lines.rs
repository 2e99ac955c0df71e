//! Histories in the form of S2's collector: a JSON object a line, the lines in the order of the events.
//!
//! ```json
//! {"event":{"Start":{"Append":{"num_records":1,"record_hashes":[7],"set_fencing_token":null,"fencing_token":null,
//!  "match_seq_num":3}}},"client_id":2,"op_id":9}
//! {"event":{"Finish":{"AppendSuccess":{"tail":4}}},"client_id":2,"op_id":9}
//! ```
//!
//! What we add stands in fields that S2's model does not read: `condition_failed` beside a definite failure, and the
//! `record_hashes` of a read. An append of which nobody knows is answered at the end, as S2's collector does: for S2's
//! model, what was answered has had its effect or never will.

use serde::{Deserialize, Serialize};

use crate::history::is_empty_append;
use crate::{Append, History, Op, OpId, Operation, Outcome, stream_hash};

/// Why lines are no history. `line` counts from 1.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// Not an event of the format.
    #[error("line {line}: {source}")]
    Json {
        /// Where.
        line: usize,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// `num_records` and `record_hashes` differ: recorded by a collector older than the hashes.
    #[error("line {line}: {hashes} record_hashes for {num_records} records")]
    RecordCount {
        /// Where.
        line: usize,
        /// What was said.
        num_records: u64,
        /// What is there.
        hashes: usize,
    },
    /// An append without records.
    #[error("line {line}: an append of no records")]
    EmptyAppend {
        /// Where.
        line: usize,
    },
    /// A read whose records are not those of its tail and hash.
    #[error("line {line}: the record_hashes of the read make another tail or stream_hash")]
    ReadRecords {
        /// Where.
        line: usize,
    },
    /// Two operations of one name.
    #[error("line {line}: {id} starts a second time")]
    StartedTwice {
        /// Where.
        line: usize,
        /// Which.
        id: OpId,
    },
    /// An answer to nothing.
    #[error("line {line}: {id} finishes and is not under way")]
    NotUnderWay {
        /// Where.
        line: usize,
        /// Which.
        id: OpId,
    },
    /// An answer to another kind of operation.
    #[error("line {line}: {id} finishes as another kind of operation")]
    OtherKind {
        /// Where.
        line: usize,
        /// Which.
        id: OpId,
    },
}

impl History {
    /// The history in S2's form.
    pub fn to_json_lines(&self) -> String {
        let mut lines: Vec<(u64, Line)> = Vec::new();
        for operation in self.operations() {
            lines.push((operation.called_at, Line::of(operation, Event::Start(start(&operation.op)))));
            if let Some((at, finish)) = finish(operation) {
                let condition_failed = operation.outcome == Some(Outcome::AppendConditionFailed);
                lines.push((at, Line { condition_failed, ..Line::of(operation, Event::Finish(finish)) }));
            }
        }
        lines.sort_by_key(|(at, _)| *at);
        lines.iter().map(|(_, line)| serde_json::to_string(line).expect("numbers and text") + "\n").collect()
    }

    /// Reads a history in S2's form. Empty lines are passed over.
    pub fn from_json_lines(text: &str) -> Result<History, FormatError> {
        let mut history = History::new();
        let lines = (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty());
        for (line, text) in lines {
            let read: Line = serde_json::from_str(text).map_err(|source| FormatError::Json { line, source })?;
            read.add_to(&mut history, line)?;
        }
        Ok(history)
    }
}

#[derive(Serialize, Deserialize)]
struct Line {
    event: Event,
    client_id: u64,
    op_id: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    condition_failed: bool,
}

#[derive(Serialize, Deserialize)]
enum Event {
    Start(Start),
    Finish(Finish),
}

#[derive(Serialize, Deserialize)]
enum Start {
    Append {
        num_records: u64,
        record_hashes: Vec<u64>,
        set_fencing_token: Option<String>,
        fencing_token: Option<String>,
        match_seq_num: Option<u64>,
    },
    Read,
    CheckTail,
}

#[derive(Serialize, Deserialize)]
enum Finish {
    AppendDefiniteFailure,
    AppendIndefiniteFailure,
    AppendSuccess {
        tail: u64,
    },
    CheckTailFailure,
    CheckTailSuccess {
        tail: u64,
    },
    ReadFailure,
    ReadSuccess {
        tail: u64,
        stream_hash: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        record_hashes: Option<Vec<u64>>,
    },
}

fn start(op: &Op) -> Start {
    match op {
        Op::Append(append) => Start::Append {
            num_records: append.record_hashes.len() as u64,
            record_hashes: append.record_hashes.clone(),
            set_fencing_token: append.set_fencing_token.clone(),
            fencing_token: append.fencing_token.clone(),
            match_seq_num: append.match_seq_num,
        },
        Op::Read => Start::Read,
        Op::CheckTail => Start::CheckTail,
    }
}

/// What to write of an answer, and when. S2's model wants one for every append.
fn finish(operation: &Operation) -> Option<(u64, Finish)> {
    if operation.undecided().is_some() {
        return Some((u64::MAX, Finish::AppendIndefiniteFailure));
    }
    let (at, outcome) = (operation.returned_at?, operation.outcome.as_ref()?);
    Some((at, written(outcome)))
}

fn written(outcome: &Outcome) -> Finish {
    match outcome {
        Outcome::AppendSuccess { tail } => Finish::AppendSuccess { tail: *tail },
        Outcome::AppendConditionFailed | Outcome::AppendDefiniteFailure => Finish::AppendDefiniteFailure,
        Outcome::AppendIndefiniteFailure => Finish::AppendIndefiniteFailure,
        Outcome::ReadSuccess { tail, stream_hash } => {
            Finish::ReadSuccess { tail: *tail, stream_hash: *stream_hash, record_hashes: None }
        }
        Outcome::ReadRecords { record_hashes } => Finish::ReadSuccess {
            tail: record_hashes.len() as u64,
            stream_hash: stream_hash(record_hashes),
            record_hashes: Some(record_hashes.clone()),
        },
        Outcome::ReadFailure => Finish::ReadFailure,
        Outcome::CheckTailSuccess { tail } => Finish::CheckTailSuccess { tail: *tail },
        Outcome::CheckTailFailure => Finish::CheckTailFailure,
    }
}

impl Line {
    fn of(operation: &Operation, event: Event) -> Self {
        Line { event, client_id: operation.client, op_id: operation.id.0, condition_failed: false }
    }

    fn add_to(self, history: &mut History, line: usize) -> Result<(), FormatError> {
        let id = OpId(self.op_id);
        match self.event {
            Event::Start(_) if history.operation(id).is_some() => Err(FormatError::StartedTwice { line, id }),
            Event::Start(start) => {
                history.add_call(id, self.client_id, start.into_op(line)?);
                Ok(())
            }
            Event::Finish(finish) => add_finish(history, id, finish.into_outcome(self.condition_failed, line)?, line),
        }
    }
}

fn add_finish(history: &mut History, id: OpId, outcome: Outcome, line: usize) -> Result<(), FormatError> {
    let under_way = history.operation(id).filter(|operation| operation.outcome.is_none());
    let operation = under_way.ok_or(FormatError::NotUnderWay { line, id })?;
    if !outcome.answers(&operation.op) {
        return Err(FormatError::OtherKind { line, id });
    }
    history.add_return(id, outcome);
    Ok(())
}

impl Start {
    fn into_op(self, line: usize) -> Result<Op, FormatError> {
        let op = match self {
            Start::Append { num_records, record_hashes, .. } if record_hashes.len() as u64 != num_records => {
                return Err(FormatError::RecordCount { line, num_records, hashes: record_hashes.len() });
            }
            Start::Append { record_hashes, set_fencing_token, fencing_token, match_seq_num, .. } => {
                Op::Append(Append { record_hashes, match_seq_num, fencing_token, set_fencing_token })
            }
            Start::Read => Op::Read,
            Start::CheckTail => Op::CheckTail,
        };
        if is_empty_append(&op) { Err(FormatError::EmptyAppend { line }) } else { Ok(op) }
    }
}

impl Finish {
    fn into_outcome(self, condition_failed: bool, line: usize) -> Result<Outcome, FormatError> {
        Ok(match self {
            Finish::AppendDefiniteFailure if condition_failed => Outcome::AppendConditionFailed,
            Finish::AppendDefiniteFailure => Outcome::AppendDefiniteFailure,
            Finish::AppendIndefiniteFailure => Outcome::AppendIndefiniteFailure,
            Finish::AppendSuccess { tail } => Outcome::AppendSuccess { tail },
            Finish::CheckTailFailure => Outcome::CheckTailFailure,
            Finish::CheckTailSuccess { tail } => Outcome::CheckTailSuccess { tail },
            Finish::ReadFailure => Outcome::ReadFailure,
            Finish::ReadSuccess { tail, stream_hash, record_hashes: None } => {
                Outcome::ReadSuccess { tail, stream_hash }
            }
            Finish::ReadSuccess { tail, stream_hash, record_hashes: Some(records) } => {
                if records.len() as u64 != tail || crate::stream_hash(&records) != stream_hash {
                    return Err(FormatError::ReadRecords { line });
                }
                Outcome::ReadRecords { record_hashes: records }
            }
        })
    }
}
