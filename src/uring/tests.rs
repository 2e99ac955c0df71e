//! The ring against real sockets and files, with every newer kernel feature and with none (the masked run stands for the
//! oldest supported kernel).

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::{Completion, Features, Ring, Socket};

fn rings() -> Vec<Ring> {
    [Features::ALL, Features::BASELINE].map(|features| Ring::new(features).expect("io_uring is allowed here")).into()
}

fn next(ring: &mut Ring) -> Completion {
    for _ in 0..1000 {
        if let Some(completion) = ring.pop() {
            return completion;
        }
        ring.turn(Some(Duration::from_secs(10))).expect("the ring works");
    }
    panic!("nothing completed");
}

fn pair() -> (Socket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
    let (server, _) = listener.accept().expect("accepts");
    (Rc::new(OwnedFd::from(server)), client)
}

#[test]
fn masked_features_are_not_used() {
    let ring = Ring::new(Features::BASELINE).expect("io_uring is allowed here");
    assert_eq!(ring.features(), Features::BASELINE);
}

#[test]
fn bytes_arrive_in_lent_buffers_and_the_end_is_told() {
    for mut ring in rings() {
        let (socket, mut client) = pair();
        // More receives than the pool has buffers: each must come back to the kernel.
        for round in 0..200u8 {
            client.write_all(&[round; 10]).expect("written");
            ring.receive(7, &socket, usize::MAX);
            let Completion::Received { tag: 7, outcome: Ok(Some(buffer)) } = next(&mut ring) else {
                panic!("received")
            };
            assert_eq!(buffer.bytes(), [round; 10]);
            ring.give_back(buffer);
        }
        drop(client);
        ring.receive(8, &socket, usize::MAX);
        assert!(matches!(next(&mut ring), Completion::Received { tag: 8, outcome: Ok(None) }));
    }
}

#[test]
fn a_fill_waits_for_all_its_bytes() {
    for mut ring in rings() {
        let (socket, mut client) = pair();
        let mut buffer = BytesMut::with_capacity(300_000);
        buffer.extend_from_slice(b"head");
        ring.fill(1, &socket, buffer, 200_000);
        let writer = std::thread::spawn(move || client.write_all(&[9; 200_000]).map(|()| client));
        let Completion::Filled { buffer, outcome, .. } = next(&mut ring) else { panic!("filled") };
        assert_eq!(outcome.expect("received"), 200_000);
        assert_eq!(buffer.len(), 200_004);
        assert!(buffer.starts_with(b"head") && buffer[4..].iter().all(|b| *b == 9));
        writer.join().expect("no panic").expect("written");
    }
}

#[test]
fn parts_are_sent_in_order() {
    for mut ring in rings() {
        let (socket, mut client) = pair();
        ring.send(2, &socket, vec![Bytes::from_static(b"one "), Bytes::from_static(b"two")]);
        let Completion::Sent { outcome, parts, .. } = next(&mut ring) else { panic!("sent") };
        assert_eq!((outcome.expect("sent"), parts.len()), (7, 2));
        let mut got = [0; 7];
        client.read_exact(&mut got).expect("received");
        assert_eq!(&got, b"one two");
    }
}

/// What of the pattern arrives before nothing more is on its way.
fn arrived(client: &mut TcpStream) -> Vec<u8> {
    client.set_read_timeout(Some(Duration::from_millis(200))).expect("set");
    let (mut got, mut some) = (Vec::new(), vec![0; 1 << 20]);
    while let Ok(bytes @ 1..) = client.read(&mut some) {
        got.extend_from_slice(&some[..bytes]);
    }
    got
}

/// What a socket took of a send that was given up is told to the byte: what is sent next goes on behind it.
#[test]
fn a_send_that_is_given_up_tells_how_much_was_taken() {
    let pattern: Bytes = (0..16u32 << 20).map(|at| (at / 977) as u8).collect();
    for mut ring in rings() {
        let (socket, mut client) = pair();
        let mut taken = 0;
        let send = loop {
            let send = ring.send(2, &socket, vec![pattern.slice(taken..)]);
            ring.turn(Some(Duration::from_millis(50))).expect("submitted");
            assert!(ring.pop().is_none(), "no socket takes that much");
            ring.cancel(send);
            let Completion::Sent { outcome, .. } = next(&mut ring) else { panic!("sent") };
            match outcome {
                Ok(bytes) => taken += bytes,
                Err(error) if error.raw_os_error() == Some(libc::ECANCELED) => break send,
                Err(error) => panic!("{error}"),
            }
        };
        let got = arrived(&mut client);
        assert!(taken > 0 && got == pattern[..taken], "{taken} were said to be taken, {} arrived", got.len());
        // What is over cannot be given up, and that harms nobody.
        ring.cancel(send);
        ring.turn(Some(Duration::from_millis(10))).expect("submitted");
        assert!(ring.pop().is_none());
    }
}

/// Gives it bytes until it has taken none for a while: some of them move on to the peer's buffer.
fn fill_up(socket: &mut TcpStream) {
    socket.set_write_timeout(Some(Duration::from_millis(200))).expect("set");
    while socket.write(&[7; 1 << 16]).is_ok() {}
}

#[test]
fn a_socket_is_writable_when_it_has_room_or_has_ended() {
    for mut ring in rings() {
        let (socket, mut client) = pair();
        let mut same = TcpStream::from(socket.try_clone().expect("duplicated"));
        ring.await_writable(3, &socket);
        assert!(matches!(next(&mut ring), Completion::Writable { tag: 3 }), "nothing was sent yet");
        for is_read in [true, false] {
            fill_up(&mut same);
            ring.await_writable(4, &socket);
            ring.turn(Some(Duration::from_millis(50))).expect("submitted");
            assert!(ring.pop().is_none(), "it is full");
            match is_read {
                true => drop(arrived(&mut client)),
                false => same.shutdown(Shutdown::Both).expect("shut down"),
            }
            assert!(matches!(next(&mut ring), Completion::Writable { tag: 4 }));
        }
    }
}

#[test]
fn writes_are_durable_or_synced_and_land_where_they_should() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (round, mut ring) in rings().into_iter().enumerate() {
        let path = folder.path().join(round.to_string());
        let file = Arc::new(File::create(&path).expect("created"));
        ring.write(3, &file, 4096, vec![Bytes::from(vec![1; 4096]), Bytes::from(vec![2; 4096])], true);
        let Completion::Written { outcome, .. } = next(&mut ring) else { panic!("written") };
        assert_eq!(outcome.expect("written"), 8192);
        ring.sync(4, &file);
        assert!(matches!(next(&mut ring), Completion::Synced { tag: 4, outcome: Ok(()) }));
        let bytes = std::fs::read(&path).expect("read back");
        assert_eq!((bytes.len(), bytes[4095], bytes[4096], bytes[8192]), (12288, 0, 1, 2));
    }
}

#[test]
fn accepting_goes_on_and_a_wake_reaches_a_waiting_ring() {
    let mut ring = Ring::new(Features::ALL).expect("io_uring is allowed here");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let listener: Socket = Rc::new(OwnedFd::from(listener));
    ring.accept(5, &listener);
    for _ in 0..3 {
        let _client = TcpStream::connect(address).expect("connects");
        assert!(matches!(next(&mut ring), Completion::Accepted { tag: 5, outcome: Ok(_), more: true }));
    }
    let event = Arc::new(rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC).expect("an eventfd"));
    ring.wake_on(6, &event);
    let ringer = event.clone();
    let thread = std::thread::spawn(move || rustix::io::write(&*ringer, &1u64.to_ne_bytes()));
    assert!(matches!(next(&mut ring), Completion::Woken { tag: 6 }));
    thread.join().expect("no panic").expect("written");
}

#[test]
fn a_ring_dropped_with_operations_in_flight_takes_its_buffers_back() {
    let (socket, client) = pair();
    let mut ring = Ring::new(Features::ALL).expect("io_uring is allowed here");
    ring.fill(1, &socket, BytesMut::with_capacity(1 << 20), 1 << 20);
    ring.receive(2, &socket, usize::MAX);
    ring.turn(Some(Duration::ZERO)).expect("submitted");
    drop(ring);
    // The socket is ours alone again: no operation holds it.
    assert_eq!(Rc::strong_count(&socket), 1);
    drop(client);
}
