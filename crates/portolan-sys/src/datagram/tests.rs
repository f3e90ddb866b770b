use std::io;
use std::net::IpAddr;
use std::time::Duration;

use super::*;
use crate::epoll::{Epoll, Interest, ReadyList};
use crate::error_queue::{self, Origin, QUOTE};

/// A socket of each family that this machine speaks, with the loopback address.
fn sockets() -> Vec<(UdpSocket, std::net::IpAddr)> {
    let v4 = (UdpSocket::open(Family::V4).unwrap(), Ipv4Addr::LOCALHOST.into());
    let v6 = match UdpSocket::open(Family::V6) {
        Ok(socket) => Some((socket, Ipv6Addr::LOCALHOST.into())),
        Err(errno) => {
            assert_eq!(errno, Errno::AFNOSUPPORT);
            None
        }
    };
    let speaks = |ip| std::net::UdpSocket::bind((ip, 0)).is_ok();
    [Some(v4), v6].into_iter().flatten().filter(|(_, ip)| speaks(*ip)).collect()
}

/// A port that is closed to everyone but its peer, and that nobody can take as long as its holder lives.
fn closed(ip: std::net::IpAddr) -> (std::net::UdpSocket, SocketAddr) {
    let holder = std::net::UdpSocket::bind((ip, 0)).unwrap();
    holder.connect((ip, 9)).unwrap();
    let name = holder.local_addr().unwrap();
    (holder, name)
}

fn wait(socket: &UdpSocket) {
    let epoll = Epoll::new().unwrap();
    epoll.add(socket, 0, Interest::ReadableLevel).unwrap();
    epoll.wait(&mut ReadyList::with_capacity(1), Some(Duration::from_secs(2))).unwrap();
}

#[test]
fn a_closed_port_is_an_icmp_error_with_its_destination_sender_and_quote() {
    for (socket, ip) in sockets() {
        let (_holder, to) = closed(ip);
        for length in [0, 8, 400, 2000] {
            let payload: Vec<u8> = (0..length).map(|byte| byte as u8).collect();
            socket.send_to(&to, &payload).unwrap();
            wait(&socket);
            let mut quote = [0; QUOTE];
            let error = error_queue::read(&socket, &mut quote).unwrap().unwrap();
            let said = (error.origin, error.icmp_type, error.code);
            assert_eq!(said, if ip.is_ipv4() { (Origin::Icmp, 3, 3) } else { (Origin::Icmp6, 1, 4) });
            assert_eq!(error.to, Some(to));
            assert_eq!(error.offender.map(|from| from.ip()), Some(ip));
            assert_eq!(error.ttl, Some(64));
            // RFC 1812 section 4.3.2.3: all of it, up to 576 bytes with every header; RFC 4443: up to 1280.
            let least = if ip.is_ipv4() { 576 - 20 - 8 - 20 - 8 } else { QUOTE };
            assert_eq!(error.quoted, payload.len().min(least));
            assert_eq!(quote[..error.quoted], payload[..error.quoted]);
            assert_eq!(error_queue::read(&socket, &mut quote), Ok(None));
        }
    }
}

#[test]
fn a_short_buffer_for_the_quote_cuts_it_and_nothing_else() {
    for (socket, ip) in sockets() {
        let (_holder, to) = closed(ip);
        for room in [0, 3] {
            socket.send_to(&to, b"portolan").unwrap();
            wait(&socket);
            let mut quote = [0; 3];
            let error = error_queue::read(&socket, &mut quote[..room]).unwrap().unwrap();
            assert_eq!((error.quoted, error.to), (room, Some(to)));
        }
    }
}

#[test]
fn a_pending_error_keeps_the_next_datagram_back() {
    for (socket, ip) in sockets() {
        let peer = std::net::UdpSocket::bind((ip, 0)).unwrap();
        let to = peer.local_addr().unwrap();
        let (_holder, closed) = closed(ip);
        socket.send_to(&closed, b"first").unwrap();
        wait(&socket);
        assert_eq!(socket.send_to(&to, b"second"), Err(Errno::CONNREFUSED));
        assert!(error_queue::read(&socket, &mut []).unwrap().is_some());
        assert_eq!(socket.send_to(&to, b"third"), Ok(()));
        let mut buffer = [0; 16];
        peer.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let (length, from) = peer.recv_from(&mut buffer).unwrap();
        assert_eq!((&buffer[..length], from.port()), (&b"third"[..], socket.local_port()));
    }
}

#[test]
fn a_datagram_comes_with_its_sender_and_says_when_it_was_cut() {
    for (socket, ip) in sockets() {
        let peer = std::net::UdpSocket::bind((ip, 0)).unwrap();
        let to = (ip, socket.local_port());
        let from = peer.local_addr().unwrap();
        let mut buffer = [0; 8];
        assert_eq!(socket.receive(&mut buffer), Ok(None));
        for length in [0, 8, 9] {
            peer.send_to(&vec![7; length], to).unwrap();
            wait(&socket);
            let received = socket.receive(&mut buffer).unwrap().unwrap();
            assert_eq!(received, Received { from, len: length.min(8), truncated: length > 8 });
        }
        assert_eq!(socket.receive(&mut buffer), Ok(None));
    }
}

#[test]
fn what_finds_no_room_is_counted_even_if_nothing_comes_after_it() {
    for (socket, ip) in sockets() {
        assert_eq!(socket.overruns(), Ok(0));
        let room = socket.receive_buffer().unwrap();
        assert!(room >= 2048, "{room}");
        let peer = std::net::UdpSocket::bind((ip, 0)).unwrap();
        let payload = vec![0; 60_000];
        let sent = u32::try_from(room / payload.len() + 20).unwrap();
        // A machine without limits may have room for more than is polite to send.
        if sent > 10_000 {
            continue;
        }
        for _ in 0..sent {
            peer.send_to(&payload, (ip, socket.local_port())).unwrap();
        }
        let mut buffer = vec![0; 65_536];
        let got = (0..sent).take_while(|_| matches!(socket.receive(&mut buffer), Ok(Some(_)))).count();
        let lost = socket.overruns().unwrap();
        assert!(lost > 0);
        assert_eq!(u32::try_from(got).unwrap() + lost, sent);
    }
}

#[test]
fn a_datagram_that_is_too_long_is_an_error_of_our_own_told_twice() {
    let socket = UdpSocket::open(Family::V4).unwrap();
    let (_holder, to) = closed(Ipv4Addr::LOCALHOST.into());
    // There is room for it in UDP's length field, and none in IP's.
    assert_eq!(socket.send_to(&to, &[0; 65_510]), Err(Errno::MSGSIZE));
    let error = error_queue::read(&socket, &mut []).unwrap().unwrap();
    assert_eq!((error.origin, error.errno), (Origin::Local, Errno::MSGSIZE.raw_os_error()));
    // What the kernel says of itself names the host and not the port.
    assert_eq!((error.to, error.offender), (Some((to.ip(), 0).into()), None));
    assert_eq!(error_queue::read(&socket, &mut []), Ok(None));
}

/// What comes to a port that is held is swallowed: nobody else has the port, and whoever sends there is not refused.
#[test]
fn a_held_port_is_ours_and_says_nothing() {
    let free = std::net::UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap().local_addr().unwrap().port();
    let held = HeldPort::open(free).unwrap();
    assert_eq!(held.port(), free);
    assert!(matches!(HeldPort::open(free), Err(Errno::ADDRINUSE)));
    for ip in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
        let here = SocketAddr::new(ip, held.port());
        if let Err(error) = std::net::UdpSocket::bind(here) {
            assert!([io::ErrorKind::AddrInUse, io::ErrorKind::AddrNotAvailable].contains(&error.kind()));
        } else {
            panic!("{here} is free");
        }
        let Ok(sender) = std::net::UdpSocket::bind(SocketAddr::new(ip, 0)) else { continue };
        sender.connect(here).unwrap();
        // Over the loopback a refusal is there before `send` returns, and the next call tells it.
        for _ in 0..3 {
            sender.send(b"swallowed").unwrap();
        }
    }
    // Not the same port: once it is let go, another test may be given it.
    let (_holder, there) = closed(Ipv4Addr::LOCALHOST.into());
    let sender = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    sender.connect(there).unwrap();
    let refused = (0..3).any(|_| sender.send(b"refused").is_err());
    assert!(refused, "the test sees a refusal where there is one");
}
