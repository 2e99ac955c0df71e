//! One line per frame.

use std::io::{self, Write};
use std::time::Duration;

use riverrun_protocol::batch::Command;

use crate::capture::Piece;
use crate::describe::Described;
use crate::field::{self, Field, Show, Value};
use crate::judge::Batches;
use crate::view::value::{self, readable};
use crate::view::{Options, Payload, Sighting, Time};

/// Fields that say the same in every frame of a kind.
const SILENT: [&str; 3] = ["magic", "reserved", "options"];

/// Fields that the line tells in words of its own.
const ELSEWHERE: [&str; 8] =
    ["basin", "stream", "batch", "batches", "first_seq_num", "end_seq_num", "stored", "undecoded"];

/// One line, and one more per record where payloads are to be shown.
pub fn print(out: &mut dyn Write, sighting: &Sighting, options: &Options) -> io::Result<()> {
    writeln!(out, "{}", line(sighting, options))?;
    match &sighting.described {
        Some(described) if options.payload_or_size() != Payload::Size => print_records(out, described, options),
        _ => Ok(()),
    }
}

/// The line alone, without its end.
pub fn line(sighting: &Sighting, options: &Options) -> String {
    let mut columns = where_and_when(sighting, options);
    columns.push(sighting.direction.arrow().to_owned());
    match (&sighting.described, &sighting.piece) {
        (Some(described), _) => frame(&mut columns, described, options),
        (None, piece) => columns.push(rest(piece)),
    }
    let latency = sighting.latency.filter(|_| options.time != Time::None);
    columns.extend(latency.map(|latency| format!("in {}", duration(latency))));
    columns.join(" ")
}

/// Live frames have a time, captured ones a place.
fn where_and_when(sighting: &Sighting, options: &Options) -> Vec<String> {
    let time = sighting.when.and_then(|when| match options.time {
        Time::None => None,
        Time::Absolute => Some(humantime::format_rfc3339_micros(when).to_string()),
        Time::Relative => {
            let since = when.duration_since(options.start).unwrap_or_default();
            Some(format!("+{:.6}", since.as_secs_f64()))
        }
    });
    let place = sighting.when.is_none().then(|| format!("@{}", offset(&sighting.piece)));
    let connection = sighting.connection.map(|connection| format!("#{connection}"));
    [time, place, connection].into_iter().flatten().collect()
}

fn offset(piece: &Piece) -> u64 {
    match piece {
        Piece::Frame { offset, .. }
        | Piece::Bad { offset, .. }
        | Piece::Rubbish { offset, .. }
        | Piece::Missed { offset, .. } => *offset,
    }
}

fn rest(piece: &Piece) -> String {
    match piece {
        Piece::Frame { bytes, .. } => format!("frame of {}B", bytes.len()),
        Piece::Bad { reason, offset } => format!("BAD at byte {offset}: {reason}; looking for the next frame"),
        Piece::Rubbish { bytes, .. } => format!("RUBBISH {}B that belong to no frame", bytes.len()),
        Piece::Missed { bytes, .. } => {
            format!("MISSED {bytes}B that were forwarded but not decoded; looking for the next frame")
        }
    }
}

fn frame(columns: &mut Vec<String>, described: &Described, options: &Options) {
    columns.push(described.kind_name());
    columns.push(format!("id={}", described.header.id));
    columns.push(format!("{}B", described.header.frame_bytes()));
    columns.extend(stream(&described.fields));
    columns.extend(switches(&described.fields));
    let told = described.fields.iter().filter(|field| is_told(field));
    columns.extend(told.map(|field| value::named(field, options)));
    columns.extend(stored_page(&described.fields));
    columns.extend(described.judged.batches.as_ref().map(batches).or_else(|| claimed(&described.fields)));
    columns.extend(verdict(described));
}

/// The stream as people write it, where a frame names one.
fn stream(fields: &[Field]) -> Option<String> {
    let name = |path| match field::find(fields, path).map(|field| &field.value) {
        Some(Value::Text(bytes)) => Some(readable(bytes)),
        _ => None,
    };
    match (name("basin")?, name("stream")) {
        (basin, Some(stream)) => Some(format!("{basin}/{stream}")),
        (basin, None) => Some(basin),
    }
}

/// The options that are set, without those that only announce a field.
fn switches(fields: &[Field]) -> Option<String> {
    let Value::Bits { value, names } = field::find(fields, "options")?.value else { return None };
    let set = value::bits(value, names);
    let told: Vec<String> = set.into_iter().filter(|name| field::find(fields, name).is_none()).collect();
    (!told.is_empty()).then(|| told.join("|"))
}

/// Whether a field earns its place on the line.
fn is_told(field: &Field) -> bool {
    if SILENT.contains(&field.name) || ELSEWHERE.contains(&field.name) {
        return false;
    }
    match &field.value {
        // An empty one is not the same as none.
        Value::Text(_) if ["fencing_token", "request_token"].contains(&field.name) => true,
        Value::Bits { value, .. } => *value != 0,
        Value::Group(fields) => !fields.iter().all(value::is_silent),
        Value::Number { show: Show::Hex, .. } => false,
        Value::Number { value, show: Show::Quiet } => *value != 0,
        Value::Text(bytes) | Value::Secret(bytes) => !bytes.is_empty(),
        _ => true,
    }
}

/// What the batches hold together, as the protocol understood them.
pub fn batches(batches: &Batches) -> String {
    let mut text = String::new();
    if batches.count != 1 {
        text += &format!("batches={} ", batches.count);
    }
    text +=
        &format!("records={} payload={}B metered={}B", batches.records, batches.payload_bytes, batches.metered_bytes);
    if let Some((first, end)) = batches.seq_nums {
        text += &format!(" seq={first}..{end}");
    }
    if let Some((first, last)) = batches.timestamps {
        text += &format!(" time={first}..={last}");
    }
    text
}

/// How much of a page there is; its bytes mean nothing to a line.
fn stored_page(fields: &[Field]) -> Option<String> {
    let Value::Payload(stored) = &field::find(fields, "stored")?.value else { return None };
    Some(format!("stored={}B", stored.len()))
}

/// What a frame says of the batches in it that the protocol refuses.
fn claimed(fields: &[Field]) -> Option<String> {
    claimed_by_header(fields).or_else(|| claimed_by_page(fields))
}

fn claimed_by_page(fields: &[Field]) -> Option<String> {
    let first = field::number(fields, "first_seq_num")?;
    Some(format!("seq={first}..{}", field::number(fields, "end_seq_num")?))
}

fn claimed_by_header(fields: &[Field]) -> Option<String> {
    let records = field::number(fields, "batch.record_count")?;
    let payload = field::number(fields, "batch.payload_bytes")?;
    Some(format!("records={records} payload={payload}B"))
}

/// What is wrong with the frame. A kind that is not known is news and no fault.
fn verdict(described: &Described) -> Option<String> {
    if described.kind.is_none() {
        return Some("(a kind that this version does not know)".to_owned());
    }
    match (&described.judged.error, described.undecoded()) {
        (Some(error), _) => Some(format!("BAD: {error}")),
        (None, Some(reason)) => Some(format!("UNDECODED: {reason}")),
        (None, None) => None,
    }
}

/// In the unit that leaves a few digits.
pub fn duration(duration: Duration) -> String {
    match duration.as_micros() {
        0..1_000 => format!("{}us", duration.as_micros()),
        1_000..1_000_000 => format!("{:.3}ms", duration.as_secs_f64() * 1e3),
        _ => format!("{:.3}s", duration.as_secs_f64()),
    }
}

fn print_records(out: &mut dyn Write, described: &Described, options: &Options) -> io::Result<()> {
    for field in &described.fields {
        match (&field.value, field.name) {
            (Value::Group(batch), "batch") => print_batch(out, batch, options)?,
            (Value::List(all), "batches") => {
                for batch in all {
                    print_batch(out, inner(batch), options)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn print_batch(out: &mut dyn Write, batch: &[Field], options: &Options) -> io::Result<()> {
    let first = field::number(batch, "first_seq_num").unwrap_or_default();
    let list = |name| field::find(batch, name).map_or(&[][..], inner);
    for (index, (entry, record)) in list("table").iter().zip(list("payload")).enumerate() {
        let timestamp = field::number(inner(entry), "timestamp").unwrap_or_default();
        let fields = inner(record);
        let seq_num = first.wrapping_add(index as u64);
        let shown = command(fields).unwrap_or_else(|| record_text(fields, options));
        writeln!(out, "    {seq_num}@{timestamp} {shown}")?;
    }
    Ok(())
}

fn record_text(fields: &[Field], options: &Options) -> String {
    let headers =
        field::find(fields, "headers").map_or(&[][..], inner).iter().map(|header| header_text(header, options));
    let body = field::find(fields, "body").map(|body| value::text(&body.value, options));
    headers.chain(body).collect::<Vec<_>>().join(" ")
}

/// What a command record asks for (`s2-semantics.md` B5); `None` for every other record, and for one that no server
/// takes.
fn command(fields: &[Field]) -> Option<String> {
    let [header] = inner(field::find(fields, "headers")?) else { return None };
    let bytes = |within: &[Field], name| match &field::find(within, name)?.value {
        Value::Payload(bytes) => Some(bytes.clone()),
        _ => None,
    };
    let (name, word) = (bytes(inner(header), "name")?, bytes(inner(header), "value")?);
    let body = bytes(fields, "body")?;
    match Command::parse(&word, &body).ok().filter(|_| name.is_empty())? {
        Command::Fence(token) => Some(format!("fence {}", readable(token.as_bytes()))),
        Command::Trim(earliest) => Some(format!("trim {earliest}")),
    }
}

fn header_text(header: &Field, options: &Options) -> String {
    let text = |name| field::find(inner(header), name).map(|f| value::text(&f.value, options)).unwrap_or_default();
    format!("[{}: {}]", text("name"), text("value"))
}

fn inner(field: &Field) -> &[Field] {
    match &field.value {
        Value::Group(fields) | Value::List(fields) => fields,
        _ => &[],
    }
}
