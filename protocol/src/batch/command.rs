//! Command records (`s2-semantics.md` B5): one header with an empty name, whose value is the operation word; the body
//! is the operation's payload.

use bytes::Bytes;

use super::Record;
use super::headers::walk;
use super::layout::{RECORD_COUNT, TableEntry, entries, u32_at};
use crate::limits::{BATCH_HEADER_BYTES, FENCING_TOKEN_BYTES_MAX, TABLE_ENTRY_BYTES};
use crate::types::FencingToken;

/// What a command record asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command<'a> {
    /// The new fencing token; empty clears it.
    Fence(&'a str),
    /// The earliest sequence number to keep.
    Trim(u64),
}

impl<'a> Command<'a> {
    /// # Errors
    /// The message of `s2-semantics.md` B5 for the rule that is broken. Words are matched exactly.
    pub fn parse(word: &[u8], body: &'a [u8]) -> Result<Self, String> {
        match word {
            b"fence" => fence(body).map(Self::Fence),
            b"trim" => trim(body).map(Self::Trim),
            _ => Err("unknown command".to_owned()),
        }
    }
}

/// The commands of a checked batch with the indexes of their records, in order. The table tells which records they are, and the
/// payload of no other is looked at.
///
/// # Panics
/// If `batch` is shorter than its own table and payload.
pub fn commands(batch: &[u8]) -> impl Iterator<Item = (u32, Command<'_>)> {
    let table_end = BATCH_HEADER_BYTES + u32_at(batch, RECORD_COUNT) as usize * TABLE_ENTRY_BYTES;
    let mut start = table_end;
    entries(&batch[BATCH_HEADER_BYTES..table_end]).zip(0..).filter_map(move |(entry, index)| {
        let record = &batch[start..start + entry.payload_bytes() as usize];
        start += record.len();
        entry.is_command().then(|| command(&entry, record)).flatten().map(|command| (index, command))
    })
}

/// `None` only where the bytes were damaged after they were checked, which the payload's sum finds.
fn command<'a>(entry: &TableEntry, record: &'a [u8]) -> Option<Command<'a>> {
    let (headers, body) = record.split_at(entry.header_bytes as usize);
    let mut word = None;
    walk(headers, entry.header_count, 0, |header| word = Some(header.value)).ok()?;
    Command::parse(word?, body).ok()
}

impl Record {
    /// The command that makes `token` the stream's fencing token; the empty one clears it (`s2-semantics.md` B4).
    pub fn fence(token: &FencingToken) -> Self {
        Self::command(b"fence", Bytes::copy_from_slice(token.as_str().as_bytes()))
    }

    /// The command that lets the stream forget every record below `earliest` (`s2-semantics.md` B5). Beyond its own
    /// number it is clipped.
    pub fn trim(earliest: u64) -> Self {
        Self::command(b"trim", Bytes::copy_from_slice(&earliest.to_be_bytes()))
    }

    fn command(word: &'static [u8], body: Bytes) -> Self {
        Self { timestamp: None, headers: vec![(Bytes::new(), Bytes::from_static(word))], body }
    }
}

fn fence(body: &[u8]) -> Result<&str, String> {
    let token = std::str::from_utf8(body).map_err(|_| "invalid `fence` command: invalid UTF-8".to_owned())?;
    if token.len() > FENCING_TOKEN_BYTES_MAX {
        return Err(format!(
            "invalid `fence` command: fencing token must not exceed {FENCING_TOKEN_BYTES_MAX} bytes in length"
        ));
    }
    Ok(token)
}

fn trim(body: &[u8]) -> Result<u64, String> {
    let earliest = body.try_into().map_err(|_| {
        format!("invalid `trim` command: earliest sequence number to trim to was {} bytes, must be 8", body.len())
    })?;
    Ok(u64::from_be_bytes(earliest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Batch, Stamp, check_ingest, encode, stamp};

    fn command_record(word: &'static str, body: &'static [u8]) -> Record {
        Record { headers: vec![("".into(), word.into())], ..Record::new(body) }
    }

    #[test]
    fn b5_commands_are_found_among_other_records() {
        let data = Record { headers: vec![("a".into(), "fence".into())], ..Record::new("data") };
        let fence = command_record("fence", b"token");
        let trim = command_record("trim", &[0, 0, 0, 0, 0, 0, 0, 9]);
        let mut bytes = encode(&[data.clone(), fence, Record::new(""), trim, data]).unwrap();
        let found = [(1, Command::Fence("token")), (3, Command::Trim(9))];
        assert_eq!(commands(&bytes).collect::<Vec<_>>(), found);
        let at_70 = Stamp { stream_id: Default::default(), first_seq_num: 70, arrival_ms: 5, expires_at_ms: 0 };
        stamp(&mut bytes, &at_70, |_| 5);
        let batch = Batch::parse(bytes.freeze()).unwrap();
        assert_eq!(batch.commands().collect::<Vec<_>>(), [(71, Command::Fence("token")), (73, Command::Trim(9))]);
        let cut = bytes::Bytes::from(batch.slice(2..5).parts().collect::<Vec<_>>().concat());
        assert_eq!(Batch::parse(cut).unwrap().commands().collect::<Vec<_>>(), [(73, Command::Trim(9))]);
    }

    #[test]
    fn ingest_tells_which_kinds_of_record_there_are() {
        let kinds = |records: &[Record]| {
            let facts = check_ingest(&encode(records).unwrap()).unwrap();
            assert_eq!(facts.has_commands, facts.has_fences || facts.has_trims);
            (facts.has_data, facts.has_fences, facts.has_trims)
        };
        let (data, fence, trim) = (Record::new("x"), command_record("fence", b""), command_record("trim", &[0; 8]));
        assert_eq!(kinds(std::slice::from_ref(&data)), (true, false, false));
        assert_eq!(kinds(std::slice::from_ref(&fence)), (false, true, false));
        assert_eq!(kinds(std::slice::from_ref(&trim)), (false, false, true));
        assert_eq!(kinds(&[data, trim, fence]), (true, true, true));
    }

    #[test]
    fn b7_ingest_tells_whether_a_timestamp_is_missing() {
        let with = |timestamp| Record { timestamp, ..Record::new("x") };
        let has_all = |records: &[Record]| check_ingest(&encode(records).unwrap()).unwrap().has_all_timestamps;
        assert!(has_all(&[with(Some(0)), with(Some(7))]));
        assert!(!has_all(&[with(Some(1)), with(None), with(Some(2))]));
    }

    #[test]
    fn b5_commands_as_made_are_commands_as_read() {
        let parsed = |record: &Record| {
            assert_eq!((record.headers.len(), record.headers[0].0.len()), (1, 0));
            Command::parse(&record.headers[0].1, &record.body).map(|command| format!("{command:?}"))
        };
        let token = FencingToken::new("me").unwrap();
        assert_eq!(parsed(&Record::fence(&token)).unwrap(), r#"Fence("me")"#);
        assert_eq!(parsed(&Record::fence(&FencingToken::default())).unwrap(), r#"Fence("")"#);
        assert_eq!(parsed(&Record::trim(u64::MAX - 1)).unwrap(), "Trim(18446744073709551614)");
    }

    #[test]
    fn b5_words_and_payloads() {
        assert_eq!(Command::parse(b"fence", b""), Ok(Command::Fence("")));
        assert_eq!(Command::parse(b"fence", &[b'a'; 36]), Ok(Command::Fence(&"a".repeat(36))));
        assert_eq!(Command::parse(b"trim", &[0, 0, 0, 0, 0, 0, 1, 2]), Ok(Command::Trim(258)));
        assert_eq!(Command::parse(b"Fence", b"").unwrap_err(), "unknown command");
        assert_eq!(Command::parse(b"", b"").unwrap_err(), "unknown command");
        assert_eq!(Command::parse(b"fence", &[0xff]).unwrap_err(), "invalid `fence` command: invalid UTF-8");
        assert_eq!(
            Command::parse(b"fence", &[b'a'; 37]).unwrap_err(),
            "invalid `fence` command: fencing token must not exceed 36 bytes in length"
        );
        assert_eq!(
            Command::parse(b"trim", b"1234567").unwrap_err(),
            "invalid `trim` command: earliest sequence number to trim to was 7 bytes, must be 8"
        );
    }
}
