//! eventfd(2): one thread wakes another that waits in an epoll.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};

use crate::Errno;

/// A bell that one thread rings and another waits for.
#[derive(Debug)]
pub struct Bell {
    fd: OwnedFd,
}

impl Bell {
    /// A silent bell.
    pub fn new() -> Result<Self, Errno> {
        Ok(Bell { fd: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)? })
    }

    /// Makes the bell readable until it is silenced.
    pub fn ring(&self) {
        // It can only fail by being full of rings, which is loud enough.
        let _ = rustix::io::write(&self.fd, &1_u64.to_ne_bytes());
    }

    /// Takes all rings back.
    pub fn silence(&self) {
        // It fails if nobody rang.
        let _ = rustix::io::read(&self.fd, &mut [0_u8; 8]);
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::epoll::{Epoll, Interest, ReadyList};

    #[test]
    fn a_ring_is_heard_until_it_is_silenced() {
        let (bell, epoll) = (Bell::new().unwrap(), Epoll::new().unwrap());
        epoll.add(&bell, 7, Interest::ReadableLevel).unwrap();
        let mut list = ReadyList::with_capacity(1);
        bell.silence();
        for rings in [0, 1, 3, 0] {
            (0..rings).for_each(|_| bell.ring());
            epoll.wait(&mut list, Some(Duration::ZERO)).unwrap();
            assert_eq!(list.len(), usize::from(rings > 0));
            bell.silence();
        }
    }
}
