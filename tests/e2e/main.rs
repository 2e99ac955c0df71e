//! End to end: what a user sees, with the real binary over real sockets. One file per behaviour.

mod raw;
mod support;

mod access;
mod audit;
mod dump_proxy;
mod embedded;
mod errors;
mod followers;
mod forbidden;
mod golden;
mod idle;
mod journal;
mod kill;
mod landing;
mod logs;
mod root_token;
mod rubbish;
mod stop;
