//! One field's value as text, with secrets and payloads shown or not.

use bytes::Bytes;

use crate::field::{Field, Show, Value};
use crate::hextext;
use crate::view::{Options, Payload};

/// `name=value`.
pub fn named(field: &Field, options: &Options) -> String {
    format!("{}={}", field.name, text(&field.value, options))
}

pub fn text(value: &Value, options: &Options) -> String {
    match value {
        Value::Number { value, show } => number(*value, *show),
        Value::Bits { value, names } => bits(*value, names).join("|"),
        Value::Text(bytes) => readable(bytes),
        Value::Bytes(bytes) => hextext::digits(bytes),
        Value::Secret(bytes) if options.show_secrets => readable(bytes),
        Value::Secret(bytes) if bytes.is_empty() => "none".to_owned(),
        Value::Secret(bytes) => format!("<{} bytes, redacted>", bytes.len()),
        Value::Payload(bytes) => payload(bytes, options.payload_or_size()),
        Value::Group(fields) => group(fields, options),
        Value::List(entries) => format!("[{}]", entries.len()),
        Value::Undecoded { bytes, .. } => format!("<{} bytes>", bytes.len()),
    }
}

pub fn payload(bytes: &Bytes, show: Payload) -> String {
    match show {
        Payload::Size => format!("{}B", bytes.len()),
        Payload::Text => readable(bytes),
        Payload::Hex => hextext::digits(bytes),
    }
}

fn number(value: u64, show: Show) -> String {
    match show {
        Show::Plain | Show::Quiet | Show::Wall => value.to_string(),
        Show::Switch => switch(value).map_or_else(|| value.to_string(), |on| on.to_string()),
        Show::Hex => format!("{value:#010x}"),
        Show::Named(name_of) => name_of(value).map_or_else(|| value.to_string(), str::to_owned),
    }
}

/// `None` for a number that is neither off nor on: it is shown as it is.
pub fn switch(value: u64) -> Option<bool> {
    match value {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

/// The names of the bits that are set; those without a name in hexadecimal.
pub fn bits(value: u64, names: &[&str]) -> Vec<String> {
    let name = |bit: u32| match names.get(bit as usize) {
        Some(name) => (*name).to_owned(),
        None => format!("{:#x}", 1u64 << bit),
    };
    (0..u64::BITS).filter(|bit| value >> bit & 1 == 1).map(name).collect()
}

/// A position reads `7@1700000000000`; what has a kind reads `seq_num:7`, or `infinite` where the kind says it all; other
/// groups spell their fields out.
fn group(fields: &[Field], options: &Options) -> String {
    match fields {
        [a, b] if a.name == "seq_num" && b.name == "timestamp" => {
            format!("{}@{}", text(&a.value, options), text(&b.value, options))
        }
        [kind] if kind.name == "kind" => text(&kind.value, options),
        [kind, rest] if kind.name == "kind" && is_silent(rest) => text(&kind.value, options),
        [kind, rest] if kind.name == "kind" => {
            format!("{}:{}", text(&kind.value, options), text(&rest.value, options))
        }
        _ => {
            let told = fields.iter().filter(|field| !is_silent(field));
            format!("{{{}}}", told.map(|field| named(field, options)).collect::<Vec<_>>().join(" "))
        }
    }
}

/// Whether a field inside a group says nothing: that it is not there, or what the fields behind it say by being there.
pub fn is_silent(field: &Field) -> bool {
    match &field.value {
        Value::Number { value, show: Show::Quiet } => *value == 0,
        Value::Bits { value, .. } => field.name == "set" || *value == 0,
        Value::Group(fields) => fields.iter().all(is_silent),
        _ => false,
    }
}

/// Text as it is where that cannot be misread, quoted and escaped otherwise: names come from strangers, and a terminal obeys
/// escape sequences.
pub fn readable(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() && text.chars().all(is_plain) => text.to_owned(),
        Ok(text) => format!("{text:?}"),
        Err(_) => format!("\"{}\"", bytes.escape_ascii()),
    }
}

fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '!'..='~') && !matches!(c, '"' | '\\')
}
