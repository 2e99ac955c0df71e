//! Whatever the holder of a child may do, the holder of its parent may, at any time.

use riverrun_core::access::{Principal, Resource, decide, effective};
use riverrun_protocol::access::{Operation, OperationGroups, Operations, ResourceSet, TokenScope};
use riverrun_protocol::request::IssueAccessToken;

use crate::support::*;

const SEED: u64 = 0x5eed_0fac_ce55;
const PAIRS: usize = 100_000;
const NAMES: [&str; 8] =
    ["aaaaaaaa", "aaaaaaab", "aaaabbbb", "abababab", "bbbbbbbb", "baaaaaaa", "aaaaaaaaa", "riverrun-system"];
const PREFIXES: [&str; 7] = ["", "a", "aaaa", "aaaaaaa", "ab", "b", "riverrun"];

fn set(random: &mut Random) -> ResourceSet {
    match random.below(8) {
        0 => ResourceSet::Nothing,
        1 => exact(""),
        2 | 3 => exact(random.pick(&NAMES)),
        _ => prefix(random.pick(&PREFIXES)),
    }
}

/// Often the parent's own, so that many are granted.
fn or_random<T>(random: &mut Random, parents: T, other: impl FnOnce(&mut Random) -> T) -> T {
    if random.below(3) > 0 { parents } else { other(random) }
}

fn random_operations(random: &mut Random) -> Operations {
    (0..random.below(6)).map(|_| random.pick(Operation::ALL)).collect()
}

fn scope_below(random: &mut Random, parent: &TokenScope) -> TokenScope {
    TokenScope {
        basins: or_random(random, parent.basins.clone(), set),
        streams: or_random(random, parent.streams.clone(), set),
        access_tokens: or_random(random, parent.access_tokens.clone(), set),
        groups: or_random(random, parent.groups, |r| OperationGroups::from_bits(r.below(64) as u8).unwrap()),
        operations: or_random(random, parent.operations, random_operations).with(Operation::IssueAccessToken),
    }
}

fn below(random: &mut Random, parent: &TokenScope) -> IssueAccessToken {
    let expires_at_ms = (random.below(2) == 0).then(|| NOW_MS + 1 + random.below(50) as u64);
    IssueAccessToken { expires_at_ms, ..asking(random.pick(&NAMES), scope_below(random, parent)) }
}

fn check(random: &mut Random, parent: &Principal, child: &Principal) {
    let target = stream(random.pick(&NAMES), random.pick(&NAMES));
    let id = token_id(random.pick(&NAMES));
    let resources =
        [Resource::Account, Resource::Basin(&target.basin), Resource::Stream(&target), Resource::Token(&id)];
    for &operation in Operation::ALL {
        for resource in resources {
            let allowed = |who| decide(who, operation, resource).is_ok();
            let context = || format!("{operation} {resource} seed {SEED:#x}\nparent {parent:?}\nchild {child:?}");
            assert!(!allowed(child) || allowed(parent), "{}", context());
        }
    }
    for at in [NOW_MS, NOW_MS + random.below(60) as u64] {
        assert!(child.is_expired(at) || !parent.is_expired(at), "seed {SEED:#x} at {at}: {parent:?} {child:?}");
    }
}

#[test]
fn f3_no_child_of_a_child_may_what_its_parent_may_not() {
    println!("seed {SEED:#x}");
    let mut random = Random(SEED);
    let (mut granted, mut refused) = (0, 0);
    while granted < PAIRS {
        let mut parent = ROOT;
        let mut scope = whole_scope();
        for _generation in 0..4 {
            let request = below(&mut random, &scope);
            let Ok(row) = issued(&parent, &request) else {
                refused += 1;
                continue;
            };
            granted += 1;
            let child = holder(&row);
            check(&mut random, &parent, &child);
            assert!(parent.grant().is_none_or(|p| effective(&row.scope).is_subset_of(p.operations)));
            (parent, scope) = (child, row.scope);
        }
    }
    assert!(refused > PAIRS / 100, "{refused} requests were beyond their issuers");
}
