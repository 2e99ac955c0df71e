//! Names inside a body: against the rule, they are `bad_json` (`s2-semantics.md` A2).

use std::fmt::Display;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error};

use super::text::Text;

/// A name, parsed by its own rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Name<T>(pub T);

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Name<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?;
        text.as_str().parse().map(Self).map_err(Error::custom)
    }
}
