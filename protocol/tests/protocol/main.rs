//! The wire, seen from outside: golden bytes, properties, limits, rubbish. One file per behaviour.

mod batches;
mod commands;
mod corpus;
mod damage;
mod frames;
mod garbage;
mod golden;
mod limits;
mod manual;
mod samples;
mod slices;
mod strategies;
mod support;
