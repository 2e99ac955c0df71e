//! The HTTP port: HTTP/1.1 and HTTP/2 with prior knowledge on one socket (`s2-semantics.md` H9), each connection within its limits
//! (reliability.md F46, F47, F60).

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::server::listener::notice_the_gone;

use super::App;
use super::limits::{
    FIRST_REQUEST_DEADLINE, HEAD_BYTES_MAX, HEADER_DEADLINE, HEADERS_MAX, HTTP2_CONNECTION_WINDOW_BYTES,
    HTTP2_PING_DEADLINE, HTTP2_PING_INTERVAL, HTTP2_RESETS_MAX, HTTP2_SEND_BYTES_MAX, HTTP2_STREAM_WINDOW_BYTES,
    HTTP2_STREAMS_MAX, TLS_DEADLINE,
};
use super::router::router;
use super::tls::Tls;

/// After the system ran out of descriptors, how long no connection is accepted (reliability.md F28).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Who is at the other end: an extension of every request.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Accepts until `stop`; then waits for nobody.
pub async fn accept(
    listener: TcpListener,
    sockets_max: usize,
    app: Arc<App>,
    tls: Option<Arc<Tls>>,
    connections: TaskTracker,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(sockets_max));
    let (protocol, router) = (protocol(), router(app.clone()));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept HTTP connections for the moment");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Closed at once: whoever comes hears of it, and those who are here are not harmed.
        let Ok(place) = places.clone().try_acquire_owned() else { continue };
        let counted = app.metrics.http().socket();
        let serving = greet(tls.clone(), protocol.clone(), socket, peer, router.clone(), stop.clone());
        connections.spawn(async move {
            serving.await;
            drop((place, counted));
        });
    }
}

/// One connection, to its end.
async fn greet(
    tls: Option<Arc<Tls>>,
    protocol: auto::Builder<TokioExecutor>,
    socket: TcpStream,
    peer: SocketAddr,
    router: Router,
    stop: CancellationToken,
) {
    notice_the_gone(&SockRef::from(&socket));
    let Some(tls) = tls else { return serve(protocol, socket, peer, router, stop).await };
    let shaken = timeout(TLS_DEADLINE, tls.acceptor().accept(socket));
    let shaken = tokio::select! {
        shaken = shaken => shaken,
        () = stop.cancelled() => return,
    };
    // Whoever speaks no TLS has been told so by an alert, as far as it can be told.
    if let Ok(Ok(socket)) = shaken {
        serve(protocol, socket, peer, router, stop).await;
    }
}

async fn serve(
    protocol: auto::Builder<TokioExecutor>,
    socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    router: Router,
    stop: CancellationToken,
) {
    let has_asked = Arc::new(AtomicBool::new(false));
    let asked = has_asked.clone();
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        asked.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(Peer(peer));
        router.clone().oneshot(request.map(Body::new))
    });
    let mut connection = pin!(protocol.serve_connection(TokioIo::new(socket), service));
    let mut deadline = pin!(sleep(FIRST_REQUEST_DEADLINE));
    let (mut is_stopping, mut is_due) = (false, false);
    loop {
        tokio::select! {
            // Whatever ended it: the peer knows, and there is nobody else to tell.
            _ = connection.as_mut() => return,
            // Looked at when the time has come: a guard is only evaluated when the wait begins, which is before the first request.
            () = deadline.as_mut(), if !is_due => match has_asked.load(Ordering::Relaxed) {
                true => is_due = true,
                false => return,
            },
            () = stop.cancelled(), if !is_stopping => {
                is_stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

fn protocol() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_DEADLINE)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .initial_stream_window_size(HTTP2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(HTTP2_CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(HTTP2_SEND_BYTES_MAX)
        .max_header_list_size(HEAD_BYTES_MAX as u32)
        .max_pending_accept_reset_streams(HTTP2_RESETS_MAX)
        .keep_alive_interval(HTTP2_PING_INTERVAL)
        .keep_alive_timeout(HTTP2_PING_DEADLINE);
    builder
}
