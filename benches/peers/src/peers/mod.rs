//! The peers, one file each.

mod iggy;
mod nats;
mod redis;
mod riverrun;
mod s2_lite;

pub use riverrun::Riverrun;

use crate::peer::Peer;

pub const PEERS: [&str; 6] = ["redis", "redis-pool", "nats", "nats-batch", "s2-lite", "iggy"];

pub fn all() -> Vec<Box<dyn Peer>> {
    vec![
        Box::new(redis::Redis::ordered()),
        Box::new(redis::Redis::pooled()),
        Box::new(nats::Nats::single()),
        Box::new(nats::Nats::batched()),
        Box::new(s2_lite::S2Lite),
        Box::new(iggy::Iggy),
    ]
}

/// A stream of its own for each turn and producer.
fn stream_name(turn: u32, producer: usize) -> String {
    format!("turn-{turn:04}-producer-{producer:03}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_is_known_by_its_name() {
        assert!(all().iter().map(|peer| peer.name()).eq(PEERS));
    }
}
