//! S2's codes, each with its one status (`s2-semantics.md` H10).

use http::StatusCode;
use riverrun_protocol::error::ErrorCode;

macro_rules! codes {
    ($($name:ident $word:literal $status:ident $retry:ident $effects:ident,)+) => {
        /// S2's codes. Clients distrust a known code with another status, so a code tells its own.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum S2Code {
            $($name),+
        }

        impl S2Code {
            /// Every code, in the order of `s2-semantics.md` H10.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word in the body.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $word),+
                }
            }

            pub fn status(self) -> StatusCode {
                match self {
                    $(Self::$name => codes!(@status $status)),+
                }
            }

            /// Whether clients repeat the request by themselves.
            pub fn is_retryable(self) -> bool {
                match self {
                    $(Self::$name => codes!(@retry $retry)),+
                }
            }

            /// A promise: the request was not and will never be done.
            pub fn has_no_side_effects(self) -> bool {
                match self {
                    $(Self::$name => codes!(@effects $effects)),+
                }
            }
        }
    };
    // Not in the library's list of statuses; nginx's number for a client that went away.
    (@status CLIENT_HANGUP) => { CLIENT_HANGUP };
    (@status $status:ident) => { StatusCode::$status };
    (@retry again) => { true };
    (@retry once) => { false };
    (@effects none) => { true };
    (@effects unknown) => { false };
}

const CLIENT_HANGUP: StatusCode = match StatusCode::from_u16(499) {
    Ok(status) => status,
    Err(_) => panic!("499 is a three-digit number"),
};

codes! {
    AccessTokenNotFound "access_token_not_found" NOT_FOUND once none,
    Authn "authn" UNAUTHORIZED once none,
    BadFrame "bad_frame" BAD_REQUEST once none,
    BadHeader "bad_header" BAD_REQUEST once none,
    BadJson "bad_json" BAD_REQUEST once none,
    BadPath "bad_path" BAD_REQUEST once none,
    BadProto "bad_proto" BAD_REQUEST once none,
    BadQuery "bad_query" BAD_REQUEST once none,
    BasinDeletionPending "basin_deletion_pending" CONFLICT once none,
    BasinNotFound "basin_not_found" NOT_FOUND once none,
    ClientHangup "client_hangup" CLIENT_HANGUP once unknown,
    DecryptionFailed "decryption_failed" BAD_REQUEST once none,
    HotServer "hot_server" BAD_GATEWAY again none,
    Invalid "invalid" UNPROCESSABLE_ENTITY once none,
    NotImplemented "not_implemented" NOT_IMPLEMENTED once none,
    Other "other" INTERNAL_SERVER_ERROR again unknown,
    PermissionDenied "permission_denied" FORBIDDEN once none,
    QuotaExhausted "quota_exhausted" FORBIDDEN once none,
    RateLimited "rate_limited" TOO_MANY_REQUESTS again none,
    RequestTimeout "request_timeout" REQUEST_TIMEOUT again unknown,
    ResourceAlreadyExists "resource_already_exists" CONFLICT once none,
    ServerDraining "server_draining" SERVICE_UNAVAILABLE again none,
    Storage "storage" INTERNAL_SERVER_ERROR again unknown,
    StreamDeletionPending "stream_deletion_pending" CONFLICT once none,
    StreamNotFound "stream_not_found" NOT_FOUND once none,
    TransactionConflict "transaction_conflict" CONFLICT again none,
    Unavailable "unavailable" SERVICE_UNAVAILABLE again unknown,
    UpstreamTimeout "upstream_timeout" GATEWAY_TIMEOUT again unknown,
}

impl From<ErrorCode> for S2Code {
    /// The nearest code where S2 has none of that name. Codes that only a broken gateway provokes, or that came without their fact,
    /// are `other`.
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::BadFrame => Self::BadFrame,
            ErrorCode::Invalid => Self::Invalid,
            ErrorCode::Unsupported => Self::NotImplemented,
            ErrorCode::BasinNotFound => Self::BasinNotFound,
            ErrorCode::StreamNotFound => Self::StreamNotFound,
            ErrorCode::AlreadyExists => Self::ResourceAlreadyExists,
            ErrorCode::Overloaded => Self::RateLimited,
            ErrorCode::Draining => Self::ServerDraining,
            ErrorCode::Storage | ErrorCode::Corrupt => Self::Storage,
            ErrorCode::Unavailable => Self::Unavailable,
            ErrorCode::TransactionConflict => Self::TransactionConflict,
            ErrorCode::Timeout => Self::RequestTimeout,
            ErrorCode::BasinDeletionPending => Self::BasinDeletionPending,
            ErrorCode::StreamDeletionPending => Self::StreamDeletionPending,
            ErrorCode::Authn => Self::Authn,
            ErrorCode::PermissionDenied => Self::PermissionDenied,
            ErrorCode::AccessTokenNotFound => Self::AccessTokenNotFound,
            ErrorCode::Unwritten
            | ErrorCode::FencingTokenMismatch
            | ErrorCode::SeqNumMismatch
            | ErrorCode::HelloRequired
            | ErrorCode::WrongProtocol
            | ErrorCode::BadSession
            | ErrorCode::Other => Self::Other,
        }
    }
}
