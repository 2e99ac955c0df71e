//! End to end: what a user sees, with the real binary over real sockets. One file per behaviour.

mod access;
mod audit;
mod clock_jumps;
mod conformance;
mod dump_proxy;
mod embedded;
mod errors;
mod feed;
mod fencing;
mod followers;
mod forbidden;
mod forgetting;
mod golden;
mod idle;
mod journal;
mod kill;
mod landing;
mod logs;
mod many_streams;
mod raw;
mod recreate;
mod root_token;
mod rubbish;
mod stop;
mod strangers;
mod support;
