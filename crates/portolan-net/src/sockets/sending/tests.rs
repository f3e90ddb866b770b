//! The traps, set by a kernel made up for it; and what becomes of whoever steps into them.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;

use super::*;

/// What stands at a port.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Peer {
    /// A service that says nothing.
    Open,
    /// An ICMP error of type 3 with this code.
    Unreachable(u8),
    /// This machine has no way to it.
    NoRoute,
    /// This machine finds the datagram too long for it.
    TooLong,
    /// This machine's firewall rejects it, and sends an ICMP error to ourselves.
    Forbidden,
}

/// `udp_sendmsg`, `__udp4_lib_err`, `ip_icmp_error` and `sock_dequeue_err_skb`, reduced to what matters here.
struct Kernel {
    peer: fn(u16) -> Peer,
    recverr: bool,
    connected: bool,
    /// So many errors come in together.
    burst: usize,
    /// So many errors have room in the queue.
    room: usize,
    /// The device's queue is full for every so many'th datagram.
    full: u32,
    /// Errors and datagrams come in without end.
    flooded: bool,
    pending: Cell<Option<Errno>>,
    calls: Cell<u32>,
    queue: RefCell<VecDeque<QueuedError>>,
    underway: RefCell<Vec<QueuedError>>,
    left: RefCell<BTreeMap<u16, u32>>,
}

impl Kernel {
    fn with(peer: fn(u16) -> Peer) -> Self {
        Kernel {
            peer,
            recverr: true,
            connected: false,
            burst: 1,
            room: usize::MAX,
            full: u32::MAX,
            flooded: false,
            pending: Cell::new(None),
            calls: Cell::new(0),
            queue: RefCell::default(),
            underway: RefCell::default(),
            left: RefCell::default(),
        }
    }

    fn come_in(&self, error: QueuedError) {
        if !self.recverr {
            let hard = ![0, 1].contains(&error.code);
            if hard && self.connected {
                self.pending.set(Some(Errno::from_raw_os_error(error.errno)));
            }
            return;
        }
        if self.queue.borrow().len() < self.room {
            self.queue.borrow_mut().push_back(error);
        }
        self.pending.set(Some(Errno::from_raw_os_error(error.errno)));
    }

    fn all_come_in(&self) {
        let errors = self.underway.take();
        errors.into_iter().for_each(|error| self.come_in(error));
    }

    /// How many datagrams left.
    fn left(&self) -> usize {
        self.left.borrow().values().map(|count| *count as usize).sum()
    }
}

impl Socket for Kernel {
    fn send(&self, to: &SocketAddr, _: &[u8]) -> Result<(), Errno> {
        self.calls.set(self.calls.get() + 1);
        if self.flooded {
            self.come_in(unreachable(9, 3));
        }
        let peer = (self.peer)(to.port());
        if peer == Peer::NoRoute {
            return Err(Errno::NETUNREACH);
        }
        if let Some(errno) = self.pending.take() {
            return Err(errno);
        }
        if peer == Peer::TooLong {
            let errno = Errno::MSGSIZE.raw_os_error();
            let named = Some((to.ip(), 0).into());
            let error = QueuedError { origin: Origin::Local, errno, to: named, ..unreachable(0, 0) };
            self.queue.borrow_mut().push_back(error);
            return Err(Errno::MSGSIZE);
        }
        if peer == Peer::Forbidden {
            self.come_in(unreachable(to.port(), 13));
            return Err(Errno::PERM);
        }
        if self.calls.get().is_multiple_of(self.full) {
            return if self.recverr { Err(Errno::NOBUFS) } else { Ok(()) };
        }
        *self.left.borrow_mut().entry(to.port()).or_default() += 1;
        if let Peer::Unreachable(code) = peer {
            self.underway.borrow_mut().push(unreachable(to.port(), code));
        }
        if self.underway.borrow().len() >= self.burst {
            self.all_come_in();
        }
        Ok(())
    }

    fn next_error(&self, _: &mut [u8]) -> Result<Option<QueuedError>, Errno> {
        if self.flooded {
            self.pending.set(None);
            return Ok(if self.calls.get() == 0 {
                Some(unreachable(9, 3))
            } else {
                self.queue.take().pop_front()
            });
        }
        let mut queue = self.queue.borrow_mut();
        let error = queue.pop_front();
        if error.is_some() {
            self.pending.set(queue.front().map(|next| Errno::from_raw_os_error(next.errno)));
        }
        Ok(error)
    }

    fn receive(&self, _: &mut [u8]) -> Result<Option<Received>, Errno> {
        match self.pending.take() {
            Some(errno) => Err(errno),
            None if self.flooded => Ok(Some(Received { from: to(9), len: 0, truncated: false })),
            None => Ok(None),
        }
    }
}

fn to(port: u16) -> SocketAddr {
    (Ipv4Addr::new(198, 18, 0, 9), port).into()
}

fn unreachable(port: u16, code: u8) -> QueuedError {
    let errno = match code {
        0 | 9 => Errno::NETUNREACH,
        3 => Errno::CONNREFUSED,
        _ => Errno::HOSTUNREACH,
    };
    QueuedError {
        origin: Origin::Icmp,
        errno: errno.raw_os_error(),
        icmp_type: 3,
        code,
        to: Some(to(port)),
        offender: Some(to(0)),
        ttl: Some(64),
        quoted: 0,
    }
}

/// What was told, as port and code.
#[derive(Default)]
struct Notes(Vec<(u16, u8)>);

impl Notes {
    fn note(&mut self, found: Found<'_>) {
        if let Found::Error(error, _) = found {
            self.0.push((error.to.unwrap().port(), error.code));
        }
    }

    fn send(&mut self, kernel: &Kernel, port: u16) -> Result<u32, Errno> {
        send(kernel, (&to(port), b""), &mut [], || {}, |found| self.note(found))
    }
}

/// Codes of every kind, soft ones among them, and open ports.
fn mixed(port: u16) -> Peer {
    match port % 5 {
        0 => Peer::Open,
        1 => Peer::Unreachable(0),
        2 => Peer::Unreachable(1),
        3 => Peer::Unreachable(13),
        _ => Peer::Unreachable(3),
    }
}

const PORTS: std::ops::RangeInclusive<u16> = 1..=1000;

#[test]
fn whoever_sends_once_loses_datagrams_to_pending_errors() {
    // An error at once: every second datagram.
    let kernel = Kernel::with(|_| Peer::Unreachable(3));
    let failed = PORTS.filter(|port| kernel.send(&to(*port), b"").is_err()).count();
    assert_eq!((kernel.left(), failed), (500, 500));
    // In bursts: one in each.
    let kernel = Kernel { burst: 9, ..Kernel::with(|_| Peer::Unreachable(3)) };
    let failed = PORTS.filter(|port| kernel.send(&to(*port), b"").is_err()).count();
    assert_eq!((kernel.left(), failed), (900, 100));
}

#[test]
fn whoever_sends_again_loses_no_datagram_and_no_error() {
    for burst in [1, 2, 7, 64, 999] {
        let kernel = Kernel { burst, ..Kernel::with(mixed) };
        let mut notes = Notes::default();
        let held: u32 = PORTS.map(|port| notes.send(&kernel, port).unwrap()).sum();
        kernel.all_come_in();
        while drain(&kernel, &mut [], |found| notes.note(found)) > 0 {}

        assert!(PORTS.into_iter().all(|port| kernel.left.borrow().get(&port) == Some(&1)), "each left once");
        assert_eq!(kernel.calls.get(), 1000 + held);
        assert_eq!(held as usize, 800 / burst, "one call for each burst");
        notes.0.sort_unstable();
        let expected = PORTS.filter_map(|port| match mixed(port) {
            Peer::Unreachable(code) => Some((port, code)),
            _ => None,
        });
        assert!(notes.0 == expected.collect::<Vec<_>>(), "each error is told once");
    }
}

#[test]
fn without_recverr_errors_are_hidden_and_losses_are_called_success() {
    let outcomes = |recverr, connected| {
        let kernel = Kernel { recverr, connected, full: 10, ..Kernel::with(mixed) };
        let said_sent = PORTS.filter(|port| kernel.send(&to(*port), b"").is_ok()).count();
        (said_sent, kernel.left(), kernel.queue.borrow().len())
    };
    // Unconnected: no error ever, and a tenth was never sent although the kernel says so.
    assert_eq!(outcomes(false, false), (1000, 900, 0));
    // Connected: codes 0 and 1 are not told, and what is told is held against another datagram.
    let (said_sent, left, queued) = outcomes(false, true);
    assert!(left < said_sent && said_sent > 600 && queued == 0, "{said_sent} {left}");
}

#[test]
fn a_full_device_is_said_at_once_and_its_datagram_is_not_called_sent() {
    let kernel = Kernel { full: 10, burst: 4, ..Kernel::with(mixed) };
    let mut notes = Notes::default();
    let outcomes: Vec<_> = PORTS.map(|port| notes.send(&kernel, port)).collect();
    let refused = outcomes.iter().filter(|outcome| **outcome == Err(Errno::NOBUFS)).count();
    assert!(refused > 90);
    assert_eq!(kernel.left() + refused, 1000);
    let held: u32 = outcomes.into_iter().flatten().sum();
    assert!(kernel.calls.get() >= 1000 + held, "calls that were held before a refusal are not counted");
}

#[test]
fn an_errno_that_stays_is_our_own_and_the_errors_of_others_are_told() {
    let peer = |port| if port == 7 { Peer::NoRoute } else { Peer::Unreachable(3) };
    let kernel = Kernel::with(peer);
    let mut notes = Notes::default();
    assert_eq!(notes.send(&kernel, 7), Err(Errno::NETUNREACH));
    assert_eq!((kernel.calls.get(), kernel.left()), (2, 0));

    assert_eq!(notes.send(&kernel, 8), Ok(0));
    assert_eq!(notes.send(&kernel, 7), Err(Errno::NETUNREACH));
    assert_eq!(notes.0, [(8, 3)]);
    assert_eq!(notes.send(&kernel, 8), Ok(0), "nothing is pending any more");
}

#[test]
fn what_the_kernel_itself_has_against_a_datagram_is_no_reason_to_try_for_ever() {
    let kernel = Kernel::with(|port| if port == 7 { Peer::TooLong } else { Peer::Unreachable(3) });
    let mut notes = Notes::default();
    assert_eq!(notes.send(&kernel, 8), Ok(0));
    assert_eq!(notes.send(&kernel, 7), Err(Errno::MSGSIZE));
    assert_eq!(kernel.calls.get(), 4);
    assert_eq!(notes.0, [(8, 3)], "it is said once, in the errno");
    assert_eq!(kernel.queue.borrow().len(), 0);
}

#[test]
fn what_a_firewall_of_ours_says_besides_is_told_with_its_datagram_and_not_with_the_next() {
    let kernel = Kernel::with(|port| if port == 7 { Peer::Forbidden } else { Peer::Open });
    let mut notes = Notes::default();
    assert_eq!(notes.send(&kernel, 7), Err(Errno::PERM));
    assert_eq!(notes.0, [(7, 13)]);
    assert_eq!(notes.send(&kernel, 8), Ok(0));
    assert_eq!((kernel.calls.get(), kernel.left()), (2, 1));
}

#[test]
fn an_error_that_found_no_room_in_the_queue_holds_one_call_and_no_datagram() {
    let kernel = Kernel { room: 0, ..Kernel::with(|_| Peer::Unreachable(3)) };
    let mut notes = Notes::default();
    for port in PORTS {
        assert_eq!(notes.send(&kernel, port), Ok(u32::from(port > 1)));
    }
    assert_eq!((kernel.left(), notes.0.len()), (1000, 0));
}

#[test]
fn nobody_holds_us_by_sending() {
    let kernel = Kernel { flooded: true, ..Kernel::with(|_| Peer::Open) };
    assert_eq!(drain(&kernel, &mut [], |_| {}), ERRORS + DATAGRAMS);
    let mut notes = Notes::default();
    assert_eq!(notes.send(&kernel, 8), Err(Errno::NOBUFS));
    assert_eq!((kernel.calls.get(), kernel.left()), (TRIES, 0));
    assert_eq!(notes.0.len(), TRIES as usize);
}
