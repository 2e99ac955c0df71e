//! One port, every shard listening on it.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

/// Connections that wait to be accepted, per shard. 5,000 clients that come back at once after a restart must fit
/// (reliability.md F51); the kernel clips it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;
/// A peer that vanished is noticed within 30 s (reliability.md F44).
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;
/// What the kernel takes for a peer beyond what is on its way to it. Otherwise that is megabytes, and a few thousand peers that read
/// nothing use up what there is for all sockets (`net.ipv4.tcp_mem`): then every connection crawls, that of a producer as well
/// (reliability.md S14).
const NOTSENT_BYTES: u32 = 128 << 10;
/// A killed predecessor's sockets outlive it for a moment, because operations of its rings still hold them: 25 ms were seen on a
/// busy machine (reliability.md F20). Whoever else has the address keeps it longer.
const PREDECESSOR_WAIT: Duration = Duration::from_secs(2);
const PREDECESSOR_POLL: Duration = Duration::from_millis(2);

/// A listener per shard on the same address (`SO_REUSEPORT`: the kernel spreads connections over them). Blocks while the address
/// is taken, but not for long.
///
/// # Errors
/// The address is taken, not ours, or privileged.
pub fn listen(address: SocketAddr, shards: usize) -> io::Result<(SocketAddr, Vec<OwnedFd>)> {
    let begun = Instant::now();
    loop {
        match listen_now(address, shards) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && begun.elapsed() < PREDECESSOR_WAIT => {
                std::thread::park_timeout(PREDECESSOR_POLL);
            }
            outcome => return outcome,
        }
    }
}

fn listen_now(address: SocketAddr, shards: usize) -> io::Result<(SocketAddr, Vec<OwnedFd>)> {
    // Other brokers of the same user could share the port silently through SO_REUSEPORT, so the first socket binds
    // without it: that fails if anybody listens there.
    drop(bind(address, false)?);
    let first = bind(address, true)?;
    let bound = first.local_addr()?.as_socket().expect("an IP address was bound");
    let rest = (1..shards).map(|_| bind(bound, true)).collect::<io::Result<Vec<_>>>()?;
    let sockets: Vec<Socket> = std::iter::once(first).chain(rest).collect();
    sockets.iter().try_for_each(|s| s.listen(BACKLOG))?;
    Ok((bound, sockets.into_iter().map(OwnedFd::from).collect()))
}

fn bind(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Prepares an accepted socket: no delay for small frames, a peer that vanished gets noticed, and one that reads nothing holds little.
pub fn prepare(socket: &OwnedFd) -> String {
    let socket = SockRef::from(socket);
    let _ = socket.set_tcp_notsent_lowat(NOTSENT_BYTES);
    notice_the_gone(&socket);
    socket.peer_addr().ok().and_then(|a| a.as_socket()).map_or_else(|| "unknown".to_owned(), |a| a.to_string())
}

/// No delay for small frames; a peer that vanished, or takes nothing for half a minute, gets noticed.
pub fn notice_the_gone(socket: &SockRef<'_>) {
    let keepalive =
        TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL).with_retries(KEEPALIVE_RETRIES);
    // None of these can fail on a connected TCP socket but by its being reset, which the next receive reports.
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tcp_keepalive(&keepalive);
    let _ = socket.set_tcp_user_timeout(Some(Duration::from_secs(30)));
}

/// Whether nobody is at the other end any more, of a socket that is not being received from. A peer that has only ended
/// its own side still waits for answers.
pub fn has_hung_up(socket: &OwnedFd) -> bool {
    let mut asked = [PollFd::new(socket, PollFlags::empty())];
    let answered = poll(&mut asked, Some(&Timespec::default()));
    answered.is_ok_and(|_| asked[0].revents().intersects(PollFlags::HUP | PollFlags::ERR))
}

/// What the socket has not sent when it closes is dropped at once, instead of being kept for a peer that takes nothing.
pub fn reset_on_close(socket: &OwnedFd) {
    let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
}

/// Makes operations in flight on the socket complete. It closes when the last of them has.
pub fn shut_down(socket: &OwnedFd, how: std::net::Shutdown) {
    let _ = SockRef::from(socket).shutdown(how);
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn f20_a_killed_predecessor_s_sockets_are_waited_for() {
        let (address, predecessor) = listen((Ipv4Addr::LOCALHOST, 0).into(), 2).expect("a free port");
        assert_eq!(listen_now(address, 1).expect_err("taken").kind(), io::ErrorKind::AddrInUse);
        let successor = std::thread::spawn(move || listen(address, 2));
        std::thread::park_timeout(Duration::from_millis(50));
        drop(predecessor);
        let (same, listeners) = successor.join().expect("no panic").expect("free by now");
        assert_eq!((same, listeners.len()), (address, 2));
    }

    #[test]
    fn who_is_gone_is_noticed_and_who_waits_for_answers_is_not() {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let connect = || std::net::TcpStream::connect(listener.local_addr().expect("an address")).expect("connected");
        let (waiting, gone) = (connect(), connect());
        let accept = || OwnedFd::from(listener.accept().expect("accepted").0);
        let (to_waiting, to_gone) = (accept(), accept());
        assert!(!has_hung_up(&to_gone));
        waiting.shutdown(std::net::Shutdown::Write).expect("half-closed");
        SockRef::from(&gone).set_linger(Some(Duration::ZERO)).expect("set");
        drop(gone);
        assert!(has_hung_up(&to_gone));
        assert!(!has_hung_up(&to_waiting));
    }

    #[test]
    fn an_address_that_stays_taken_is_an_error() {
        let (address, _holder) = listen((Ipv4Addr::LOCALHOST, 0).into(), 1).expect("a free port");
        assert_eq!(listen(address, 1).expect_err("taken").kind(), io::ErrorKind::AddrInUse);
    }
}
