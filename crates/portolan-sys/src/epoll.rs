//! epoll(7): which of many descriptors has news.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};

use crate::Errno;

/// When a descriptor is worth an event. Errors and hang-ups are always reported.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Interest {
    /// Writable, once for each change (EPOLLET). The state at the moment of adding counts as a change.
    WritableEdge,
    /// Writable, as often as it is asked for.
    WritableLevel,
    /// Readable, as often as it is asked for.
    ReadableLevel,
}

/// News of one descriptor.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Ready {
    /// What the descriptor was added with.
    pub token: u64,
    /// It has an error or was hung up.
    pub failed: bool,
}

/// Room for news, used again and again. The default has no room: it is a placeholder.
#[derive(Default)]
pub struct ReadyList {
    events: Vec<epoll::Event>,
}

impl ReadyList {
    /// Room for the news of `capacity` descriptors (at least one) at a time.
    pub fn with_capacity(capacity: usize) -> Self {
        ReadyList { events: Vec::with_capacity(capacity.max(1)) }
    }

    /// Whether there was no room left: there may be more news.
    pub fn is_full(&self) -> bool {
        self.events.len() == self.events.capacity()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The news at `position`.
    pub fn get(&self, position: usize) -> Option<Ready> {
        self.events.get(position).map(|event| {
            let flags = event.flags;
            let failed = flags.intersects(epoll::EventFlags::ERR | epoll::EventFlags::HUP);
            Ready { token: event.data.u64(), failed }
        })
    }
}

/// A set of watched descriptors.
#[derive(Debug)]
pub struct Epoll {
    fd: OwnedFd,
}

impl Epoll {
    /// An empty set.
    pub fn new() -> Result<Self, Errno> {
        Ok(Epoll { fd: epoll::create(epoll::CreateFlags::CLOEXEC)? })
    }

    /// Watches `source` from now on. Closing the last copy of the descriptor ends the watch.
    pub fn add(&self, source: impl AsFd, token: u64, interest: Interest) -> Result<(), Errno> {
        let flags = match interest {
            Interest::WritableEdge => epoll::EventFlags::OUT | epoll::EventFlags::ET,
            Interest::WritableLevel => epoll::EventFlags::OUT,
            Interest::ReadableLevel => epoll::EventFlags::IN,
        };
        epoll::add(&self.fd, source, epoll::EventData::new_u64(token), flags)
    }

    /// Ends the watch of `source`.
    pub fn delete(&self, source: impl AsFd) -> Result<(), Errno> {
        epoll::delete(&self.fd, source)
    }

    /// Replaces what is in `list` by the news, waiting for some until `timeout` is over (for ever
    /// without one). An interruption by a signal ends the wait without news.
    pub fn wait(&self, list: &mut ReadyList, timeout: Option<Duration>) -> Result<(), Errno> {
        list.events.clear();
        let timeout = match timeout {
            // epoll_wait counts milliseconds, and epoll_pwait2 is younger than Linux 5.10. ppoll on the
            // epoll itself sleeps as finely as the clock.
            Some(fine) if fine.subsec_nanos() % 1_000_000 != 0 => {
                if !self.sleep(fine)? {
                    return Ok(());
                }
                Some(Timespec::default())
            }
            other => other.map(timespec),
        };
        match epoll::wait(&self.fd, spare_capacity(&mut list.events), timeout.as_ref()) {
            Err(Errno::INTR) => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// Whether there is news before `timeout` is over.
    fn sleep(&self, timeout: Duration) -> Result<bool, Errno> {
        let mut sources = [PollFd::new(&self.fd, PollFlags::IN)];
        match poll(&mut sources, Some(&timespec(timeout))) {
            Err(Errno::INTR) => Ok(false),
            other => other.map(|ready| ready > 0),
        }
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::clock::monotonic_nanos;

    #[test]
    fn news_carries_the_token_it_was_added_with() {
        let (mut near, mut far) = UnixStream::pair().unwrap();
        let epoll = Epoll::new().unwrap();
        let mut list = ReadyList::with_capacity(4);
        epoll.add(&near, u64::MAX - 1, Interest::ReadableLevel).unwrap();
        epoll.wait(&mut list, Some(Duration::ZERO)).unwrap();
        assert!(list.is_empty());

        far.write_all(b"x").unwrap();
        epoll.wait(&mut list, Some(Duration::from_micros(500_001))).unwrap();
        assert_eq!(list.len(), 1);
        assert_eq!(list.get(0), Some(Ready { token: u64::MAX - 1, failed: false }));
        assert!(!list.is_full());

        near.read_exact(&mut [0]).unwrap();
        epoll.delete(&near).unwrap();
        drop(far);
        epoll.wait(&mut list, Some(Duration::ZERO)).unwrap();
        assert!(list.is_empty());
    }

    #[test]
    fn an_edge_is_told_once_and_a_level_each_time() {
        let (edge, _far) = UnixStream::pair().unwrap();
        let (level, _away) = UnixStream::pair().unwrap();
        let epoll = Epoll::new().unwrap();
        let mut list = ReadyList::with_capacity(4);
        epoll.add(&edge, 1, Interest::WritableEdge).unwrap();
        epoll.add(&level, 2, Interest::WritableLevel).unwrap();
        epoll.wait(&mut list, Some(Duration::ZERO)).unwrap();
        assert_eq!(list.len(), 2);
        epoll.wait(&mut list, Some(Duration::ZERO)).unwrap();
        assert_eq!(list.len(), 1);
        assert_eq!(list.get(0).map(|ready| ready.token), Some(2));
    }

    #[test]
    fn a_wait_without_news_ends_in_time() {
        let epoll = Epoll::new().unwrap();
        let mut list = ReadyList::with_capacity(0);
        for timeout in [Duration::from_micros(300), Duration::from_millis(2)] {
            let before = monotonic_nanos();
            epoll.wait(&mut list, Some(timeout)).unwrap();
            assert!(u128::from(monotonic_nanos() - before) >= timeout.as_nanos());
        }
    }
}
