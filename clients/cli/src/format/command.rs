//! Command records: a fence or a trim, as one header with an empty name (`s2-semantics.md` B5). `json` lines can carry them.

use riverrun_protocol::batch::{Command, RecordView};

use super::LineError;

/// The rules of B5, so that the line at fault can be named before its batch is sent.
pub(super) fn check(word: &[u8], payload: &[u8]) -> Result<(), LineError> {
    Command::parse(word, payload).map(drop).map_err(LineError::Command)
}

/// One line for people, as S2's CLI writes it: `trim to 42 // 57 @ 1771390606217`.
pub fn describe(record: &RecordView) -> String {
    let word = record.headers.first().map_or(&b""[..], |(_, word)| word);
    let what = match Command::parse(word, &record.body) {
        Ok(Command::Fence(token)) => format!("new fencing token {token:?}"),
        Ok(Command::Trim(to)) => format!("trim to {to}"),
        Err(_) => "unknown command".to_owned(),
    };
    format!("{what} // {} @ {}", record.seq_num, record.timestamp)
}
