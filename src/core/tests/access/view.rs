//! F3: a listing shows what is in the principal's set, in full pages.

use riverrun_core::access::{Principal, contains};
use riverrun_core::control::{Listing, keys};
use riverrun_protocol::access::{ResourceSet, TokenScope};
use riverrun_protocol::request::ListStreams;
use riverrun_protocol::types::BasinName;

use crate::support::*;

/// What a listing over `names` answers to a principal with this set.
fn listed(set: &ResourceSet, names: &[&str], prefix: &str, start_after: &str, limit: u32) -> (Vec<String>, bool) {
    let principal = with_scope(TokenScope { streams: set.clone(), ..whole_scope() });
    listed_to(&principal, names, prefix, start_after, limit)
}

fn listed_to(
    principal: &Principal,
    names: &[&str],
    prefix: &str,
    start_after: &str,
    limit: u32,
) -> (Vec<String>, bool) {
    let basin = BasinName::new("my-basin").expect("a name");
    let request = ListStreams { basin: basin.clone(), prefix: prefix.into(), start_after: start_after.into(), limit };
    let listing = Listing::streams(&request, principal.streams(), principal.namespace());
    let space = keys::streams_of(&basin);
    let key = |name: &str| [&space[..], name.as_bytes()].concat();
    let scanned = names.iter().filter(|name| !listing.is_empty() && listing.keys.contains(&key(name)[..]));
    let found = scanned.take(listing.scan_max()).filter(|name| listing.shows(&key(name)));
    let page = listing.page(found.map(|name| (*name).to_owned()).collect());
    (page.entries, page.has_more)
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

#[test]
fn f3_streams_without_a_name_in_a_namespace_take_no_place_in_its_pages() {
    let mut request = asking("t", TokenScope { streams: prefix("t/"), ..whole_scope() });
    request.auto_prefix_streams = true;
    let tenant = holder(&issued(&ROOT, &request).expect("issued"));
    let names = ["t/", "t/.", "t/..", "t/...", "t/a", "t/b"];
    let page = |start_after: &str, limit| listed_to(&tenant, &names, "t/", start_after, limit);
    let whole = |names: &[&str], has_more| (names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>(), has_more);
    assert_eq!(page("t/", 1), whole(&["t/..."], true));
    assert_eq!(page("t/", 2), whole(&["t/...", "t/a"], true));
    assert_eq!(page("t/", 3), whole(&["t/...", "t/a", "t/b"], false));
    assert_eq!(page("t/b", 1), whole(&[], false));
    let nobody = listed_to(&tenant, &["t/", "t/.", "t/.."], "t/", "t/", 1);
    assert_eq!(nobody, whole(&[], false));
}
