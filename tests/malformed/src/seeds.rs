//! Valid encodings to begin with: one of each kind at least. `corpus/` holds them as files.

mod http;
mod operations;
mod stored;
mod text;
mod values;
mod wire;

pub use http::{http_bodies, http_heads, s2s};
pub use operations::operations;
pub use stored::{chunks, journals};
pub use text::{dump, records};
pub use values::catalog;
pub use wire::{answers, batches, frames, hello, requests};

type Seeds = Vec<(String, Vec<u8>)>;

fn named(seeds: impl IntoIterator<Item = (&'static str, Vec<u8>)>) -> Seeds {
    seeds.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect()
}
