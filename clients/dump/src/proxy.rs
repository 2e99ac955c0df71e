//! A byte-transparent TCP proxy that shows what goes by.
//!
//! Each direction is one loop: receive, hand a reference to the decoder, forward. The decoder is another thread behind a
//! bounded queue that is only ever offered to, so decoding and printing can neither change nor delay a byte; when it falls
//! behind, bytes are forwarded unseen and their number is shown instead of them.

mod forward;
mod tap;

use std::sync::Arc;
use std::time::SystemTime;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

pub use forward::{Forwarded, forward};
pub use tap::{DECODE_BACKLOG_BYTES_MAX, Note, Tap, Taps};

use crate::error::Error;
use crate::say;
use crate::watch::{Seen, Watch};

/// Connections at a time; the next one waits in the kernel's queue.
pub const CONNECTIONS_MAX: usize = 1024;

/// Listens and forwards until Ctrl-C, or until nobody reads the output any more.
///
/// # Errors
/// The address cannot be listened on, or the output cannot be written.
pub async fn run(listen: &str, connect: &str, watch: Watch) -> Result<(), Error> {
    let listener = bind(listen).await?;
    if let Ok(address) = listener.local_addr() {
        say::tell(format_args!("listening on {address}, forwarding to {connect}; Ctrl-C ends"));
    }
    serve(&listener, connect, watch).await
}

/// As [`run`], on a listener that is there already.
///
/// # Errors
/// The output cannot be written.
pub async fn serve(listener: &TcpListener, connect: &str, watch: Watch) -> Result<(), Error> {
    let (taps, notes) = Taps::new();
    let mut decoder = decode_on_a_thread(watch, notes);
    let ended = tokio::select! {
        () = accept_all(listener, connect, taps) => None,
        _ = tokio::signal::ctrl_c() => None,
        result = &mut decoder => Some(result),
    };
    // The connections are gone, and with them the last tap: the decoder prints what it still has and ends.
    let result = match ended {
        Some(result) => result,
        None => tokio::select! {
            result = &mut decoder => result,
            _ = tokio::signal::ctrl_c() => return Ok(()),
        },
    };
    result.unwrap_or(Ok(()))
}

async fn bind(listen: &str) -> Result<TcpListener, Error> {
    TcpListener::bind(listen).await.map_err(|why| Error::Listen { address: listen.to_owned(), why })
}

/// Never returns; dropping it closes every connection.
async fn accept_all(listener: &TcpListener, connect: &str, taps: Taps) {
    let mut connections = JoinSet::new();
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    for number in 1.. {
        let permit = room.clone().acquire_owned().await;
        while connections.try_join_next().is_some() {}
        let client = match listener.accept().await {
            Ok((client, _)) => client,
            Err(why) => {
                // Out of descriptors, most likely: those that end give theirs back.
                taps.note(Note::Text(format!("cannot accept a connection: {why}")));
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                continue;
            }
        };
        let (taps, connect) = (taps.clone(), connect.to_owned());
        connections.spawn(async move {
            let ended = one(number, client, &connect, &taps).await;
            // The sockets are closed and the next connection may come, however long the decoder takes to hear of it.
            drop(permit);
            if let Some(forwarded) = ended {
                taps.close(number, forwarded.to_string()).await;
            }
        });
    }
}

/// Forwards one connection until it ends; `None` where there was no server.
async fn one(number: u64, mut client: TcpStream, connect: &str, taps: &Taps) -> Option<Forwarded> {
    let from = client.peer_addr().map_or_else(|_| "?".to_owned(), |address| address.to_string());
    let mut server = match TcpStream::connect(connect).await {
        Ok(server) => server,
        Err(why) => {
            taps.note(Note::Text(format!("#{number} from {from}: cannot connect to {connect}: {why}")));
            // The client was accepted before the server could refuse it. A clean end would pass for an answer.
            let _ = client.set_zero_linger();
            return None;
        }
    };
    taps.note(Note::Text(format!("#{number} open: {from} -> {connect}")));
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let forwarded = {
        let (client, server) = (client.split(), server.split());
        forward(client, server, taps.pair(number)).await
    };
    if forwarded.why.is_some() {
        // A reset is passed on as a reset: dropping the socket would make a clean end of it.
        let _ = (client.set_zero_linger(), server.set_zero_linger());
    }
    Some(forwarded)
}

/// A thread of its own, because printing may block for as long as whoever reads the output likes.
fn decode_on_a_thread(watch: Watch, notes: mpsc::Receiver<Note>) -> oneshot::Receiver<Result<(), Error>> {
    let (sender, done) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = sender.send(decode_all(watch, notes));
    });
    done
}

fn decode_all(mut watch: Watch, mut notes: mpsc::Receiver<Note>) -> Result<(), Error> {
    while let Some(note) = notes.blocking_recv() {
        on_note(&mut watch, note)?;
        if notes.is_empty() {
            watch.flush()?;
        }
    }
    watch.flush()?;
    say::tell(&watch.summary);
    Ok(())
}

/// Shows one note.
pub fn on_note(watch: &mut Watch, note: Note) -> Result<(), Error> {
    match note {
        Note::Bytes { seen, bytes, .. } => watch.on_bytes(seen, &bytes)?,
        Note::Missed { seen, bytes } => watch.on_missed(seen, bytes)?,
        Note::End { seen } => watch.on_end(seen)?,
        Note::Closed { connection, text } => {
            watch.on_closed(connection, SystemTime::now())?;
            watch.flush()?;
            say::tell(format_args!("#{connection} closed: {text}"));
        }
        Note::Text(text) => {
            watch.flush()?;
            say::tell(text);
        }
    }
    Ok(())
}

fn seen(connection: u64, direction: crate::describe::Direction) -> Seen {
    Seen { connection, direction: Some(direction), when: Some(SystemTime::now()) }
}
