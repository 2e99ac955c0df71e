//! What every view is made of: named fields, each knowing which bytes of the frame it came from.

use std::ops::Range;

use bytes::Bytes;

/// One named run of bytes inside a frame. Nested ones lie within their parent's range.
#[derive(Clone, Debug)]
pub struct Field {
    pub name: &'static str,
    /// Counted from the frame's first byte, its header included.
    pub range: Range<usize>,
    pub value: Value,
}

/// What the bytes mean.
#[derive(Clone, Debug)]
pub enum Value {
    Number {
        value: u64,
        show: Show,
    },
    /// A set of named bits, lowest first.
    Bits {
        value: u64,
        names: &'static [&'static str],
    },
    /// UTF-8 if the sender keeps to the rules: names, messages, magics.
    Text(Bytes),
    /// What people do not read: ids.
    Bytes(Bytes),
    /// A token. Shown by no view unless asked.
    Secret(Bytes),
    /// Header names and values, record bodies: what belongs to the application.
    Payload(Bytes),
    Group(Vec<Field>),
    List(Vec<Field>),
    /// Bytes that no layout explains, with what was expected of them.
    Undecoded {
        bytes: Bytes,
        reason: String,
    },
}

/// How a number reads best.
#[derive(Clone, Copy, Debug)]
pub enum Show {
    Plain,
    /// Must be zero or usually is: left out of one-line views while it is.
    Quiet,
    /// A checksum, in hexadecimal; left out of one-line views.
    Hex,
    /// Milliseconds since 1970.
    Wall,
    /// Off and on.
    Switch,
    /// One of a few named numbers.
    Named(fn(u64) -> Option<&'static str>),
}

impl Value {
    /// A plain number, the commonest kind.
    pub fn plain(value: u64) -> Value {
        Value::Number { value, show: Show::Plain }
    }
}

/// Finds the field at a dotted path such as `batch.record_count`.
pub fn find<'a>(fields: &'a [Field], path: &str) -> Option<&'a Field> {
    let (head, rest) = path.split_once('.').map_or((path, None), |(head, rest)| (head, Some(rest)));
    let field = fields.iter().find(|f| f.name == head)?;
    match (rest, &field.value) {
        (None, _) => Some(field),
        (Some(rest), Value::Group(inner) | Value::List(inner)) => find(inner, rest),
        (Some(_), _) => None,
    }
}

/// The number at a dotted path.
pub fn number(fields: &[Field], path: &str) -> Option<u64> {
    match find(fields, path)?.value {
        Value::Number { value, .. } | Value::Bits { value, .. } => Some(value),
        _ => None,
    }
}

/// Every byte range that `fields` leave unexplained between `start` and `end`; empty for a complete description.
pub fn gaps(fields: &[Field], covered: Range<usize>) -> Vec<Range<usize>> {
    let mut gaps = Vec::new();
    let mut at = covered.start;
    for field in fields {
        if field.range.start != at {
            gaps.push(at..field.range.start);
        }
        at = field.range.end;
    }
    if at != covered.end {
        gaps.push(at..covered.end);
    }
    gaps
}
