//! E3: byte order, prefix, start_after strictly after, exact has_more; compared with a naive filter.

use std::collections::BTreeSet;

use bytes::Bytes;
use proptest::prelude::*;
use riverrun_protocol::access::ResourceSet;
use riverrun_protocol::request::{ListAccessTokens, ListBasins, ListStreams};
use riverrun_protocol::types::{BasinName, StreamName};

use crate::access::SYSTEM_BASIN;
use crate::control::{Listing, Page, keys};

fn everything() -> ResourceSet {
    ResourceSet::Prefix(String::new())
}

fn basin() -> BasinName {
    "logs-basin".parse().unwrap()
}

fn request(prefix: &str, start_after: &str, limit: u32) -> ListStreams {
    ListStreams { basin: basin(), prefix: prefix.into(), start_after: start_after.into(), limit }
}

/// Runs a listing over a catalog that holds `names`, and another basin's streams before and behind them.
fn list(names: &BTreeSet<String>, request: &ListStreams) -> Page<String> {
    let neighbours = ["logs-basim", "logs-basin-", "logs-basio"].map(|name| format!("stream/{name}\0name"));
    let mut catalog: BTreeSet<Bytes> = neighbours.into_iter().map(Bytes::from).collect();
    catalog.extend(names.iter().map(|name| keys::stream(&basin(), &StreamName::new(name).unwrap())));
    list_visible(&catalog, request, &everything())
}

fn list_visible(catalog: &BTreeSet<Bytes>, request: &ListStreams, visible: &ResourceSet) -> Page<String> {
    let listing = Listing::streams(request, visible, None);
    if listing.is_empty() {
        return listing.page(Vec::new());
    }
    let name = |key: &Bytes| String::from_utf8(key[keys::streams_of(&basin()).len()..].to_vec()).unwrap();
    listing.page(catalog.range(listing.keys.clone()).take(listing.scan_max()).map(name).collect())
}

fn naive(names: &BTreeSet<String>, request: &ListStreams) -> Page<String> {
    let matches = |name: &&String| name.starts_with(&request.prefix) && **name > request.start_after;
    let mut entries: Vec<String> = names.iter().filter(matches).cloned().collect();
    let limit = if (1..=1000).contains(&request.limit) { request.limit as usize } else { 1000 };
    let has_more = entries.len() > limit;
    entries.truncate(limit);
    Page { entries, has_more }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn expect(request: &ListStreams, entries: &[&str], has_more: bool) {
    let found = list(&names(&["a", "a/1", "a/2", "a0", "b", "é"]), request);
    assert_eq!((found.entries, found.has_more), (entries.iter().map(ToString::to_string).collect(), has_more));
}

#[test]
fn pages_follow_the_rules() {
    expect(&request("", "", 0), &["a", "a/1", "a/2", "a0", "b", "é"], false);
    expect(&request("a/", "", 0), &["a/1", "a/2"], false);
    expect(&request("a", "a", 0), &["a/1", "a/2", "a0"], false);
    expect(&request("", "a/15", 0), &["a/2", "a0", "b", "é"], false);
    expect(&request("", "", 2), &["a", "a/1"], true);
    expect(&request("", "", 5), &["a", "a/1", "a/2", "a0", "b"], true);
    expect(&request("", "", 6), &["a", "a/1", "a/2", "a0", "b", "é"], false);
    expect(&request("", "a/1", 2), &["a/2", "a0"], true);
    expect(&request("é", "", 0), &["é"], false);
}

#[test]
fn an_impossible_combination_is_an_empty_page() {
    expect(&request("a", "b", 0), &[], false);
    expect(&request("zzz", "", 0), &[], false);
    expect(&request("", "é", 0), &[], false);
}

#[test]
fn a_start_before_the_prefix_does_not_matter() {
    expect(&request("b", "a", 0), &["b"], false);
}

#[test]
fn a_limit_of_zero_or_beyond_a_thousand_is_a_thousand() {
    let many: BTreeSet<String> = (0..1001).map(|n| format!("{n:05}")).collect();
    for limit in [0, 1000, 1001, u32::MAX] {
        let page = list(&many, &request("", "", limit));
        assert_eq!((page.entries.len(), page.has_more), (1000, true), "limit {limit}");
    }
    let page = list(&many, &request("", "00000", 0));
    assert_eq!((page.entries.len(), page.has_more), (1000, false));
}

#[test]
fn basins_are_listed_by_the_same_rules() {
    let listing =
        Listing::basins(&ListBasins { prefix: "log".into(), start_after: "logs-aaaa".into(), limit: 7 }, &everything());
    assert_eq!(listing.keys, Bytes::from("basin/logs-aaaa\0")..Bytes::from("basin/loh"));
    assert_eq!(listing.scan_max(), 8);
}

/// Lists basins as the catalog's driver does.
fn list_basins(names: &[&str], limit: u32) -> Page<String> {
    let catalog: BTreeSet<Bytes> = names.iter().map(|name| Bytes::from(format!("basin/{name}"))).collect();
    let listing = Listing::basins(&ListBasins { limit, ..ListBasins::default() }, &everything());
    let found = catalog.range(listing.keys.clone()).take(listing.scan_max()).filter(|key| listing.shows(key));
    listing.page(found.map(|key| String::from_utf8(key[6..].to_vec()).unwrap()).collect())
}

#[test]
fn e3_the_reserved_basin_is_not_listed_and_does_not_count() {
    let names = ["logs-one", SYSTEM_BASIN, "zzzz-two"];
    for (limit, entries, has_more) in [(0, 2, false), (1, 1, true), (2, 2, false), (3, 2, false)] {
        let page = list_basins(&names, limit);
        assert_eq!(page.entries, ["logs-one", "zzzz-two"][..entries], "limit {limit}");
        assert_eq!(page.has_more, has_more, "limit {limit}");
    }
    assert!(!list_basins(&["logs-one", SYSTEM_BASIN], 1).has_more, "it is not what there is more of");
}

#[test]
fn f3_access_tokens_are_listed_by_the_same_rules() {
    let request = ListAccessTokens { prefix: "a".into(), start_after: String::new(), limit: 7 };
    let listing = Listing::access_tokens(&request, &ResourceSet::Prefix("ab".into()));
    assert_eq!(listing.keys, Bytes::from("token/ab")..Bytes::from("token/ac"));
    assert!(Listing::access_tokens(&request, &ResourceSet::Nothing).is_empty());
}

fn visible(set: &ResourceSet, name: &str) -> bool {
    match set {
        ResourceSet::Nothing => false,
        ResourceSet::Exact(exact) => !exact.is_empty() && exact == name,
        ResourceSet::Prefix(prefix) => name.starts_with(prefix.as_str()),
    }
}

fn any_set() -> impl Strategy<Value = ResourceSet> {
    prop_oneof![
        Just(ResourceSet::Nothing),
        "[a-c/\u{7f}é]{0,3}".prop_map(ResourceSet::Exact),
        "[a-c/\u{7f}é]{0,2}".prop_map(ResourceSet::Prefix),
    ]
}

proptest! {
    #[test]
    fn f3_a_restricted_listing_equals_a_filtered_one(
        names in prop::collection::btree_set("[a-c/\u{7f}é\u{10ffff}]{1,4}", 0..40), set in any_set(),
        prefix in "[a-c/é]{0,2}", start_after in "[a-c/é]{0,3}", limit in 0u32..6,
    ) {
        let request = request(&prefix, &start_after, limit);
        let catalog = names.iter().map(|name| keys::stream(&basin(), &StreamName::new(name).unwrap())).collect();
        let seen = names.into_iter().filter(|name| visible(&set, name)).collect();
        prop_assert_eq!(list_visible(&catalog, &request, &set), naive(&seen, &request));
    }

    #[test]
    fn any_listing_equals_a_naive_filter(
        names in prop::collection::btree_set("[a-c/\u{7f}é\u{10ffff}]{1,4}", 0..40),
        prefix in "[a-c/\u{7f}é\u{10ffff}]{0,2}", start_after in "[a-c/\u{7f}é\u{10ffff}]{0,3}", limit in 0u32..12,
    ) {
        let request = request(&prefix, &start_after, limit);
        prop_assert_eq!(list(&names, &request), naive(&names, &request));
    }
}
