//! Every body's layout, one function per layout, named as docs/PROTOCOL.md names it. Walked in both directions.

mod access;
mod batch;
mod config;
mod error;
mod request;
mod response;

use riverrun_protocol::FrameKind;

use crate::field::Show;
use crate::walk::{Length, Meaning, Run, Uint, Walk, Walked};

/// The layout of the body of a frame of this kind; an unknown kind's is a run of bytes.
pub fn body<W: Walk>(kind: u8, w: &mut W) -> Walked {
    match FrameKind::from_byte(kind) {
        Some(kind) => known(kind, w),
        None => w.unknown(),
    }
}

/// Exhaustive on purpose: a new kind does not compile until it has a layout.
fn known<W: Walk>(kind: FrameKind, w: &mut W) -> Walked {
    use FrameKind as K;
    match kind {
        K::Hello => request::hello(w),
        K::Ping | K::Pong => nonce(w),
        K::Status | K::GetStages | K::CloseAppendSession | K::CloseReadSession => no_options(w),
        K::ListLocations | K::GetDefaultLocation => no_options(w),
        K::SetDefaultLocation => request::set_default_location(w),
        K::CreateBasin => request::create_basin(w),
        K::ListBasins => request::list_basins(w),
        K::ReconfigureBasin => request::reconfigure_basin(w),
        K::EnsureBasin => request::ensure_basin(w),
        K::GetBasinConfig | K::DeleteBasin => request::basin_alone(w),
        K::CreateStream => request::create_stream(w),
        K::ListStreams => request::list_streams(w),
        K::ReconfigureStream => request::reconfigure_stream(w),
        K::EnsureStream => request::ensure_stream(w),
        K::GetStreamConfig | K::DeleteStream | K::OpenAppendSession | K::CheckTail => request::stream_alone(w),
        K::IssueAccessToken => request::issue_access_token(w),
        K::ListAccessTokens => request::list_access_tokens(w),
        K::RevokeAccessToken => request::revoke_access_token(w),
        K::RotateRootToken => no_options(w),
        K::Append => request::append(w),
        K::SessionAppend => request::session_append(w),
        K::Read => request::read(w),
        K::OpenReadSession => request::open_read_session(w),
        K::GrantCredit => request::grant_credit(w),
        K::HelloAccepted => response::hello_accepted(w),
        K::StatusReport => response::status_report(w),
        K::StageHistograms => response::stage_histograms(w),
        K::LocationList => response::location_list(w),
        K::Location => response::location(w),
        K::BasinProvisioned => response::basin_provisioned(w),
        K::BasinList => response::basin_list(w),
        K::BasinConfig => response::basin_config(w),
        K::StreamProvisioned => response::stream_provisioned(w),
        K::StreamList => response::stream_list(w),
        K::StreamConfig => response::stream_config(w),
        K::AccessTokenIssued => response::access_token_issued(w),
        K::AccessTokenList => response::access_token_list(w),
        K::AppendAck => response::append_ack(w),
        K::AppendSessionOpened | K::ReadSessionOpened => response::session_opened(w),
        K::Done | K::SessionEnded | K::Draining => no_options(w),
        K::Tail => response::tail(w),
        K::ReadBatches | K::Records => response::read_batches(w),
        K::Page => response::page(w),
        K::Heartbeat => response::heartbeat(w),
        K::Throttled => response::throttled(w),
        K::Error => error::error(w),
    }
}

/// The option bits that open most bodies; `names` from the lowest bit.
fn options<W: Walk>(w: &mut W, names: &'static [&'static str]) -> Walked<u64> {
    w.bits("options", 4, names)
}

fn no_options<W: Walk>(w: &mut W) -> Walked {
    options(w, &[]).map(drop)
}

fn nonce<W: Walk>(w: &mut W) -> Walked {
    no_options(w)?;
    w.plain("nonce", 8).map(drop)
}

fn magic<W: Walk>(w: &mut W) -> Walked {
    let default = Some(&riverrun_protocol::request::MAGIC[..]);
    w.run(Run { name: "magic", length: Length::Fixed(4), meaning: Meaning::Text, default }).map(drop)
}

fn basin<W: Walk>(w: &mut W) -> Walked {
    w.text("basin", 1).map(drop)
}

fn stream<W: Walk>(w: &mut W) -> Walked {
    basin(w)?;
    w.text("stream", 2).map(drop)
}

fn wall<W: Walk>(w: &mut W, name: &'static str) -> Walked {
    w.uint(Uint::new(name, 8, Show::Wall)).map(drop)
}

fn stream_id<W: Walk>(w: &mut W) -> Walked {
    let default = Some(&[0; 16][..]);
    w.run(Run { name: "stream_id", length: Length::Fixed(16), meaning: Meaning::Bytes, default }).map(drop)
}

fn position<W: Walk>(w: &mut W, name: &'static str) -> Walked {
    w.group(name, |w| {
        w.plain("seq_num", 8)?;
        wall(w, "timestamp")
    })
}

fn level<W: Walk>(w: &mut W) -> Walked {
    w.uint(Uint::new("level", 1, Show::Named(level_name))).map(drop)
}

fn level_name(value: u64) -> Option<&'static str> {
    let level = u8::try_from(value).ok().and_then(|byte| riverrun_protocol::Level::try_from(byte).ok())?;
    Some(level.name())
}
