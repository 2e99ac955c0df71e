//! What `riverrun dump` promises, one file per promise.

mod any;
mod any_control;
mod args;
mod chunk;
mod connect;
mod every_kind;
mod file;
mod hex_view;
mod journal;
mod jsonl;
mod proxy;
mod rubbish;
mod samples;
mod secrets;
mod see;
