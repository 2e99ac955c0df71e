//! Riverrun's decisions and stored formats, without I/O: no socket, file, clock, thread or unsafe code in this crate, and the
//! compiler keeps it so, because nothing that could do any of it is among its dependencies.
//!
//! [`shard`] is the state machine of one core; it takes [`event::Event`]s (facts) and returns [`action::Action`]s (orders).
//! [`access`] decides who may do what. [`journal`] and [`chunk`] are bytes at rest. [`control`] holds the control plane's
//! rules and the catalog's values. [`plan`]
//! holds the verdicts that recovery and publishing execute.
#![forbid(unsafe_code)]

pub mod access;
pub mod action;
pub mod buffer;
pub mod chunk;
pub mod control;
pub mod event;
pub mod journal;
pub mod limits;
pub mod plan;
pub mod shard;
pub mod stored;
pub mod time;

pub use action::Action;
pub use event::Event;
pub use shard::Shard;
pub use time::Now;
