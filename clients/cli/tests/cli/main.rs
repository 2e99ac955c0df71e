//! The client verbs from outside: what goes in, what comes out on which stream, how the process ends.

mod access_tokens;
mod append_and_read;
mod complaints;
mod completions;
mod conditions;
mod config;
mod control;
mod deletion;
mod interrupts;
mod support;
