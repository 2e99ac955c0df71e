//! What has to hold for histories by chance.

use proptest::prelude::{ProptestConfig, Strategy, any};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use proptest::{prop_assert, prop_assert_eq, proptest};
use riverrun_history::{History, Verdict, check};

use crate::brute_force;
use crate::generated::{Change, change, changed, script};
use crate::simulated::{Script, play};

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn what_a_correct_stream_did_passes(script in script(5, 0..=250, 20)) {
        let history = play(&script);
        match check(&history) {
            Verdict::Linearizable { order } => prop_assert_eq!(brute_force::explains(&history, &order), Ok(())),
            other => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn lines_tell_the_same(script in script(4, 0..=60, 20)) {
        let history = play(&script);
        let lines = history.to_json_lines();
        let read = History::from_json_lines(&lines).expect("what was written");
        prop_assert_eq!(read.to_json_lines(), lines);
        prop_assert_eq!(check(&read), check(&history));
    }
}

proptest! {
    #![proptest_config(config(6000))]

    /// Up to seven operations, up to three answers changed: the search and the trying of all orders agree.
    #[test]
    fn the_search_agrees_with_trying_all_orders(
        script in small_script(),
        changes in proptest::collection::vec((change(), any::<usize>()), 0..=3),
    ) {
        let history = first_operations(play(&script), &changes);
        let expected = brute_force::linearizable(&history);
        match check(&history) {
            Verdict::Linearizable { order } => {
                prop_assert!(expected, "{}", history.to_json_lines());
                prop_assert_eq!(brute_force::explains(&history, &order), Ok(()));
            }
            other => prop_assert!(!expected && other.is_violation(), "{}\n{}", other, history.to_json_lines()),
        }
    }
}

fn small_script() -> impl Strategy<Value = Script> {
    script(3, 0..=18, 120).prop_filter("seven operations at most", |script| play(script).operations().len() <= 7)
}

fn first_operations(history: History, changes: &[(Change, usize)]) -> History {
    changes.iter().fold(history, |history, (change, which)| changed(&history, *change, *which).unwrap_or(history))
}

fn histories(count: usize) -> impl Iterator<Item = (History, usize)> {
    let mut runner = TestRunner::deterministic();
    let scripts = (script(5, 100..=300, 5), any::<usize>());
    std::iter::repeat_with(move || scripts.new_tree(&mut runner).expect("a script").current())
        .map(|(script, which)| (play(&script), which))
        .take(count)
}

#[test]
fn a_wrong_hash_never_passes() {
    for (history, which) in histories(200) {
        let Some(history) = changed(&history, Change::Hash, which) else { continue };
        assert!(check(&history).is_violation(), "{}", history.to_json_lines());
    }
}

/// Not always: between its call and its return an operation may have seen the neighbouring tail, too.
#[test]
fn a_tail_off_by_one_seldom_passes() {
    let mut verdicts = Vec::new();
    for (history, which) in histories(200) {
        let both = [Change::TailUp, Change::TailDown].map(|change| changed(&history, change, which));
        verdicts.extend(both.into_iter().flatten().map(|history| check(&history)));
    }
    let caught = verdicts.iter().filter(|verdict| verdict.is_violation()).count();
    println!("{caught} of {} histories with a tail off by one are violations", verdicts.len());
    assert!(!verdicts.contains(&Verdict::Unknown));
    assert!(caught * 10 > verdicts.len() * 9, "{caught} of {}", verdicts.len());
}
