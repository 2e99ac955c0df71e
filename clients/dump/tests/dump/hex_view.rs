//! `-x`: every byte, and the field that it belongs to.

use riverrun_dump::view::{Format, Options, Payload};
use riverrun_protocol::batch::encode;
use riverrun_protocol::request::AppendConditions;
use riverrun_protocol::{FrameKind, Record};

use crate::samples::{request, sample, session_append};
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
        @0 <- StreamList id=7 59B streams=[1]
                0  2b 00 00 00                                      +...              body_bytes=43
                4  53                                               S                 kind=StreamList
                5  00                                               .                 flags=0
                6  00 00                                            ..                reserved=0
                8  07 00 00 00 00 00 00 00                          ........          id=7
               16  00 00 00 00                                      ....              options=
               20  01 00                                            ..                streams.count=1
               22  10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f  ................  streams[0].stream_id=101112131415161718191a1b1c1d1e1f
               38  00 68 e5 cf 8b 01 00 00                          .h......          streams[0].created_at_ms=1700000000000
               46  00                                               .                 streams[0].flags=
               47  0a 00 6c 6f 67 73 2f 77 65 62 20 31              ..logs/web 1      streams[0].name="logs/web 1"
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
        @0 -> SessionAppend id=7 250B records=3 payload=30B metered=54B
            0@1700000000000 [color: green] first
            1@0 "second \u{1b}[2J"
            2@0 "\xff\xfe"
                0  ea 00 00 00                                      ....              body_bytes=234
                4  22                                               "                 kind=SessionAppend
                5  00                                               .                 flags=0
                6  00 00                                            ..                reserved=0
                8  07 00 00 00 00 00 00 00                          ........          id=7
               16  00 00 00 00                                      ....              options=
               20  01                                               .                 batch.version=1
               21  00                                               .                 batch.flags=
               22  00 00                                            ..                batch.reserved=0
               24  03 00 00 00                                      ....              batch.record_count=3
               28  1e 00 00 00                                      ....              batch.payload_bytes=30
               32  94 6e 21 a8                                      .n!.              batch.table_crc=0xa8216e94
               36  1b 68 ef b2                                      .h..              batch.columns_crc=0xb2ef681b
               40  15 ab a7 dd                                      ....              batch.payload_crc=0xdda7ab15
               44  00 00 00 00 00 00 00 00                          ........          batch.producer_id=0
               52  00 00 00 00                                      ....              batch.producer_session=0
               56  00 00 00 00                                      ....              batch.reserved_producer=0
               60  00 00 00 00 00 00 00 00                          ........          batch.producer_number=0
               68  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................  batch.stream_id=00000000000000000000000000000000
               84  00 00 00 00 00 00 00 00                          ........          batch.first_seq_num=0
               92  00 00 00 00 00 00 00 00                          ........          batch.arrival_ms=0
              100  00 00 00 00 00 00 00 00                          ........          batch.expires_at_ms=0
              108  00 00 00 00                                      ....              batch.cut_before.records=0
              112  00 00 00 00                                      ....              batch.cut_before.payload_bytes=0
              116  00 00 00 00                                      ....              batch.cut_before.columns_crc=0x00000000
              120  00 00 00 00                                      ....              batch.cut_before.payload_crc=0x00000000
              124  00 00 00 00                                      ....              batch.cut_after.records=0
              128  00 00 00 00                                      ....              batch.cut_after.payload_bytes=0
              132  00 00 00 00                                      ....              batch.cut_after.columns_crc=0x00000000
              136  00 00 00 00                                      ....              batch.cut_after.payload_crc=0x00000000
              140  00 00 00 00                                      ....              batch.server_crc=0x00000000
              144  00 00 00 00                                      ....              batch.reserved_server=0
              148  00 68 e5 cf 8b 01 00 00                          .h......          batch.table[0].timestamp=1700000000000
              156  01 00 00 00                                      ....              batch.table[0].header_count=1
              160  0c 00 00 00                                      ....              batch.table[0].header_bytes=12
              164  05 00 00 00                                      ....              batch.table[0].body_bytes=5
              168  01                                               .                 batch.table[0].flags=has_timestamp
              169  00                                               .                 batch.table[0].reserved=0
              170  00 00                                            ..                batch.table[0].length_bytes_extra=0
              172  00 00 00 00 00 00 00 00                          ........          batch.table[1].timestamp=0
              180  00 00 00 00                                      ....              batch.table[1].header_count=0
              184  00 00 00 00                                      ....              batch.table[1].header_bytes=0
              188  0b 00 00 00                                      ....              batch.table[1].body_bytes=11
              192  00                                               .                 batch.table[1].flags=
              193  00                                               .                 batch.table[1].reserved=0
              194  00 00                                            ..                batch.table[1].length_bytes_extra=0
              196  00 00 00 00 00 00 00 00                          ........          batch.table[2].timestamp=0
              204  00 00 00 00                                      ....              batch.table[2].header_count=0
              208  00 00 00 00                                      ....              batch.table[2].header_bytes=0
              212  02 00 00 00                                      ....              batch.table[2].body_bytes=2
              216  00                                               .                 batch.table[2].flags=
              217  00                                               .                 batch.table[2].reserved=0
              218  00 00                                            ..                batch.table[2].length_bytes_extra=0
              220  05                                               .                 batch.payload[0].headers[0].name_bytes=5
              221  05                                               .                 batch.payload[0].headers[0].value_bytes=5
              222  63 6f 6c 6f 72                                   color             batch.payload[0].headers[0].name=color
              227  67 72 65 65 6e                                   green             batch.payload[0].headers[0].value=green
              232  66 69 72 73 74                                   first             batch.payload[0].body=first
              237  73 65 63 6f 6e 64 20 1b 5b 32 4a                 second .[2J       batch.payload[1].body="second \u{1b}[2J"
              248  ff fe                                            ..                batch.payload[2].body="\xff\xfe"
        "#);
}

/// Unless asked, a dump for an issue tracker shows how much was written, not what.
#[test]
fn payloads_are_shown_by_size_alone() {
    let text = hex(FrameKind::SessionAppend);
    assert!(text.contains("body=5B") && !text.contains("66 69 72 73 74") && !text.contains("first\n"), "{text}");
}

/// `s2-semantics.md` B5: a trim's number is binary, and nobody reads it off its bytes.
#[test]
fn b5_commands_below_their_line_say_what_they_ask_for() {
    let with = |name: &'static str, word: &'static str, body: &[u8]| Record {
        headers: vec![(name.into(), word.into())],
        ..Record::new(body.to_vec())
    };
    let records = [
        with("", "fence", b"writer 1"),
        with("", "fence", b""),
        with("", "trim", &258u64.to_be_bytes()),
        with("op", "trim", b"no command"),
    ];
    let frame = request(&session_append(AppendConditions::default(), &encode(&records).unwrap()));
    let options = Options { payload: Some(Payload::Text), ..see::options(Format::Line) };
    insta::assert_snapshot!(see::file(&frame, options), @r#"
        @0 -> SessionAppend id=7 298B records=4 payload=54B metered=86B
            0@0 fence "writer 1"
            1@0 fence ""
            2@0 trim 258
            3@0 [op: trim] "no command"
        "#);
}

#[test]
fn a_scope_with_its_names() {
    insta::assert_snapshot!(hex(FrameKind::IssueAccessToken), @r#"
        @0 -> IssueAccessToken id=7 79B auto_prefix_streams token_id="team a/ci" expires_at_ms=1700000000009 scope={groups=basin_read|stream_read operations=append|fence basins=exact:my-basin streams=prefix:logs/ access_tokens=nothing} rates={append_bytes_per_sec=1048576 requests_per_sec=100}
                0  3f 00 00 00                                      ?...              body_bytes=63
                4  1c                                               .                 kind=IssueAccessToken
                5  00                                               .                 flags=0
                6  00 00                                            ..                reserved=0
                8  07 00 00 00 00 00 00 00                          ........          id=7
               16  03 00 00 00                                      ....              options=expires_at_ms|auto_prefix_streams
               20  09 74 65 61 6d 20 61 2f 63 69                    .team a/ci        token_id="team a/ci"
               30  09 68 e5 cf 8b 01 00 00                          .h......          expires_at_ms=1700000000009
               38  14                                               .                 scope.groups=basin_read|stream_read
               39  00 40 02 00                                      .@..              scope.operations=append|fence
               43  01                                               .                 scope.basins.kind=exact
               44  08 00 6d 79 2d 62 61 73 69 6e                    ..my-basin        scope.basins.value=my-basin
               54  02                                               .                 scope.streams.kind=prefix
               55  05 00 6c 6f 67 73 2f                             ..logs/           scope.streams.value=logs/
               62  00                                               .                 scope.access_tokens.kind=nothing
               63  00 00 10 00 00 00 00 00                          ........          rates.append_bytes_per_sec=1048576
               71  64 00 00 00 00 00 00 00                          d.......          rates.requests_per_sec=100
        "#);
}

#[test]
fn a_change_of_a_basins_configuration() {
    insta::assert_snapshot!(hex(FrameKind::ReconfigureBasin), @"
        @0 -> ReconfigureBasin id=7 35B my-basin config={switches_set=create_stream_on_append|create_stream_on_read switches=create_stream_on_append default_stream_config={cleared=retention|delete_on_empty_min_age_secs storage_class=express timestamping_uncapped=false}}
                0  13 00 00 00                                      ....              body_bytes=19
                4  15                                               .                 kind=ReconfigureBasin
                5  00                                               .                 flags=0
                6  00 00                                            ..                reserved=0
                8  07 00 00 00 00 00 00 00                          ........          id=7
               16  00 00 00 00                                      ....              options=
               20  08 6d 79 2d 62 61 73 69 6e                       .my-basin         basin=my-basin
               29  03                                               .                 config.switches_set=create_stream_on_append|create_stream_on_read
               30  01                                               .                 config.switches=create_stream_on_append
               31  09                                               .                 config.default_stream_config.set=storage_class|timestamping_uncapped
               32  12                                               .                 config.default_stream_config.cleared=retention|delete_on_empty_min_age_secs
               33  01                                               .                 config.default_stream_config.storage_class=express
               34  00                                               .                 config.default_stream_config.timestamping_uncapped=false
        ");
}

/// Of what is compressed only the size, unless asked.
#[test]
fn a_page_is_not_opened() {
    insta::assert_snapshot!(hex(FrameKind::Page), @"
        @0 <- Page id=7 203B raw_bytes=460 stored=159B batches=2 records=6 payload=60B metered=108B seq=20..26 time=1700000000021..=1700000000026
                0  bb 00 00 00                                      ....              body_bytes=187
                4  85                                               .                 kind=Page
                5  00                                               .                 flags=0
                6  00 00                                            ..                reserved=0
                8  07 00 00 00 00 00 00 00                          ........          id=7
               16  00 00 00 00                                      ....              options=
               20  cc 01 00 00                                      ....              raw_bytes=460
               24  04 a2 93 14                                      ....              crc=0x1493a204
               28  14 00 00 00 00 00 00 00                          ........          first_seq_num=20
               36  1a 00 00 00 00 00 00 00                          ........          end_seq_num=26
               44  ..                                                                 stored=159B
        ");
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
        @0 -> Append id=7 288B my-basin/"logs/web 1" match_seq_num=20 fencing_token=writer-1 records=3 payload=30B metered=54B
            0@1700000000000 [636f6c6f72: 677265656e] 6669727374
            1@0 7365636f6e64201b5b324a
            2@0 fffe
        "#);
}
