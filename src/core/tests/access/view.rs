//! F3: a listing shows what is in the principal's set, in full pages.

use riverrun_core::access::{View, contains};
use riverrun_protocol::access::{ResourceSet, TokenScope};

use crate::support::*;

/// What a listing over `names` answers, narrowed by a view.
fn listed(set: &ResourceSet, names: &[&str], prefix: &str, start_after: &str, limit: u32) -> (Vec<String>, bool) {
    let principal = with_scope(TokenScope { streams: set.clone(), ..whole_scope() });
    let Some(view) = View::new(&principal, |scope| &scope.streams, prefix, start_after, limit) else {
        return (Vec::new(), false);
    };
    let matching = names.iter().filter(|n| n.starts_with(&view.prefix) && **n > start_after);
    let mut found: Vec<String> = matching.map(|n| (*n).to_owned()).collect();
    let mut has_more = found.len() > view.limit as usize;
    found.truncate(view.limit as usize);
    view.cut(&mut found, &mut has_more, |name| name);
    (found, has_more)
}

#[test]
fn f3_pages_of_what_is_visible_are_whole() {
    let mut names = ["a", "aa", "ab", "aba", "abb", "b", "ba", "c"];
    names.sort_unstable();
    let filters = ["", "a", "ab", "abc", "b", "z"];
    let sets = filters.map(prefix).into_iter().chain(filters.map(exact)).chain([ResourceSet::Nothing]);
    for set in sets {
        for asked in filters {
            for start_after in filters {
                for limit in 1..4 {
                    let is_visible = |n: &&&str| contains(&set, n) && n.starts_with(asked) && **n > start_after;
                    let all: Vec<String> = names.iter().filter(is_visible).map(|n| (*n).to_owned()).collect();
                    let page = all.iter().take(limit as usize).cloned().collect::<Vec<_>>();
                    let expected = (page, all.len() > limit as usize);
                    let context = format!("{set:?} {asked} {start_after} {limit}");
                    assert_eq!(listed(&set, &names, asked, start_after, limit), expected, "{context}");
                }
            }
        }
    }
}
