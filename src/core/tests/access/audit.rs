use riverrun_core::access::{AuditChain, AuditRecord, Decision};

fn record(resource: &str) -> AuditRecord {
    AuditRecord {
        at_ms: 12,
        principal: "token:a\"b\\c\n".to_owned(),
        operation: "create-basin",
        resource: resource.to_owned(),
        decision: Decision::Denied,
        address: "127.0.0.1:9".to_owned(),
        suppressed: 3,
    }
}

fn written() -> Vec<String> {
    let mut chain = AuditChain::default();
    ["one", "two \",\"chain\":\"", "three"].map(|resource| chain.link(&record(resource))).into()
}

fn holds(records: &[String]) -> bool {
    let mut chain = AuditChain::default();
    records.iter().all(|record| chain.verify(record))
}

#[test]
fn a_chain_holds_and_goes_on_behind_its_last_record() {
    let mut records = written();
    assert!(holds(&records));
    let mut chain = AuditChain::behind(&records[2]).expect("a record");
    records.push(chain.link(&record("four")));
    assert!(holds(&records));
    assert_eq!(AuditChain::behind("{}"), None);
}

#[test]
fn text_from_outside_cannot_break_out_of_its_field() {
    let first = written().remove(0);
    assert!(
        first.starts_with(r#"{"at_ms":12,"principal":"token:a\"b\\c\u000a","operation":"create-basin""#),
        "{first}"
    );
}

#[test]
fn a_record_changed_taken_out_or_moved_shows() {
    let records = written();
    let mut changed = records.clone();
    changed[1] = changed[1].replace("denied", "allowed");
    assert!(!holds(&changed));
    assert!(!holds(&[records[0].clone(), records[2].clone()]));
    assert!(!holds(&[records[1].clone(), records[0].clone(), records[2].clone()]));
}
