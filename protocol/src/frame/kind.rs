//! What a frame is, in one byte.

use std::fmt;

/// Which of the four families a kind belongs to, told by its number alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameClass {
    Request,
    Response,
    Push,
    Error,
}

macro_rules! frame_kinds {
    ($($name:ident = $number:literal),+ $(,)?) => {
        /// Requests are 0x01-0x3f, responses 0x41-0x7f, pushes 0x81-0xbf, the error 0xff.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        #[repr(u8)]
        pub enum FrameKind {
            $($name = $number),+
        }

        impl FrameKind {
            /// Every kind, in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// `None` for a number that no kind has.
            pub fn from_byte(byte: u8) -> Option<Self> {
                match byte {
                    $($number => Some(Self::$name),)+
                    _ => None,
                }
            }

            /// As written in docs/PROTOCOL.md.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name)),+
                }
            }
        }
    };
}

frame_kinds! {
    Hello = 0x01,
    Ping = 0x02,
    Status = 0x03,
    GetStages = 0x04,
    ListLocations = 0x05,
    GetDefaultLocation = 0x06,
    SetDefaultLocation = 0x07,
    CreateBasin = 0x10,
    ListBasins = 0x11,
    CreateStream = 0x12,
    ListStreams = 0x13,
    GetBasinConfig = 0x14,
    ReconfigureBasin = 0x15,
    DeleteBasin = 0x16,
    EnsureBasin = 0x17,
    GetStreamConfig = 0x18,
    ReconfigureStream = 0x19,
    DeleteStream = 0x1a,
    EnsureStream = 0x1b,
    IssueAccessToken = 0x1c,
    ListAccessTokens = 0x1d,
    RevokeAccessToken = 0x1e,
    RotateRootToken = 0x1f,
    Append = 0x20,
    OpenAppendSession = 0x21,
    SessionAppend = 0x22,
    CloseAppendSession = 0x23,
    CheckTail = 0x30,
    Read = 0x31,
    OpenReadSession = 0x32,
    GrantCredit = 0x33,
    CloseReadSession = 0x34,
    HelloAccepted = 0x41,
    Pong = 0x42,
    StatusReport = 0x43,
    StageHistograms = 0x44,
    LocationList = 0x45,
    Location = 0x46,
    BasinProvisioned = 0x50,
    BasinList = 0x51,
    StreamProvisioned = 0x52,
    StreamList = 0x53,
    BasinConfig = 0x54,
    StreamConfig = 0x55,
    Done = 0x56,
    AccessTokenIssued = 0x57,
    AccessTokenList = 0x58,
    AppendAck = 0x60,
    AppendSessionOpened = 0x61,
    SessionEnded = 0x62,
    Tail = 0x70,
    ReadBatches = 0x71,
    ReadSessionOpened = 0x72,
    Records = 0x81,
    Heartbeat = 0x82,
    Draining = 0x83,
    Throttled = 0x84,
    Page = 0x85,
    Error = 0xff,
}

impl FrameKind {
    pub fn class(self) -> FrameClass {
        match self as u8 {
            0x01..=0x3f => FrameClass::Request,
            0x41..=0x7f => FrameClass::Response,
            0x81..=0xbf => FrameClass::Push,
            _ => FrameClass::Error,
        }
    }
}

impl fmt::Display for FrameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_one_kind_or_none() {
        let known: Vec<FrameKind> = (0..=255).filter_map(FrameKind::from_byte).collect();
        assert_eq!(known, FrameKind::ALL);
        assert!(known.iter().all(|kind| FrameKind::from_byte(*kind as u8) == Some(*kind)));
    }
}
