//! The broker that S2's own SDK is tried against: the real binary on loopback ports, in temporary folders, stopped by its own process id.
//!
//! The SDK is only known to the tests: nothing of it is in what is built to be shipped.

#![forbid(unsafe_code)]

mod binary;
mod server;

pub use binary::binary;
pub use server::{Data, Server, free_address};
