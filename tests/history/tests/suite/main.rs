//! Tests of the checker from outside: histories written by hand, histories of a simulated stream, an exhaustive checker
//! to compare with.

mod brute_force;
mod by_hand;
mod generated;
mod indefinite;
mod json_lines;
mod properties;
mod say;
mod simulated;
mod timing;
