//! Netcat for Riverrun's protocol, and a reader of its stored files: what is behind `riverrun dump`.
//!
//! The route of a byte: a source (a live [`proxy`], a connection, a file) hands each direction's bytes to a
//! [`capture::Cutter`], which cuts frames; [`describe`](mod@describe) explains a frame as named [`field`]s by walking its
//! layout, with the protocol crate's own verdict beside them; a [`view`] prints it. The way back is [`encode`]: JSON lines to
//! the same bytes, by walking the same layout. Stored chunks and journals have readers of their own over `riverrun-core`.
//!
//! Data goes to standard output and all else to standard error. Tokens are never shown unless asked for.
#![forbid(unsafe_code)]

pub mod args;
pub mod capture;
pub mod chunk;
pub mod connect;
pub mod conversation;
pub mod describe;
pub mod encode;
pub mod error;
pub mod field;
pub mod file;
pub mod hextext;
pub mod input;
pub mod journal;
pub mod judge;
mod layout;
pub mod proxy;
mod records;
mod row;
mod run;
mod say;
pub mod summary;
pub mod view;
pub mod walk;
pub mod watch;

pub use args::DumpCommand;
pub use run::run;
