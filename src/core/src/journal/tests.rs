//! What the journal promises, on a model of the writer and of the disk under it.

mod build;
mod damage;
mod golden;
mod model;
mod sweep;
mod torn;
