//! Writes the audit stream.
