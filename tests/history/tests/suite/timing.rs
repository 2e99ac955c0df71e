//! How long checks take. Prints, asserts no times: `cargo test --release -p riverrun-history timing -- --nocapture`.

use std::time::{Duration, Instant};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use riverrun_history::{History, Outcome, Verdict, check};

use crate::generated::{Change, changed, script};
use crate::simulated::{Fate, Script, play};

/// With a hundredth of the requests and answers lost, late or refused.
fn long_script(clients: u64, each: usize) -> Script {
    let turns = 3 * clients as usize * each;
    script(clients, turns..=turns, 10).new_tree(&mut TestRunner::deterministic()).expect("a script").current()
}

fn without_faults(mut script: Script) -> Script {
    script.turns.iter_mut().for_each(|turn| turn.fate = Fate::Answered);
    script
}

fn timed(history: &History) -> (Verdict, Duration) {
    let begin = Instant::now();
    let verdict = check(history);
    (verdict, begin.elapsed())
}

fn name(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Linearizable { .. } => "linearizable",
        Verdict::Violation { .. } => "violation",
        Verdict::Unknown => "unknown",
    }
}

fn time(clients: u64, each: usize, script: &Script) {
    for last_read in [true, false] {
        let history = play(&Script { last_read, ..script.clone() });
        let wrong_hash = changed(&history, Change::Hash, usize::MAX / 2).expect("a read");
        let lost = history.operations().iter().filter(|o| o.outcome == Some(Outcome::AppendIndefiniteFailure)).count();
        let ((verdict, took), (broken, broken_took)) = (timed(&history), timed(&wrong_hash));
        let records = if last_read { "with" } else { "without" };
        println!("{clients} x {each}, {lost} indefinite, {records} records at the end: {} in {took:?}", name(&verdict));
        println!("  and with a wrong hash in the middle: {} in {broken_took:?}", name(&broken));
        assert!(verdict.is_linearizable(), "{verdict}");
        assert!(!broken.is_linearizable(), "{broken}");
    }
}

#[test]
fn time_to_check() {
    for (clients, each) in [(8, 500), (5, 4000), (16, 2500)] {
        let script = long_script(clients, each);
        time(clients, each, &without_faults(script.clone()));
        time(clients, each, &script);
    }
}
