//! Every operation against every shape of scope (reliability.md 5.3): the expectation is worked out here, from the
//! table of `s2-semantics.md` F2 as it is printed, not by the code under test.

use riverrun_core::access::{Denied, Principal, Resource, decide, decide_rotation};
use riverrun_protocol::access::{Operation, OperationGroups, Operations, ReadWrite, ResourceSet, TokenScope};

use crate::support::{ROOT, basin, exact, prefix, secret, stream, token_id, with_scope};

const ACCOUNT_READ: &str =
    "list-basins, get-basin-config, list-access-tokens, account-metrics, list-locations, get-default-location";
const ACCOUNT_WRITE: &str = "create-basin, delete-basin, reconfigure-basin, issue-access-token, revoke-access-token, \
                             set-default-location";
const BASIN_READ: &str = "list-streams, get-stream-config, basin-metrics";
const BASIN_WRITE: &str = "create-stream, delete-stream, reconfigure-stream";
const STREAM_READ: &str = "check-tail, read, stream-metrics";
const STREAM_WRITE: &str = "append, trim, fence";

/// Bits 0-5 of groups, as printed.
const GROUPS: [&str; 6] = [ACCOUNT_READ, ACCOUNT_WRITE, BASIN_READ, BASIN_WRITE, STREAM_READ, STREAM_WRITE];

fn holds(group: &str, operation: Operation) -> bool {
    group.split(", ").any(|word| word == operation.name())
}

/// Sets, and whether they hold "logs-basin", "logs/a" and "logs-token".
fn sets(name: &str) -> Vec<(ResourceSet, bool)> {
    vec![
        (ResourceSet::Nothing, false),
        (exact(""), false),
        (prefix(""), true),
        (exact(name), true),
        (exact("logs"), false),
        (exact(&format!("{name}x")), false),
        (prefix("logs"), true),
        (prefix(name), true),
        (prefix(&format!("{name}x")), false),
        (prefix("Logs"), false),
    ]
}

fn scopes() -> Vec<(OperationGroups, Operations, Vec<Operation>)> {
    let mut all = Vec::new();
    for bits in 1..64 {
        let groups = OperationGroups::from_bits(bits).unwrap();
        let in_groups = |op: &Operation| (0..6).any(|bit| bits >> bit & 1 == 1 && holds(GROUPS[bit], *op));
        all.push((groups, Operations::NONE, Operation::ALL.iter().copied().filter(in_groups).collect()));
    }
    for &operation in Operation::ALL {
        all.push((OperationGroups::default(), Operations::NONE.with(operation), vec![operation]));
    }
    all
}

#[test]
fn f2_every_operation_is_in_one_group() {
    for &operation in Operation::ALL {
        assert_eq!(GROUPS.iter().filter(|group| holds(group, operation)).count(), 1, "{operation}");
    }
}

#[test]
fn f2_an_operation_is_allowed_if_permitted_and_every_name_is_in_its_set() {
    let (target, in_basin, id) = (stream("logs-basin", "logs/a"), basin("logs-basin"), token_id("logs-token"));
    let mut allowed = 0;
    for (groups, operations, permitted) in scopes() {
        for (basins, basin_in) in sets("logs-basin") {
            for (others, stream_in) in sets("logs/a") {
                let (access_tokens, token_in) = (others.clone(), sets_hold(&others, "logs-token"));
                let scope = TokenScope { basins: basins.clone(), streams: others, access_tokens, groups, operations };
                let principal = with_scope(scope.clone());
                for &operation in Operation::ALL {
                    let ok = permitted.contains(&operation);
                    let is = |resource| decide(&principal, operation, resource).is_ok();
                    assert_eq!(is(Resource::Account), ok, "{operation} {scope:?}");
                    assert_eq!(is(Resource::Basin(&in_basin)), ok && basin_in, "{operation} {scope:?}");
                    assert_eq!(is(Resource::Stream(&target)), ok && basin_in && stream_in, "{operation} {scope:?}");
                    assert_eq!(is(Resource::Token(&id)), ok && token_in, "{operation} {scope:?}");
                    allowed += usize::from(is(Resource::Stream(&target)));
                }
            }
        }
    }
    assert!(allowed > 0, "something is allowed");
}

fn sets_hold(set: &ResourceSet, name: &str) -> bool {
    match set {
        ResourceSet::Nothing => false,
        ResourceSet::Exact(exact) => !exact.is_empty() && exact == name,
        ResourceSet::Prefix(prefix) => name.get(..prefix.len()) == Some(prefix.as_str()),
    }
}

#[test]
fn nobody_but_the_broker_changes_its_own_basin_and_scopes_say_who_reads_it() {
    let target = stream("riverrun-system", "audit");
    let everything = with_scope(crate::support::whole_scope());
    let root = Principal::Root(secret(1).public_id());
    let reads = [ACCOUNT_READ, BASIN_READ, STREAM_READ];
    for &operation in Operation::ALL {
        let is_read = reads.iter().any(|group| holds(group, operation));
        for principal in [&everything, &root, &ROOT] {
            // These name no basin, so a basin cannot forbid them.
            let (issue, revoke, location) =
                (Operation::IssueAccessToken, Operation::RevokeAccessToken, Operation::SetDefaultLocation);
            if ![issue, revoke, location].contains(&operation) {
                let decided = decide(principal, operation, Resource::Stream(&target));
                assert_eq!(decided, if is_read { Ok(()) } else { Err(Denied::Reserved) }, "{operation} {principal}");
            }
        }
        assert_eq!(decide(&Principal::System, operation, Resource::Basin(&target.basin)), Ok(()));
    }
    let elsewhere = with_scope(TokenScope { basins: prefix("logs"), ..crate::support::whole_scope() });
    assert!(decide(&elsewhere, Operation::Read, Resource::Stream(&target)).is_err());
}

#[test]
fn only_root_or_whoever_has_the_machine_may_replace_the_root_token() {
    assert!(decide_rotation(&Principal::Root(secret(1).public_id())).is_ok());
    assert!(decide_rotation(&Principal::Everyone { local: true }).is_ok());
    assert!(decide_rotation(&Principal::Everyone { local: false }).is_err());
    assert!(decide_rotation(&with_scope(crate::support::whole_scope())).is_err());
}

#[test]
fn only_who_holds_no_issued_token_may_see_how_long_the_broker_takes() {
    use riverrun_core::access::admit;
    use riverrun_protocol::Request;
    let everyone = [true, false].map(|local| Principal::Everyone { local });
    for principal in everyone.iter().chain([&Principal::Root(secret(1).public_id()), &Principal::System]) {
        assert!(admit(principal, &Request::GetStages).is_ok(), "{principal}");
    }
    let holder = with_scope(crate::support::whole_scope());
    assert_eq!(admit(&holder, &Request::GetStages), Err(Denied::NotWhole));
    assert!(admit(&holder, &Request::Status).is_ok());
}

#[test]
fn m_each_kind_of_record_needs_its_own_operation_and_one_admits_the_append() {
    use riverrun_core::access::admit;
    use riverrun_protocol::Request;
    let request = Request::OpenAppendSession(stream("logs-basin", "logs/a"));
    for bits in 0..8u32 {
        let kinds = [Operation::Append, Operation::Trim, Operation::Fence];
        let held: Vec<Operation> = (0..3).filter(|bit| bits >> bit & 1 == 1).map(|bit| kinds[bit]).collect();
        let group = ReadWrite { read: true, write: false };
        let scope = TokenScope {
            operations: held.iter().copied().collect(),
            groups: OperationGroups { stream: group, ..OperationGroups::default() },
            ..crate::support::whole_scope()
        };
        let decided = admit(&with_scope(scope), &request);
        let expected = [0, 1, 2].map(|bit: u32| bits >> bit & 1 == 1);
        match decided {
            Ok(rights) => assert_eq!([rights.append, rights.trim, rights.fence], expected),
            Err(denied) => assert_eq!((bits, denied), (0, Denied::Operation { operation: "append" })),
        }
    }
}
