//! What `dump` is given: a connection's bytes, JSON lines of frames, pasted hexadecimal.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::UNIX_EPOCH;

use riverrun_dump::capture::{bytes_of, pieces};
use riverrun_dump::encode::Encoder;
use riverrun_dump::hextext;
use riverrun_dump::view::{Format, Options, Time};
use riverrun_dump::watch::{Seen, Watch};
use riverrun_protocol::limits::FRAME_HEADER_BYTES;

/// A word such as `Ping` stands for a whole frame: header and fixed fields of its kind.
const FRAME_BYTES_PER_LINE: usize = FRAME_HEADER_BYTES + 1024;
/// `records` of a batch: two bytes such as `""` stand for a record of which only the table's entry is there.
const BYTES_PER_TYPED_BYTE: usize = 32;

/// The bytes as they are, and as text.
pub fn dump(data: &[u8]) {
    as_bytes(data);
    let text = String::from_utf8_lossy(data);
    as_hexadecimal(&text, data);
    let mut encoder = Encoder::new(1, None);
    for line in text.lines() {
        let Ok(frame) = encoder.line(line) else { continue };
        let max = FRAME_BYTES_PER_LINE + BYTES_PER_TYPED_BYTE * line.len();
        assert!(frame.len() <= max, "{} bytes from a line of {}", frame.len(), line.len());
        comes_back(&frame);
    }
}

/// Nothing is lost: the pieces hold every byte in order, and JSON lines turn back into them.
fn as_bytes(data: &[u8]) {
    let found: Vec<u8> = pieces(data).iter().flat_map(|piece| bytes_of(piece).to_vec()).collect();
    assert_eq!(found, data, "pieces hold every byte");
    for format in [Format::Line, Format::Hex] {
        let text = shown(data, format);
        assert!(!text.contains('\x1b'), "an escape sequence reaches the terminal");
    }
    comes_back(data);
}

fn comes_back(data: &[u8]) {
    let mut encoder = Encoder::new(0, None);
    let text = shown(data, Format::Jsonl);
    let lines = text.lines().map(|line| encoder.line(line).unwrap_or_else(|why| panic!("{why}: {line}")));
    assert_eq!(lines.flat_map(|bytes| bytes.to_vec()).collect::<Vec<u8>>(), data, "JSON lines lose nothing: {text}");
}

fn as_hexadecimal(text: &str, data: &[u8]) {
    let _ = hextext::looks_like_hex(data);
    if let Ok(bytes) = hextext::parse(text) {
        assert!(bytes.len() <= text.len() / 2, "two digits for each byte");
        assert_eq!(hextext::parse(&hextext::digits(&bytes)), Ok(bytes));
    }
}

/// What `dump file` prints.
fn shown(data: &[u8], format: Format) -> String {
    let screen = Screen::default();
    let options = Options { format, payload: None, show_secrets: true, time: Time::None, start: UNIX_EPOCH };
    let mut watch = Watch::new(screen.clone(), options);
    let seen = Seen { connection: 0, direction: None, when: None };
    watch.on_bytes(seen, data).expect("memory takes it");
    watch.on_end(seen).expect("memory takes it");
    screen.text()
}

#[derive(Clone, Debug, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Screen {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no panic").clone()).expect("what is printed is text")
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
