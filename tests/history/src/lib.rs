//! Is what concurrent clients saw of one stream explained by some order of their operations, each at one moment between
//! its call and its return?
//!
//! A harness records a [`History`]: what was asked and when, what came back and when. [`check`] searches for an order in
//! which the model of a stream ([`Op`], [`Outcome`]: its rules) gives every answer that was given, and that keeps the
//! order of real time: what returned before another was called comes before it.
//!
//! The route: `history` records, or `json_lines` reads S2's own format. `plan` turns operations into steps of the
//! `model`, `settle` decides beforehand which of the appends without an answer took effect, `seen` collects the tails
//! that every order has to pass. `search` goes through the orders over the linked list of `entries`. `verdict` prints.
//!
//! Deliberately absent: trimming (reads go from 0 to the tail), timestamps, several streams, the order within a
//! pipelined session (its appends are concurrent operations here; a harness gives each its `match_seq_num`, or checks
//! their positions itself).
#![forbid(unsafe_code)]

mod bits;
mod entries;
mod hash;
mod history;
mod json_lines;
mod limits;
mod model;
mod operation;
mod plan;
mod search;
mod seen;
mod settle;
mod tokens;
mod verdict;

pub use hash::{chain_hash, record_hash, stream_hash};
pub use history::{History, OpId, Operation};
pub use json_lines::FormatError;
pub use limits::{CACHE_ENTRIES_MAX, Limits, STEPS_MAX};
pub use operation::{Append, Op, Outcome};
pub use verdict::{Verdict, check, check_within};
