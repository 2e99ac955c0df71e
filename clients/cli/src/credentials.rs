//! The access token of the command line: from a file or from the environment, never from an argument, which every user
//! of the machine could read in the list of processes.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use riverrun_client::Token;
use riverrun_protocol::limits::TOKEN_BYTES_MAX;

use crate::Globals;
use crate::errors::Failure;

/// Environment variables that may hold the token, the first that is set wins.
const VARIABLES: [&str; 2] = ["RIVERRUN_TOKEN", S2_VARIABLE];
/// S2's: what is in it is taken only if it is a token of Riverrun's. Else it is somebody's credential for S2's cloud,
/// and no server but S2's should see it.
const S2_VARIABLE: &str = "S2_ACCESS_TOKEN";
const TOKEN_BEGIN: &[u8] = b"rrt_";
/// A token and the line feeds around it.
const FILE_BYTES_MAX: u64 = TOKEN_BYTES_MAX as u64 + 256;

/// Where the token comes from. Shown in errors, which never show the token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    File(PathBuf),
    Variable(&'static str),
    Nowhere,
}

impl Source {
    /// The source that this command line has.
    pub fn of(globals: &Globals) -> Self {
        Self::among(globals, |name| std::env::var_os(name))
    }

    fn among(globals: &Globals, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        if let Some(path) = &globals.token_file {
            return Self::File(path.clone());
        }
        let is_ours = |name: &str, value: &OsString| name != S2_VARIABLE || value.as_bytes().starts_with(TOKEN_BEGIN);
        let is_set = |name: &&str| variable(name).is_some_and(|value| !value.is_empty() && is_ours(name, &value));
        VARIABLES.into_iter().find(is_set).map_or(Self::Nowhere, Self::Variable)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Variable(name) => write!(f, "the environment variable {name}"),
            Self::Nowhere => write!(f, "nowhere"),
        }
    }
}

/// The token to connect with, where one is given.
///
/// # Errors
/// A file that cannot be read, or a source that holds no token.
pub fn token(globals: &Globals) -> Result<Option<Token>, Failure> {
    let source = Source::of(globals);
    let text = match &source {
        Source::Nowhere => return Ok(None),
        Source::File(path) => read(path).map_err(|error| unreadable(&source, &error))?,
        Source::Variable(name) => std::env::var(name).map_err(|error| no_token(&source, &error.to_string()))?,
    };
    checked(&source, &text).map(Some)
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// Without the line feed that editors and `echo` put behind it.
fn checked(source: &Source, text: &str) -> Result<Token, Failure> {
    match text.trim() {
        "" => Err(no_token(source, "it is empty")),
        token if token.len() > TOKEN_BYTES_MAX => {
            Err(no_token(source, &format!("it is longer than any token is, {TOKEN_BYTES_MAX} bytes")))
        }
        token => Ok(Token::new(token)),
    }
}

fn unreadable(source: &Source, error: &io::Error) -> Failure {
    Failure::io(format!("the access token cannot be read from {source}"), error)
}

fn no_token(source: &Source, why: &str) -> Failure {
    Failure::new(format!("{source} holds no access token"), why, "put the token there, and nothing else")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_wins_over_our_variable_and_ours_over_s2_s() {
        let set = |names: &'static [&str]| move |name: &str| names.contains(&name).then(|| OsString::from("rrt_x"));
        let mut globals = Globals::at("127.0.0.1:1");
        assert_eq!(Source::among(&globals, set(&[])), Source::Nowhere);
        assert_eq!(Source::among(&globals, |_| Some(OsString::new())), Source::Nowhere, "set and empty");
        assert_eq!(Source::among(&globals, set(&["S2_ACCESS_TOKEN"])), Source::Variable("S2_ACCESS_TOKEN"));
        assert_eq!(Source::among(&globals, set(&VARIABLES)), Source::Variable("RIVERRUN_TOKEN"));
        globals.token_file = Some("my.token".into());
        assert_eq!(Source::among(&globals, set(&VARIABLES)), Source::File("my.token".into()));
    }

    #[test]
    fn a_credential_for_s2_s_cloud_is_nobody_else_s_business() {
        let globals = Globals::at("127.0.0.1:1");
        let s2s = |name: &str| (name == S2_VARIABLE).then(|| OsString::from("s3cret"));
        assert_eq!(Source::among(&globals, s2s), Source::Nowhere);
        assert_eq!(Source::among(&globals, |_| Some(OsString::from("s3cret"))), Source::Variable("RIVERRUN_TOKEN"));
    }

    #[test]
    fn what_is_no_token_is_refused_without_showing_it() {
        let source = Source::Variable("RIVERRUN_TOKEN");
        assert_eq!(checked(&source, " s3cret\n").unwrap(), Token::new("s3cret"));
        for text in ["", " \n", &"s3cret".repeat(100)] {
            let failure = checked(&source, text).unwrap_err();
            assert_eq!(failure.what, "the environment variable RIVERRUN_TOKEN holds no access token");
            assert!(!failure.why.0.contains("s3cret"), "{}", failure.why);
        }
    }
}
