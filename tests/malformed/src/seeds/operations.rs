//! Lists of operations: a few that tell a story, and some from a seed.

use super::{Seeds, named};
use crate::random::Random;

const APPEND: u8 = 0;
const FENCE: u8 = 3;
const CHECK_TAIL: u8 = 4;
const READ: u8 = 5;
const WRITTEN: u8 = 6;
const FAILS: u8 = 8;
const WAIT: u8 = 9;
const CLOSE: u8 = 10;
const STORE: u8 = 11;

pub fn operations() -> Seeds {
    let pipelined = [[APPEND, 0, 1, 1], [APPEND, 0, 1, 1], [APPEND, 0, 1, 3], [WRITTEN, 1, 0, 0], [WRITTEN, 0, 0, 0]];
    let read_back = [[APPEND, 0, 2, 0], [WRITTEN, 0, 0, 0], [READ, 0, 0, 9], [CHECK_TAIL, 0, 0, 0], [READ, 0, 99, 1]];
    let fenced = [[FENCE, 0, 1, 0], [APPEND, 2, 0, 12], [APPEND, 0, 0, 4], [APPEND, 0, 0, 8], [FENCE, 2, 2, 12]];
    let history = [[APPEND, 1, 3, 0], [WRITTEN, 0, 0, 0], [WAIT, 3, 0, 0], [STORE, 1, 0, 0], [READ, 1, 0, 15]];
    let retried = [[APPEND, 1, 3, 0], [WRITTEN, 0, 0, 0], [WAIT, 3, 0, 0], [STORE, 0, 0, 0], [WAIT, 2, 0, 0]];
    let fails = [[APPEND, 0, 0, 0], [APPEND, 1, 0, 0], [FAILS, 255, 255, 0], [APPEND, 0, 0, 0], [CHECK_TAIL, 0, 0, 0]];
    let closed = [[APPEND, 0, 0, 0], [CLOSE, 0, 0, 0], [APPEND, 0, 0, 1], [WRITTEN, 0, 0, 0], [READ, 2, 0, 5]];
    let stories = named([
        ("pipelined", pipelined.concat()),
        ("read-back", read_back.concat()),
        ("fenced", fenced.concat()),
        ("history", history.concat()),
        ("retried", retried.concat()),
        ("fails", fails.concat()),
        ("closed", closed.concat()),
    ]);
    let random = (1..=6).map(|seed| (format!("seed-{seed}"), Random::new(seed).bytes(240)));
    stories.into_iter().chain(random).collect()
}
