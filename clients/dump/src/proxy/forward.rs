//! Bytes from one end to the other, unchanged, in both directions.

use std::fmt;
use std::io;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::tap::Tap;

/// Received at a time. One piece is on its way per direction, so that a slow receiver slows its sender down: back-pressure
/// goes through the proxy as it would through the network.
const READ_BYTES: usize = 64 << 10;
/// A buffer with less room than this is replaced. Small pieces share buffers, which the decoder's queue keeps alive.
const READ_BYTES_MIN: usize = 4 << 10;
/// How long one that takes nothing more may go on talking.
const LAST_WORDS_MAX: Duration = Duration::from_secs(5);

/// What a connection carried, and how it ended.
#[derive(Debug, Default)]
pub struct Forwarded {
    pub from_client: u64,
    pub from_server: u64,
    /// `None` after a clean end of both directions.
    pub why: Option<io::Error>,
}

impl fmt::Display for Forwarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} B from the client, {} B from the server", self.from_client, self.from_server)?;
        self.why.as_ref().map_or(Ok(()), |why| write!(f, ": {why}"))
    }
}

/// Forwards until both directions have ended or one broke. An end of one direction is passed on and leaves the other open.
pub async fn forward<CR, CW, SR, SW>(client: (CR, CW), server: (SR, SW), taps: (Tap, Tap)) -> Forwarded
where
    CR: AsyncRead + Unpin,
    CW: AsyncWrite + Unpin,
    SR: AsyncRead + Unpin,
    SW: AsyncWrite + Unpin,
{
    let (mut from_client, mut from_server) = (0, 0);
    let (mut client_tap, mut server_tap) = taps;
    let result = {
        let there = one_way(client.0, server.1, &mut client_tap, &mut from_client);
        let back = one_way(server.0, client.1, &mut server_tap, &mut from_server);
        both(there, back).await
    };
    client_tap.end();
    server_tap.end();
    Forwarded { from_client, from_server, why: result.err().map(|broken| broken.why) }
}

/// Why a direction ended before its time.
struct Broken {
    at: Broke,
    why: io::Error,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Broke {
    Reading,
    Writing,
}

/// Both directions to their ends. What a failed read means is true of both at once. One that takes nothing more, though, may
/// have said something before, which is still unread: the direction from it goes on to its own end.
async fn both(
    there: impl Future<Output = Result<(), Broken>>,
    back: impl Future<Output = Result<(), Broken>>,
) -> Result<(), Broken> {
    tokio::pin!(there, back);
    tokio::select! {
        ended = &mut there => then(ended, back).await,
        ended = &mut back => then(ended, there).await,
    }
}

/// One direction has ended; what becomes of the other.
async fn then(ended: Result<(), Broken>, other: impl Future<Output = Result<(), Broken>>) -> Result<(), Broken> {
    match ended {
        Ok(()) => other.await,
        Err(broken) => {
            if broken.at == Broke::Writing {
                let _ = timeout(LAST_WORDS_MAX, other).await;
            }
            Err(broken)
        }
    }
}

async fn one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    tap: &mut Tap,
    forwarded: &mut u64,
) -> Result<(), Broken> {
    let broken = |at| move |why| Broken { at, why };
    let mut buf = BytesMut::new();
    loop {
        if buf.capacity() < READ_BYTES_MIN {
            buf.reserve(READ_BYTES);
        }
        if from.read_buf(&mut buf).await.map_err(broken(Broke::Reading))? == 0 {
            return end(&mut to).await.map_err(broken(Broke::Writing));
        }
        let bytes = buf.split().freeze();
        // Before the bytes go out, or their answer could be shown first. It costs a reference and never waits.
        tap.offer(&bytes);
        to.write_all(&bytes).await.map_err(broken(Broke::Writing))?;
        *forwarded += bytes.len() as u64;
    }
}

/// A receiver that has closed already needs no end.
async fn end(to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    match to.shutdown().await {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        result => result,
    }
}
