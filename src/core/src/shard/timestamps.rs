//! Which timestamp each record of a batch gets (`s2-semantics.md` B7): picked by the stream's mode, never later than the batch's
//! arrival unless the stream is uncapped, never earlier than the record before.

use riverrun_protocol::config::{StreamConfig, TimestampingMode};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Timestamps {
    /// The stream's last assigned timestamp, stable or not.
    floor: u64,
    /// The wall clock, sampled once for the whole batch.
    arrival: u64,
    /// The highest that a client may set.
    cap: u64,
    ignores_client: bool,
}

impl Timestamps {
    pub(super) fn new(floor: u64, arrival: u64, config: &StreamConfig) -> Self {
        let cap = if config.timestamping_uncapped { u64::MAX } else { arrival };
        Self { floor, arrival, cap, ignores_client: config.timestamping_mode == TimestampingMode::Arrival }
    }

    /// Called for each record in order. The cap comes before the raise: a floor above the arrival (the clock stepped back) wins.
    /// Where timestamps are required, a batch that lacks one was refused (see `conditions`).
    pub(super) fn assign(&mut self, client: Option<u64>) -> u64 {
        let picked = client.filter(|_| !self.ignores_client).unwrap_or(self.arrival);
        self.floor = self.floor.max(picked.min(self.cap));
        self.floor
    }
}

#[cfg(test)]
mod tests {
    use riverrun_protocol::config::TimestampingMode::{Arrival, ClientPrefer, ClientRequire};

    use super::*;
    use crate::control::SYSTEM_DEFAULTS;

    fn config(timestamping_mode: TimestampingMode, timestamping_uncapped: bool) -> StreamConfig {
        StreamConfig { timestamping_mode, timestamping_uncapped, ..SYSTEM_DEFAULTS }
    }

    /// B7's table: mode, uncapped, floor, arrival, client, assigned. (The row that is refused is `conditions`'.)
    const B7: [(TimestampingMode, bool, u64, u64, Option<u64>, u64); 15] = [
        (ClientPrefer, false, 100, 1000, None, 1000),
        (ClientPrefer, false, 100, 1000, Some(500), 500),
        (ClientPrefer, false, 600, 1000, Some(500), 600),
        (ClientPrefer, false, 100, 1000, Some(5000), 1000),
        (ClientPrefer, true, 100, 1000, Some(5000), 5000),
        (ClientPrefer, false, 5000, 1001, None, 5000),
        (ClientPrefer, true, 100, 1000, None, 1000),
        (ClientRequire, true, 100, 1000, Some(u64::MAX), u64::MAX),
        (ClientRequire, true, u64::MAX, 1001, Some(7), u64::MAX),
        (ClientRequire, false, 100, 1000, Some(5000), 1000),
        (ClientRequire, false, 600, 1000, Some(500), 600),
        (Arrival, false, 100, 1000, Some(5000), 1000),
        (Arrival, true, 100, 1000, Some(5000), 1000),
        (Arrival, true, 100, 1000, Some(500), 1000),
        (Arrival, false, 100, 1000, None, 1000),
    ];

    #[test]
    fn b7_every_row() {
        for (mode, uncapped, floor, arrival, client, assigned) in B7 {
            let mut timestamps = Timestamps::new(floor, arrival, &config(mode, uncapped));
            assert_eq!(timestamps.assign(client), assigned, "{mode:?} {uncapped} {floor} {arrival} {client:?}");
        }
    }

    #[test]
    fn b7_a_clock_that_stepped_back_moves_nothing_back() {
        for (mode, uncapped) in [(ClientPrefer, false), (ClientPrefer, true), (Arrival, false), (Arrival, true)] {
            assert_eq!(Timestamps::new(1000, 990, &config(mode, uncapped)).assign(None), 1000, "{mode:?} {uncapped}");
        }
    }

    #[test]
    fn b7_each_record_raises_the_floor_of_the_next() {
        let mut timestamps = Timestamps::new(100, 1000, &config(ClientPrefer, false));
        let assigned: Vec<u64> =
            [Some(300), Some(200), None, Some(400)].into_iter().map(|client| timestamps.assign(client)).collect();
        assert_eq!(assigned, [300, 300, 1000, 1000]);
    }
}
