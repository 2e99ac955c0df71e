//! The kinds of runs: each drives the load in its own way and comes back with an outcome.

pub mod catch_up;
pub mod creation;
pub mod idle;
pub mod live;
pub mod probe;
pub mod under_catch_up;
