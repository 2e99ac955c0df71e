//! What a stream is, as simply as it can be said: a list of records, a token, and how much of the list is durable.

use std::collections::BTreeMap;

use riverrun_protocol::request::AppendConditions;

/// A connection and a request's id.
pub type Asked = (u64, u64);

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    Ack {
        start: u64,
        end: u64,
    },
    Tail(u64),
    Records {
        first: u64,
        bodies: Vec<String>,
    },
    /// Nothing to be read; the tail.
    Unwritten(u64),
    Fenced(String),
    SeqNumMismatch(u64),
    Failed(String),
}

#[derive(Debug)]
enum Expected {
    /// Once everything below `stable_to` is durable: not before, for nobody may hear of what can vanish.
    Outcome {
        stream: usize,
        said: Said,
        stable_to: u64,
    },
    Tail {
        stream: usize,
    },
    Records {
        stream: usize,
        from: u64,
        count: u64,
    },
}

#[derive(Debug, Default)]
pub struct Stream {
    records: Vec<String>,
    pub token: String,
    /// Where the record that set the token ends.
    token_set_by: u64,
    pub stable: u64,
}

impl Stream {
    pub fn next(&self) -> u64 {
        self.records.len() as u64
    }

    /// In the documented order: the token, then the number. With what may be told only once this much is durable.
    fn refusal(&self, conditions: &AppendConditions) -> Option<(Said, u64)> {
        if conditions.fencing_token.as_ref().is_some_and(|token| token.as_str() != self.token) {
            return Some((Said::Fenced(self.token.clone()), self.token_set_by));
        }
        let mismatch = conditions.match_seq_num.is_some_and(|number| number != self.next());
        mismatch.then(|| (Said::SeqNumMismatch(self.next()), self.next()))
    }
}

#[derive(Debug)]
pub struct Model {
    pub streams: Vec<Stream>,
    /// The disk failed a write: from now on nothing is acknowledged.
    pub failed: bool,
    expected: BTreeMap<Asked, Expected>,
}

impl Model {
    pub fn new(streams: usize) -> Self {
        Self { streams: (0..streams).map(|_| Stream::default()).collect(), failed: false, expected: BTreeMap::new() }
    }

    pub fn append(
        &mut self,
        stream: usize,
        asked: Asked,
        bodies: &[String],
        fence: Option<&str>,
        conditions: &AppendConditions,
    ) {
        let known = &mut self.streams[stream];
        let (said, stable_to) = known.refusal(conditions).unwrap_or_else(|| {
            let start = known.next();
            known.records.extend_from_slice(bodies);
            let end = known.next();
            if let Some(token) = fence {
                known.token = token.to_owned();
                known.token_set_by = end;
            }
            (Said::Ack { start, end }, end)
        });
        self.expected.insert(asked, Expected::Outcome { stream, said, stable_to });
    }

    pub fn check_tail(&mut self, stream: usize, asked: Asked) {
        self.expected.insert(asked, Expected::Tail { stream });
    }

    pub fn read(&mut self, stream: usize, asked: Asked, from: u64, count: u64) {
        self.expected.insert(asked, Expected::Records { stream, from, count });
    }

    /// Its connection is gone: nothing is heard. What it appended stays.
    pub fn forget(&mut self, connection: u64) {
        self.expected.retain(|(of, _), _| *of != connection);
    }

    pub fn on_durable(&mut self, stream: usize, end: u64) {
        let known = &mut self.streams[stream];
        assert!(known.stable <= end && end <= known.next(), "{end} is durable of {} records", known.next());
        known.stable = end;
    }

    pub fn hear(&mut self, asked: Asked, said: Said) {
        let expected =
            self.expected.remove(&asked).unwrap_or_else(|| panic!("{said:?} in answer to nothing: {asked:?}"));
        if let (true, Said::Failed(_)) = (self.failed, &said) {
            return;
        }
        match expected {
            Expected::Outcome { stream, said: expected, stable_to } => {
                assert_eq!(said, expected, "{asked:?}");
                assert!(!self.failed || !matches!(said, Said::Ack { .. }), "P9: {said:?} after a failure");
                let stable = self.streams[stream].stable;
                assert!(stable_to <= stable, "{said:?} is told while {stable} records are durable");
            }
            Expected::Tail { stream } => assert_eq!(said, Said::Tail(self.streams[stream].stable), "{asked:?}"),
            Expected::Records { stream, from, count } => self.heard_records(stream, from, count, said),
        }
    }

    fn heard_records(&self, stream: usize, from: u64, count: u64, said: Said) {
        let Stream { records, stable, .. } = &self.streams[stream];
        match said {
            Said::Unwritten(tail) => assert!(tail == *stable && from >= tail, "there is something from {from} on"),
            Said::Records { first, bodies } => {
                assert_eq!(first, from, "from where it was asked for");
                let end = from + bodies.len() as u64;
                assert!(!bodies.is_empty() && bodies.len() as u64 <= count && end <= *stable, "{from}..{end}");
                assert_eq!(bodies, records[from as usize..end as usize], "the records that were accepted");
            }
            other => panic!("{other:?} in answer to a read"),
        }
    }

    pub fn all_is_answered(&self) {
        assert!(self.expected.is_empty(), "unanswered, though everything is durable: {:?}", self.expected);
    }
}
