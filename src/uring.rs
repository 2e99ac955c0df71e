//! The ring: operations in flight and the buffers they own. The only unsafe code of the project.
//!
//! One [`Ring`] per shard thread, built on that thread (`SINGLE_ISSUER`, `DEFER_TASKRUN`: completions are processed only when
//! the thread asks, so nothing interrupts a turn of the loop). The thread queues operations, calls [`Ring::turn`] once per turn,
//! which submits everything and waits, and then pops [`Completion`]s.
//!
//! **A buffer belongs to the kernel until its completion arrives** (reliability.md D16). Every operation is moved into a slot
//! together with its buffers and the descriptor it works on, and comes out of it only with its completion. Dropping the ring
//! with operations in flight cancels them and waits; what the kernel does not give back is leaked rather than freed.
#![allow(unsafe_code)]

mod features;
mod memory;
mod operation;
mod receive_pool;
mod refusal;
mod ring;
mod slots;
#[cfg(test)]
mod tests;

pub use features::Features;
pub use memory::huge;
pub use operation::{Completion, OperationId, Socket};
pub use receive_pool::ReceivedBuffer;
pub use refusal::RingRefused;
pub use ring::{Ring, RingCounters};
