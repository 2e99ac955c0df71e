//! Commands that carry on where an interrupted one stopped, ready to be pasted into a shell.

use std::fmt::Display;

/// A `riverrun` command line under construction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommandLine(String);

impl CommandLine {
    /// `riverrun VERB`, with `--addr` where it is not the default, and with the token's file.
    pub fn new(globals: &crate::Globals, verb: &str) -> Self {
        let mut line = Self("riverrun".to_owned());
        if globals.addr != crate::ADDR_DEFAULT {
            line = line.option("--addr", &globals.addr);
        }
        let token_file = globals.token_file.as_ref().map(|path| path.display());
        line.maybe("--token-file", token_file).word(verb)
    }

    /// Adds a word, quoted where a shell would take it apart.
    #[must_use]
    pub fn word(mut self, word: impl Display) -> Self {
        self.0.push(' ');
        self.0.push_str(&quoted(&word.to_string()));
        self
    }

    #[must_use]
    pub fn option(self, name: &str, value: impl Display) -> Self {
        self.word(name).word(value)
    }

    /// Adds `name value` where there is a value.
    #[must_use]
    pub fn maybe(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.option(name, value),
            None => self,
        }
    }

    #[must_use]
    pub fn flag(self, name: &str, on: bool) -> Self {
        if on { self.word(name) } else { self }
    }
}

impl Display for CommandLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The word as a POSIX shell reads it back: untouched where harmless, else in single quotes.
pub fn quoted(word: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(harmless) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        for (word, wanted) in [
            ("my-basin-1/logs", "my-basin-1/logs"),
            ("s2://my-basin-1/a", "s2://my-basin-1/a"),
            ("with space", "'with space'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("é", "'é'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), wanted);
        }
    }
}
