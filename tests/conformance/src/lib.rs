//! Conformance: one table of [`rows`] that walks `s2-semantics.md` A to F, edge cases first. Each row is played on a [`Stage`] against
//! a [`Door`]: the pure core ([`CoreDoor`]), a real server over its protocol, later others. The rows are written against the
//! specification; where it leaves a choice, a row accepts exactly what is allowed.
#![forbid(unsafe_code)]

mod core_door;
mod door;
pub mod forge;
mod report;
mod row;
pub mod rows;
mod stage;

pub use core_door::CoreDoor;
pub use door::{Door, Link, Said};
pub use report::{Report, play};
pub use row::{Needs, Row};
pub use stage::{Got, Stage};
