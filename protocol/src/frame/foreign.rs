//! Other protocols that knock at the port, told by their first bytes, so that the answer can be in their language.

/// Whose first bytes they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Foreign {
    /// An HTTP/1 request line; from a server, a status line.
    Http,
    /// HTTP/2 with prior knowledge.
    Http2,
    /// A TLS record with a ClientHello.
    Tls,
    /// Somebody typing, or a text protocol.
    Text,
}

const HTTP_STARTS: [&[u8]; 9] = [b"HTTP", b"GET ", b"HEAD", b"POST", b"PUT ", b"DELE", b"OPTI", b"PATC", b"CONN"];

const HTTP_ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    content-type: text/plain; charset=utf-8\r\n\
    content-length: 87\r\n\
    connection: close\r\n\
    \r\n\
    This port speaks Riverrun's binary protocol, not HTTP. Use riverrun-client or the CLI.\n";

const TEXT_ANSWER: &[u8] = b"This port speaks Riverrun's binary protocol, not text. Use riverrun-client or the CLI.\n";

impl Foreign {
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Http2 => "HTTP/2",
            Self::Tls => "TLS",
            Self::Text => "text",
        }
    }

    /// What to send before closing: an HTTP client, or whoever is typing, shows it to its user. The others would not
    /// understand a word.
    pub fn answer(self) -> &'static [u8] {
        match self {
            Self::Http => HTTP_ANSWER,
            Self::Text => TEXT_ANSWER,
            Self::Http2 | Self::Tls => b"",
        }
    }
}

/// Whether a connection's first bytes, in either direction, are another protocol's. `None` if they may be a hello's, or
/// are fewer than 4.
///
/// A hello cannot be mistaken: read as a little-endian length, each of these starts is far above
/// `HELLO_BODY_BYTES_MAX`.
pub fn foreign(first: &[u8]) -> Option<Foreign> {
    let first: &[u8; 4] = first.first_chunk()?;
    if HTTP_STARTS.iter().any(|start| *start == first) {
        return Some(Foreign::Http);
    }
    match first {
        b"PRI " => Some(Foreign::Http2),
        [0x16, 0x03, 0x00..=0x04, _] => Some(Foreign::Tls),
        _ if first.iter().all(|b| matches!(b, b' '..=b'~' | b'\r' | b'\n' | b'\t')) => Some(Foreign::Text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::HELLO_BODY_BYTES_MAX;

    #[test]
    fn first_bytes_tell_the_protocol() {
        assert_eq!(foreign(b"GET / HTTP/1.1\r\n"), Some(Foreign::Http));
        assert_eq!(foreign(b"OPTIONS * HTTP/1.1\r\n"), Some(Foreign::Http));
        assert_eq!(foreign(b"HTTP/1.1 400 Bad Request\r\n"), Some(Foreign::Http));
        assert_eq!(foreign(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Some(Foreign::Http2));
        assert_eq!(foreign(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]), Some(Foreign::Tls));
        assert_eq!(foreign(b"hello?\r\n"), Some(Foreign::Text));
        assert_eq!(foreign(b"GET"), None);
        assert_eq!(foreign(&[0x20, 0, 0, 0, 1]), None);
    }

    #[test]
    fn no_length_that_a_hello_may_have_looks_foreign() {
        for length in 0..=HELLO_BODY_BYTES_MAX as u32 {
            assert_eq!(foreign(&length.to_le_bytes()), None);
        }
    }

    #[test]
    fn the_http_answer_says_its_own_length() {
        let text = std::str::from_utf8(Foreign::Http.answer()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
        assert!(head.starts_with("HTTP/1.1 400 ") && body.ends_with(".\n"));
    }
}
