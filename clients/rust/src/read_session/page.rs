//! Pages of history as they are stored: opened here, so that the server need not.
//!
//! The checksum is checked before zstd sees a byte, and the room for its output is fixed by what the page claims, which the
//! protocol bounds: a frame that claims or yields anything else is an error, as are a second frame, a skippable one and one
//! that wants a dictionary (reliability.md F23, F49).

use std::fmt;

use bytes::Bytes;
use riverrun_protocol::batch::Batch;
use riverrun_protocol::limits::PAGE_RAW_BYTES_MAX;
use riverrun_protocol::response::CompressedPage;
use zstd::bulk::Decompressor;
use zstd::zstd_safe::{find_frame_compressed_size, get_frame_content_size};

use crate::batch::verify;
use crate::error::Error;

const ZSTD_MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();

/// A zstd context, made for the first page and used for all of a session: most sessions follow, and never meet one.
#[derive(Default)]
pub(super) struct PageOpener {
    zstd: Option<Decompressor<'static>>,
}

impl PageOpener {
    /// The page's batches, every sum verified down to the producer's, in the numbers that the page claims.
    pub(super) fn open(&mut self, page: &CompressedPage) -> Result<Vec<Batch>, Error> {
        let damaged = |why: String| damaged(page, &why);
        check_frame(page).map_err(damaged)?;
        let raw = self.decompress(page).map_err(damaged)?;
        let batches = split(raw).map_err(damaged)?;
        check_numbers(page, &batches).map_err(damaged)?;
        verify(&batches)?;
        Ok(batches)
    }

    fn decompress(&mut self, page: &CompressedPage) -> Result<Bytes, String> {
        let raw_bytes = page.raw_bytes as usize;
        let mut raw = Vec::with_capacity(raw_bytes);
        match self.context()?.decompress_to_buffer(&page.stored[..], &mut raw) {
            Ok(bytes) if bytes == raw_bytes => Ok(raw.into()),
            Ok(bytes) => Err(format!("it holds {bytes} bytes, not {raw_bytes}")),
            Err(error) => Err(format!("it does not decompress: {error}")),
        }
    }

    fn context(&mut self) -> Result<&mut Decompressor<'static>, String> {
        match &mut self.zstd {
            Some(zstd) => Ok(zstd),
            none => Ok(none.insert(Decompressor::new().map_err(|error| format!("zstd does not start: {error}"))?)),
        }
    }
}

impl fmt::Debug for PageOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageOpener").field("started", &self.zstd.is_some()).finish()
    }
}

/// All that can be said of the compressed bytes without opening them.
fn check_frame(page: &CompressedPage) -> Result<(), String> {
    let (stored, raw_bytes) = (&page.stored[..], page.raw_bytes as usize);
    if raw_bytes > PAGE_RAW_BYTES_MAX {
        return Err(format!("it claims {raw_bytes} bytes"));
    }
    if crc32c::crc32c(stored) != page.crc {
        return Err("it has a wrong checksum".to_owned());
    }
    if !stored.starts_with(&ZSTD_MAGIC) || find_frame_compressed_size(stored) != Ok(stored.len()) {
        return Err("it is not exactly one zstd frame".to_owned());
    }
    match get_frame_content_size(stored) {
        Ok(Some(claimed)) if claimed == raw_bytes as u64 => Ok(()),
        _ => Err(format!("its frame does not claim {raw_bytes} bytes")),
    }
}

fn split(mut raw: Bytes) -> Result<Vec<Batch>, String> {
    let mut batches = Vec::new();
    while let Some(batch) = Batch::split_first(&mut raw).map_err(|error| error.to_string())? {
        batches.push(batch);
    }
    Ok(batches)
}

/// Numbers have gaps where records were trimmed, but not within a page.
fn check_numbers(page: &CompressedPage, batches: &[Batch]) -> Result<(), String> {
    let mut next = page.first_seq_num;
    for batch in batches {
        if batch.first_seq_num() != next {
            return Err(format!("record {} stands where {next} belongs", batch.first_seq_num()));
        }
        next = batch.end_seq_num();
    }
    match next == page.end_seq_num {
        true => Ok(()),
        false => Err(format!("its records end at {next}, not at {}", page.end_seq_num)),
    }
}

fn damaged(page: &CompressedPage, why: &str) -> Error {
    let (first, end) = (page.first_seq_num, page.end_seq_num);
    Error::corrupt(format_args!("the compressed page of records {first}..{end}"), why)
}

#[cfg(test)]
mod tests;
