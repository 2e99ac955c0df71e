//! Names over a model of the catalog, with shards that are a model as well. [`process`] is what tests speak of.

mod calls;
mod crash;
mod deletion;
mod lookup;
mod process;
mod races;
mod reaper;
