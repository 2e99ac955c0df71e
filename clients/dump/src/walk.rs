//! One description of each layout, walked in both directions: by `Reader` from bytes to fields, by `Writer` from a JSON
//! object to bytes. (The rejected alternative, a decoder here and an encoder there, is two places per frame kind that drift.)
//!
//! The protocol crate stays the judge of what is a valid frame; these layouts are more lenient on purpose, so that a debugger
//! can show and send what a server refuses. Tests tie the two together: whatever protocol writes is explained to the last
//! byte, and comes back from JSON as the same bytes.

mod reader;
mod writer;

pub use reader::Reader;
pub use writer::{Writer, bytes};

use crate::field::Show;

/// Why a walk stopped.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Stop(pub String);

pub type Walked<T = ()> = Result<T, Stop>;

/// A little-endian unsigned integer of `width` bytes.
#[derive(Clone, Copy, Debug)]
pub struct Uint {
    pub name: &'static str,
    pub width: usize,
    pub show: Show,
    /// What JSON that leaves the field out means; `None` where a wrong guess would be worse than an error.
    pub default: Option<u64>,
}

impl Uint {
    pub const fn new(name: &'static str, width: usize, show: Show) -> Uint {
        Uint { name, width, show, default: Some(0) }
    }

    pub const fn or(self, default: u64) -> Uint {
        Uint { default: Some(default), ..self }
    }

    pub const fn required(self) -> Uint {
        Uint { default: None, ..self }
    }
}

/// How a run of bytes tells its length.
#[derive(Clone, Copy, Debug)]
pub enum Length {
    /// A little-endian integer of so many bytes before it.
    Prefix(usize),
    /// Told by a field that stands elsewhere.
    Fixed(usize),
    /// Whatever is left of the frame.
    Rest,
}

/// How a list tells how many entries it has.
#[derive(Clone, Copy, Debug)]
pub enum Count {
    Prefix(usize),
    Fixed(usize),
    /// As many as fit into what is left of the frame.
    Rest,
}

/// What a run of bytes is to people.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Meaning {
    Text,
    Bytes,
    Secret,
    Payload,
}

/// What JSON says about an integer of named bits by leaving it out.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Implied {
    /// Each bit is a key of its own, as in `"clamp": true`, or the field that it announces.
    Keys,
    /// Each bit announces a field, which may be a switch that is off: its key is there or not.
    Fields,
    /// None of the bits is set.
    Nothing,
}

/// A run of bytes.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub name: &'static str,
    pub length: Length,
    pub meaning: Meaning,
    /// What JSON that leaves the field out means.
    pub default: Option<&'static [u8]>,
}

/// The primitives that layouts are made of. Each adds a field of that name (Reader) or takes one (Writer).
pub trait Walk: Sized {
    fn uint(&mut self, uint: Uint) -> Walked<u64>;
    /// An integer whose bits have names, lowest bit first.
    fn bits_or(
        &mut self,
        name: &'static str,
        width: usize,
        names: &'static [&'static str],
        implied: Implied,
    ) -> Walked<u64>;
    fn varint(&mut self, name: &'static str) -> Walked<u64>;
    fn run(&mut self, run: Run) -> Walked<usize>;
    fn group<T>(&mut self, name: &'static str, inside: impl FnOnce(&mut Self) -> Walked<T>) -> Walked<T>;
    fn list<T>(
        &mut self,
        name: &'static str,
        count: Count,
        entry: impl FnMut(&mut Self, usize) -> Walked<T>,
    ) -> Walked<Vec<T>>;

    /// A batch; `inside` is its layout. JSON may give plain `records` in its place.
    fn batch(&mut self, inside: impl FnOnce(&mut Self) -> Walked) -> Walked {
        inside(self)
    }

    /// Whether tables and payloads are walked as well.
    fn wants_records(&self) -> bool {
        true
    }

    /// Passes over bytes that nobody wants to see apart.
    fn skip(&mut self, name: &'static str, bytes: usize) -> Walked {
        self.run(Run { name, length: Length::Fixed(bytes), meaning: Meaning::Payload, default: None }).map(drop)
    }

    /// Left out of JSON, it is made of the names that are present.
    fn bits(&mut self, name: &'static str, width: usize, names: &'static [&'static str]) -> Walked<u64> {
        self.bits_or(name, width, names, Implied::Keys)
    }

    /// The body of a kind that has no layout here.
    fn unknown(&mut self) -> Walked {
        Err(Stop("a kind that this version does not know; JSON gives its bytes as `body`, in hexadecimal".into()))
    }

    fn text(&mut self, name: &'static str, prefix: usize) -> Walked<usize> {
        self.run(Run { name, length: Length::Prefix(prefix), meaning: Meaning::Text, default: None })
    }

    fn text_or_empty(&mut self, name: &'static str, prefix: usize) -> Walked<usize> {
        self.run(Run { name, length: Length::Prefix(prefix), meaning: Meaning::Text, default: Some(b"") })
    }

    fn plain(&mut self, name: &'static str, width: usize) -> Walked<u64> {
        self.uint(Uint::new(name, width, Show::Plain))
    }

    fn quiet(&mut self, name: &'static str, width: usize) -> Walked<u64> {
        self.uint(Uint::new(name, width, Show::Quiet))
    }
}
