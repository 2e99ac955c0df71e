//! How basins and streams are named on a command line: `basin/stream`, or `s2://basin/stream` as S2's CLI writes it
//! (`s2-semantics.md` J1).

use std::fmt;
use std::str::FromStr;

use riverrun_protocol::request::StreamRef;
use riverrun_protocol::types::NameError;
use riverrun_protocol::{BasinName, StreamName};

/// A stream: `basin/stream` or `s2://basin/stream`. Everything behind the first `/` is the stream's name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamUri(pub StreamRef);

/// A basin: `basin`, `s2://basin` or `s2://basin/`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BasinUri(pub BasinName);

/// What a listing is about: a basin, and perhaps the prefix of stream names behind it (`basin/prefix`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BasinAndPrefix {
    pub basin: BasinName,
    /// Empty where nothing is written behind the basin.
    pub prefix: String,
}

/// Why a text names no basin or stream. Each message says what would.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UriError {
    #[error("the scheme `{0}://` is not known here; write basin/stream or s2://basin/stream")]
    Scheme(String),
    #[error("this names the basin `{0}` and no stream; write {0}/STREAM")]
    StreamMissing(String),
    #[error("this names nothing; write BASIN/STREAM")]
    Empty,
    #[error("a basin is wanted here, and this names the stream `{stream}` in it; write {basin} alone")]
    StreamUnwanted { basin: String, stream: String },
    #[error("there can be no basin `{basin}`; {why}")]
    Basin { basin: String, why: NameError },
    #[error("there can be no stream `{stream}`; {why}")]
    Stream { stream: String, why: NameError },
}

impl StreamUri {
    /// The basin's name and the stream's.
    pub fn names(&self) -> (&str, &str) {
        (self.0.basin.as_str(), self.0.stream.as_str())
    }
}

impl BasinUri {
    pub fn name(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for StreamUri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        let (basin, stream) = split(text)?;
        match stream {
            None if basin.is_empty() => Err(UriError::Empty),
            None | Some("") => Err(UriError::StreamMissing(basin.to_owned())),
            Some(stream) => Ok(Self(StreamRef { basin: parse_basin(basin)?, stream: parse_stream(stream)? })),
        }
    }
}

impl FromStr for BasinUri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        let (basin, stream) = split(text)?;
        match stream {
            None | Some("") => Ok(Self(parse_basin(basin)?)),
            Some(stream) => Err(UriError::StreamUnwanted { basin: basin.to_owned(), stream: stream.to_owned() }),
        }
    }
}

impl FromStr for BasinAndPrefix {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        let (basin, prefix) = split(text)?;
        Ok(Self { basin: parse_basin(basin)?, prefix: prefix.unwrap_or_default().to_owned() })
    }
}

impl fmt::Display for StreamUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0.basin, self.0.stream)
    }
}

impl fmt::Display for BasinUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Takes a known scheme off and cuts at the first `/`: (basin, what is behind the slash if there is one).
///
/// A `://` counts as a scheme's only in front of the first `/`, because a stream may well be called `b/http://x`.
fn split(text: &str) -> Result<(&str, Option<&str>), UriError> {
    let rest = match text.split_once("://") {
        Some(("s2", rest)) => rest,
        Some((scheme, _)) if !scheme.contains('/') => return Err(UriError::Scheme(scheme.to_owned())),
        _ => text,
    };
    Ok(rest.split_once('/').map_or((rest, None), |(basin, stream)| (basin, Some(stream))))
}

fn parse_basin(basin: &str) -> Result<BasinName, UriError> {
    BasinName::new(basin).map_err(|why| UriError::Basin { basin: basin.to_owned(), why })
}

fn parse_stream(stream: &str) -> Result<StreamName, UriError> {
    StreamName::new(stream).map_err(|why| UriError::Stream { stream: stream.to_owned(), why })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(text: &str) -> Result<String, String> {
        text.parse::<StreamUri>().map(|uri| format!("{}|{}", uri.0.basin, uri.0.stream)).map_err(|e| e.to_string())
    }

    #[test]
    fn j1_streams_are_named_with_and_without_the_scheme() {
        for (text, wanted) in [
            ("my-basin-1/logs", "my-basin-1|logs"),
            ("s2://my-basin-1/logs", "my-basin-1|logs"),
            ("my-basin-1/a/b/c", "my-basin-1|a/b/c"),
            ("my-basin-1//", "my-basin-1|/"),
            ("my-basin-1/http://x", "my-basin-1|http://x"),
            ("s2://my-basin-1/s2://x", "my-basin-1|s2://x"),
            ("my-basin-1/with space", "my-basin-1|with space"),
        ] {
            assert_eq!(stream(text).as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn j1_what_names_no_stream_is_refused_with_the_way_out() {
        for text in ["riverrun://my-basin-1/logs", "my-basin-1", "s2://my-basin-1/", "short/logs", "my-basin-1/..", ""]
        {
            let error = stream(text).unwrap_err();
            assert!(error.contains("; "), "{text}: {error}");
        }
        insta::assert_snapshot!(stream("http://my-basin-1/logs").unwrap_err(), @"the scheme `http://` is not known here; write basin/stream or s2://basin/stream");
        insta::assert_snapshot!(stream("my-basin-1").unwrap_err(), @"this names the basin `my-basin-1` and no stream; write my-basin-1/STREAM");
        insta::assert_snapshot!(stream("s2://").unwrap_err(), @"this names nothing; write BASIN/STREAM");
    }

    #[test]
    fn j1_basins_are_named_bare_with_scheme_and_with_a_last_slash() {
        for text in ["my-basin-1", "s2://my-basin-1", "s2://my-basin-1/", "my-basin-1/"] {
            assert_eq!(text.parse::<BasinUri>().unwrap().to_string(), "my-basin-1");
        }
        let error = "my-basin-1/logs".parse::<BasinUri>().unwrap_err();
        insta::assert_snapshot!(error, @"a basin is wanted here, and this names the stream `logs` in it; write my-basin-1 alone");
    }

    #[test]
    fn j1_a_listing_takes_a_prefix_behind_the_basin() {
        for (text, prefix) in [("my-basin-1", ""), ("my-basin-1/", ""), ("s2://my-basin-1/a/", "a/")] {
            assert_eq!(text.parse::<BasinAndPrefix>().unwrap().prefix, prefix);
        }
    }
}
