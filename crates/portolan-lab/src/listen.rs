//! The listener process: opens the sockets that it is told of and serves them until it is ended.
//!
//! `accept`: TCP, each connection is accepted and closed at once, so that no queue ever fills. `full`: TCP, one
//! connection waits in the queue and nobody will take it. `echo`: UDP, what comes is sent back. `mute`: UDP, what comes
//! is taken and not answered.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use portolan_sys::Errno;
use portolan_sys::epoll::{Epoll, Interest, ReadyList};
use rustix::net::{AddressFamily, SocketType};

/// What to listen on: one of the words above, then sockets. Set for the listener process only.
pub(crate) const SOCKETS: &str = "PORTOLAN_LAB_LISTEN";
pub(crate) const READY: &str = "PORTOLAN-LAB-READY";

/// What this process was started to listen on, if it is a listener.
pub fn asked() -> Option<String> {
    std::env::var(SOCKETS).ok()
}

/// Serves the sockets, says on standard output that it does, and returns when standard input ends.
///
/// One thread serves them all: a thousand of them would take processor time from the scanner that is looked at.
#[expect(clippy::print_stdout, reason = "whoever started this process waits for the word")]
pub fn run(sockets: &str) {
    let (served, _kept) = open(sockets);
    println!("\n{READY}");
    std::io::stdout().flush().expect("whoever started us reads it");
    serve(&served).expect("epoll serves sockets");
}

/// A socket that is served.
enum Served {
    Accept(TcpListener),
    Echo(UdpSocket),
    Mute(UdpSocket),
}

/// A listener whose queue is full, and the connection that fills it.
type Full = (TcpListener, TcpStream);

/// Opens the sockets: those that are served, and those that need only be kept.
fn open(sockets: &str) -> (Vec<Served>, Vec<Full>) {
    let mut words = sockets.split(' ');
    let what = words.next().unwrap_or_default();
    let (mut served, mut kept) = (Vec::new(), Vec::new());
    for socket in words.map(|word| word.parse().expect("the lab writes socket addresses")) {
        match what {
            "full" => {
                let (name, listener) = bind(socket, 0);
                kept.push((listener, TcpStream::connect(name).expect("the queue has one place")));
            }
            "echo" => served.push(Served::Echo(bind_datagrams(socket))),
            "mute" => served.push(Served::Mute(bind_datagrams(socket))),
            _ => {
                let (_, listener) = bind(socket, 1024);
                listener.set_nonblocking(true).expect("a socket");
                served.push(Served::Accept(listener));
            }
        }
    }
    (served, kept)
}

/// Until we are ended, or whoever started us ends and the pipe to our standard input with it.
fn serve(sockets: &[Served]) -> Result<(), Errno> {
    let epoll = Epoll::new()?;
    epoll.add(std::io::stdin(), STDIN, Interest::ReadableLevel)?;
    for (socket, token) in sockets.iter().zip(0..) {
        epoll.add(socket, token, Interest::ReadableLevel)?;
    }
    let mut ready = ReadyList::with_capacity(256);
    let mut buffer = [0; 2048];
    loop {
        epoll.wait(&mut ready, None)?;
        for news in (0..ready.len()).filter_map(|at| ready.get(at)) {
            if news.token == STDIN {
                return Ok(());
            }
            let socket = usize::try_from(news.token).ok().and_then(|at| sockets.get(at));
            socket.inspect(|socket| socket.take_one(&mut buffer));
        }
    }
}

const STDIN: u64 = u64::MAX;

impl Served {
    /// One connection or datagram; if there are more, there will be news again. An error is a connection that is gone,
    /// or an ICMP message about an earlier answer: the next may come all the same.
    fn take_one(&self, buffer: &mut [u8]) {
        match self {
            Served::Accept(listener) => drop(listener.accept()),
            Served::Echo(socket) => {
                if let Ok((length, from)) = socket.recv_from(buffer) {
                    let _ = socket.send_to(&buffer[..length], from);
                }
            }
            Served::Mute(socket) => drop(socket.recv_from(buffer)),
        }
    }
}

impl AsFd for Served {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Served::Accept(listener) => listener.as_fd(),
            Served::Echo(socket) | Served::Mute(socket) => socket.as_fd(),
        }
    }
}

fn bind_datagrams(name: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind(name).unwrap_or_else(|error| panic!("bind {name}: {error}"));
    socket.set_nonblocking(true).expect("a socket");
    socket
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
