use http::header::HeaderValue;
use proptest::prelude::*;

use super::*;

fn encoded(name: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_ENCODING, HeaderValue::from_bytes(name.as_bytes()).unwrap());
    headers
}

fn body(name: &str, bytes: &[u8], bytes_max: usize) -> Result<Bytes, HttpError> {
    request_body(&encoded(name), &Bytes::copy_from_slice(bytes), BodyFormat::Json, bytes_max)
}

fn compressed(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    compression.compress(bytes).expect("smaller")
}

#[test]
fn h6_requests_may_be_compressed() {
    let text = [b'a'; 5000];
    for (name, compression) in [("gzip", Compression::Gzip), (" ZSTD ", Compression::Zstd)] {
        let sent = compressed(compression, &text);
        assert_eq!(body(name, &sent, 5000), Ok(Bytes::copy_from_slice(&text)), "{name}");
        assert_eq!(body(name, &sent, 4999).unwrap_err().code(), Some("bad_json"), "{name}");
        assert_eq!(body(name, &sent[..sent.len() - 1], 5000).unwrap_err().code(), Some("bad_json"), "{name}");
        assert_eq!(body(name, b"rubbish", 5000).unwrap_err().code(), Some("bad_json"), "{name}");
        assert_eq!(body(name, b"", 5000), Ok(Bytes::new()));
    }
    assert_eq!(body("identity", b"x", 1), Ok(Bytes::from_static(b"x")));
    assert_eq!(body("identity", b"xy", 1).unwrap_err().code(), Some("bad_json"));
    let proto = request_body(&HeaderMap::new(), &Bytes::from_static(b"xy"), BodyFormat::Protobuf, 1);
    assert_eq!(proto.unwrap_err().code(), Some("bad_proto"));
}

#[test]
fn h3_other_encodings_are_415() {
    for name in ["br", "deflate", "gzip, zstd", "\u{e4}"] {
        assert_eq!(body(name, b"x", 9).unwrap_err().status.as_u16(), 415, "{name}");
    }
}

#[test]
fn h6_answers_are_compressed_above_1024_bytes() {
    let body = |bytes: usize| Bytes::from(vec![b'a'; bytes]);
    assert_eq!(response_body(body(1024), Compression::Zstd), (body(1024), None));
    assert_eq!(response_body(body(5000), Compression::None), (body(5000), None));
    for (compression, name) in [(Compression::Zstd, "zstd"), (Compression::Gzip, "gzip")] {
        let (sent, encoding) = response_body(body(1025), compression);
        assert_eq!((encoding, sent.len() < 100), (Some(name), true));
        assert_eq!(compression.decompress(&sent, 1025), Ok(body(1025)));
    }
}

/// A few bytes that claim, or become, very many.
#[test]
fn bombs_are_bounded() {
    let bomb = vec![0; 64 << 20];
    for compression in [Compression::Gzip, Compression::Zstd] {
        let sent = Bytes::from(compressed(compression, &bomb));
        let refused = compression.decompress(&sent, 1000);
        assert_eq!(refused, Err(DecompressError::TooLarge { bytes_max: 1000 }), "{compression:?}");
    }
    // A frame whose header asks for a window of 1 GiB.
    let window = Bytes::from_static(b"\x28\xb5\x2f\xfd\x00\xa0\x01\x00\x00");
    assert_eq!(Compression::Zstd.decompress(&window, 1000), Err(DecompressError::Broken));
}

proptest! {
    #[test]
    fn what_was_compressed_comes_back(bytes in proptest::collection::vec(0..4u8, 0..3000)) {
        for compression in [Compression::Gzip, Compression::Zstd] {
            if let Some(sent) = compression.compress(&bytes) {
                prop_assert_eq!(compression.decompress(&sent.into(), bytes.len()), Ok(Bytes::from(bytes.clone())));
            }
        }
    }

    #[test]
    fn rubbish_never_panics(rubbish in proptest::collection::vec(any::<u8>(), 0..100)) {
        let rubbish = Bytes::from(rubbish);
        for compression in [Compression::Gzip, Compression::Zstd] {
            prop_assert!(compression.decompress(&rubbish, 100).is_ok_and(|bytes| bytes.len() <= 100)
                || compression.decompress(&rubbish, 100).is_err());
        }
    }
}
