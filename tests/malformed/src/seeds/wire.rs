//! The protocol's golden frames and batches: every kind is among them, and a test of the protocol keeps it so.

use std::fs;
use std::path::Path;

use riverrun_protocol::limits::FRAME_HEADER_BYTES;
use riverrun_protocol::{FrameClass, FrameKind};

use super::Seeds;

/// # Panics
/// If the protocol's golden files are not there.
pub fn frames() -> Seeds {
    let mut frames: Seeds = golden().into_iter().filter(|(name, _)| !name.starts_with("batch-")).collect();
    let conversation = ["01-Hello", "30-Append", "02-Ping"];
    let said = frames.iter().filter(|(name, _)| conversation.iter().any(|begin| name.starts_with(begin)));
    let conversation = said.flat_map(|(_, frame)| frame.clone()).collect();
    frames.push(("conversation".to_owned(), conversation));
    frames
}

/// A kind, then a body.
pub fn requests() -> Seeds {
    bodies(|class| class == FrameClass::Request)
}

/// A kind, then a body.
pub fn answers() -> Seeds {
    bodies(|class| class != FrameClass::Request)
}

pub fn hello() -> Seeds {
    let of_kind = |kind: u8| kind == FrameKind::Hello as u8 || kind == FrameKind::HelloAccepted as u8;
    let hellos = golden().into_iter().filter(|(name, frame)| !name.starts_with("batch-") && of_kind(frame[4]));
    hellos.map(|(name, frame)| (name, frame[FRAME_HEADER_BYTES..].to_vec())).collect()
}

pub fn batches() -> Seeds {
    golden().into_iter().filter(|(name, _)| name.starts_with("batch-")).collect()
}

fn bodies(of_class: fn(FrameClass) -> bool) -> Seeds {
    let frames = golden().into_iter().filter(|(name, _)| !name.starts_with("batch-"));
    let wanted = frames.filter(|(_, frame)| FrameKind::from_byte(frame[4]).map(FrameKind::class).is_some_and(of_class));
    wanted.map(|(name, frame)| (name, [&frame[4..5], &frame[FRAME_HEADER_BYTES..]].concat())).collect()
}

fn golden() -> Seeds {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../protocol/tests/golden");
    let entries = fs::read_dir(&folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    let mut found: Seeds = entries.map(|entry| read(&entry.expect("an entry").path())).collect();
    found.sort();
    found
}

fn read(path: &Path) -> (String, Vec<u8>) {
    let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
    let text = fs::read_to_string(path).expect("a readable file");
    (name, riverrun_dump::hextext::parse(&text).expect("hexadecimal"))
}
