//! The client verbs from outside: what goes in, what comes out on which stream, how the process ends.

mod append_and_read;
mod complaints;
mod control;
mod interrupts;
mod support;
