//! Captured bytes of one direction, raw or as hexadecimal text, to printed frames.

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::describe::Direction;
use crate::error::Error;
use crate::hextext;
use crate::input::Input;
use crate::watch::{Seen, Watch};

/// Hexadecimal text is read whole, since its columns only make sense together.
const HEX_TEXT_BYTES_MAX: usize = 256 << 20;

/// How the bytes are written down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// Told by the first bytes.
    Auto,
    Raw,
    Hex,
}

/// Prints every frame of `input`.
///
/// # Errors
/// The input cannot be read, or holds something that is no frame: named in the output, and then again here, so that
/// scripts notice.
pub async fn run(
    input: &Input,
    encoding: Encoding,
    direction: Option<Direction>,
    watch: &mut Watch,
) -> Result<(), Error> {
    let unreadable = |why| Error::Input { name: input.name(), why };
    let mut bytes = input.open().map_err(unreadable)?;
    let seen = Seen { connection: 0, direction, when: None };
    let mut first = next(input, &mut bytes).await?;
    let is_hex = match encoding {
        Encoding::Auto => first.as_deref().is_some_and(hextext::looks_like_hex),
        Encoding::Raw => false,
        Encoding::Hex => true,
    };
    if is_hex {
        let text = whole(input, first, &mut bytes).await?;
        let parsed = hextext::parse(&String::from_utf8_lossy(&text));
        watch.on_bytes(seen, &parsed.map_err(|why| Error::Hex { name: input.name(), why })?)?;
    } else {
        while let Some(piece) = first {
            watch.on_bytes(seen, &piece)?;
            watch.flush()?;
            first = next(input, &mut bytes).await?;
        }
    }
    watch.on_end(seen)?;
    watch.flush()?;
    if watch.summary.is_clean() { Ok(()) } else { Err(Error::NotFrames { name: input.name() }) }
}

/// The next bytes; Ctrl-C ends the input as its end would.
async fn next(input: &Input, bytes: &mut mpsc::Receiver<std::io::Result<Bytes>>) -> Result<Option<Bytes>, Error> {
    let read = tokio::select! {
        read = bytes.recv() => read,
        _ = tokio::signal::ctrl_c() => None,
    };
    read.transpose().map_err(|why| Error::Input { name: input.name(), why })
}

async fn whole(
    input: &Input,
    first: Option<Bytes>,
    bytes: &mut mpsc::Receiver<std::io::Result<Bytes>>,
) -> Result<Vec<u8>, Error> {
    let mut all = Vec::from(first.unwrap_or_default());
    while let Some(piece) = next(input, bytes).await? {
        if all.len() + piece.len() > HEX_TEXT_BYTES_MAX {
            return Err(Error::TooLong { name: input.name(), max: HEX_TEXT_BYTES_MAX as u64 });
        }
        all.extend_from_slice(&piece);
    }
    Ok(all)
}
