//! JSON lines, hexadecimal lines and bare kinds to frames.

use bytes::BytesMut;
use riverrun_protocol::FrameKind;
use riverrun_protocol::frame::FrameHeader;
use riverrun_protocol::limits::FRAME_BODY_BYTES_MAX;
use serde_json::{Map, Value};

use crate::describe::Direction;
use crate::hextext;
use crate::layout;
use crate::view::json::SCHEMA_VERSION;
use crate::walk::{Stop, Writer};

/// Everything a line may hold beside the frame's own fields.
const KEYS: [&str; 9] = ["v", "dir", "kind", "id", "fields", "body", "raw", "derived", "redacted"];

/// Turns lines into bytes, one line at a time.
#[derive(Debug, Default)]
pub struct Encoder {
    /// The id that a line without one gets.
    next_id: u64,
    /// Lines of the other direction are passed over.
    pub direction: Option<Direction>,
}

impl Encoder {
    /// Ids begin at `next_id` where lines have none.
    pub fn new(next_id: u64, direction: Option<Direction>) -> Encoder {
        Encoder { next_id, direction }
    }

    /// One line's bytes: a JSON object, `hex ...`, or a kind's name alone. Empty for empty lines, `#` comments, and lines of
    /// the direction that is not wanted.
    ///
    /// # Errors
    /// What the line gets wrong, in words for whoever typed it.
    pub fn line(&mut self, line: &str) -> Result<BytesMut, Stop> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(BytesMut::new());
        }
        if let Some(digits) = line.strip_prefix("hex ") {
            return hextext::parse_line(digits).map(|bytes| BytesMut::from(&bytes[..])).map_err(Stop);
        }
        if line.starts_with('{') {
            let object = serde_json::from_str(line).map_err(|why| Stop(format!("not JSON: {why}")))?;
            return self.object(&object);
        }
        self.object(&Map::from_iter([("kind".to_owned(), line.into())]))
    }

    fn object(&mut self, object: &Map<String, Value>) -> Result<BytesMut, Stop> {
        check_schema(object)?;
        if self.is_of_other_direction(object)? {
            return Ok(BytesMut::new());
        }
        match object.get("raw") {
            Some(raw) => bytes_from_hex("raw", raw),
            None => self.frame(object),
        }
    }

    fn is_of_other_direction(&self, object: &Map<String, Value>) -> Result<bool, Stop> {
        let given = match object.get("dir").map(|dir| dir.as_str().unwrap_or_default()) {
            None => return Ok(false),
            Some("client") => Direction::Client,
            Some("server") => Direction::Server,
            Some(_) => return Err(Stop("`dir` must be \"client\" or \"server\"".into())),
        };
        Ok(self.direction.is_some_and(|wanted| wanted != given))
    }

    fn frame(&mut self, object: &Map<String, Value>) -> Result<BytesMut, Stop> {
        let kind = kind(object.get("kind").and_then(Value::as_str).unwrap_or_default())?;
        let body = match (object.get("body"), object.get("fields")) {
            (Some(hex), None) => bytes_from_hex("body", hex)?,
            (None, None) => body(kind, &Map::new())?,
            (None, Some(Value::Object(fields))) => body(kind, fields)?,
            _ => return Err(Stop("give `fields`, an object, or `body`, hexadecimal text".into())),
        };
        let id = self.id(object.get("id"))?;
        if body.len() > FRAME_BODY_BYTES_MAX {
            return Err(Stop(format!("a body of {} bytes; the most is {FRAME_BODY_BYTES_MAX}", body.len())));
        }
        let mut out = BytesMut::new();
        FrameHeader { body_bytes: body.len() as u32, kind, flags: 0, id }.write(&mut out);
        out.extend_from_slice(&body);
        Ok(out)
    }

    fn id(&mut self, given: Option<&Value>) -> Result<u64, Stop> {
        let id = match given {
            None => self.next_id,
            Some(id) => id.as_u64().ok_or_else(|| Stop(format!("`id` must be a whole number, not {id}")))?,
        };
        self.next_id = self.next_id.max(id.wrapping_add(1));
        Ok(id)
    }
}

/// The body of a frame of this kind.
pub fn body(kind: u8, fields: &Map<String, Value>) -> Result<BytesMut, Stop> {
    let mut writer = Writer::new(fields);
    layout::body(kind, &mut writer)?;
    writer.finish()
}

fn check_schema(object: &Map<String, Value>) -> Result<(), Stop> {
    match object.get("v").map(Value::as_u64) {
        None | Some(Some(SCHEMA_VERSION)) => {}
        _ => return Err(Stop(format!("`v` is {}; this version reads schema {SCHEMA_VERSION}", object["v"]))),
    }
    match object.keys().find(|key| !KEYS.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(Stop(format!(
            "a line has no `{key}` (fields of the frame go into `fields`); there are: {}",
            KEYS.join(", ")
        ))),
    }
}

fn bytes_from_hex(name: &'static str, given: &Value) -> Result<BytesMut, Stop> {
    crate::walk::bytes(name, crate::walk::Meaning::Bytes, given).map(|bytes| BytesMut::from(&bytes[..]))
}

/// A kind by its name, in any case, or by its number as `0x05`.
fn kind(name: &str) -> Result<u8, Stop> {
    let plain = name.replace('_', "");
    if let Some(kind) = FrameKind::ALL.iter().find(|kind| kind.name().eq_ignore_ascii_case(&plain)) {
        return Ok(*kind as u8);
    }
    let number = name.strip_prefix("0x").and_then(|digits| u8::from_str_radix(digits, 16).ok());
    number.ok_or_else(|| {
        let all: Vec<&str> = FrameKind::ALL.iter().map(|kind| kind.name()).collect();
        Stop(format!("there is no kind `{name}`; there are: {}, and any number as 0x05", all.join(", ")))
    })
}
