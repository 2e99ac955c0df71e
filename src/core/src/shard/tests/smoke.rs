use super::client::{MUCH, Said, batch, connection, from_seq};
use super::world::World;

#[test]
fn append_then_follow() {
    let mut w = World::new();
    let c = connection(1);
    w.append(c, 1, "s", &batch(&["a", "b"]));
    assert_eq!(w.heard(c, 1), [Said::ack(0, 2)]);
    w.open_read(c, 2, "s", from_seq(0), MUCH);
    assert_eq!(w.heard(c, 2), [Said::Opened { tail: 2 }, Said::records(0, &["a", "b"]), Said::Heartbeat { tail: 2 }]);
    w.open_append(c, 3, "s");
    w.input(c, 3, &batch(&["c"]));
    assert_eq!(w.heard(c, 3), [Said::Opened { tail: 2 }, Said::ack(2, 3)]);
    assert_eq!(w.heard(c, 2), [Said::live(2, &["c"], 3)]);
    w.close_append(c, 3);
    assert_eq!(w.heard(c, 3), [Said::Ended]);
    w.check_tail(c, 4, "s");
    assert_eq!(w.heard(c, 4), [Said::Tail { seq_num: 3, timestamp: super::world::WALL_MS }]);
}
