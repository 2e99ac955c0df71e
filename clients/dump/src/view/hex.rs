//! Every byte, and beside it the field it belongs to.

use std::io::{self, Write};

use riverrun_protocol::limits::FRAME_HEADER_BYTES;

use crate::capture::{self, Piece};
use crate::describe::{Described, kind_name};
use crate::field::{Field, Value};
use crate::view::{Options, Payload, Sighting, value};

const ROW_BYTES: usize = 16;

/// Rows of offset, bytes, ASCII and `name=value`. Offsets count from the frame's first byte.
pub fn print(out: &mut dyn Write, sighting: &Sighting, options: &Options) -> io::Result<()> {
    let bytes = capture::bytes_of(&sighting.piece);
    let Some(described) = &sighting.described else { return rubbish(out, sighting, options) };
    for (start, end, text) in frame_header(described) {
        rows(out, start, &bytes[start..end], &text)?;
    }
    let mut printer = Printer { out, bytes, options, hides_secrets: described.may_hide_secrets() };
    described.fields.iter().try_for_each(|field| printer.field("", field))
}

/// Offsets are drawn in protocol's `frame.rs`; the cutter has checked them.
fn frame_header(described: &Described) -> [(usize, usize, String); 5] {
    let header = &described.header;
    const _: () = assert!(FRAME_HEADER_BYTES == 16);
    [
        (0, 4, format!("body_bytes={}", header.body_bytes)),
        (4, 5, format!("kind={}", kind_name(header.kind))),
        (5, 6, format!("flags={}", header.flags)),
        (6, 8, "reserved=0".to_owned()),
        (8, 16, format!("id={}", header.id)),
    ]
}

/// Bytes that nobody understands may hold what nobody should see: clients send tokens, servers answer with new ones.
fn rubbish(out: &mut dyn Write, sighting: &Sighting, options: &Options) -> io::Result<()> {
    let Piece::Rubbish { bytes, .. } = &sighting.piece else { return Ok(()) };
    match options.show_secrets {
        true => rows(out, 0, bytes, "rubbish"),
        false => hidden(out, 0, &format!("rubbish=<{} bytes; --show-secrets shows them>", bytes.len())),
    }
}

struct Printer<'a> {
    out: &'a mut dyn Write,
    bytes: &'a [u8],
    options: &'a Options,
    hides_secrets: bool,
}

impl Printer<'_> {
    fn field(&mut self, path: &str, field: &Field) -> io::Result<()> {
        match &field.value {
            Value::Group(fields) => self.nested(&format!("{path}{}.", field.name), fields),
            Value::List(entries) => self.list(path, field, entries),
            _ => self.leaf(path, field),
        }
    }

    fn nested(&mut self, path: &str, fields: &[Field]) -> io::Result<()> {
        fields.iter().try_for_each(|field| self.field(path, field))
    }

    /// A list's count stands before its first entry, where it has one of its own.
    fn list(&mut self, path: &str, field: &Field, entries: &[Field]) -> io::Result<()> {
        let first = entries.first().map_or(field.range.end, |entry| entry.range.start);
        let name = format!("{path}{}", field.name);
        if first > field.range.start {
            rows(
                self.out,
                field.range.start,
                &self.bytes[field.range.start..first],
                &format!("{name}.count={}", entries.len()),
            )?;
        }
        entries.iter().enumerate().try_for_each(|(index, entry)| match &entry.value {
            Value::Group(fields) => self.nested(&format!("{name}[{index}]."), fields),
            _ => self.leaf(&format!("{name}[{index}]."), entry),
        })
    }

    fn leaf(&mut self, path: &str, field: &Field) -> io::Result<()> {
        let text = match &field.value {
            Value::Undecoded { reason, .. } => format!("{path}{}: {reason}", field.name),
            _ => format!("{path}{}", value::named(field, self.options)),
        };
        match self.is_hidden(&field.value) {
            true => hidden(self.out, field.range.start, &text),
            false => rows(self.out, field.range.start, &self.bytes[field.range.clone()], &text),
        }
    }

    fn is_hidden(&self, value: &Value) -> bool {
        match value {
            Value::Secret(bytes) => !bytes.is_empty() && !self.options.show_secrets,
            Value::Undecoded { .. } => self.hides_secrets && !self.options.show_secrets,
            Value::Payload(bytes) => !bytes.is_empty() && self.options.payload_or_size() == Payload::Size,
            _ => false,
        }
    }
}

fn hidden(out: &mut dyn Write, offset: usize, text: &str) -> io::Result<()> {
    writeln!(out, "  {offset:>7}  {:<47}  {:<16}  {text}", "..", "")
}

fn rows(out: &mut dyn Write, offset: usize, bytes: &[u8], text: &str) -> io::Result<()> {
    if bytes.is_empty() {
        return writeln!(out, "  {offset:>7}  {:<47}  {:<16}  {text}", "", "");
    }
    for (index, row) in bytes.chunks(ROW_BYTES).enumerate() {
        let at = offset + index * ROW_BYTES;
        let digits: Vec<String> = row.iter().map(|b| format!("{b:02x}")).collect();
        let ascii: String = row.iter().map(|b| if (b' '..=b'~').contains(b) { *b as char } else { '.' }).collect();
        let row = format!("  {at:>7}  {:<47}  {ascii:<16}  {}", digits.join(" "), if index == 0 { text } else { "" });
        writeln!(out, "{}", row.trim_end())?;
    }
    Ok(())
}
