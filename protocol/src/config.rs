//! Configuration of streams and basins (`s2-semantics.md` E1), and the two ways in which a request speaks of it: fields
//! that may be absent, and patches that keep, clear or set each field (E5). Laid out once, for requests and answers
//! alike.

use bytes::{BufMut, BytesMut};
use nom::number::complete::{le_u8, le_u64};

use crate::wire::{self, Parsed};

/// What a stream asks for: how far a record has got when it is acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum StorageClass {
    /// In the node's journal.
    Express = 1,
    /// In the object store.
    Standard = 2,
}

impl StorageClass {
    /// S2's word for it (`s2-semantics.md` E1).
    pub fn name(self) -> &'static str {
        match self {
            Self::Express => "express",
            Self::Standard => "standard",
        }
    }
}

/// How long records are kept, from their writing (`s2-semantics.md` E8).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Retention {
    /// Seconds, at least 1.
    Age(u64),
    Infinite,
}

/// Which timestamp a record gets (`s2-semantics.md` B7).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum TimestampingMode {
    ClientPrefer = 1,
    ClientRequire = 2,
    Arrival = 3,
}

impl TimestampingMode {
    /// S2's word for it (`s2-semantics.md` E1).
    pub fn name(self) -> &'static str {
        match self {
            Self::ClientPrefer => "client-prefer",
            Self::ClientRequire => "client-require",
            Self::Arrival => "arrival",
        }
    }
}

/// A stream's configuration, every field set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamConfig {
    pub storage_class: StorageClass,
    pub retention: Retention,
    pub timestamping_mode: TimestampingMode,
    /// Whether clients may set timestamps beyond the time of arrival.
    pub timestamping_uncapped: bool,
    /// Seconds without a record and without a write after which the stream is deleted; 0 = never.
    pub delete_on_empty_min_age_secs: u64,
}

/// What a request, or a basin, says about a stream's configuration; what it leaves out is inherited
/// (`s2-semantics.md` E2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PartialStreamConfig {
    pub storage_class: Option<StorageClass>,
    pub retention: Option<Retention>,
    pub timestamping_mode: Option<TimestampingMode>,
    pub timestamping_uncapped: Option<bool>,
    pub delete_on_empty_min_age_secs: Option<u64>,
}

/// What a PATCH says about one field (`s2-semantics.md` E5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Patch<T> {
    #[default]
    Keep,
    /// A stream's field falls back to the basin's default, then to the system's; a basin's to unset.
    Clear,
    Set(T),
}

impl<T> Patch<T> {
    /// What the field is afterwards.
    pub fn apply(self, stored: T, cleared: T) -> T {
        match self {
            Self::Keep => stored,
            Self::Clear => cleared,
            Self::Set(value) => value,
        }
    }

    fn into_set(self) -> Option<T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }
}

impl<T> From<Option<T>> for Patch<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Keep, Self::Set)
    }
}

/// A change of a stream's configuration, or of a basin's defaults for new streams.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StreamConfigPatch {
    pub storage_class: Patch<StorageClass>,
    pub retention: Patch<Retention>,
    pub timestamping_mode: Patch<TimestampingMode>,
    pub timestamping_uncapped: Patch<bool>,
    pub delete_on_empty_min_age_secs: Patch<u64>,
}

/// A basin's configuration (`s2-semantics.md` E1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BasinConfig {
    pub default_stream_config: PartialStreamConfig,
    pub create_stream_on_append: bool,
    pub create_stream_on_read: bool,
}

/// A change of a basin's configuration; switches are set or kept (`s2-semantics.md` E5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BasinConfigPatch {
    pub default_stream_config: StreamConfigPatch,
    pub create_stream_on_append: Option<bool>,
    pub create_stream_on_read: Option<bool>,
}

const STORAGE_CLASS: u8 = 1;
const RETENTION: u8 = 2;
const TIMESTAMPING_MODE: u8 = 4;
const TIMESTAMPING_UNCAPPED: u8 = 8;
const DELETE_ON_EMPTY: u8 = 16;
const ALL: u8 = 31;

const RETENTION_AGE: u8 = 1;
const RETENTION_INFINITE: u8 = 2;

/// ```text
/// 0 u8 set: bits 0-4 = storage class, retention, timestamping mode, timestamping uncapped, delete-on-empty are there
/// 1 u8 cleared: the same bits (0 but in a reconfiguration)
/// 2 [u8 storage class: 1 express, 2 standard]
///   [u8 retention: 1 age, 2 infinite | u64 age, s (0 for infinite)]
///   [u8 timestamping mode: 1 client-prefer, 2 client-require, 3 arrival] [u8 uncapped: 0, 1]
///   [u64 delete_on_empty_min_age, s]
/// ```
impl StreamConfigPatch {
    fn bits(&self, wanted: impl Fn(bool, bool) -> bool) -> u8 {
        fn of<T>(patch: &Patch<T>, wanted: &impl Fn(bool, bool) -> bool) -> bool {
            wanted(matches!(patch, Patch::Set(_)), matches!(patch, Patch::Clear))
        }
        let bits = [
            (of(&self.storage_class, &wanted), STORAGE_CLASS),
            (of(&self.retention, &wanted), RETENTION),
            (of(&self.timestamping_mode, &wanted), TIMESTAMPING_MODE),
            (of(&self.timestamping_uncapped, &wanted), TIMESTAMPING_UNCAPPED),
            (of(&self.delete_on_empty_min_age_secs, &wanted), DELETE_ON_EMPTY),
        ];
        bits.into_iter().filter(|(there, _)| *there).map(|(_, bit)| bit).sum()
    }

    pub(crate) fn write(&self, out: &mut BytesMut) {
        out.put_u8(self.bits(|set, _| set));
        out.put_u8(self.bits(|_, cleared| cleared));
        if let Patch::Set(class) = self.storage_class {
            out.put_u8(class as u8);
        }
        if let Patch::Set(retention) = self.retention {
            let (kind, age) = match retention {
                Retention::Age(secs) => (RETENTION_AGE, secs),
                Retention::Infinite => (RETENTION_INFINITE, 0),
            };
            out.put_u8(kind);
            out.put_u64_le(age);
        }
        if let Patch::Set(mode) = self.timestamping_mode {
            out.put_u8(mode as u8);
        }
        if let Patch::Set(uncapped) = self.timestamping_uncapped {
            out.put_u8(u8::from(uncapped));
        }
        if let Patch::Set(secs) = self.delete_on_empty_min_age_secs {
            out.put_u64_le(secs);
        }
    }
}

pub(crate) fn parse_patch(input: &[u8]) -> Parsed<'_, StreamConfigPatch> {
    let (at_cleared, set) = le_u8(input)?;
    let (rest, cleared) = le_u8(at_cleared)?;
    if (set | cleared) & !ALL != 0 {
        return wire::unsupported(input, "fields of a stream's configuration that this version does not know");
    }
    if set & cleared != 0 {
        return wire::bad(at_cleared, "a field both set and cleared");
    }
    let there = |bit: u8| set & bit != 0;
    let (rest, storage_class) = wire::optional(rest, there(STORAGE_CLASS), storage_class)?;
    let (rest, retention) = wire::optional(rest, there(RETENTION), retention)?;
    let (rest, mode) = wire::optional(rest, there(TIMESTAMPING_MODE), timestamping_mode)?;
    let (rest, uncapped) = wire::optional(rest, there(TIMESTAMPING_UNCAPPED), wire::boolean)?;
    let (rest, min_age) = wire::optional(rest, there(DELETE_ON_EMPTY), le_u64)?;
    let patch = StreamConfigPatch {
        storage_class: patch(storage_class, cleared & STORAGE_CLASS),
        retention: patch(retention, cleared & RETENTION),
        timestamping_mode: patch(mode, cleared & TIMESTAMPING_MODE),
        timestamping_uncapped: patch(uncapped, cleared & TIMESTAMPING_UNCAPPED),
        delete_on_empty_min_age_secs: patch(min_age, cleared & DELETE_ON_EMPTY),
    };
    Ok((rest, patch))
}

fn patch<T>(value: Option<T>, cleared: u8) -> Patch<T> {
    match value {
        Some(value) => Patch::Set(value),
        None if cleared != 0 => Patch::Clear,
        None => Patch::Keep,
    }
}

fn storage_class(input: &[u8]) -> Parsed<'_, StorageClass> {
    let (rest, byte) = le_u8(input)?;
    match byte {
        1 => Ok((rest, StorageClass::Express)),
        2 => Ok((rest, StorageClass::Standard)),
        other => wire::unsupported(input, format!("storage class {other} that this version does not know")),
    }
}

fn retention(input: &[u8]) -> Parsed<'_, Retention> {
    let (at_age, kind) = le_u8(input)?;
    let (rest, age) = le_u64(at_age)?;
    match (kind, age) {
        (RETENTION_AGE, 0) => wire::invalid(at_age, AGE_ZERO),
        (RETENTION_AGE, secs) => Ok((rest, Retention::Age(secs))),
        (RETENTION_INFINITE, 0) => Ok((rest, Retention::Infinite)),
        (RETENTION_INFINITE, _) => wire::bad(at_age, "an age with infinite retention"),
        (other, _) => wire::unsupported(input, format!("retention {other} that this version does not know")),
    }
}

/// `s2-semantics.md` E1.
pub const AGE_ZERO: &str = "age must be greater than 0 seconds";

fn timestamping_mode(input: &[u8]) -> Parsed<'_, TimestampingMode> {
    let (rest, byte) = le_u8(input)?;
    match byte {
        1 => Ok((rest, TimestampingMode::ClientPrefer)),
        2 => Ok((rest, TimestampingMode::ClientRequire)),
        3 => Ok((rest, TimestampingMode::Arrival)),
        other => wire::unsupported(input, format!("timestamping mode {other} that this version does not know")),
    }
}

impl From<PartialStreamConfig> for StreamConfigPatch {
    fn from(config: PartialStreamConfig) -> Self {
        Self {
            storage_class: config.storage_class.into(),
            retention: config.retention.into(),
            timestamping_mode: config.timestamping_mode.into(),
            timestamping_uncapped: config.timestamping_uncapped.into(),
            delete_on_empty_min_age_secs: config.delete_on_empty_min_age_secs.into(),
        }
    }
}

impl PartialStreamConfig {
    /// `None` where a field is missing.
    pub fn whole(&self) -> Option<StreamConfig> {
        Some(StreamConfig {
            storage_class: self.storage_class?,
            retention: self.retention?,
            timestamping_mode: self.timestamping_mode?,
            timestamping_uncapped: self.timestamping_uncapped?,
            delete_on_empty_min_age_secs: self.delete_on_empty_min_age_secs?,
        })
    }

    pub(crate) fn write(&self, out: &mut BytesMut) {
        StreamConfigPatch::from(*self).write(out);
    }
}

pub(crate) fn parse_partial(input: &[u8]) -> Parsed<'_, PartialStreamConfig> {
    let (rest, patch) = parse_patch(input)?;
    if patch.bits(|_, cleared| cleared) != 0 {
        return wire::bad(input, "cleared fields where none can be");
    }
    let partial = PartialStreamConfig {
        storage_class: patch.storage_class.into_set(),
        retention: patch.retention.into_set(),
        timestamping_mode: patch.timestamping_mode.into_set(),
        timestamping_uncapped: patch.timestamping_uncapped.into_set(),
        delete_on_empty_min_age_secs: patch.delete_on_empty_min_age_secs.into_set(),
    };
    Ok((rest, partial))
}

impl From<StreamConfig> for PartialStreamConfig {
    fn from(config: StreamConfig) -> Self {
        Self {
            storage_class: Some(config.storage_class),
            retention: Some(config.retention),
            timestamping_mode: Some(config.timestamping_mode),
            timestamping_uncapped: Some(config.timestamping_uncapped),
            delete_on_empty_min_age_secs: Some(config.delete_on_empty_min_age_secs),
        }
    }
}

impl StreamConfig {
    pub(crate) fn write(&self, out: &mut BytesMut) {
        PartialStreamConfig::from(*self).write(out);
    }
}

pub(crate) fn parse_whole(input: &[u8]) -> Parsed<'_, StreamConfig> {
    let (rest, partial) = parse_partial(input)?;
    match partial.whole() {
        Some(config) => Ok((rest, config)),
        None => wire::bad(input, "a stream's configuration with a field missing"),
    }
}

const ON_APPEND: u8 = 1;
const ON_READ: u8 = 2;

/// ```text
/// 0 u8 switches: bit 0 = create_stream_on_append, bit 1 = create_stream_on_read
/// 1 defaults for new streams, as above
/// ```
impl BasinConfig {
    pub(crate) fn write(&self, out: &mut BytesMut) {
        out.put_u8(switches(self.create_stream_on_append, self.create_stream_on_read));
        self.default_stream_config.write(out);
    }
}

pub(crate) fn parse_basin(input: &[u8]) -> Parsed<'_, BasinConfig> {
    let (rest, on) = switch_bits(input)?;
    let (rest, default_stream_config) = parse_partial(rest)?;
    let config = BasinConfig {
        default_stream_config,
        create_stream_on_append: on & ON_APPEND != 0,
        create_stream_on_read: on & ON_READ != 0,
    };
    Ok((rest, config))
}

/// ```text
/// 0 u8 switches that are set, bits as above | 1 u8 what they are set to
/// 2 change of the defaults for new streams, as above
/// ```
impl BasinConfigPatch {
    pub(crate) fn write(&self, out: &mut BytesMut) {
        let (append, read) = (self.create_stream_on_append, self.create_stream_on_read);
        out.put_u8(switches(append.is_some(), read.is_some()));
        out.put_u8(switches(append == Some(true), read == Some(true)));
        self.default_stream_config.write(out);
    }
}

pub(crate) fn parse_basin_patch(input: &[u8]) -> Parsed<'_, BasinConfigPatch> {
    let (at_values, set) = switch_bits(input)?;
    let (rest, on) = switch_bits(at_values)?;
    if on & !set != 0 {
        return wire::bad(at_values, "a switch with a value that is not set");
    }
    let (rest, default_stream_config) = parse_patch(rest)?;
    let value = |bit: u8| (set & bit != 0).then_some(on & bit != 0);
    let patch = BasinConfigPatch {
        default_stream_config,
        create_stream_on_append: value(ON_APPEND),
        create_stream_on_read: value(ON_READ),
    };
    Ok((rest, patch))
}

fn switches(append: bool, read: bool) -> u8 {
    (u8::from(append) * ON_APPEND) | (u8::from(read) * ON_READ)
}

fn switch_bits(input: &[u8]) -> Parsed<'_, u8> {
    let (rest, bits) = le_u8(input)?;
    match bits & !(ON_APPEND | ON_READ) {
        0 => Ok((rest, bits)),
        _ => wire::unsupported(input, "switches of a basin that this version does not know"),
    }
}

#[cfg(test)]
mod tests;
