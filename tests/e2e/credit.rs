//! Credit that is abused (P13, P14): it adds up to its limit and no further, and buys no more than it says.

use riverrun_protocol::request::{GrantCredit, Ping, Request};

use crate::raw::{Raw, Said, follow_with, target};
use crate::support::Data;

const SESSION: u64 = 1_000;
const PING: u64 = 2_000;

fn grant(raw: &mut Raw, id: u64, times: usize, bytes: u64) {
    let request = Request::GrantCredit(GrantCredit { bytes });
    raw.send_all(&vec![(id, &request); times]);
}

/// Pushes up to the answer to a ping that is sent now: the frames of one connection are handled in order.
fn pushes_before_pong(raw: &mut Raw) -> usize {
    raw.send(PING, &Request::Ping(Ping { nonce: 1 }));
    let mut pushes = 0;
    loop {
        match raw.next() {
            Said::Push(SESSION) => pushes += 1,
            Said::Answer(PING, _) => return pushes,
            other => panic!("{other:?} after nothing but grants"),
        }
    }
}

#[test]
fn grants_of_any_number_and_size_buy_what_they_say() {
    let data = Data::new();
    let server = data.serve(&["--shards", "1"]);
    let mut raw = Raw::connect(&server.addr, "").expect("open");
    raw.create_basin("credit-basin");
    let target = target("credit-basin", "s");
    for _ in 0..50 {
        raw.append(&target, &"x".repeat(100_000)).expect("appended");
    }
    let before = server.resident_bytes();
    raw.send(SESSION, &follow_with(&target, 0, 0));
    assert!(matches!(raw.next(), Said::Answer(SESSION, _)));
    grant(&mut raw, SESSION, 1_000, 0);
    assert_eq!(pushes_before_pong(&mut raw), 0, "nothing is bought with nothing");
    grant(&mut raw, SESSION, 20_000, 1);
    grant(&mut raw, SESSION + 1, 20_000, u64::MAX);
    let mut pushes = pushes_before_pong(&mut raw);
    assert!(pushes <= 1, "{pushes} pushes for 20,000 bytes: a push is subtracted whole");
    grant(&mut raw, SESSION, 3, u64::MAX);
    // Ten records fit a push; then it is told that it has caught up.
    while pushes < 5 + 1 {
        assert_eq!(raw.next(), Said::Push(SESSION));
        pushes += 1;
    }
    grant(&mut raw, SESSION, 20_000, u64::MAX);
    assert_eq!(pushes_before_pong(&mut raw), 0);
    raw.append(&target, "one more").expect("the connection goes on");
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes more for 60,000 grants");
}
