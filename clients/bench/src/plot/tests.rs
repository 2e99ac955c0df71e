//! Plots as documents: well-formed, escaped, and with curves that only rise.

use quick_xml::Reader;
use quick_xml::events::Event;

use super::*;

fn histogram(values: impl IntoIterator<Item = u64>) -> Histogram<u64> {
    let mut histogram = Histogram::new(3).expect("3 digits");
    values.into_iter().for_each(|value| histogram.record(value).expect("it resizes"));
    histogram
}

fn plot(labels: &[&str], latency_us: &Histogram<u64>) -> String {
    let series = labels.iter().map(|label| Series { label, latency_us, dashed: false }).collect();
    percentile_curve(&PlotSpec { title: "acks", subtitle: "2 cores", series })
}

/// The texts of a document, which must be well-formed.
fn texts(svg: &str) -> String {
    let (mut reader, mut texts) = (Reader::from_str(svg), String::new());
    reader.config_mut().check_end_names = true;
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error} in {svg}")) {
            Event::Eof => return texts,
            Event::Text(text) => texts.push_str(&text.xml10_content()),
            Event::GeneralRef(name) => texts.push_str(&format!("&{};", name.xml10_content())),
            Event::Start(element) | Event::Empty(element) => {
                element.attributes().for_each(|attribute| drop(attribute.expect("a well-formed attribute")));
            }
            _ => {}
        }
    }
}

fn polylines(svg: &str) -> Vec<Vec<(f64, f64)>> {
    let points = svg.split("<polyline points=\"").skip(1).map(|rest| rest.split('"').next().unwrap_or(""));
    let number = |text: &str| text.parse().expect("a number");
    let point = |text: &str| text.split_once(',').map(|(x, y)| (number(x), number(y))).expect("a pair");
    points.map(|points| points.split_whitespace().map(point).collect()).collect()
}

#[test]
fn a_plot_is_a_document_with_text_as_text() {
    let svg = plot(&["ack", "e2e"], &histogram(1..=100_000));
    let texts = texts(&svg);
    for text in
        ["acks", "2 cores", "50 %", "99.99 %", "50 ms", "100 ms", "percentile of samples", "e2e (100000 samples"]
    {
        assert!(texts.contains(text), "{text} is missing in {texts}");
    }
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 880 "));
}

#[test]
fn curves_run_to_the_right_and_never_fall() {
    let svg = plot(&["ack"], &histogram((0..50_000u64).map(|i| 80 + i * i / 10_000)));
    let curve = &polylines(&svg)[0];
    assert!(curve.len() > 70);
    assert!(curve.windows(2).all(|pair| pair[1].0 > pair[0].0), "percentiles increase");
    assert!(curve.windows(2).all(|pair| pair[1].1 <= pair[0].1), "y grows downwards, latency upwards");
}

#[test]
fn curves_stay_within_the_frame() {
    for values in [vec![0], vec![1; 5], vec![u64::MAX >> 1; 20_000], vec![1, 60_000_000], vec![1000; 3]] {
        let svg = plot(&["ack"], &histogram(values));
        let inside = |(x, y): &(f64, f64)| {
            (FRAME.left - 0.1..=FRAME.left + FRAME.width + 0.1).contains(x)
                && (FRAME.top - 0.1..=FRAME.top + FRAME.height + 0.1).contains(y)
        };
        assert!(polylines(&svg)[0].iter().all(inside), "{svg}");
    }
}

#[test]
fn a_curve_ends_where_its_samples_end() {
    let few = points(&histogram(1..=100));
    assert_eq!(few.last().map(|point| (point.nines, point.latency_us)), Some((2.0, 99.0)));
    let many = points(&histogram(1..=100_000));
    assert_eq!(many.last().map(|point| point.nines), Some(4.0));
    assert_eq!(points(&histogram([7])), [Point { nines: axes::NINES_MIN, latency_us: 7.0 }]);
}

#[test]
fn labels_cannot_break_the_document() {
    let label = "</text><script>\"a\" & 'b'</script>\u{1}\n\u{ffff}";
    let svg = plot(&[label], &histogram([1, 2, 3]));
    assert!(!svg.contains("<script>"));
    assert!(
        texts(&svg)
            .contains("&lt;/text&gt;&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/script&gt;\u{fffd} \u{fffd}")
    );
}

#[test]
fn a_plot_without_samples_or_with_too_many_lines_is_still_one() {
    assert!(texts(&plot(&[], &histogram([]))).contains("acks"));
    assert!(texts(&plot(&["ack"], &histogram([]))).contains("ack (no samples)"));
    let labels = ["line"; SERIES_MAX + 3];
    assert!(texts(&plot(&labels, &histogram([1]))).contains("and 3 more"));
}

#[test]
fn of_long_labels_the_end_is_shown() {
    let texts = texts(&plot(&[&format!("{}/after/W3.hlog", "x".repeat(200))], &histogram([1])));
    assert!(texts.contains("\u{2026}xxx") && texts.contains("x/after/W3.hlog (1 samples"), "{texts}");
}

#[test]
fn latencies_are_told_in_the_unit_that_fits() {
    let texts = [1.0, 10.0, 124.0, 999.0, 1000.0, 1240.0, 12_400.0, 124_000.0, 1e6, 60e6].map(axes::latency_text);
    assert_eq!(
        texts,
        ["1 us", "10 us", "124 us", "999 us", "1 ms", "1.24 ms", "12.4 ms", "124 ms", "1 s", "60 s"].map(str::to_owned)
    );
}
