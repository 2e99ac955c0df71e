//! Compression of whole bodies (`s2-semantics.md` H6) and of single S2S payloads (H8). Decompression is bounded by what it gives, and
//! its memory by that bound and the window a zstd frame may ask for, never by what a header claims.

use std::io::{self, Read};

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, HeaderMap};

use crate::error::HttpError;
use crate::headers::BodyFormat;
use crate::limits::{COMPRESS_BYTES_MIN, ZSTD_WINDOW_LOG_MAX};

/// Fast ones: what is compressed here is sent once.
const ZSTD_LEVEL: i32 = 1;
const GZIP_LEVEL: flate2::Compression = flate2::Compression::fast();
/// Room that is made before the first byte has been decompressed.
const RESERVE_BYTES_MAX: usize = 64 << 10;

/// A compression that S2 knows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Compression {
    #[default]
    None,
    Zstd,
    Gzip,
}

/// Why bytes could not be decompressed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum DecompressError {
    #[error("the decompressed bytes exceed {bytes_max}")]
    TooLarge { bytes_max: usize },
    #[error("the compressed bytes are damaged or incomplete")]
    Broken,
}

impl Compression {
    /// The value of `Content-Encoding`.
    pub fn content_encoding(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Zstd => Some("zstd"),
            Self::Gzip => Some("gzip"),
        }
    }

    /// `None` where that saves nothing.
    pub(crate) fn compress(self, bytes: &[u8]) -> Option<Vec<u8>> {
        let compressed = match self {
            Self::None => return None,
            Self::Zstd => zstd::bulk::compress(bytes, ZSTD_LEVEL).ok()?,
            Self::Gzip => gzip(bytes).ok()?,
        };
        (compressed.len() < bytes.len()).then_some(compressed)
    }

    /// All of it, or an error: at most `bytes_max` bytes.
    pub(crate) fn decompress(self, bytes: &Bytes, bytes_max: usize) -> Result<Bytes, DecompressError> {
        match self {
            Self::None if bytes.len() > bytes_max => Err(DecompressError::TooLarge { bytes_max }),
            Self::None => Ok(bytes.clone()),
            Self::Gzip => read_bounded(MultiGzDecoder::new(&bytes[..]), bytes_max),
            Self::Zstd => {
                let broken = |_| DecompressError::Broken;
                let mut decoder = zstd::stream::read::Decoder::with_buffer(&bytes[..]).map_err(broken)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(broken)?;
                read_bounded(decoder, bytes_max)
            }
        }
    }
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), GZIP_LEVEL);
    io::Write::write_all(&mut encoder, bytes)?;
    encoder.finish()
}

/// One byte more than allowed tells that there are too many.
fn read_bounded(reader: impl Read, bytes_max: usize) -> Result<Bytes, DecompressError> {
    let mut decompressed = Vec::with_capacity(bytes_max.min(RESERVE_BYTES_MAX));
    let read = reader.take(bytes_max as u64 + 1).read_to_end(&mut decompressed);
    read.map_err(|_| DecompressError::Broken)?;
    if decompressed.len() > bytes_max {
        return Err(DecompressError::TooLarge { bytes_max });
    }
    Ok(decompressed.into())
}

/// A unary answer's body as it is sent, and the value of its `Content-Encoding`: compressed above 1024 bytes, where `accepted`
/// ([`crate::headers::accepted_unary`]) allows it and it saves anything.
pub fn response_body(body: Bytes, accepted: Compression) -> (Bytes, Option<&'static str>) {
    let compressed = if body.len() > COMPRESS_BYTES_MIN { accepted.compress(&body) } else { None };
    match compressed {
        Some(compressed) => (compressed.into(), accepted.content_encoding()),
        None => (body, None),
    }
}

/// A unary request's body as it was before its `Content-Encoding`; `format` says whose error it is.
///
/// # Errors
/// 415 for an encoding that is neither gzip nor zstd; `bad_json` or `bad_proto` for more than `body_bytes_max` bytes, and for damage.
pub fn request_body(
    headers: &HeaderMap,
    body: &Bytes,
    format: BodyFormat,
    body_bytes_max: usize,
) -> Result<Bytes, HttpError> {
    let compression = content_encoding(headers)?;
    if body.is_empty() {
        return Ok(Bytes::new());
    }
    let too_large = || format.bad_body(format!("the body exceeds {body_bytes_max} bytes"));
    compression.decompress(body, body_bytes_max).map_err(|error| match error {
        DecompressError::TooLarge { .. } => too_large(),
        DecompressError::Broken => format.bad_body(error.to_string()),
    })
}

fn content_encoding(headers: &HeaderMap) -> Result<Compression, HttpError> {
    let Some(value) = headers.get(CONTENT_ENCODING) else {
        return Ok(Compression::None);
    };
    let name = String::from_utf8_lossy(value.as_bytes()).trim().to_ascii_lowercase();
    match name.as_str() {
        "" | "identity" => Ok(Compression::None),
        "gzip" => Ok(Compression::Gzip),
        "zstd" => Ok(Compression::Zstd),
        other => Err(HttpError::unsupported_content_encoding(other)),
    }
}

#[cfg(test)]
mod tests;
