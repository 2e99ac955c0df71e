//! Two runs as files, compared; and files that are not what they should be.

use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2Serializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use tempfile::TempDir;

use super::*;

/// An interval log of one interval per tag and list of values.
fn log(intervals: &[(&str, &[u64])]) -> String {
    let (mut bytes, mut serializer) = (Vec::new(), V2Serializer::new());
    let mut builder = IntervalLogWriterBuilder::new();
    let mut log = builder
        .add_comment("a comment")
        .with_start_time(SystemTime::UNIX_EPOCH)
        .begin_log_with(&mut bytes, &mut serializer)
        .expect("a log");
    for (tag, values) in intervals {
        let mut histogram: Histogram<u64> = Histogram::new_with_bounds(1, 60_000_000, 3).expect("bounds");
        values.iter().for_each(|value| histogram.record(*value).expect("in range"));
        let tag = (!tag.is_empty()).then(|| Tag::new(tag)).flatten();
        log.write_histogram(&histogram, Duration::ZERO, Duration::from_secs(1), tag).expect("written");
    }
    String::from_utf8(bytes).expect("text")
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

fn compare(old: &Path, new: &Path, svg: Option<&Path>) -> Result<(String, Vec<Plot>), ReportError> {
    report(&ReportArgs { old: old.to_owned(), new: new.to_owned(), svg: svg.map(Path::to_owned) })
}

/// The words of the first line that begins with this one.
fn row(text: &str, first: &str) -> Vec<String> {
    let words = text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    words.into_iter().find(|words| words.first().is_some_and(|word| word == first)).unwrap_or_default()
}

#[test]
fn two_files_are_compared_by_tag_whatever_their_names() {
    let files = folder(&[
        ("a.hlog", &log(&[("ack", &[100, 100]), ("e2e", &[500, 500]), ("ack", &[100, 300])])),
        ("b.hlog", &log(&[("ack", &[200; 4]), ("read", &[1])])),
    ]);
    let svg = files.path().join("plot.svg");
    let (old, new) = (files.path().join("a.hlog"), files.path().join("b.hlog"));
    let (text, plots) = compare(&old, &new, Some(&svg)).expect("a report");
    assert_eq!(row(&text, "ack,"), ["ack,", "us", "old", "new", "new/old"]);
    assert_eq!(row(&text, "samples"), ["samples", "4", "4"]);
    assert_eq!(row(&text, "p50"), ["p50", "100", "200", "2.00"]);
    assert_eq!(row(&text, "p99"), ["p99", "-", "-", "-"]);
    assert_eq!(row(&text, "max"), ["max", "300", "200", "0.67"]);
    assert!(text.contains("only in the old run: e2e") && text.contains("only in the new run: read"), "{text}");
    let paths: Vec<_> = plots.iter().map(|plot| plot.path.clone()).collect();
    assert_eq!(paths, [files.path().join("plot-ack.svg")]);
    assert_eq!(plots[0].svg.matches("<polyline").count(), 4);
}

#[test]
fn folders_are_compared_by_name_and_tag_and_their_results_by_field() {
    let result =
        |rate: f64| format!("a table\n{{\"seconds\":8,\"append\":{{\"mib_per_s\":{rate},\"list\":[1,{rate}]}}}}\n\n");
    let old = folder(&[
        ("latency.hlog", &log(&[("", &[100])])),
        ("W3.hlog", &log(&[("ack", &[7])])),
        ("W3.json", &result(400.0)),
        ("notes.txt", "not ours"),
    ]);
    let new = folder(&[
        ("latency.hlog", &log(&[("", &[50])])),
        ("W3.hlog", &log(&[("ack", &[7])])),
        ("W3.json", &result(500.0)),
    ]);
    let (text, plots) = compare(old.path(), new.path(), Some(Path::new("out.svg"))).expect("a report");
    assert_eq!(row(&text, "latency,"), ["latency,", "us", "old", "new", "new/old"]);
    assert_eq!(row(&text, "W3/ack,").len(), 5);
    assert_eq!(row(&text, "W3.append.mib_per_s"), ["W3.append.mib_per_s", "400", "500", "1.25"]);
    assert_eq!(row(&text, "W3.append.list.1").len(), 4);
    assert!(!text.contains("seconds"), "what is the same is not shown:\n{text}");
    let paths: Vec<_> = plots.iter().map(|plot| plot.path.to_string_lossy().into_owned()).collect();
    assert_eq!(paths, ["out-W3-ack.svg", "out-latency.svg"]);
}

#[test]
fn a_histogram_without_a_tag_is_drawn_in_the_file_itself() {
    let files = folder(&[("a.hlog", &log(&[("", &[1])])), ("b.hlog", &log(&[("", &[2])]))]);
    let args = ReportArgs {
        old: files.path().join("a.hlog"),
        new: files.path().join("b.hlog"),
        svg: Some(files.path().join("plot.svg")),
    };
    run(&args).expect("a report");
    let svg = fs::read_to_string(files.path().join("plot.svg")).expect("it was written");
    assert!(svg.starts_with("<svg ") && svg.contains("a.hlog, old (1 samples"));
}

#[test]
fn damage_is_named_by_file_and_line_and_nothing_is_written() {
    let sound = log(&[("ack", &[1])]);
    let lines = sound.lines().count();
    let cut_off = sound.trim_end().to_owned();
    let flipped = sound.replace("HISTE", "HISTF");
    assert_ne!(flipped, sound);
    let cases = [
        (cut_off, format!("line {lines}: neither an interval nor a comment, or cut off")),
        (flipped, format!("line {lines}: no histogram: ")),
        (sound.replace("HISTE", "HIST!"), format!("line {lines}: not base64: ")),
        (format!("{sound}rubbish\n"), format!("line {}: neither", lines + 1)),
    ];
    for (bad, expected) in cases {
        let files = folder(&[("a.hlog", &sound), ("b.hlog", &bad)]);
        let args = ReportArgs {
            old: files.path().join("a.hlog"),
            new: files.path().join("b.hlog"),
            svg: Some(files.path().join("plot.svg")),
        };
        let error = run(&args).expect_err("damaged").to_string();
        assert!(error.contains("b.hlog") && error.contains(&expected), "{error} is not {expected}");
        assert_eq!(fs::read_dir(files.path()).expect("the folder").count(), 2);
    }
}

#[test]
fn what_is_not_there_or_not_comparable_is_said() {
    let said = |old: &Path, new: &Path| compare(old, new, None).map(drop).expect_err("refused").to_string();
    let (empty, ack) = (folder(&[]), folder(&[("a.hlog", &log(&[("ack", &[1])]))]));
    let (read, other) =
        (folder(&[("a.hlog", &log(&[("read", &[1])]))]), folder(&[("a.json", "{}"), ("a.hlog", "#\n")]));
    assert!(said(empty.path(), ack.path()).ends_with("has no .hlog file in it"));
    assert!(said(Path::new("missing"), ack.path()).starts_with("cannot read missing: "));
    assert!(said(ack.path(), read.path()).ends_with("the old one has [a/ack], the new one [a/read]"));
    assert!(said(other.path(), ack.path()).ends_with("has no .hlog file in it"));
    fs::write(ack.path().join("a.json"), "no json").expect("written");
    assert!(said(ack.path(), ack.path()).contains("a.json holds no result: "));
}

#[test]
fn many_tags_are_refused() {
    let tags: Vec<String> = (0..65).map(|i| format!("tag{i}")).collect();
    let intervals: Vec<(&str, &[u64])> = tags.iter().map(|tag| (tag.as_str(), [1u64].as_slice())).collect();
    let files = folder(&[("a.hlog", &log(&intervals))]);
    let error = compare(files.path(), files.path(), None).map(drop).expect_err("too many").to_string();
    assert!(error.ends_with("has more than 64 histograms with their tags"), "{error}");
}

#[test]
fn names_of_plots_stay_in_their_folder() {
    assert_eq!(beside(Path::new("x/out.svg"), "../../a b"), Path::new("x/out-..-..-a-b.svg"));
    assert_eq!(beside(Path::new("out"), "ack"), Path::new("out-ack.svg"));
}
