//! The record batch: the same bytes on the wire, in the journal, in the chunk and in the push.
