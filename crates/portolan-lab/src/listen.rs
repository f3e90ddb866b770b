//! The listener process: opens the sockets that it is told of and serves them until it is ended.
//!
//! `accept`: TCP, each connection is accepted and closed at once, so that no queue ever fills. `full`: TCP, one
//! connection waits in the queue and nobody will take it. `echo`: UDP, what comes is sent back. `mute`: UDP, what comes
//! is taken and not answered.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;

use rustix::net::{AddressFamily, SocketType};

/// What to listen on: one of the words above, then sockets. Set for the listener process only.
pub(crate) const SOCKETS: &str = "PORTOLAN_LAB_LISTEN";
pub(crate) const READY: &str = "PORTOLAN-LAB-READY";

/// What this process was started to listen on, if it is a listener.
pub fn asked() -> Option<String> {
    std::env::var(SOCKETS).ok()
}

/// Serves the sockets, says on standard output that it does, and returns when standard input ends.
#[expect(clippy::print_stdout, reason = "whoever started this process waits for the word")]
pub fn run(sockets: &str) {
    let _kept = serve(sockets);
    println!("\n{READY}");
    std::io::stdout().flush().expect("whoever started us reads it");
    // Until we are ended, or whoever started us ends and the pipe with it.
    let _ = std::io::stdin().read(&mut [0]);
}

/// Opens the sockets; what must stay open is given back.
fn serve(sockets: &str) -> Vec<(TcpListener, TcpStream)> {
    let mut words = sockets.split(' ');
    let what = words.next().unwrap_or_default();
    let mut kept = Vec::new();
    for socket in words.map(|word| word.parse().expect("the lab writes socket addresses")) {
        match what {
            "full" => {
                let (name, listener) = bind(socket, 0);
                kept.push((listener, TcpStream::connect(name).expect("the queue has one place")));
            }
            "echo" => serve_datagrams(socket, |socket, bytes, from| drop(socket.send_to(bytes, from))),
            "mute" => serve_datagrams(socket, |_, _, _| {}),
            _ => {
                let (_, listener) = bind(socket, 1024);
                in_thread(move || listener.incoming().for_each(drop));
            }
        }
    }
    kept
}

/// A UDP socket that takes everything it gets, so that its queue never fills.
fn serve_datagrams(socket: SocketAddr, answer: impl Fn(&UdpSocket, &[u8], SocketAddr) + Send + 'static) {
    let socket = UdpSocket::bind(socket).unwrap_or_else(|error| panic!("bind {socket}: {error}"));
    in_thread(move || {
        let mut buffer = [0; 2048];
        // An error is an ICMP message about an earlier answer: the next datagram may come all the same.
        loop {
            if let Ok((length, from)) = socket.recv_from(&mut buffer) {
                answer(&socket, &buffer[..length], from);
            }
        }
    });
}

fn in_thread(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(64 << 10).spawn(work).expect("a thread");
}

/// A listening socket and its name. The standard library does not let one choose the backlog.
fn bind(socket: SocketAddr, backlog: i32) -> (SocketAddr, TcpListener) {
    let family = if socket.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let descriptor = rustix::net::socket(family, SocketType::STREAM, None).expect("a socket");
    rustix::net::bind(descriptor.as_fd(), &socket).unwrap_or_else(|error| panic!("bind {socket}: {error}"));
    rustix::net::listen(descriptor.as_fd(), backlog).expect("a bound socket can listen");
    let listener = TcpListener::from(descriptor);
    (listener.local_addr().expect("it is bound"), listener)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_listener_takes_connections_and_a_full_queue_does_not() {
        let wait = Duration::from_millis(200);
        let (accepting, _kept) = bind("127.0.0.1:0".parse().expect("an address"), 1);
        TcpStream::connect_timeout(&accepting, wait).expect("it listens");
        let (full, _kept) = bind("127.0.0.1:0".parse().expect("an address"), 0);
        let _parked = TcpStream::connect_timeout(&full, wait).expect("the queue has one place");
        let refused = TcpStream::connect_timeout(&full, wait).expect_err("and no second");
        assert_eq!(refused.kind(), std::io::ErrorKind::TimedOut);
    }
}
