//! `-x`: every byte, and the field that it belongs to.

use riverrun_dump::view::{Format, Options, Payload};
use riverrun_protocol::FrameKind;

use crate::samples::sample;
use crate::see;

fn hex(kind: FrameKind) -> String {
    see::file(&sample(kind), see::options(Format::Hex))
}

#[test]
fn a_hello_with_its_token_hidden() {
    insta::assert_snapshot!(hex(FrameKind::Hello), @"
        @0 -> Hello id=7 64B version_min=1 version_max=1 features=3 token=<17 bytes, redacted> agent=tester/1
                0  30 00 00 00                                      0...              body_bytes=48
                4  01                                               .                 kind=Hello
                5  00                                               .                 flags=0
                6  00 00                                            ..                reserved=0
                8  07 00 00 00 00 00 00 00                          ........          id=7
               16  52 56 52 4e                                      RVRN              magic=RVRN
               20  00 00 00 00                                      ....              options=
               24  01 00                                            ..                version_min=1
               26  01 00                                            ..                version_max=1
               28  03 00 00 00 00 00 00 00                          ........          features=3
               36  ..                                                                 token=<17 bytes, redacted>
               55  08 74 65 73 74 65 72 2f 31                       .tester/1         agent=tester/1
        ");
}

#[test]
fn a_list_with_its_count() {
    insta::assert_snapshot!(hex(FrameKind::StreamList), @r#"
        @0 <- StreamList id=7 58B streams=[1]
                0  2a 00 00 00                                      *...              body_bytes=42
                4  53                                               S                 kind=StreamList
                5  00                                               .                 flags=0
                6  00 00                                            ..                reserved=0
                8  07 00 00 00 00 00 00 00                          ........          id=7
               16  00 00 00 00                                      ....              options=
               20  01 00                                            ..                streams.count=1
               22  10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f  ................  streams[0].stream_id=101112131415161718191a1b1c1d1e1f
               38  00 68 e5 cf 8b 01 00 00                          .h......          streams[0].created_at_ms=1700000000000
               46  0a 00 6c 6f 67 73 2f 77 65 62 20 31              ..logs/web 1      streams[0].name="logs/web 1"
        "#);
}

#[test]
fn an_error() {
    insta::assert_snapshot!(hex(FrameKind::Error), @r#"
        @0 <- Error id=7 63B code=unwritten outcome=not_done retry_after_ms=250 tail=40@1700000000040 message="nothing there yet"
                0  2f 00 00 00                                      /...              body_bytes=47
                4  ff                                               .                 kind=Error
                5  00                                               .                 flags=0
                6  00 00                                            ..                reserved=0
                8  07 00 00 00 00 00 00 00                          ........          id=7
               16  01 00 00 00                                      ....              options=tail
               20  07 00                                            ..                code=unwritten
               22  01                                               .                 outcome=not_done
               23  00                                               .                 reserved=0
               24  fa 00 00 00                                      ....              retry_after_ms=250
               28  28 00 00 00 00 00 00 00                          (.......          tail.seq_num=40
               36  28 68 e5 cf 8b 01 00 00                          (h......          tail.timestamp=1700000000040
               44  11 00 6e 6f 74 68 69 6e 67 20 74 68 65 72 65 20  ..nothing there   message="nothing there yet"
               60  79 65 74                                         yet
        "#);
}

#[test]
fn a_batch_with_its_payload_shown() {
    let options = Options { payload: Some(Payload::Text), ..see::options(Format::Hex) };
    insta::assert_snapshot!(see::file(&sample(FrameKind::SessionAppend), options), @r#"
        @0 -> SessionAppend id=7 246B records=3 payload=30B metered=54B
            0@1700000000000 [color: green] first
            1@0 "second \u{1b}[2J"
            2@0 "\xff\xfe"
                0  e6 00 00 00                                      ....              body_bytes=230
                4  22                                               "                 kind=SessionAppend
                5  00                                               .                 flags=0
                6  00 00                                            ..                reserved=0
                8  07 00 00 00 00 00 00 00                          ........          id=7
               16  01                                               .                 batch.version=1
               17  00                                               .                 batch.flags=
               18  00 00                                            ..                batch.reserved=0
               20  03 00 00 00                                      ....              batch.record_count=3
               24  1e 00 00 00                                      ....              batch.payload_bytes=30
               28  94 6e 21 a8                                      .n!.              batch.table_crc=0xa8216e94
               32  1b 68 ef b2                                      .h..              batch.columns_crc=0xb2ef681b
               36  15 ab a7 dd                                      ....              batch.payload_crc=0xdda7ab15
               40  00 00 00 00 00 00 00 00                          ........          batch.producer_id=0
               48  00 00 00 00                                      ....              batch.producer_session=0
               52  00 00 00 00                                      ....              batch.reserved_producer=0
               56  00 00 00 00 00 00 00 00                          ........          batch.producer_number=0
               64  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................  batch.stream_id=00000000000000000000000000000000
               80  00 00 00 00 00 00 00 00                          ........          batch.first_seq_num=0
               88  00 00 00 00 00 00 00 00                          ........          batch.arrival_ms=0
               96  00 00 00 00 00 00 00 00                          ........          batch.expires_at_ms=0
              104  00 00 00 00                                      ....              batch.cut_before.records=0
              108  00 00 00 00                                      ....              batch.cut_before.payload_bytes=0
              112  00 00 00 00                                      ....              batch.cut_before.columns_crc=0x00000000
              116  00 00 00 00                                      ....              batch.cut_before.payload_crc=0x00000000
              120  00 00 00 00                                      ....              batch.cut_after.records=0
              124  00 00 00 00                                      ....              batch.cut_after.payload_bytes=0
              128  00 00 00 00                                      ....              batch.cut_after.columns_crc=0x00000000
              132  00 00 00 00                                      ....              batch.cut_after.payload_crc=0x00000000
              136  00 00 00 00                                      ....              batch.server_crc=0x00000000
              140  00 00 00 00                                      ....              batch.reserved_server=0
              144  00 68 e5 cf 8b 01 00 00                          .h......          batch.table[0].timestamp=1700000000000
              152  01 00 00 00                                      ....              batch.table[0].header_count=1
              156  0c 00 00 00                                      ....              batch.table[0].header_bytes=12
              160  05 00 00 00                                      ....              batch.table[0].body_bytes=5
              164  01                                               .                 batch.table[0].flags=has_timestamp
              165  00                                               .                 batch.table[0].reserved=0
              166  00 00                                            ..                batch.table[0].length_bytes_extra=0
              168  00 00 00 00 00 00 00 00                          ........          batch.table[1].timestamp=0
              176  00 00 00 00                                      ....              batch.table[1].header_count=0
              180  00 00 00 00                                      ....              batch.table[1].header_bytes=0
              184  0b 00 00 00                                      ....              batch.table[1].body_bytes=11
              188  00                                               .                 batch.table[1].flags=
              189  00                                               .                 batch.table[1].reserved=0
              190  00 00                                            ..                batch.table[1].length_bytes_extra=0
              192  00 00 00 00 00 00 00 00                          ........          batch.table[2].timestamp=0
              200  00 00 00 00                                      ....              batch.table[2].header_count=0
              204  00 00 00 00                                      ....              batch.table[2].header_bytes=0
              208  02 00 00 00                                      ....              batch.table[2].body_bytes=2
              212  00                                               .                 batch.table[2].flags=
              213  00                                               .                 batch.table[2].reserved=0
              214  00 00                                            ..                batch.table[2].length_bytes_extra=0
              216  05                                               .                 batch.payload[0].headers[0].name_bytes=5
              217  05                                               .                 batch.payload[0].headers[0].value_bytes=5
              218  63 6f 6c 6f 72                                   color             batch.payload[0].headers[0].name=color
              223  67 72 65 65 6e                                   green             batch.payload[0].headers[0].value=green
              228  66 69 72 73 74                                   first             batch.payload[0].body=first
              233  73 65 63 6f 6e 64 20 1b 5b 32 4a                 second .[2J       batch.payload[1].body="second \u{1b}[2J"
              244  ff fe                                            ..                batch.payload[2].body="\xff\xfe"
        "#);
}

/// Unless asked, a dump for an issue tracker shows how much was written, not what.
#[test]
fn payloads_are_shown_by_size_alone() {
    let text = hex(FrameKind::SessionAppend);
    assert!(text.contains("body=5B") && !text.contains("66 69 72 73 74") && !text.contains("first\n"), "{text}");
}

#[test]
fn records_below_their_line() {
    let options = Options { payload: Some(Payload::Text), ..see::options(Format::Line) };
    insta::assert_snapshot!(see::file(&sample(FrameKind::Records), options), @r#"
        @0 <- Records id=7 455B tail=26@1700000000026 batches=2 records=5 payload=43B metered=83B seq=21..26 time=1700000000022..=1700000000026
            21@1700000000022 "second \u{1b}[2J"
            22@1700000000023 "\xff\xfe"
            23@1700000000024 [color: green] first
            24@1700000000025 "second \u{1b}[2J"
            25@1700000000026 "\xff\xfe"
        "#);
    let options = Options { payload: Some(Payload::Hex), ..options };
    insta::assert_snapshot!(see::file(&sample(FrameKind::Append), options), @r#"
        @0 -> Append id=7 271B my-basin/"logs/web 1" records=3 payload=30B metered=54B
            0@1700000000000 [636f6c6f72: 677265656e] 6669727374
            1@0 7365636f6e64201b5b324a
            2@0 fffe
        "#);
}
