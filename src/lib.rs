//! The broker.
//!
//! The route of one append: [`uring`] receives, `server/worker/receive` cuts a frame, `server/worker/deliver` finds the shard that
//! owns the stream, [`riverrun_core::shard`] numbers and stamps the batch and orders a durable journal write, `server/worker/journal`
//! carries it out, its completion makes the batch stable, and the ack and the pushes go out through `server/worker/send`. Later
//! [`publish`] compresses a sealed chunk, puts it into the [`store`] and indexes it in the [`catalog`]. [`recovery`] finds all of
//! it again; [`loader`] reads it back. docs/ARCHITECTURE.md is the map.
//!
//! For tests of your own: [`Broker::start`].
#![deny(unsafe_code)]

pub mod access;
pub mod catalog;
pub mod collection;
pub mod config;
#[doc(hidden)]
pub mod demo;
#[doc(hidden)]
pub mod entropy;
mod gateway;
pub mod loader;
pub mod metrics;
pub mod names;
pub mod publish;
pub mod recovery;
#[doc(hidden)]
pub mod serve;
pub mod server;
pub mod stages;
pub mod store;
pub mod uring;

pub use config::Config;
pub use server::{Broker, StartError};
