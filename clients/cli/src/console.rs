//! Small answers on stdout, remarks on stderr. Neither panics when nobody reads them any more.

use std::io::{self, Write};

use crate::errors::Failure;

/// Whether stdout still has a reader. One that left (`riverrun ls | head -1`) has what it wanted: not an error, but no
/// reason to go on either.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Reader {
    Listening,
    Gone,
}

/// Writes lines to stdout at once.
pub fn print(text: &str) -> Result<Reader, Failure> {
    let mut stdout = io::stdout().lock();
    outcome(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// Writes one line to stderr.
pub fn remark(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn outcome(written: io::Result<()>) -> Result<Reader, Failure> {
    match written {
        Ok(()) => Ok(Reader::Listening),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(e) => Err(Failure::io("stdout could not be written", &e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_left_is_not_an_error() {
        assert_eq!(outcome(Err(io::ErrorKind::BrokenPipe.into())), Ok(Reader::Gone));
        assert_eq!(outcome(Err(io::ErrorKind::StorageFull.into())).unwrap_err().what, "stdout could not be written");
    }
}
