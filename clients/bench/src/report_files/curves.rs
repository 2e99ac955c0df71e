//! Which histogram of one run belongs beside which of the other.

use std::collections::BTreeMap;
use std::fmt;

use hdrhistogram::Histogram;

use super::load::Run;

/// A histogram of a run: the file's name without extension, and the tag, empty if there is none.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct CurveKey {
    pub(super) file: String,
    pub(super) tag: String,
}

pub(super) struct Compared<'a> {
    pub(super) pairs: Vec<Pair<'a>>,
    pub(super) only_old: Vec<String>,
    pub(super) only_new: Vec<String>,
}

pub(super) struct Pair<'a> {
    /// Empty for a histogram without a tag.
    pub(super) name: String,
    pub(super) old: &'a Histogram<u64>,
    pub(super) new: &'a Histogram<u64>,
}

/// Files that were named themselves are matched by their tags alone; those found in folders by their names too.
pub(super) fn compare<'a>(old: &'a Run, new: &'a Run, by_tag_alone: bool) -> Compared<'a> {
    let (old, new) = (named(old, by_tag_alone), named(new, by_tag_alone));
    let missing = |from: &BTreeMap<String, _>, other: &BTreeMap<String, _>| {
        from.keys().filter(|name| !other.contains_key(*name)).cloned().collect::<Vec<String>>()
    };
    let (only_old, only_new) = (missing(&old, &new), missing(&new, &old));
    let pair = |(name, old)| new.get(&name).map(|new| Pair { name, old, new });
    Compared { only_old, only_new, pairs: old.into_iter().filter_map(pair).collect() }
}

fn named(run: &Run, by_tag_alone: bool) -> BTreeMap<String, &Histogram<u64>> {
    let name = |key: &CurveKey| if by_tag_alone { key.tag.clone() } else { key.to_string() };
    run.curves.iter().map(|(key, histogram)| (name(key), histogram)).collect()
}

impl fmt::Display for CurveKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.file.as_str(), self.tag.as_str()) {
            (file, "") => f.write_str(file),
            (file, tag) => write!(f, "{file}/{tag}"),
        }
    }
}
