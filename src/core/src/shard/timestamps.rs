//! Which timestamp each record of a batch gets (`s2-semantics.md` B7), in the default mode: the client's where there is one,
//! never later than the batch's arrival, never earlier than the record before.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Timestamps {
    /// The stream's last assigned timestamp, stable or not.
    floor: u64,
    /// The wall clock, sampled once for the whole batch.
    arrival: u64,
}

impl Timestamps {
    pub(super) fn new(floor: u64, arrival: u64) -> Self {
        Self { floor, arrival }
    }

    /// Called for each record in order. The cap comes before the raise: a floor above the arrival (the clock stepped back) wins.
    pub(super) fn assign(&mut self, client: Option<u64>) -> u64 {
        let capped = client.unwrap_or(self.arrival).min(self.arrival);
        self.floor = self.floor.max(capped);
        self.floor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B7's table, the rows of the default mode: floor, arrival, client, assigned.
    const B7: [(u64, u64, Option<u64>, u64); 6] = [
        (100, 1000, None, 1000),
        (100, 1000, Some(500), 500),
        (600, 1000, Some(500), 600),
        (100, 1000, Some(5000), 1000),
        (5000, 1001, None, 5000),
        (1000, 990, None, 1000),
    ];

    #[test]
    fn b7_default_mode() {
        for (floor, arrival, client, assigned) in B7 {
            assert_eq!(Timestamps::new(floor, arrival).assign(client), assigned, "{floor} {arrival} {client:?}");
        }
    }

    #[test]
    fn b7_each_record_raises_the_floor_of_the_next() {
        let mut timestamps = Timestamps::new(100, 1000);
        let assigned: Vec<u64> =
            [Some(300), Some(200), None, Some(400)].into_iter().map(|client| timestamps.assign(client)).collect();
        assert_eq!(assigned, [300, 300, 1000, 1000]);
    }
}
