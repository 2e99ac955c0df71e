//! What lies outside a process: disk, store and catalog. Each call is a [`points::Point`] at which something may go wrong, and
//! yields before and behind what it does, so that a process can be killed, or overtaken by another one, at either.

pub mod catalog;
pub mod disk;
pub mod points;
pub mod store;
