//! What access tokens speak of (`s2-semantics.md` F2): operations, groups of them, sets of names. What they mean is
//! decided elsewhere; here is how they are written down.

use std::fmt;
use std::str::FromStr;

use bytes::{BufMut, BytesMut};
use nom::number::complete::{le_u8, le_u32, le_u64};

use crate::limits::SCOPE_NAME_BYTES_MAX;
use crate::types::NameError;
use crate::wire::{self, Parsed};

macro_rules! operations {
    ($($name:ident = $number:literal $word:literal),+ $(,)?) => {
        /// Everything a principal can do, in S2's order and by its numbers.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        #[repr(u8)]
        pub enum Operation {
            $($name = $number),+
        }

        impl Operation {
            /// Every operation, in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// S2's word for it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $word),+
                }
            }
        }
    };
}

operations! {
    ListBasins = 1 "list-basins",
    CreateBasin = 2 "create-basin",
    DeleteBasin = 3 "delete-basin",
    ReconfigureBasin = 4 "reconfigure-basin",
    GetBasinConfig = 5 "get-basin-config",
    IssueAccessToken = 6 "issue-access-token",
    RevokeAccessToken = 7 "revoke-access-token",
    ListAccessTokens = 8 "list-access-tokens",
    ListStreams = 9 "list-streams",
    CreateStream = 10 "create-stream",
    DeleteStream = 11 "delete-stream",
    GetStreamConfig = 12 "get-stream-config",
    ReconfigureStream = 13 "reconfigure-stream",
    CheckTail = 14 "check-tail",
    Append = 15 "append",
    Read = 16 "read",
    Trim = 17 "trim",
    Fence = 18 "fence",
    AccountMetrics = 19 "account-metrics",
    BasinMetrics = 20 "basin-metrics",
    StreamMetrics = 21 "stream-metrics",
    ListLocations = 22 "list-locations",
    GetDefaultLocation = 23 "get-default-location",
    SetDefaultLocation = 24 "set-default-location",
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Operation {
    type Err = NameError;

    fn from_str(word: &str) -> Result<Self, NameError> {
        let found = Self::ALL.iter().find(|operation| operation.name() == word);
        found.copied().ok_or_else(|| NameError(format!("there is no operation `{word}`")))
    }
}

/// A set of operations.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Operations(u32);

impl Operations {
    pub const NONE: Self = Self(0);
    pub const ALL: Self = Self((1 << 24) - 1);

    pub fn contains(self, operation: Operation) -> bool {
        self.0 & Self::bit(operation) != 0
    }

    #[must_use]
    pub fn with(self, operation: Operation) -> Self {
        Self(self.0 | Self::bit(operation))
    }

    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn is_subset_of(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// In the order of the numbers.
    pub fn iter(self) -> impl Iterator<Item = Operation> {
        Operation::ALL.iter().copied().filter(move |operation| self.contains(*operation))
    }

    /// Bit n - 1 is the operation with the number n.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// `None` where a bit is no operation's.
    pub fn from_bits(bits: u32) -> Option<Self> {
        Self(bits).is_subset_of(Self::ALL).then_some(Self(bits))
    }

    const fn bit(operation: Operation) -> u32 {
        1 << (operation as u8 - 1)
    }
}

impl FromIterator<Operation> for Operations {
    fn from_iter<I: IntoIterator<Item = Operation>>(operations: I) -> Self {
        operations.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Operation::name)).finish()
    }
}

/// Reading and writing of one group.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct ReadWrite {
    pub read: bool,
    pub write: bool,
}

/// Groups of operations; those added in future belong to them by themselves.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct OperationGroups {
    pub account: ReadWrite,
    pub basin: ReadWrite,
    pub stream: ReadWrite,
}

impl OperationGroups {
    pub const ALL: Self = {
        let both = ReadWrite { read: true, write: true };
        Self { account: both, basin: both, stream: both }
    };

    /// Bits 0-5: account read, account write, basin read, basin write, stream read, stream write.
    pub fn bits(self) -> u8 {
        let flags = [
            self.account.read,
            self.account.write,
            self.basin.read,
            self.basin.write,
            self.stream.read,
            self.stream.write,
        ];
        flags.into_iter().enumerate().map(|(bit, flag)| u8::from(flag) << bit).sum()
    }

    /// `None` where a bit is no group's.
    pub fn from_bits(bits: u8) -> Option<Self> {
        let group = |bit: u8| ReadWrite { read: bits >> bit & 1 == 1, write: bits >> (bit + 1) & 1 == 1 };
        (bits < 64).then(|| Self { account: group(0), basin: group(2), stream: group(4) })
    }

    pub fn is_subset_of(self, other: Self) -> bool {
        self.bits() & !other.bits() == 0
    }
}

/// Which names of one kind a token may touch. An absent set is `Nothing`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub enum ResourceSet {
    #[default]
    Nothing,
    /// One name. The empty one matches nothing.
    Exact(String),
    /// All that begin with it. The empty one matches everything.
    Prefix(String),
}

/// What a token may do, and to what (`s2-semantics.md` F2).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TokenScope {
    pub basins: ResourceSet,
    pub streams: ResourceSet,
    pub access_tokens: ResourceSet,
    pub groups: OperationGroups,
    pub operations: Operations,
}

/// How much a token may do per second; `None` = no limit of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TokenRates {
    /// Metered bytes appended.
    pub append_bytes_per_sec: Option<u64>,
    /// Requests, and inputs of append sessions.
    pub requests_per_sec: Option<u64>,
}

/// ```text
///  0 u8 groups: bits 0-5 = account read, account write, basin read, basin write, stream read, stream write
///  1 u32 operations: bit n - 1 = the operation with the number n
///  5 basins, streams, access tokens, each: u8 kind: 0 nothing, 1 exact, 2 prefix | [u16 length, name or prefix]
/// ```
impl TokenScope {
    pub(crate) fn write(&self, out: &mut BytesMut) {
        out.put_u8(self.groups.bits());
        out.put_u32_le(self.operations.bits());
        [&self.basins, &self.streams, &self.access_tokens].into_iter().for_each(|set| put_set(out, set));
    }
}

fn put_set(out: &mut BytesMut, set: &ResourceSet) {
    let (kind, name) = match set {
        ResourceSet::Nothing => return out.put_u8(0),
        ResourceSet::Exact(name) => (1, name),
        ResourceSet::Prefix(prefix) => (2, prefix),
    };
    out.put_u8(kind);
    wire::put_bytes16(out, name.as_bytes());
}

pub(crate) fn parse_scope(input: &[u8]) -> Parsed<'_, TokenScope> {
    let (at_operations, groups) = le_u8(input)?;
    let Some(groups) = OperationGroups::from_bits(groups) else {
        return wire::unsupported(input, "groups of operations that this version does not know");
    };
    let (rest, operations) = le_u32(at_operations)?;
    let Some(operations) = Operations::from_bits(operations) else {
        return wire::unsupported(at_operations, "operations that this version does not know");
    };
    let (rest, basins) = parse_set(rest)?;
    let (rest, streams) = parse_set(rest)?;
    let (rest, access_tokens) = parse_set(rest)?;
    Ok((rest, TokenScope { basins, streams, access_tokens, groups, operations }))
}

fn parse_set(input: &[u8]) -> Parsed<'_, ResourceSet> {
    let (rest, kind) = le_u8(input)?;
    if kind == 0 {
        return Ok((rest, ResourceSet::Nothing));
    }
    let (rest, name) = wire::text16(rest, "a name in a scope", SCOPE_NAME_BYTES_MAX)?;
    match kind {
        1 => Ok((rest, ResourceSet::Exact(name.to_owned()))),
        2 => Ok((rest, ResourceSet::Prefix(name.to_owned()))),
        other => wire::unsupported(input, format!("set of names {other} that this version does not know")),
    }
}

/// ```text
/// 0 u64 append bytes per second, 0 = no limit | 8 u64 requests per second, 0 = no limit
/// ```
impl TokenRates {
    pub(crate) fn write(&self, out: &mut BytesMut) {
        out.put_u64_le(self.append_bytes_per_sec.unwrap_or(0));
        out.put_u64_le(self.requests_per_sec.unwrap_or(0));
    }
}

pub(crate) fn parse_rates(input: &[u8]) -> Parsed<'_, TokenRates> {
    let (input, bytes) = le_u64(input)?;
    let (input, requests) = le_u64(input)?;
    let rate = |per_sec: u64| (per_sec > 0).then_some(per_sec);
    Ok((input, TokenRates { append_bytes_per_sec: rate(bytes), requests_per_sec: rate(requests) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    fn written(write: impl FnOnce(&mut BytesMut)) -> BytesMut {
        let mut out = BytesMut::new();
        write(&mut out);
        out
    }

    fn refused(bytes: &[u8]) -> (ErrorCode, usize) {
        let error = wire::whole("scope", bytes, parse_scope).expect_err("refused");
        (error.code, error.offset)
    }

    #[test]
    fn f2_operations_have_words_and_numbers_without_a_gap() {
        assert_eq!(Operation::ALL.len(), 24);
        for (number, operation) in (1..).zip(Operation::ALL) {
            assert_eq!(*operation as u8, number, "{operation}");
            assert_eq!(operation.name().parse(), Ok(*operation));
        }
        let error = "list-basin".parse::<Operation>().unwrap_err();
        assert_eq!(error.to_string(), "there is no operation `list-basin`");
    }

    #[test]
    fn f2_sets_of_operations() {
        for operation in Operation::ALL {
            let alone = Operations::NONE.with(*operation);
            assert_eq!(alone.bits(), 1 << (*operation as u8 - 1));
            assert_eq!(alone.iter().collect::<Vec<_>>(), [*operation]);
            assert!(alone.is_subset_of(Operations::ALL) && !Operations::ALL.is_subset_of(alone) && !alone.is_empty());
        }
        assert_eq!(Operation::ALL.iter().copied().collect::<Operations>(), Operations::ALL);
        assert_eq!(Operations::from_bits(Operations::ALL.bits()), Some(Operations::ALL));
        assert_eq!(Operations::from_bits(1 << 24), None);
        let pair = Operations::NONE.with(Operation::Read).union(Operations::NONE.with(Operation::Append));
        assert_eq!(format!("{pair:?}"), r#"{"append", "read"}"#);
    }

    #[test]
    fn f2_groups() {
        for bits in 0..64 {
            assert_eq!(OperationGroups::from_bits(bits).map(OperationGroups::bits), Some(bits));
        }
        assert_eq!(OperationGroups::ALL.bits(), 63);
        assert_eq!(OperationGroups::from_bits(64), None);
        let basin_write = OperationGroups::from_bits(0b1000).unwrap();
        assert_eq!(basin_write.basin, ReadWrite { read: false, write: true });
        assert!(basin_write.is_subset_of(OperationGroups::ALL) && !OperationGroups::ALL.is_subset_of(basin_write));
    }

    /// The empty name and the empty prefix are no absent sets: one matches nothing, the other everything.
    #[test]
    fn f2_every_set_of_names() {
        let longest = "n".repeat(SCOPE_NAME_BYTES_MAX);
        let sets = ["", "logs/", &longest]
            .into_iter()
            .flat_map(|name| [ResourceSet::Exact(name.into()), ResourceSet::Prefix(name.into())])
            .chain([ResourceSet::Nothing]);
        for set in sets {
            let scope = TokenScope {
                basins: set.clone(),
                streams: ResourceSet::Prefix("s".into()),
                access_tokens: set,
                groups: OperationGroups::ALL,
                operations: Operations::ALL,
            };
            let bytes = written(|out| scope.write(out));
            assert_eq!(wire::whole("scope", &bytes, parse_scope), Ok(scope));
        }
    }

    #[test]
    fn what_a_scope_does_not_know_is_unsupported() {
        assert_eq!(refused(b"\x40\0\0\0\0\0\0\0"), (ErrorCode::Unsupported, 0));
        assert_eq!(refused(b"\0\0\0\0\x01\0\0\0"), (ErrorCode::Unsupported, 1));
        assert_eq!(refused(b"\0\0\0\0\0\x03\0\0\0\0"), (ErrorCode::Unsupported, 5));
    }

    #[test]
    fn names_in_a_scope_are_text_and_bounded() {
        assert_eq!(refused(b"\0\0\0\0\0\x01\x01\0\xff\0\0"), (ErrorCode::Invalid, 6));
        let long = TokenScope { streams: ResourceSet::Exact("n".repeat(513)), ..TokenScope::default() };
        assert_eq!(refused(&written(|out| long.write(out))), (ErrorCode::Invalid, 7));
    }

    #[test]
    fn rates_there_and_not_there() {
        for (append_bytes_per_sec, requests_per_sec) in
            [(None, None), (Some(1), None), (None, Some(u64::MAX)), (Some(2), Some(3))]
        {
            let rates = TokenRates { append_bytes_per_sec, requests_per_sec };
            assert_eq!(wire::whole("rates", &written(|out| rates.write(out)), parse_rates), Ok(rates));
        }
    }
}
