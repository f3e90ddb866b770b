//! The sockets of the door: those that wait for a verdict, and those that may be connected again.

use std::net::SocketAddr;

use portolan_model::Instant;
use portolan_model::sockets::ProbeId;
use portolan_sys::Errno;
use portolan_sys::epoll::{Epoll, Interest};
use portolan_sys::socket::{Family, TcpSocket};

use super::machine::Machine;

/// A connection that was asked for.
#[derive(Copy, Clone, Debug)]
pub(super) struct Attempt {
    pub(super) probe: ProbeId,
    pub(super) peer: SocketAddr,
    pub(super) sent: Instant,
}

/// A socket, in use from [`Pool::take`] until [`Pool::put_back`] or [`Pool::close`].
pub(super) struct Seat {
    pub(super) socket: TcpSocket,
    /// What it waits for; none while it is idle.
    pub(super) attempt: Option<Attempt>,
    family: Family,
    watched: bool,
}

impl Seat {
    /// Has `epoll` tell of every change from now on; a change that came before is told too.
    ///
    /// Once is enough for the socket's whole life: an edge is reported without being armed again, and
    /// a socket that is answered before it has to wait is never added at all.
    pub(super) fn watch(&mut self, index: u32, epoll: &Epoll) -> Result<(), Errno> {
        if !self.watched {
            epoll.add(&self.socket, index.into(), Interest::WritableEdge)?;
            self.watched = true;
        }
        Ok(())
    }
}

/// All sockets, each at an index of its own for life.
pub(super) struct Pool {
    seats: Vec<Option<Seat>>,
    vacant: Vec<u32>,
    idle: [Vec<u32>; 2],
    open: usize,
    limit: usize,
}

impl Pool {
    /// No sockets yet; idle ones are closed before there are more than `limit`.
    pub(super) const fn new(limit: usize) -> Self {
        Pool { seats: Vec::new(), vacant: Vec::new(), idle: [Vec::new(), Vec::new()], open: 0, limit }
    }

    pub(super) fn seat(&self, index: u32) -> Option<&Seat> {
        self.seats.get(index as usize)?.as_ref()
    }

    pub(super) fn seat_mut(&mut self, index: u32) -> Option<&mut Seat> {
        self.seats.get_mut(index as usize)?.as_mut()
    }

    /// A socket of `family` that is not connected: one that was refused, or else a new one.
    pub(super) fn take(&mut self, family: Family, machine: &Machine) -> Result<u32, Errno> {
        if let Some(index) = self.idle[family as usize].pop() {
            return Ok(index);
        }
        if self.open >= self.limit {
            self.close_one_idle();
        }
        let opened = match open(family, machine) {
            // The idle ones of the other family are ours to give.
            Err(Errno::MFILE | Errno::NFILE) if self.close_one_idle() => open(family, machine),
            other => other,
        };
        Ok(self.sit(Seat { socket: opened?, attempt: None, family, watched: false }))
    }

    /// Keeps a socket that is unconnected and whose error queue is empty, to be taken again.
    pub(super) fn put_back(&mut self, index: u32) {
        if let Some(seat) = self.seat_mut(index) {
            seat.attempt = None;
            let family = seat.family;
            self.idle[family as usize].push(index);
        }
    }

    /// Closes a socket. That also ends its watch.
    pub(super) fn close(&mut self, index: u32) {
        if self.seats.get_mut(index as usize).and_then(Option::take).is_some() {
            self.vacant.push(index);
            self.open -= 1;
        }
    }

    fn close_one_idle(&mut self) -> bool {
        let longest = if self.idle[0].len() >= self.idle[1].len() { 0 } else { 1 };
        match self.idle[longest].pop() {
            Some(index) => {
                self.close(index);
                true
            }
            None => false,
        }
    }

    fn sit(&mut self, seat: Seat) -> u32 {
        self.open += 1;
        if let Some(index) = self.vacant.pop()
            && let Some(vacancy) = self.seats.get_mut(index as usize)
        {
            *vacancy = Some(seat);
            return index;
        }
        self.seats.push(Some(seat));
        u32::try_from(self.seats.len() - 1).unwrap_or(u32::MAX)
    }
}

/// A socket that ends with a RST however it ends: nothing is exchanged, so there is nothing to lose, and
/// an open port costs a fifth of what it costs with FIN and TIME_WAIT.
fn open(family: Family, machine: &Machine) -> Result<TcpSocket, Errno> {
    let socket = TcpSocket::open(family)?;
    machine.tie(&socket)?;
    socket.reset_on_close()?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_put_back_is_taken_again_and_a_closed_one_leaves_its_place() {
        let (mut pool, machine) = (Pool::new(8), Machine::open().unwrap());
        let first = pool.take(Family::V4, &machine).unwrap();
        let second = pool.take(Family::V4, &machine).unwrap();
        assert_ne!(first, second);
        pool.put_back(first);
        assert_eq!(pool.take(Family::V4, &machine), Ok(first));
        pool.close(second);
        pool.close(second);
        assert!(pool.seat(second).is_none());
        assert_eq!(pool.take(Family::V4, &machine), Ok(second));
        assert_eq!(pool.open, 2);
    }

    #[test]
    fn idle_sockets_of_one_family_make_room_for_the_other() {
        let (mut pool, machine) = (Pool::new(2), Machine::open().unwrap());
        for index in [pool.take(Family::V4, &machine).unwrap(), pool.take(Family::V4, &machine).unwrap()] {
            pool.put_back(index);
        }
        if pool.take(Family::V6, &machine).is_ok() {
            assert_eq!((pool.open, pool.idle[0].len()), (2, 1));
        }
    }
}
