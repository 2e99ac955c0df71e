//! Recovery over models of the store, the catalog and the disk. [`node`] is a broker reduced to what concerns recovery; each
//! test kills it somewhere and compares what its successor finds with what was acknowledged.

mod clean;
mod crash;
mod damage;
mod deletion;
mod disk;
mod fencing;
mod missing;
mod node;
mod schedule;
