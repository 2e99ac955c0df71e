//! Verdicts that publishing, fencing and recovery carry out: what was found goes in, what to do next comes out. The steps
//! themselves are plain sequential code over the object store and the catalog; nothing here does or waits for anything.

pub mod fencing;
pub mod found;
pub mod put;
pub mod replay;
pub mod retry;

#[cfg(test)]
mod tests;
