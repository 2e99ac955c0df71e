//! Completions come from the whole command, and help has examples for every verb.

use crate::support::model::deserted;
use crate::support::run;

#[test]
fn completions_know_every_verb() {
    let addr = deserted();
    for shell in ["bash", "zsh", "fish"] {
        let script = String::from_utf8(run(&addr, &format!("completions {shell}")).quietly()).unwrap();
        for verb in ["append", "create-basin", "issue-access-token", "rotate-root-token", "completions"] {
            assert!(script.contains(verb), "{shell} does not know {verb}");
        }
    }
    assert_eq!(run(&addr, "completions tcsh").code, Some(2));
}

#[test]
fn every_verb_has_examples() {
    let addr = deserted();
    let help = String::from_utf8(run(&addr, "--help").quietly()).unwrap();
    let verbs = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let verbs: Vec<_> =
        verbs.filter_map(|line| line.split_whitespace().next()).filter(|verb| *verb != "help").collect();
    assert!(verbs.len() > 20, "{verbs:?}");
    for verb in verbs {
        let help = String::from_utf8(run(&addr, &format!("{verb} --help")).quietly()).unwrap();
        assert!(
            help.matches(&format!("riverrun {verb}")).count() >= 1 && help.contains("Examples:"),
            "{verb}:\n{help}"
        );
    }
}
