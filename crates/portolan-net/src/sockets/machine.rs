//! What every kind of socket needs of the machine it lives on.

use std::os::fd::AsFd;

use portolan_model::Instant;
use portolan_sys::epoll::Epoll;
use portolan_sys::socket::bind_to_interface;
use portolan_sys::{Errno, clock, interfaces};

use super::home::Home;
use crate::error::NetError;
use crate::interface::Interface;

/// The clock, what is known of ourselves, and who tells of news.
pub(super) struct Machine {
    origin: u64,
    pub(super) home: Home,
    pub(super) epoll: Epoll,
    /// The interface that sockets are tied to, if it is one.
    pub(super) interface: Option<Interface>,
}

impl Machine {
    /// Starts the clock, and reads the addresses of this machine.
    pub(super) fn open() -> Result<Self, NetError> {
        let addresses = interfaces::addresses().map_err(|errno| NetError::ListInterfaces(errno.into()))?;
        Ok(Machine {
            origin: clock::monotonic_nanos(),
            home: Home::new(addresses),
            epoll: Epoll::new().map_err(|errno| NetError::CreateEpoll(errno.into()))?,
            interface: None,
        })
    }

    /// The same for another thread, with an epoll of its own.
    pub(super) fn another(&self) -> Result<Self, NetError> {
        let epoll = Epoll::new().map_err(|errno| NetError::CreateEpoll(errno.into()))?;
        Ok(Machine { origin: self.origin, home: self.home.clone(), epoll, interface: self.interface })
    }

    /// Ties a new socket to the interface, if it is one.
    pub(super) fn tie(&self, socket: impl AsFd) -> Result<(), Errno> {
        self.interface.map_or(Ok(()), |interface| bind_to_interface(socket, interface.index))
    }

    /// The time, on the scan's own clock.
    pub(super) fn now(&self) -> Instant {
        Instant::from_nanos(clock::monotonic_nanos().saturating_sub(self.origin))
    }
}
