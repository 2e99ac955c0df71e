//! `--format text`: the line is the body. No byte is decoded, replaced or trimmed, a carriage return included, so what was
//! appended from a file is printed as that file again.

use bytes::Bytes;
use riverrun_protocol::Record;
use riverrun_protocol::batch::RecordView;

use super::{Rendered, command};

pub(super) fn parse(line: Bytes) -> Record {
    Record::new(line)
}

pub(super) fn render(record: &RecordView, out: &mut Rendered) {
    if record.is_command() {
        out.notes.push_str(&command::describe(record));
        out.notes.push('\n');
    } else {
        out.data.extend_from_slice(&record.body);
        out.data.push(b'\n');
    }
}
