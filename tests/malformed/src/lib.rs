//! Bytes that nobody sane would send or store, and what each decoder promises about them (reliability.md S15, S16).
//!
//! One function per [`Target`] feeds bytes to a decoder of production and holds what comes out to its word: what parses is
//! written as the same bytes or parses to the same value again, what is consumed lies inside what was given, what is produced
//! is in proportion to it, and a refusal is of a documented kind. A function panics where a promise is broken, and returns
//! nothing: so both a fuzzer and the ordinary test `replay` can call it.
//!
//! [`seeds`] makes valid encodings, [`Mutator`] spoils them, and a target's [`repair`] makes their sums right again, so that
//! what is spoiled gets past the checksum.
#![forbid(unsafe_code)]

pub mod mutator;
pub mod random;
pub mod repair;
pub mod seeds;

mod catalog;
mod chunk;
mod dump;
mod http;
mod journal;
mod operations;
mod records;
mod wire;

pub use catalog::catalog;
pub use chunk::chunk;
pub use dump::dump;
pub use http::{http_bodies, http_heads, s2s};
pub use journal::journal;
pub use mutator::Mutator;
pub use operations::operations;
pub use random::Random;
pub use records::records;
pub use wire::{answers, batch, frames, hello, requests};

/// A decoder, or several that take the same bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its folder in `corpus/`, and its name for a fuzzer.
    pub name: &'static str,
    pub check: fn(&[u8]),
    /// Valid encodings, each with a name.
    pub seeds: fn() -> Vec<(String, Vec<u8>)>,
    /// Makes sums and lengths right, or some of them.
    pub repair: fn(&mut [u8], &mut Random),
}

pub const TARGETS: &[Target] = &[
    Target { name: "frames", check: frames, seeds: seeds::frames, repair: repair::frames },
    Target { name: "requests", check: requests, seeds: seeds::requests, repair: repair::requests },
    Target { name: "hello", check: hello, seeds: seeds::hello, repair: repair::nothing },
    Target { name: "answers", check: answers, seeds: seeds::answers, repair: repair::nothing },
    Target { name: "batch", check: batch, seeds: seeds::batches, repair: repair::batch },
    Target { name: "journal", check: journal, seeds: seeds::journals, repair: repair::journal },
    Target { name: "chunk", check: chunk, seeds: seeds::chunks, repair: repair::chunk },
    Target { name: "catalog", check: catalog, seeds: seeds::catalog, repair: repair::catalog },
    Target { name: "records", check: records, seeds: seeds::records, repair: repair::nothing },
    Target { name: "dump", check: dump, seeds: seeds::dump, repair: repair::nothing },
    Target { name: "operations", check: operations, seeds: seeds::operations, repair: repair::nothing },
    Target { name: "http-heads", check: http_heads, seeds: seeds::http_heads, repair: repair::nothing },
    Target { name: "http-bodies", check: http_bodies, seeds: seeds::http_bodies, repair: repair::nothing },
    Target { name: "s2s", check: s2s, seeds: seeds::s2s, repair: repair::nothing },
];
