//! Access control, from outside: what a broker asks of it. One file per behaviour.

mod audit;
mod escalation;
mod issue;
mod matrix;
mod namespace;
mod rate;
mod rows;
mod secret;
mod support;
mod view;
