//! S2's HTTP bytes and nothing else: what the gateway has to read and write so that S2's clients work unchanged.
//!
//! The route of a request: [`path`] says which operation it is, [`headers`] in which form it comes and wants its answer,
//! [`query`] and [`json`] (or [`proto`], or [`s2s`]) what it asks for, as values of `riverrun_protocol::request`. The route of an
//! answer: values of `riverrun_protocol::response` become [`json`], [`proto`], [`s2s`] frames or [`sse`] events; what went wrong
//! becomes an [`error::HttpError`]. Records pass in both directions through [`batch`], without a copy of their own. [`compress`] is
//! for whole bodies.
//!
//! Nothing here decides what a request means: that is the broker's. No socket, clock, thread or unsafe code. Every rule names its
//! place in `s2-semantics.md`.
#![forbid(unsafe_code)]

pub mod batch;
pub mod compress;
pub mod error;
pub mod headers;
pub mod json;
pub mod limits;
pub mod path;
mod percent;
pub mod proto;
pub mod query;
pub mod s2s;
pub mod sse;

pub use batch::{AppendInput, EncodedAppend, ReadBatch};
pub use compress::Compression;
pub use error::{HttpError, S2Code};
pub use headers::{BodyFormat, RecordFormat};
pub use path::Route;
