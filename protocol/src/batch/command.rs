//! Command records (`s2-semantics.md` B5): one header with an empty name, whose value is the operation word; the body
//! is the operation's payload.

use crate::limits::FENCING_TOKEN_BYTES_MAX;

/// What a command record asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command<'a> {
    /// The new fencing token; empty clears it.
    Fence(&'a str),
    /// The earliest sequence number to keep.
    Trim(u64),
}

impl<'a> Command<'a> {
    /// # Errors
    /// The message of `s2-semantics.md` B5 for the rule that is broken. Words are matched exactly.
    pub fn parse(word: &[u8], body: &'a [u8]) -> Result<Self, String> {
        match word {
            b"fence" => fence(body).map(Self::Fence),
            b"trim" => trim(body).map(Self::Trim),
            _ => Err("unknown command".to_owned()),
        }
    }
}

fn fence(body: &[u8]) -> Result<&str, String> {
    let token = std::str::from_utf8(body).map_err(|_| "invalid `fence` command: invalid UTF-8".to_owned())?;
    if token.len() > FENCING_TOKEN_BYTES_MAX {
        return Err(format!(
            "invalid `fence` command: fencing token must not exceed {FENCING_TOKEN_BYTES_MAX} bytes in length"
        ));
    }
    Ok(token)
}

fn trim(body: &[u8]) -> Result<u64, String> {
    let earliest = body.try_into().map_err(|_| {
        format!("invalid `trim` command: earliest sequence number to trim to was {} bytes, must be 8", body.len())
    })?;
    Ok(u64::from_be_bytes(earliest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b5_words_and_payloads() {
        assert_eq!(Command::parse(b"fence", b""), Ok(Command::Fence("")));
        assert_eq!(Command::parse(b"fence", &[b'a'; 36]), Ok(Command::Fence(&"a".repeat(36))));
        assert_eq!(Command::parse(b"trim", &[0, 0, 0, 0, 0, 0, 1, 2]), Ok(Command::Trim(258)));
        assert_eq!(Command::parse(b"Fence", b"").unwrap_err(), "unknown command");
        assert_eq!(Command::parse(b"", b"").unwrap_err(), "unknown command");
        assert_eq!(Command::parse(b"fence", &[0xff]).unwrap_err(), "invalid `fence` command: invalid UTF-8");
        assert_eq!(
            Command::parse(b"fence", &[b'a'; 37]).unwrap_err(),
            "invalid `fence` command: fencing token must not exceed 36 bytes in length"
        );
        assert_eq!(
            Command::parse(b"trim", b"1234567").unwrap_err(),
            "invalid `trim` command: earliest sequence number to trim to was 7 bytes, must be 8"
        );
    }
}
