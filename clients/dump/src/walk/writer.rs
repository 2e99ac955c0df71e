//! JSON to bytes.

use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::{BufMut, BytesMut};
use serde_json::{Map, Value};

use crate::field::Show;
use crate::hextext;
use crate::records;
use crate::walk::{Count, Implied, Length, Meaning, Run, Stop, Uint, Walk, Walked};

static EMPTY: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

/// Walks a layout over a JSON object and writes the bytes it stands for.
#[derive(Debug)]
pub struct Writer<'a> {
    object: &'a Map<String, Value>,
    /// Keys of `object` that the layout has asked for; any other key is a typing error that must not pass silently.
    asked: Vec<&'static str>,
    out: BytesMut,
}

impl<'a> Writer<'a> {
    pub fn new(object: &'a Map<String, Value>) -> Writer<'a> {
        Writer { object, asked: Vec::new(), out: BytesMut::new() }
    }

    /// The bytes, once every key has found its field.
    pub fn finish(self) -> Walked<BytesMut> {
        self.check_keys()?;
        Ok(self.out)
    }

    fn get(&mut self, name: &'static str) -> Option<&'a Value> {
        self.asked.push(name);
        self.object.get(name).filter(|value| !value.is_null())
    }

    fn check_keys(&self) -> Walked {
        match self.object.keys().find(|key| !self.asked.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => Err(Stop(format!("no field is called `{key}` here; there are: {}", self.asked.join(", ")))),
        }
    }

    fn put_number(&mut self, name: &str, width: usize, value: u64) -> Walked {
        if width < 8 && value >> (width * 8) != 0 {
            return Err(Stop(format!("`{name}` has {width} bytes, too few for {value}")));
        }
        self.out.put_uint_le(value, width);
        Ok(())
    }

    fn put_run(&mut self, run: &Run, bytes: &[u8]) -> Walked<usize> {
        match run.length {
            Length::Prefix(width) => self.put_number(run.name, width, bytes.len() as u64)?,
            Length::Fixed(length) if length != bytes.len() => {
                let Run { name, .. } = run;
                return Err(Stop(format!("`{name}` must have {length} bytes here, not {}", bytes.len())));
            }
            Length::Fixed(_) | Length::Rest => {}
        }
        self.out.put_slice(bytes);
        Ok(bytes.len())
    }

    /// Runs `inside` on another object, which must hold no key that `inside` does not ask for.
    fn within<T>(&mut self, object: &'a Map<String, Value>, inside: impl FnOnce(&mut Self) -> Walked<T>) -> Walked<T> {
        let outer = std::mem::replace(&mut self.object, object);
        let asked = std::mem::take(&mut self.asked);
        let result = inside(self).and_then(|value| self.check_keys().map(|()| value));
        self.object = outer;
        self.asked = asked;
        result
    }

    fn get_object(&mut self, name: &'static str) -> Walked<&'a Map<String, Value>> {
        match self.get(name) {
            None => Ok(&EMPTY),
            Some(Value::Object(object)) => Ok(object),
            Some(other) => Err(Stop(format!("`{name}` must be an object, not {other}"))),
        }
    }

    /// Bits named by their own key, as in `"clamp": true`, or by the presence of the field they announce.
    fn bits_of_keys(&mut self, names: &[&'static str]) -> u64 {
        let mut bits = 0;
        for (bit, name) in names.iter().enumerate() {
            match self.object.get(*name) {
                None | Some(Value::Null) => {}
                Some(Value::Bool(set)) => {
                    self.asked.push(name);
                    bits |= u64::from(*set) << bit;
                }
                Some(_) => bits |= 1 << bit,
            }
        }
        bits
    }

    /// Bits named by the presence of the field they announce, whatever its value: a switch that is off is there too.
    fn bits_of_fields(&self, names: &[&'static str]) -> u64 {
        let is_there = |name: &str| self.object.get(name).is_some_and(|value| !value.is_null());
        names.iter().enumerate().map(|(bit, name)| u64::from(is_there(name)) << bit).sum()
    }
}

impl Walk for Writer<'_> {
    fn uint(&mut self, uint: Uint) -> Walked<u64> {
        let value = match (self.get(uint.name), uint.default) {
            (Some(given), _) => number(&uint, given)?,
            (None, Some(default)) => default,
            (None, None) => return Err(missing(uint.name)),
        };
        self.put_number(uint.name, uint.width, value)?;
        Ok(value)
    }

    fn bits_or(
        &mut self,
        name: &'static str,
        width: usize,
        names: &'static [&'static str],
        implied: Implied,
    ) -> Walked<u64> {
        let value = match (self.get(name), implied) {
            (Some(given), _) => bits(name, names, given)?,
            (None, Implied::Keys) => self.bits_of_keys(names),
            (None, Implied::Fields) => self.bits_of_fields(names),
            (None, Implied::Nothing) => 0,
        };
        self.put_number(name, width, value)?;
        Ok(value)
    }

    fn varint(&mut self, name: &'static str) -> Walked<u64> {
        let value = self.get(name).and_then(Value::as_u64).ok_or_else(|| missing(name))?;
        let mut left = value;
        while left > 0x7f {
            self.out.put_u8(left as u8 | 0x80);
            left >>= 7;
        }
        self.out.put_u8(left as u8);
        Ok(value)
    }

    fn run(&mut self, run: Run) -> Walked<usize> {
        match (self.get(run.name), run.default) {
            (Some(given), _) => self.put_run(&run, &bytes(run.name, run.meaning, given)?),
            (None, Some(default)) => self.put_run(&run, default),
            (None, None) => Err(missing(run.name)),
        }
    }

    fn group<T>(&mut self, name: &'static str, inside: impl FnOnce(&mut Self) -> Walked<T>) -> Walked<T> {
        let object = self.get_object(name)?;
        self.within(object, inside).map_err(|stop| Stop(format!("in `{name}`: {stop}")))
    }

    fn batch(&mut self, inside: impl FnOnce(&mut Self) -> Walked) -> Walked {
        if self.object.contains_key("batch") {
            return inside(self);
        }
        let records = self.get("records").ok_or_else(|| missing("records"))?;
        let batch = records::encode(records).map_err(|what| Stop(format!("in `records`: {what}")))?;
        self.out.put_slice(&batch);
        Ok(())
    }

    fn list<T>(
        &mut self,
        name: &'static str,
        count: Count,
        mut entry: impl FnMut(&mut Self, usize) -> Walked<T>,
    ) -> Walked<Vec<T>> {
        let given = match self.get(name) {
            None => &[],
            Some(Value::Array(entries)) => entries.as_slice(),
            Some(other) => return Err(Stop(format!("`{name}` must be a list, not {other}"))),
        };
        match count {
            Count::Prefix(width) => self.put_number(name, width, given.len() as u64)?,
            Count::Fixed(count) if count != given.len() => {
                return Err(Stop(format!("`{name}` must have {count} entries here, not {}", given.len())));
            }
            Count::Fixed(_) | Count::Rest => {}
        }
        let each = given.iter().enumerate().map(|(index, value)| {
            let object = value.as_object().ok_or_else(|| Stop(format!("`{name}[{index}]` must be an object")))?;
            let walked = self.within(object, |w| entry(w, index));
            walked.map_err(|stop| Stop(format!("in `{name}[{index}]`: {stop}")))
        });
        each.collect()
    }
}

fn missing(name: &str) -> Stop {
    Stop(format!("`{name}` is missing"))
}

fn number(uint: &Uint, given: &Value) -> Walked<u64> {
    let Uint { name, .. } = uint;
    match (given, uint.show) {
        (Value::Number(number), _) => {
            number.as_u64().ok_or_else(|| Stop(format!("`{name}` must be a whole number from 0, not {number}")))
        }
        (Value::String(text), Show::Named(name_of)) => (0..=u64::from(u16::MAX))
            .find(|value| name_of(*value) == Some(text))
            .ok_or_else(|| Stop(format!("`{name}` cannot be `{text}`: no such name"))),
        (Value::Bool(on), Show::Switch) => Ok(u64::from(*on)),
        (other, Show::Switch) => Err(Stop(format!("`{name}` must be true or false, not {other}"))),
        (other, _) => Err(Stop(format!("`{name}` must be a number, not {other}"))),
    }
}

/// A number, or a list of names; bits without a name are written `"0x80"`.
fn bits(name: &str, names: &[&str], given: &Value) -> Walked<u64> {
    let Value::Array(entries) = given else {
        return given
            .as_u64()
            .ok_or_else(|| Stop(format!("`{name}` must be a list of names or a number, not {given}")));
    };
    entries.iter().try_fold(0, |bits, entry| {
        let text = entry.as_str().unwrap_or_default();
        let named = names.iter().position(|n| *n == text).map(|bit| 1 << bit);
        let unnamed = text.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
        let bit = named.or(unnamed);
        bit.map(|bit| bits | bit)
            .ok_or_else(|| Stop(format!("`{name}` has no {entry}; there are: {}", names.join(", "))))
    })
}

/// Text stands for itself, ids are hexadecimal, and `{"base64": "..."}` holds whatever is not text.
pub fn bytes(name: &str, meaning: Meaning, given: &Value) -> Walked<Vec<u8>> {
    if given.get("redacted_bytes").is_some() {
        let again = "dump again with --show-secrets (tokens) and without --payload (payloads) to get bytes back";
        return Err(Stop(format!("`{name}` was redacted when it was dumped: {again}")));
    }
    match (given, given.get("base64")) {
        (Value::String(text), _) if meaning == Meaning::Bytes => {
            hextext::parse_line(text).map_err(|what| Stop(format!("`{name}`: {what}")))
        }
        (Value::String(text), _) => Ok(text.clone().into_bytes()),
        (_, Some(Value::String(text))) => {
            BASE64_STANDARD.decode(text).map_err(|why| Stop(format!("`{name}` is not base64: {why}")))
        }
        _ => Err(Stop(format!("`{name}` must be text or {{\"base64\": \"...\"}}, not {given}"))),
    }
}
