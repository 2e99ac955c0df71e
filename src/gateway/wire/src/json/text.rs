//! JSON strings and numbers, straight between buffers.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A string of a body, borrowed unless it has escapes: what `Cow` would be if it borrowed inside lists.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Text<'a>(Cow<'a, str>);

impl Text<'_> {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its bytes; a slice of `body` where it was borrowed from there.
    pub fn into_bytes(self, body: &Bytes) -> Bytes {
        match self.0 {
            Cow::Borrowed(text) => body.slice_ref(text.as_bytes()),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor).map(Self)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text))
    }
}

/// `bytes` as a string; what is not UTF-8 becomes U+FFFD (`s2-semantics.md` H4).
pub(crate) fn put_raw(out: &mut BytesMut, bytes: &[u8]) {
    out.put_u8(b'"');
    for chunk in bytes.utf8_chunks() {
        put_escaped(out, chunk.valid().as_bytes());
        if !chunk.invalid().is_empty() {
            out.put_slice("\u{fffd}".as_bytes());
        }
    }
    out.put_u8(b'"');
}

/// `bytes` as a string of base64 in the standard alphabet with padding (`s2-semantics.md` H4).
pub(crate) fn put_base64(out: &mut BytesMut, bytes: &[u8]) {
    out.put_u8(b'"');
    let (start, text_bytes) = (out.len(), bytes.len().div_ceil(3) * 4);
    out.put_bytes(0, text_bytes);
    let written = STANDARD.encode_slice(bytes, &mut out[start..]).unwrap_or(0);
    debug_assert_eq!(written, text_bytes, "four characters for three bytes, begun ones included");
    out.put_u8(b'"');
}

/// Text of a valid string, with what JSON does not take as it is escaped.
fn put_escaped(out: &mut BytesMut, text: &[u8]) {
    let mut plain_from = 0;
    for (at, byte) in text.iter().copied().enumerate() {
        if !NEEDS_ESCAPE[usize::from(byte)] {
            continue;
        }
        out.put_slice(&text[plain_from..at]);
        put_escape(out, byte);
        plain_from = at + 1;
    }
    out.put_slice(&text[plain_from..]);
}

static NEEDS_ESCAPE: [bool; 256] = {
    let mut table = [false; 256];
    let mut control = 0;
    while control < 0x20 {
        table[control] = true;
        control += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table
};

fn put_escape(out: &mut BytesMut, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' => out.put_slice(br#"\""#),
        b'\\' => out.put_slice(br"\\"),
        b'\n' => out.put_slice(br"\n"),
        b'\r' => out.put_slice(br"\r"),
        b'\t' => out.put_slice(br"\t"),
        0x08 => out.put_slice(br"\b"),
        0x0c => out.put_slice(br"\f"),
        _ => {
            out.put_slice(br"\u00");
            out.put_u8(HEX[usize::from(byte >> 4)]);
            out.put_u8(HEX[usize::from(byte & 15)]);
        }
    }
}

/// A number in decimal digits.
pub(crate) fn put_decimal(out: &mut BytesMut, mut value: u64) {
    const DIGITS_MAX: usize = 20;
    let mut digits = [b'0'; DIGITS_MAX];
    let mut start = DIGITS_MAX - 1;
    while value >= 10 {
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        start -= 1;
    }
    digits[start] = b'0' + value as u8;
    out.put_slice(&digits[start..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(put: impl FnOnce(&mut BytesMut)) -> String {
        let mut out = BytesMut::new();
        put(&mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn h4_invalid_utf8_is_replaced() {
        let raw = |bytes: &[u8]| written(|out| put_raw(out, bytes));
        assert_eq!(raw(b""), r#""""#);
        assert_eq!(raw(b"a\xffb"), "\"a\u{fffd}b\"");
        assert_eq!(raw(b"\xe2\x82"), "\"\u{fffd}\"");
        assert_eq!(raw(b"\"\\\n\r\t\x08\x0c\x00\x1f\x7f/"), "\"\\\"\\\\\\n\\r\\t\\b\\f\\u0000\\u001f\x7f/\"");
    }

    #[test]
    fn h4_base64_has_padding() {
        let base64 = |bytes: &[u8]| written(|out| put_base64(out, bytes));
        for (bytes, text) in
            [(&b""[..], r#""""#), (b"a", r#""YQ==""#), (b"ab", r#""YWI=""#), (b"\xff\xfe\xfd", r#""//79""#)]
        {
            assert_eq!(base64(bytes), text);
        }
    }

    #[test]
    fn numbers() {
        for value in [0, 9, 10, 99, 100, 1 << 53, u64::MAX] {
            assert_eq!(written(|out| put_decimal(out, value)), value.to_string());
        }
    }

    proptest! {
        /// As a JSON library writes the same text.
        #[test]
        fn raw_strings_agree_with_serde(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let expected = serde_json::to_string(&String::from_utf8_lossy(&bytes)).unwrap();
            prop_assert_eq!(written(|out| put_raw(out, &bytes)), expected);
        }
    }
}
