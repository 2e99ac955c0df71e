//! The kinds of runs: each drives the load in its own way and comes back with an outcome.

pub mod live;
