//! S2's own Rust SDK against the real binary, one file per behaviour. The byte-level tests beside it (`tests/e2e/http`) say what is sent;
//! these say that a client nobody here wrote is content with it.

#![forbid(unsafe_code)]

mod access_tokens;
mod append_sessions;
mod appends;
mod basins;
mod check_tail;
mod commands;
mod compression;
mod endings;
mod hosts;
mod https;
mod large;
mod names;
mod producer;
mod read_sessions;
mod reads;
mod restarts;
mod streams;
mod support;
