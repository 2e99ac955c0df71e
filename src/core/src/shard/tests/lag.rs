//! What metrics say of readers.

use super::client::{MUCH, connection, from_seq};
use super::world::World;

#[test]
fn the_lag_is_that_of_the_reader_furthest_behind() {
    let mut w = World::new();
    assert_eq!(w.shard.reader_lag_records_max(), 0);
    w.fill("s", &["a", "b", "c", "d"]);
    w.open_read(connection(1), 1, "s", from_seq(0), MUCH);
    assert_eq!(w.shard.reader_lag_records_max(), 0, "it has all there is");
    w.open_read(connection(2), 1, "s", from_seq(3), 0);
    assert_eq!(w.shard.reader_lag_records_max(), 1, "without credit it stays where it began");
    w.open_read(connection(3), 1, "s", from_seq(1), 0);
    w.fill("s", &["e"]);
    assert_eq!(w.shard.reader_lag_records_max(), 4);
}
