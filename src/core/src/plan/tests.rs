//! Verdicts as tables: what was found, what to do.

mod fencing;
mod found;
mod put;
mod replay;
mod retry;

use bytes::Bytes;

use crate::chunk::{
    ChunkId, ChunkInput, ChunkStream, Compressor, EncodedChunk, Identity, Lane, StreamState, encode, encode_fence,
};

const STORE: [u8; 16] = [1; 16];
const MINE: Identity = Identity { store_id: STORE, writer_id: [2; 16], put_id: [3; 16] };
const THEIRS: Identity = Identity { store_id: STORE, writer_id: [4; 16], put_id: [5; 16] };
const ID: ChunkId = ChunkId { epoch: 5, shard: 0, lane: Lane::Express, number: 9 };

fn chunk(id: ChunkId, identity: Identity) -> EncodedChunk {
    let stream = ChunkStream { state: StreamState::default(), entry: None, batches: Vec::new() };
    let input = ChunkInput { id, streams: vec![stream], compression_level: 1 };
    encode(&input, identity, &mut Compressor::new().unwrap()).unwrap()
}

fn fence(writer_epoch: u64) -> Bytes {
    encode_fence(ID, writer_epoch, THEIRS)
}
