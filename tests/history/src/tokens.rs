//! Fencing tokens as small numbers, so that a state is cheap to copy, hash and compare.

use std::collections::HashMap;

/// A token of the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct TokenId(pub(crate) u32);

/// The tokens that a history names. The empty one, every stream's first, is number 0.
#[derive(Debug)]
pub(crate) struct Tokens<'h> {
    names: Vec<&'h str>,
    ids: HashMap<&'h str, TokenId>,
}

impl<'h> Tokens<'h> {
    pub(crate) fn new() -> Self {
        Tokens { names: vec![""], ids: HashMap::from([("", TokenId::default())]) }
    }

    pub(crate) fn id(&mut self, name: &'h str) -> TokenId {
        *self.ids.entry(name).or_insert_with(|| {
            self.names.push(name);
            TokenId(u32::try_from(self.names.len() - 1).expect("fewer tokens than operations"))
        })
    }

    pub(crate) fn name(&self, id: TokenId) -> &'h str {
        self.names[id.0 as usize]
    }
}
