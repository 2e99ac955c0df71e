//! Command records: fence and trim.

use s2_sdk::S2Stream;
use s2_sdk::types::{AppendInput, AppendRecord, CommandRecord, FencingToken, Header};

use crate::support::{Rig, batch, bodies, from_seq_num, input, record, single};

async fn command(stream: &S2Stream, command: CommandRecord) -> u64 {
    stream.append(AppendInput::new(batch([command.into()]))).await.expect("acked").start.seq_num
}

#[tokio::test]
async fn a_fence_is_a_record_that_can_be_read() {
    let rig = Rig::new().await;
    let stream = rig.stream("s");
    let token: FencingToken = "token".parse().expect("a token");
    command(&stream, CommandRecord::fence(token.clone())).await;
    let read = stream.read(from_seq_num(0)).await.expect("read").records;
    assert!(read[0].is_command_record());
    assert_eq!((&read[0].headers[..], &read[0].body[..]), (&[Header::new("", "fence")][..], &b"token"[..]));
    // It is taken off by an empty one.
    let none: FencingToken = "".parse().expect("a token");
    let clearing = AppendInput::new(batch([CommandRecord::fence(none.clone()).into()])).with_fencing_token(token);
    stream.append(clearing).await.expect("acked");
    stream.append(single("free").with_fencing_token(none)).await.expect("no token");
}

#[tokio::test]
async fn a_batch_may_hold_commands_and_records() {
    let rig = Rig::new().await;
    let stream = rig.stream("s");
    let fences = ["first", "last"].map(|token| CommandRecord::fence(token.parse().expect("a token")));
    let [first, last]: [AppendRecord; 2] = fences.map(AppendRecord::from);
    let mixed = batch([record("a"), first, record("b"), last]);
    stream.append(AppendInput::new(mixed)).await.expect("acked");
    stream.append(single("c").with_fencing_token("last".parse().expect("a token"))).await.expect("the last one holds");
}

#[tokio::test]
async fn what_is_trimmed_is_gone_and_the_numbers_go_on() {
    let rig = Rig::new().await;
    let stream = rig.stream("s");
    stream.append(input(["a", "b", "c", "d"])).await.expect("acked");
    assert_eq!(command(&stream, CommandRecord::trim(3)).await, 4);
    let read = stream.read(from_seq_num(0)).await.expect("read").records;
    assert_eq!(read.iter().map(|record| record.seq_num).collect::<Vec<_>>(), [3, 4]);
    assert_eq!((bodies(&read[..1]), &read[1].body[..]), (vec!["d"], &3_u64.to_be_bytes()[..]));
    // Less than before changes nothing; more than there is goes as far as the record itself.
    command(&stream, CommandRecord::trim(1)).await;
    assert_eq!(stream.read(from_seq_num(0)).await.expect("read").records[0].seq_num, 3);
    assert_eq!(command(&stream, CommandRecord::trim(u64::MAX)).await, 6);
    let none = stream.read(from_seq_num(0)).await.expect("nothing, and no error");
    assert!(none.records.is_empty());
    assert_eq!(stream.append(single("e")).await.expect("acked").start.seq_num, 7);
    assert_eq!(bodies(&stream.read(from_seq_num(0)).await.expect("read").records), ["e"]);
}
