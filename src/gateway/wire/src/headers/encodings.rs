//! Which compressions a client takes (`s2-semantics.md` H6, H8).

use http::header::{ACCEPT_ENCODING, HeaderMap};

use crate::compress::Compression;

/// For the frames of S2S answers: zstd if it is listed, else gzip if it is; order and weights do not count.
pub fn accepted_frames(headers: &HeaderMap) -> Compression {
    choose(headers, |_| true)
}

/// For unary answers: the same preference among those that are not refused by a weight of 0.
pub fn accepted_unary(headers: &HeaderMap) -> Compression {
    choose(headers, |parameters| !is_refused(parameters))
}

fn choose(headers: &HeaderMap, allows: impl Fn(&str) -> bool) -> Compression {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let listed = values.flat_map(|value| value.split(','));
    let mut chosen = Compression::None;
    for entry in listed {
        let (name, parameters) = entry.split_once(';').unwrap_or((entry, ""));
        match name.trim() {
            name if name.eq_ignore_ascii_case("zstd") && allows(parameters) => return Compression::Zstd,
            name if name.eq_ignore_ascii_case("gzip") && allows(parameters) => chosen = Compression::Gzip,
            _ => {}
        }
    }
    chosen
}

fn is_refused(parameters: &str) -> bool {
    let weight = parameters.trim().strip_prefix("q=").map(|weight| weight.trim().parse::<f32>());
    matches!(weight, Some(Ok(weight)) if weight <= 0.0)
}
