//! One line about a part of a stored file: as text, or as a JSON object.

use std::io::{self, Write};

use riverrun_protocol::Batch;
use serde_json::{Map, Value, json};

use crate::args::Output;
use crate::judge::Batches;
use crate::view::json::SCHEMA_VERSION;
use crate::view::value::readable;

/// A part of a file: what it is, what it says, and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Row {
    what: &'static str,
    indent: usize,
    fields: Map<String, Value>,
    fault: Option<String>,
}

impl Row {
    pub fn new(what: &'static str) -> Row {
        Row { what, indent: 0, fields: Map::new(), fault: None }
    }

    /// A part of a part.
    pub fn inside(what: &'static str, indent: usize) -> Row {
        Row { indent, ..Row::new(what) }
    }

    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Row {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// As [`Row::with`], where there is a value.
    pub fn with_some(self, name: &str, value: Option<impl Into<Value>>) -> Row {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// From the first to behind the last.
    pub fn range(self, name: &str, start: u64, end: u64) -> Row {
        self.with(name, json!({ "start": start, "end": end }))
    }

    /// From first to last.
    pub fn span(self, name: &str, first: u64, last: u64) -> Row {
        self.with(name, json!({ "first": first, "last": last }))
    }

    /// Marks the part as damaged.
    pub fn fault(mut self, fault: Option<impl ToString>) -> Row {
        self.fault = fault.map(|fault| fault.to_string());
        self
    }

    pub fn print(&self, out: &mut dyn Write, output: Output) -> io::Result<()> {
        match output {
            Output::Line => writeln!(out, "{}", self.text()),
            Output::Jsonl => writeln!(out, "{}", self.json()),
        }
    }

    fn text(&self) -> String {
        let mut text = format!("{}{}", "  ".repeat(self.indent), self.what);
        for (name, value) in &self.fields {
            text += &format!(" {name}={}", value_text(value));
        }
        if let Some(fault) = &self.fault {
            text += &format!(" DAMAGED: {fault}");
        }
        text
    }

    fn json(&self) -> Value {
        let mut object =
            Map::from_iter([("v".to_owned(), SCHEMA_VERSION.into()), ("part".to_owned(), self.what.into())]);
        object.insert("fields".to_owned(), self.fields.clone().into());
        if let Some(fault) = &self.fault {
            object.insert("fault".to_owned(), fault.clone().into());
        }
        object.into()
    }
}

fn value_text(value: &Value) -> String {
    let pair = |first, last| Some((value.get(first)?, value.get(last)?));
    match (value, pair("start", "end"), pair("first", "last")) {
        (Value::String(text), ..) => readable(text.as_bytes()),
        (_, Some((start, end)), _) => format!("{start}..{end}"),
        (_, _, Some((first, last))) => format!("{first}..={last}"),
        (other, ..) => other.to_string(),
    }
}

/// What part of `whole` `part` is.
pub fn percent(part: u64, whole: u64) -> String {
    format!("{:.1}%", part as f64 * 100.0 / whole.max(1) as f64)
}

/// A batch's row, its payload verified.
pub fn batch(batch: &Batch, indent: usize) -> Row {
    let mut counts = Batches::default();
    counts.add(batch);
    Row::inside("batch", indent)
        .with("stream_id", batch.stream_id().to_string())
        .range("seq", batch.first_seq_num(), batch.end_seq_num())
        .with("records", counts.records)
        .with("payload_bytes", counts.payload_bytes)
        .with("metered_bytes", counts.metered_bytes)
        .with("arrival_ms", batch.arrival_ms())
        .with("expires_at_ms", batch.expires_at_ms())
        .fault(batch.verify_payload().err())
}
