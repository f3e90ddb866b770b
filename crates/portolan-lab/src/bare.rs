//! The bare loop: what connecting to every port of a host costs when nothing is kept, paced, judged or told. It is no
//! scanner: it has no time-outs, so that a single silent port would hold it for ever. It is the floor that a scanner is
//! measured against.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use portolan_sys::Errno;
use portolan_sys::epoll::{Epoll, Interest, ReadyList};
use portolan_sys::socket::{Family, Progress, TcpSocket};

/// Connects to every port of a range, so many at a time; how many were open.
pub fn run(address: IpAddr, ports: RangeInclusive<u16>, window: usize) -> Result<u32, Errno> {
    let epoll = Epoll::new()?;
    let mut ready = ReadyList::with_capacity(window);
    let mut bare = Bare { epoll, ports, address, open: 0 };
    let mut slots = Vec::with_capacity(window);
    let mut under_way = 0;
    for at in 0..window {
        let mut slot =
            Slot { socket: TcpSocket::open(Family::of(&bare.to(IDLE)))?, port: IDLE, is_watched: false };
        under_way += usize::from(bare.advance(&mut slot, at)?);
        slots.push(slot);
    }
    while under_way > 0 {
        bare.epoll.wait(&mut ready, None)?;
        for news in (0..ready.len()).filter_map(|at| ready.get(at)) {
            let at = usize::try_from(news.token).unwrap_or(usize::MAX);
            // Asking a socket that is not connecting would start a connection.
            let Some(slot) = slots.get_mut(at).filter(|slot| slot.port != IDLE) else { continue };
            let answer = slot.socket.ask(&bare.to(slot.port));
            if bare.is_over(slot, answer)? && !bare.advance(slot, at)? {
                under_way -= 1;
            }
        }
    }
    Ok(bare.open)
}

struct Slot {
    socket: TcpSocket,
    port: u16,
    is_watched: bool,
}

struct Bare {
    epoll: Epoll,
    ports: RangeInclusive<u16>,
    address: IpAddr,
    open: u32,
}

impl Bare {
    fn to(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.address, port)
    }

    /// Goes from port to port until one does not answer at once; false if none is left.
    fn advance(&mut self, slot: &mut Slot, at: usize) -> Result<bool, Errno> {
        while let Some(port) = self.ports.next() {
            slot.port = port;
            let to = self.to(port);
            let answer = match slot.socket.connect(&to) {
                // A near host has answered before connect(2) returns: asking once is cheaper than epoll.
                Ok(Progress::InProgress) => slot.socket.ask(&to),
                other => other,
            };
            if !self.is_over(slot, answer)? {
                if !slot.is_watched {
                    self.epoll.add(&slot.socket, at as u64, Interest::WritableEdge)?;
                    slot.is_watched = true;
                }
                return Ok(true);
            }
        }
        slot.port = IDLE;
        Ok(false)
    }

    /// Whether the port has answered. The socket is then ready for the next one.
    fn is_over(&mut self, slot: &mut Slot, answer: Result<Progress, Errno>) -> Result<bool, Errno> {
        match answer {
            Ok(Progress::InProgress) => return Ok(false),
            Err(Errno::CONNREFUSED) => return Ok(true),
            Err(errno) => return Err(errno),
            Ok(Progress::Connected) => {}
        }
        let to = self.to(slot.port);
        // A port that met itself (RFC 9293 section 3.5, simultaneous open) is not open.
        self.open += u32::from(slot.socket.local_addr()? != to);
        slot.socket.reset_on_close()?;
        slot.socket = TcpSocket::open(Family::of(&to))?;
        slot.is_watched = false;
        Ok(true)
    }
}

/// The port of a socket that has nothing to do.
const IDLE: u16 = 0;

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use rustix::net::{AddressFamily, SocketType};

    use super::*;

    #[test]
    fn a_listener_is_open_and_a_port_without_one_is_not() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let open = listener.local_addr().unwrap();
        assert_eq!(run(open.ip(), open.port()..=open.port(), 4), Ok(1));
        // Bound, so that nobody else can take it, but not listening.
        let closed = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        rustix::net::bind(&closed, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let name = SocketAddr::try_from(rustix::net::getsockname(&closed).unwrap()).unwrap();
        assert_eq!(run(name.ip(), name.port()..=name.port(), 4), Ok(0));
    }
}
