//! Everything that is not data goes to standard error, which may be closed: that is no reason to fail, let alone to panic.

use std::fmt;
use std::io::Write;

/// One line for people.
pub fn tell(text: impl fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
