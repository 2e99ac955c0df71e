//! Bytes in, printed text out.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use riverrun_dump::describe::Direction;
use riverrun_dump::view::{Format, Options, Time};
use riverrun_dump::watch::{Seen, Watch};

/// Output that a test can look at.
#[derive(Clone, Default)]
pub struct Screen(Arc<Mutex<Vec<u8>>>);

impl Screen {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub fn options(format: Format) -> Options {
    Options { format, payload: None, show_secrets: false, time: Time::None, start: UNIX_EPOCH }
}

/// What `dump file` prints of `bytes`.
pub fn file(bytes: &[u8], options: Options) -> String {
    let screen = Screen::default();
    let mut watch = Watch::new(screen.clone(), options);
    let seen = Seen { connection: 0, direction: None, when: None };
    watch.on_bytes(seen, bytes).unwrap();
    watch.on_end(seen).unwrap();
    screen.text()
}

/// The line of a single frame, without its place.
pub fn line(frame: &[u8]) -> String {
    file(frame, options(Format::Line)).trim_start_matches("@0 ").trim_end().to_owned()
}

pub fn at_ms(ms: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(ms)
}

pub fn seen(connection: u64, direction: Direction, ms: u64) -> Seen {
    Seen { connection, direction: Some(direction), when: Some(at_ms(ms)) }
}
