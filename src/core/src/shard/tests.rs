//! The shard's behaviour, one file each. `world` is the language they are written in: a driver that does what it is told (or
//! holds it back), over models of disk, store and catalog that check what they are given; `client` speaks for clients.

mod client;
mod disk;
mod store;
mod world;

mod append;
mod append_session;
mod backlog;
mod bounds;
mod chunks;
mod commands;
mod conditions;
mod contention;
mod credit;
mod delete_when_empty;
mod deletion;
mod disk_full;
mod drain;
mod follow;
mod held_refusals;
mod history;
mod interleavings;
mod journal;
mod lag;
mod load;
mod memory;
mod pacing;
mod pages;
mod read_start;
mod reconfigure;
mod recovery;
mod rights;
mod single_read;
mod slabs;
mod smoke;
mod stages;
mod trim_reads;
mod wait;
