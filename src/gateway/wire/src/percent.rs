//! Percent-decoding that refuses what it cannot decode, instead of passing it on.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// # Errors
/// What is wrong: a `%` without two hexadecimal digits behind it, or bytes that are not UTF-8.
pub(crate) fn decode(text: &str) -> Result<Cow<'_, str>, &'static str> {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|b| *b == b'%') {
        match rest[at + 1..] {
            [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => rest = &rest[at + 3..],
            _ => return Err("`%` is not followed by two hexadecimal digits"),
        }
    }
    percent_decode_str(text).decode_utf8().map_err(|_| "the decoded bytes are not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_or_says_why_not() {
        assert_eq!(decode("a%2Fb%20%c3%A4").unwrap(), "a/b ä");
        assert_eq!(decode("plain+").unwrap(), "plain+");
        for bad in ["%", "%2", "a%zz", "%%20", "%2%20"] {
            assert_eq!(decode(bad).unwrap_err(), "`%` is not followed by two hexadecimal digits", "{bad}");
        }
        assert_eq!(decode("%ff").unwrap_err(), "the decoded bytes are not UTF-8");
    }
}
