//! What the audit stream holds: one JSON object per record, chained, so that a record that was changed or taken out
//! shows.
//!
//! `chain` is the hex SHA-256 of the previous record's `chain` (of nothing, for the first) and this record's text
//! without its own `chain`. To check: cut `,"chain":"..."}` off the text, put `}` there, and hash.

use std::fmt::Write;

use sha2::{Digest, Sha256};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    Allowed,
    Denied,
}

/// One thing that was asked for. Nothing in it is secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditRecord {
    pub at_ms: u64,
    pub principal: String,
    pub operation: &'static str,
    pub resource: String,
    pub decision: Decision,
    /// The peer's.
    pub address: String,
    /// Records that were left out before this one, because there were too many: this principal's of the same kind, and
    /// those that no later record of their own principal can tell of.
    pub suppressed: u64,
}

impl AuditRecord {
    /// JSON, without its chain.
    fn text(&self) -> String {
        let decision = match self.decision {
            Decision::Allowed => "allowed",
            Decision::Denied => "denied",
        };
        let (who, what) = (quoted(&self.principal), quoted(&self.resource));
        let begin = format!(r#"{{"at_ms":{},"principal":{who},"operation":"{}""#, self.at_ms, self.operation);
        let end = format!(r#""address":{},"suppressed":{}}}"#, quoted(&self.address), self.suppressed);
        format!(r#"{begin},"resource":{what},"decision":"{decision}",{end}"#)
    }
}

/// RFC 8259: quotes, backslashes and control characters are escaped, everything else may stand as it is.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The chain's end.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AuditChain {
    last: String,
}

const CHAIN_FIELD: &str = r#","chain":""#;

impl AuditChain {
    /// After the last record in the stream. `None`: it is no record of a chain.
    pub fn behind(record: &str) -> Option<Self> {
        let (_, chain) = split(record)?;
        Some(Self { last: chain.to_owned() })
    }

    /// The record's whole text, as it is appended.
    pub fn link(&mut self, record: &AuditRecord) -> String {
        let text = record.text();
        self.last = self.hash(&text);
        format!("{}{CHAIN_FIELD}{}\"}}", &text[..text.len() - 1], self.last)
    }

    /// Whether `record` is what was written behind what came before; goes on behind it.
    pub fn verify(&mut self, record: &str) -> bool {
        let Some((text, chain)) = split(record) else { return false };
        let holds = self.hash(&text) == chain;
        self.last = chain.to_owned();
        holds
    }

    fn hash(&self, text: &str) -> String {
        let hash = Sha256::new().chain_update(&self.last).chain_update(text).finalize();
        hash.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
    }
}

/// The text without its chain, and the chain.
fn split(record: &str) -> Option<(String, &str)> {
    let at = record.rfind(CHAIN_FIELD)?;
    let chain = record[at + CHAIN_FIELD.len()..].strip_suffix("\"}")?;
    let is_hash = chain.len() == 64 && chain.bytes().all(|b| b.is_ascii_hexdigit());
    is_hash.then(|| (format!("{}}}", &record[..at]), chain))
}
