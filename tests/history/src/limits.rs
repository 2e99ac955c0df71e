//! How much a check may cost. A history that needs more is [`Unknown`](crate::Verdict::Unknown), never a pass.

/// How many choices the search remembers, about 200 bytes each.
pub const CACHE_ENTRIES_MAX: usize = 1 << 18;

/// How many operations the search places or thinks of placing, counted again after each taking back. A second or two.
pub const STEPS_MAX: usize = 8_000_000;

/// The limits of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// See [`CACHE_ENTRIES_MAX`].
    pub cache_entries_max: usize,
    /// See [`STEPS_MAX`].
    pub steps_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { cache_entries_max: CACHE_ENTRIES_MAX, steps_max: STEPS_MAX }
    }
}
