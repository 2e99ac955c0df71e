//! Bytes to fields.

use bytes::Bytes;

use crate::describe::Detail;
use crate::field::{Field, Show, Value};
use crate::walk::{Count, Implied, Length, Meaning, Run, Stop, Uint, Walk, Walked};

/// Fields that one frame may explode into. A frame of 2 MiB can hold a million two-byte headers, each of which would cost
/// hundreds of bytes as fields; beyond this the rest is shown as undecoded bytes.
pub const FIELDS_MAX: usize = 50_000;

/// Walks a layout over a frame and notes what it finds.
#[derive(Debug)]
pub struct Reader {
    frame: Bytes,
    at: usize,
    fields: Vec<Field>,
    fields_left: usize,
    detail: Detail,
}

impl Reader {
    /// Begins at `at`, an offset within `frame`.
    pub fn new(frame: Bytes, at: usize, detail: Detail) -> Reader {
        Reader { frame, at, fields: Vec::new(), fields_left: FIELDS_MAX, detail }
    }

    /// The fields found; whatever the walk left unexplained becomes one last `Undecoded` field.
    pub fn finish(mut self, walked: Walked<impl Sized>) -> Vec<Field> {
        let left = self.frame.len().saturating_sub(self.at);
        match walked {
            Err(stop) => self.push_undecoded(stop.0),
            Ok(_) if left > 0 => self.push_undecoded(format!("{left} bytes more than the layout has")),
            Ok(_) => {}
        }
        self.fields
    }

    fn push_undecoded(&mut self, reason: String) {
        let bytes = self.frame.slice(self.at..);
        let range = self.at..self.frame.len();
        self.fields.push(Field { name: "undecoded", range, value: Value::Undecoded { bytes, reason } });
    }

    fn take(&mut self, name: &str, bytes: usize) -> Walked<Bytes> {
        let left = self.frame.len() - self.at;
        if bytes > left {
            return Err(Stop(format!("{name} needs {bytes} bytes and {left} are left")));
        }
        self.at += bytes;
        Ok(self.frame.slice(self.at - bytes..self.at))
    }

    fn push(&mut self, name: &'static str, start: usize, value: Value) -> Walked {
        if self.fields_left == 0 {
            self.at = start;
            return Err(Stop(format!("more than {FIELDS_MAX} fields in one frame")));
        }
        self.fields_left -= 1;
        self.fields.push(Field { name, range: start..self.at, value });
        Ok(())
    }

    fn take_number(&mut self, name: &str, width: usize) -> Walked<u64> {
        let bytes = self.take(name, width)?;
        Ok(bytes.iter().rev().fold(0, |number, b| number << 8 | u64::from(*b)))
    }

    fn take_length(&mut self, name: &str, length: Length) -> Walked<usize> {
        match length {
            Length::Prefix(width) => Ok(self.take_number(name, width)? as usize),
            Length::Fixed(bytes) => Ok(bytes),
            Length::Rest => Ok(self.frame.len() - self.at),
        }
    }

    /// Runs `inside` with an empty list of fields. They become `name`'s, also when the walk stops half-way.
    fn nested<T>(
        &mut self,
        name: &'static str,
        wrap: fn(Vec<Field>) -> Value,
        inside: impl FnOnce(&mut Self) -> Walked<T>,
    ) -> Walked<T> {
        let start = self.at;
        let outer = std::mem::take(&mut self.fields);
        let walked = inside(self);
        let inner = std::mem::replace(&mut self.fields, outer);
        self.fields.push(Field { name, range: start..self.at, value: wrap(inner) });
        walked
    }
}

impl Walk for Reader {
    fn wants_records(&self) -> bool {
        self.detail == Detail::Records
    }

    fn uint(&mut self, uint: Uint) -> Walked<u64> {
        let start = self.at;
        let value = self.take_number(uint.name, uint.width)?;
        self.push(uint.name, start, Value::Number { value, show: uint.show })?;
        Ok(value)
    }

    fn bits_or(&mut self, name: &'static str, width: usize, names: &'static [&'static str], _: Implied) -> Walked<u64> {
        let start = self.at;
        let value = self.take_number(name, width)?;
        self.push(name, start, Value::Bits { value, names })?;
        Ok(value)
    }

    fn varint(&mut self, name: &'static str) -> Walked<u64> {
        let start = self.at;
        let mut value = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.take(name, 1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                self.push(name, start, Value::Number { value, show: Show::Quiet })?;
                return Ok(value);
            }
        }
        self.at = start;
        Err(Stop(format!("{name} is a varint of more than 5 bytes")))
    }

    fn run(&mut self, run: Run) -> Walked<usize> {
        let start = self.at;
        let taken = self.take_length(run.name, run.length).and_then(|bytes| self.take(run.name, bytes));
        let bytes = taken.inspect_err(|_| self.at = start)?;
        let length = bytes.len();
        self.push(run.name, start, meaning(run.meaning, bytes))?;
        Ok(length)
    }

    fn group<T>(&mut self, name: &'static str, inside: impl FnOnce(&mut Self) -> Walked<T>) -> Walked<T> {
        self.nested(name, Value::Group, inside)
    }

    fn list<T>(
        &mut self,
        name: &'static str,
        count: Count,
        mut entry: impl FnMut(&mut Self, usize) -> Walked<T>,
    ) -> Walked<Vec<T>> {
        self.nested(name, Value::List, |w| {
            let count = match count {
                Count::Prefix(width) => Some(w.take_number(name, width)? as usize),
                Count::Fixed(count) => Some(count),
                Count::Rest => None,
            };
            // Nothing is allocated from the claimed count: each entry takes bytes or a field, and both run out.
            let mut entries = Vec::new();
            while count.map_or(w.at < w.frame.len(), |count| entries.len() < count) {
                let entry = w.nested("entry", Value::Group, |w| entry(w, entries.len()))?;
                entries.push(entry);
            }
            Ok(entries)
        })
    }
}

fn meaning(meaning: Meaning, bytes: Bytes) -> Value {
    match meaning {
        Meaning::Secret => Value::Secret(bytes),
        Meaning::Payload => Value::Payload(bytes),
        Meaning::Bytes => Value::Bytes(bytes),
        Meaning::Text => Value::Text(bytes),
    }
}
