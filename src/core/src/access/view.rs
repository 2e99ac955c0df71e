//! What of a listing a principal may see: only names in its set (`s2-semantics.md` F3). A set is one name or a prefix, so a page of
//! what is visible is a page of a narrower listing, and its limit and `has_more` stay true.

use riverrun_protocol::access::ResourceSet;

use super::Principal;

/// A narrower listing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct View {
    pub prefix: String,
    pub limit: u32,
    /// Of what is found, only this name; nothing more is visible behind it.
    pub only: Option<String>,
}

impl View {
    /// `None`: nothing is visible. `set` is where the principal's scope names this kind of thing.
    pub fn new(
        principal: &Principal,
        set: impl Fn(&riverrun_protocol::access::TokenScope) -> &ResourceSet,
        prefix: &str,
        start_after: &str,
        limit: u32,
    ) -> Option<Self> {
        let all = Self { prefix: prefix.to_owned(), limit, only: None };
        let Some(grant) = principal.grant() else { return Some(all) };
        match set(&grant.scope) {
            ResourceSet::Nothing => None,
            ResourceSet::Prefix(visible) if prefix.starts_with(visible.as_str()) => Some(all),
            ResourceSet::Prefix(visible) => {
                visible.starts_with(prefix).then(|| Self { prefix: visible.clone(), ..all })
            }
            ResourceSet::Exact(name) => {
                let asked = name.starts_with(prefix) && name.as_str() > start_after;
                asked.then(|| Self { prefix: name.clone(), limit: 1, only: Some(name.clone()) })
            }
        }
    }

    /// Of a page of the narrower listing, what is visible.
    pub fn cut<T>(&self, entries: &mut Vec<T>, has_more: &mut bool, name: impl Fn(&T) -> &str) {
        if let Some(only) = &self.only {
            entries.retain(|entry| name(entry) == only);
            *has_more = false;
        }
    }
}
