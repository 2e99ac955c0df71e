//! Riverrun's wire and nothing else: frames, the hello, record batches, every request, response, push and error.
//!
//! The route of a byte: a [`frame`] is cut from the stream, its body parsed as a [`request::Request`],
//! [`response::Response`], [`response::Push`] or [`error::ErrorFrame`]; a record [`batch`] inside it is a view over the
//! same bytes that the journal, the chunks and the pushes carry.
//!
//! This crate opens no socket, reads no clock and holds no unsafe code. docs/PROTOCOL.md draws every layout.
#![forbid(unsafe_code)]

pub mod access;
pub mod batch;
pub mod codec;
pub mod config;
pub mod crc;
pub mod error;
pub mod frame;
pub mod limits;
pub mod request;
pub mod response;
pub mod types;
mod wire;

pub use batch::{Batch, BatchSlice, Record};
pub use error::{DecodeError, ErrorCode, ErrorFrame, Outcome};
pub use frame::{Frame, FrameClass, FrameHeader, FrameKind};
pub use request::Request;
pub use response::{Push, Response};
pub use types::{BasinName, Level, Position, StreamId, StreamName};
