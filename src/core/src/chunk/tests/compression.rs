//! What compresses is compressed, what does not is not worked on for ever.

use super::*;

fn ratio(chunk: &EncodedChunk) -> f64 {
    chunk.raw_bytes() as f64 / chunk.object_bytes() as f64
}

/// Log lines with headers, tables and index, all counted.
#[test]
fn logs_shrink_to_a_third_at_the_levels_in_use() {
    let batches: Vec<Vec<Vec<u8>>> = (0..40).map(|seed| log_lines(seed, 1000)).collect();
    for level in [1, -3] {
        let streams = vec![stream(stream_id(1), 0, &batches)];
        let ratio = ratio(&encoded(&ChunkInput { compression_level: level, ..input(streams) }));
        assert!(ratio >= 3.0, "level {level}: {ratio:.2}");
    }
}

/// Forty streams with a line or two each would not compress alone.
#[test]
fn many_small_streams_compress_together() {
    let one = |id| stream(stream_id(id), 0, &[log_lines(u64::from(id), 20)]);
    let together = ratio(&encoded(&input((0..40).map(one).collect())));
    let alone = ratio(&encoded(&input(vec![one(0)])));
    assert!(together > 1.5 * alone && together > 2.0, "together {together:.2}, alone {alone:.2}");
}

fn codecs(batches: &[Vec<Vec<u8>>]) -> String {
    let chunk = encoded(&input(vec![stream(stream_id(1), 0, batches)]));
    chunk.footer.pages.iter().map(|page| if page.codec == PageCodec::Zstd { 'z' } else { '.' }).collect()
}

#[test]
fn noise_is_stored_as_it_is() {
    let batches: Vec<Vec<Vec<u8>>> = (0..5).map(|seed| vec![noise(seed, 300_000)]).collect();
    assert_eq!(codecs(&batches), ".....");
    let chunk = encoded(&input(vec![stream(stream_id(1), 0, &batches)]));
    assert!(chunk.object_bytes() < chunk.raw_bytes() + 2000);
}

/// After noise some pages are not tried (1, then 2, 4, 8, 8), but a stream that changes is noticed.
#[test]
fn pages_behind_noise_are_tried_again_and_again() {
    let noise: Vec<Vec<u8>> = vec![noise(1, 300_000)];
    let text: Vec<Vec<u8>> = vec![vec![b'a'; 300_000]];
    let mut batches = vec![noise.clone()];
    batches.extend(vec![text.clone(); 3]);
    assert_eq!(codecs(&batches), "..zz");
    batches.splice(1..1, vec![noise; 3]);
    batches.extend(vec![text; 3]);
    assert_eq!(codecs(&batches), ".....zzzzz");
}

/// A page that saves less than a sixteenth costs every reader a decompression and buys nothing.
#[test]
fn a_page_is_compressed_only_if_it_saves_a_sixteenth() {
    let mixed = |zeros: usize| vec![vec![[noise(1, 160_000 - zeros), vec![0; zeros]].concat()]];
    assert_eq!(codecs(&mixed(8_000)), ".");
    assert_eq!(codecs(&mixed(12_000)), "z");
}

#[test]
fn one_streams_noise_does_not_stop_its_neighbours_compression() {
    let noisy = stream(stream_id(1), 0, &[vec![noise(1, 300_000)]]);
    let plain = stream(stream_id(2), 0, &[vec![vec![b'a'; 300_000]]]);
    let footer = encoded(&input(vec![noisy, plain])).footer;
    assert_eq!([footer.pages[0].codec, footer.pages[1].codec], [PageCodec::Raw, PageCodec::Zstd]);
}
