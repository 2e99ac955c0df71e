//! Hexadecimal text to bytes: plain runs, `xxd` and `hexdump -C` listings, `\x41` and `0x41` styles, as people paste them.

use std::fmt::Write as _;

/// Why a line is not hexadecimal.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line} is not hexadecimal: {what}")]
pub struct NotHex {
    pub line: usize,
    pub what: String,
}

/// How much of a file is looked at to guess what it is. Even, so that packed digits are not cut in half.
const SAMPLE_BYTES: usize = 4096;

/// Lower-case digits without separators.
pub fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}

/// Every line's bytes, one behind the other. `#` starts a comment.
pub fn parse(text: &str) -> Result<Vec<u8>, NotHex> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    // `hexdump -C` ends in a line of the length alone, which only its other lines tell from four bytes.
    let is_listing = text.contains("  |");
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !(is_listing && line.trim().len() == 8)) {
        let parsed = parse_line(line).map_err(|what| NotHex { line: index + 1, what })?;
        bytes.extend_from_slice(&parsed);
    }
    Ok(bytes)
}

/// One line's bytes: the offset column of a listing and its ASCII column are dropped.
pub fn parse_line(line: &str) -> Result<Vec<u8>, String> {
    let line = line.split('#').next().unwrap_or_default();
    let tokens = line.replace("0x", " ").replace("\\x", " ").replace([',', ';'], " ");
    let mut packed = String::new();
    hex_columns(&tokens).for_each(|token| packed.push_str(token));
    unpack(&packed)
}

/// The columns that hold bytes. An offset column ends in `:` (xxd) or is the 8 digits before a double space (hexdump -C); the
/// ASCII column stands behind two spaces (xxd) or within bars (hexdump -C).
fn hex_columns(line: &str) -> impl Iterator<Item = &str> {
    let line = line.split('|').next().unwrap_or_default().trim();
    let body = match line.split_once(':') {
        Some((offset, rest)) if is_hex(offset) => rest.trim_start().split("  ").next().unwrap_or_default(),
        _ => without_hexdump_offset(line),
    };
    body.split_whitespace()
}

fn without_hexdump_offset(line: &str) -> &str {
    match line.split_once("  ") {
        Some((offset, rest)) if offset.len() == 8 && is_hex(offset) => rest,
        _ => line,
    }
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn unpack(digits: &str) -> Result<Vec<u8>, String> {
    if let Some(bad) = digits.chars().find(|c| !c.is_ascii_hexdigit()) {
        return Err(format!("`{bad}` is not a hexadecimal digit"));
    }
    if !digits.len().is_multiple_of(2) {
        return Err(format!("{} digits, an odd number", digits.len()));
    }
    let digits = digits.as_bytes();
    Ok(digits.chunks_exact(2).map(|pair| nibble(pair[0]) << 4 | nibble(pair[1])).collect())
}

fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// Whether the beginning of a file reads as hexadecimal text. A frame's own bytes never do: its header holds zeros.
pub fn looks_like_hex(start: &[u8]) -> bool {
    let sample = &start[..start.len().min(SAMPLE_BYTES)];
    let Ok(text) = std::str::from_utf8(sample) else { return false };
    let cut = text.rfind('\n').or(text.rfind(' ')).filter(|_| start.len() > SAMPLE_BYTES);
    matches!(parse(&text[..cut.unwrap_or(text.len())]), Ok(bytes) if !bytes.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_ways_people_paste_bytes() {
        let expected = Ok(vec![0x18, 0x00, 0xff, 0x52]);
        assert_eq!(parse("1800ff52"), expected);
        assert_eq!(parse("18 00 FF 52"), expected);
        assert_eq!(parse("0x18, 0x00, 0xff, 0x52"), expected);
        assert_eq!(parse("\\x18\\x00\\xff\\x52"), expected);
        assert_eq!(parse("# a hello\n18 00\nff 52 # and the rest\n"), expected);
        assert_eq!(parse("00000000: 1800 ff52                                ...R"), expected);
        assert_eq!(parse("00000000  18 00 ff 52                                       |...R|\n00000004\n"), expected);
    }

    #[test]
    fn what_is_not_hexadecimal_is_named_with_its_line() {
        assert_eq!(
            parse("00\nhello").unwrap_err().to_string(),
            "line 2 is not hexadecimal: `h` is not a hexadecimal digit"
        );
        assert_eq!(parse("001").unwrap_err().to_string(), "line 1 is not hexadecimal: 3 digits, an odd number");
    }

    #[test]
    fn raw_frames_are_never_taken_for_hexadecimal_text() {
        assert!(!looks_like_hex(&[0x30, 0, 0, 0, 1, 0, 0, 0]));
        assert!(!looks_like_hex(b""));
        assert!(looks_like_hex(b"18 00 00 00 01"));
        for unit in ["00", "00 ", "00 00\n"] {
            assert!(looks_like_hex(unit.repeat(9000).as_bytes()), "{unit:?}");
        }
    }

    proptest! {
        #[test]
        fn digits_come_back_as_the_same_bytes(bytes: Vec<u8>) {
            prop_assert_eq!(parse(&digits(&bytes)), Ok(bytes));
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = parse(&text);
            let _ = looks_like_hex(text.as_bytes());
        }
    }
}
