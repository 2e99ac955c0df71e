//! The audit stream: what was asked for and decided, written by the broker itself into `riverrun-system/audit`.
//!
//! [`AuditSender::note`] costs whoever is audited a push into a queue; the writer (`server/audit_writer`) is one task
//! that takes what has gathered, makes one batch of it and appends it through the shard that owns the stream, like any
//! client.

mod limits;
mod sender;

pub use sender::{AuditQueue, AuditSender, Call, Kind, queue};
