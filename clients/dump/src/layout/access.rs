//! What an access token may do, to what, and how fast.

use std::sync::LazyLock;

use riverrun_protocol::access::Operation;

use crate::field::Show;
use crate::walk::{Implied, Uint, Walk, Walked};

const GROUPS: &[&str] = &["account_read", "account_write", "basin_read", "basin_write", "stream_read", "stream_write"];

static OPERATIONS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| Operation::ALL.iter().map(|operation| operation.name()).collect());

pub fn scope<W: Walk>(w: &mut W) -> Walked {
    w.group("scope", |w| {
        w.bits_or("groups", 1, GROUPS, Implied::Nothing)?;
        w.bits_or("operations", 4, &OPERATIONS, Implied::Nothing)?;
        ["basins", "streams", "access_tokens"].into_iter().try_for_each(|name| names(w, name))
    })
}

fn names<W: Walk>(w: &mut W, name: &'static str) -> Walked {
    w.group(name, |w| match w.uint(Uint::new("kind", 1, Show::Named(set_kind)))? {
        0 => Ok(()),
        _ => w.text_or_empty("value", 2).map(drop),
    })
}

fn set_kind(value: u64) -> Option<&'static str> {
    ["nothing", "exact", "prefix"].get(usize::try_from(value).ok()?).copied()
}

pub fn rates<W: Walk>(w: &mut W) -> Walked {
    w.group("rates", |w| {
        w.quiet("append_bytes_per_sec", 8)?;
        w.quiet("requests_per_sec", 8).map(drop)
    })
}
