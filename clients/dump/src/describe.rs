//! The one decoder behind all views: a frame's bytes to named fields, and the protocol's own verdict on them.

use bytes::Bytes;
use riverrun_protocol::FrameKind;
use riverrun_protocol::frame::{FrameClass, FrameHeader};
use riverrun_protocol::limits::FRAME_HEADER_BYTES;

use crate::field::{Field, Value};
use crate::judge::{Judged, judge};
use crate::layout;
use crate::walk::Reader;

/// Who sent a frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, clap::ValueEnum)]
pub enum Direction {
    Client,
    Server,
}

impl Direction {
    /// Told by the kind's number; an unknown kind has a class all the same.
    pub fn of_kind(kind: u8) -> Direction {
        if kind < 0x40 { Direction::Client } else { Direction::Server }
    }

    pub fn arrow(self) -> &'static str {
        match self {
            Direction::Client => "->",
            Direction::Server => "<-",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Direction::Client => "client",
            Direction::Server => "server",
        }
    }
}

/// How much of a batch becomes fields: record tables and payloads are most of a frame, and one line has no room for them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detail {
    BatchHeaders,
    Records,
}

/// A frame explained.
#[derive(Clone, Debug)]
pub struct Described {
    pub header: FrameHeader,
    /// `None` for a kind this version does not know; its body is then one undecoded field.
    pub kind: Option<FrameKind>,
    /// The body's fields. They cover it without gaps, whatever is in it.
    pub fields: Vec<Field>,
    pub judged: Judged,
}

impl Described {
    /// The kind's name, or its number for a kind that has none.
    pub fn kind_name(&self) -> String {
        kind_name(self.header.kind)
    }

    /// Why some bytes have no layout.
    pub fn undecoded(&self) -> Option<&str> {
        match &self.fields.last()?.value {
            Value::Undecoded { reason, .. } => Some(reason),
            _ => None,
        }
    }

    /// Whether bytes that no layout explains may hold a token: those of a malformed frame that carries one, or whatever
    /// later versions send.
    pub fn may_hide_secrets(&self) -> bool {
        self.kind.is_none_or(|kind| matches!(kind, FrameKind::Hello | FrameKind::AccessTokenIssued))
    }

    pub fn is_error(&self) -> bool {
        self.kind.is_some_and(|kind| kind.class() == FrameClass::Error)
    }
}

/// Explains one whole frame as `frame::cut` cut it. `frame` includes the header.
pub fn describe(header: FrameHeader, frame: &Bytes, detail: Detail) -> Described {
    let kind = FrameKind::from_byte(header.kind);
    let mut reader = Reader::new(frame.clone(), FRAME_HEADER_BYTES, detail);
    let walked = layout::body(header.kind, &mut reader);
    let judged = judge(header.kind, &frame.slice(FRAME_HEADER_BYTES.min(frame.len())..));
    Described { header, kind, fields: reader.finish(walked), judged }
}

pub fn kind_name(kind: u8) -> String {
    FrameKind::from_byte(kind).map_or_else(|| format!("{kind:#04x}"), |kind| kind.name().to_owned())
}
