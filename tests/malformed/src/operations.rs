//! Bytes as a list of operations on a shard, compared with a naive model of streams.
//!
//! Four bytes make an operation: which, and three arguments. Any bytes are a list, so whatever spoils the list makes another one.

mod model;
mod world;

use model::Model;
use riverrun_protocol::request::AppendConditions;
use riverrun_protocol::types::FencingToken;
use world::World;

/// Longer lists are cut off: what goes wrong, goes wrong early.
const OPERATIONS_MAX: usize = 256;
const STREAMS: u8 = 2;
const CONNECTIONS: u8 = 4;
/// One list in so many may lose its disk at this operation.
const FAILS_AT: u8 = 0xff;

/// A list of operations. Judges each answer when it comes; at the end everything is made durable, asked for and compared.
pub fn operations(data: &[u8]) {
    let mut run = Run { world: World::new(), model: Model::new(STREAMS.into()), id: 0 };
    for operation in data.as_chunks().0.iter().take(OPERATIONS_MAX) {
        run.operation(*operation);
        run.judge();
    }
    run.finish();
}

struct Run {
    world: World,
    model: Model,
    id: u64,
}

impl Run {
    fn operation(&mut self, [which, a, b, c]: [u8; 4]) {
        match which % 12 {
            0..=2 => self.append(a, u32::from(b % 4) + 1, None, self.conditions(a % STREAMS, b, c)),
            3 => self.append(
                a,
                1,
                Some(["", "one", "two", "three"][usize::from(b % 4)]),
                self.conditions(a % STREAMS, b, c),
            ),
            4 => self.check_tail(a),
            5 => self.read(a, b, c),
            6 | 7 => self.world.write_done(a.into()),
            8 if (a, b) == (FAILS_AT, FAILS_AT) => self.fail(),
            8 => self.world.write_done(0),
            9 => self.world.wait([1, 100, 5_000, 31_000][usize::from(a % 4)]),
            10 => self.close(a),
            _ => self.world.store_chunk(a % 4 != 0),
        }
    }

    /// What the client asks for: nothing, what holds, or what may not.
    fn conditions(&self, stream: u8, b: u8, c: u8) -> AppendConditions {
        let known = &self.model.streams[usize::from(stream)];
        let match_seq_num = match c % 4 {
            0 => None,
            1 => Some(known.next()),
            2 => Some(b.into()),
            _ => Some(known.stable),
        };
        let fencing_token = match c / 4 % 4 {
            0 => None,
            1 => Some(known.token.clone()),
            2 => Some("one".to_owned()),
            _ => Some(String::new()),
        };
        AppendConditions {
            match_seq_num,
            fencing_token: fencing_token.map(|token| FencingToken::new(&token).expect("short")),
        }
    }

    fn append(&mut self, who: u8, records: u32, fence: Option<&str>, conditions: AppendConditions) {
        let (stream, connection, id) = self.asks(who);
        let bodies = match fence {
            Some(token) => vec![token.to_owned()],
            None => (0..records).map(|n| format!("{id}-{n}")).collect(),
        };
        self.model.append(stream, (connection, id), &bodies, fence, &conditions);
        self.world.append(stream, (connection, id), &bodies, fence.is_some(), conditions);
    }

    fn check_tail(&mut self, who: u8) {
        let (stream, connection, id) = self.asks(who);
        self.model.check_tail(stream, (connection, id));
        self.world.check_tail(stream, (connection, id));
    }

    fn read(&mut self, who: u8, from: u8, count: u8) {
        let (stream, connection, id) = self.asks(who);
        let (from, count) = (u64::from(from), u64::from(count % 16) + 1);
        self.model.read(stream, (connection, id), from, count);
        self.world.read(stream, (connection, id), from, count);
    }

    fn asks(&mut self, who: u8) -> (usize, u64, u64) {
        self.id += 1;
        (usize::from(who % STREAMS), self.world.connection(who / STREAMS % CONNECTIONS), self.id)
    }

    fn close(&mut self, who: u8) {
        let connection = self.world.close_connection(who / STREAMS % CONNECTIONS);
        self.model.forget(connection);
    }

    fn fail(&mut self) {
        if self.world.fail_write() {
            self.model.failed = true;
        }
    }

    /// What was said since the last look, against what is durable now.
    fn judge(&mut self) {
        self.world.durable().iter().for_each(|(stream, end)| self.model.on_durable(*stream, *end));
        for (asked, said) in self.world.take_said() {
            self.model.hear(asked, said);
        }
        assert_eq!(self.world.gave_up, self.model.failed, "a shard gives up when a write failed, and only then");
    }

    /// Everything becomes durable; then nothing is unanswered, and all that was accepted is there.
    fn finish(&mut self) {
        if self.model.failed {
            return;
        }
        self.world.finish();
        self.judge();
        self.model.all_is_answered();
        for stream in 0..STREAMS {
            self.check_tail(stream);
            for from in (0..self.model.streams[usize::from(stream)].next()).step_by(7) {
                self.read(stream, u8::try_from(from).unwrap_or(u8::MAX), u8::MAX);
            }
            self.judge();
        }
        self.world.finish();
        self.judge();
        self.model.all_is_answered();
    }
}
