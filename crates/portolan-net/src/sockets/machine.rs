//! What every kind of socket needs of the machine it lives on.

use portolan_model::Instant;
use portolan_sys::epoll::Epoll;
use portolan_sys::{clock, interfaces};

use super::home::Home;
use crate::error::NetError;

/// The clock, what is known of ourselves, and who tells of news.
pub(super) struct Machine {
    origin: u64,
    pub(super) home: Home,
    pub(super) epoll: Epoll,
}

impl Machine {
    /// Starts the clock, and reads the addresses of this machine.
    pub(super) fn open() -> Result<Self, NetError> {
        let addresses = interfaces::addresses().map_err(|errno| NetError::ListInterfaces(errno.into()))?;
        Ok(Machine {
            origin: clock::monotonic_nanos(),
            home: Home::new(addresses),
            epoll: Epoll::new().map_err(|errno| NetError::CreateEpoll(errno.into()))?,
        })
    }

    /// The same for another thread, with an epoll of its own.
    pub(super) fn another(&self) -> Result<Self, NetError> {
        let epoll = Epoll::new().map_err(|errno| NetError::CreateEpoll(errno.into()))?;
        Ok(Machine { origin: self.origin, home: self.home.clone(), epoll })
    }

    /// The time, on the scan's own clock.
    pub(super) fn now(&self) -> Instant {
        Instant::from_nanos(clock::monotonic_nanos().saturating_sub(self.origin))
    }
}
