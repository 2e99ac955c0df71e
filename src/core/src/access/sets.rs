//! Sets of names (`s2-semantics.md` F2): `Exact("")` holds nothing, `Prefix("")` everything.

use riverrun_protocol::access::ResourceSet;

pub fn contains(set: &ResourceSet, name: &str) -> bool {
    match set {
        ResourceSet::Nothing => false,
        ResourceSet::Exact(exact) => !exact.is_empty() && exact == name,
        ResourceSet::Prefix(prefix) => name.starts_with(prefix.as_str()),
    }
}

/// Whether every name in `inner` is in `outer`.
pub fn is_subset(inner: &ResourceSet, outer: &ResourceSet) -> bool {
    match inner {
        ResourceSet::Nothing => true,
        ResourceSet::Exact(exact) => exact.is_empty() || contains(outer, exact),
        ResourceSet::Prefix(prefix) => match outer {
            ResourceSet::Prefix(outer) => prefix.starts_with(outer.as_str()),
            ResourceSet::Nothing | ResourceSet::Exact(_) => false,
        },
    }
}
