//! What an errno or an ICMP error means, seen from this machine: did the network say it, or did we?
//!
//! Before editing, read connect(2), ip(7) and RFC 1122 section 3.2.2.1.

use std::time::Duration;

use portolan_model::sockets::Outcome;
use portolan_model::{Address, Icmp, IcmpFamily, LocalFault};
use portolan_sys::Errno;
use portolan_sys::error_queue::{Origin, QueuedError};
use portolan_sys::interfaces::InterfaceAddress;

/// The addresses of this machine.
#[derive(Clone)]
pub(super) struct Home {
    addresses: Vec<InterfaceAddress>,
}

impl Home {
    pub(super) const fn new(addresses: Vec<InterfaceAddress>) -> Self {
        Home { addresses }
    }

    /// What an ICMP error about `target` is.
    pub(super) fn icmp(&self, icmp: Icmp, target: Address) -> Outcome {
        // When nobody answers ARP or NDP, the kernel sends the ICMP error to itself (RFC 1122 section
        // 2.3.2.2 asks it to tell the upper layer). If the target is this machine, then there is no
        // neighbour to be missed, and the same message comes from a firewall rule.
        let from_us = icmp.from.is_some_and(|from| self.is_own(from));
        if from_us && !self.is_own(target) {
            // Any other error that we sent ourselves is a rule of our own: nothing left this machine.
            let neighbour = is_host_unreachable(icmp);
            return Outcome::Local(if neighbour { self.no_neighbour(target) } else { LocalFault::Firewall });
        }
        Outcome::Icmp(icmp)
    }

    /// What an errno with an empty error queue is, `waited` after the connection to `target` was started.
    pub(super) fn errno(&self, errno: Errno, target: Address, waited: Duration) -> Outcome {
        Outcome::Local(match errno {
            Errno::CONNREFUSED => return Outcome::Refused,
            Errno::TIMEDOUT => return Outcome::TimedOut,
            // A missing neighbour is noticed after one second at the earliest, a missing route at once.
            Errno::HOSTUNREACH if waited >= NEIGHBOUR_WAIT => self.no_neighbour(target),
            Errno::HOSTUNREACH | Errno::NETUNREACH => LocalFault::NoRoute,
            Errno::PERM => LocalFault::Firewall,
            Errno::ACCESS => LocalFault::Permission,
            // Also what the kernel says when it has no source address to give: no port would help.
            Errno::ADDRNOTAVAIL if !self.speaks_family_of(target) => LocalFault::NoRoute,
            Errno::ADDRNOTAVAIL | Errno::ADDRINUSE => LocalFault::NoPorts,
            Errno::MFILE | Errno::NFILE => LocalFault::NoDescriptors,
            Errno::NOBUFS | Errno::NOMEM | Errno::AGAIN => LocalFault::NoBuffers,
            other => LocalFault::Other(other.raw_os_error()),
        })
    }

    /// What an errno is that kept a datagram to `target` from being sent.
    pub(super) fn unsent(&self, errno: Errno, target: Address) -> LocalFault {
        match self.errno(errno, target, Duration::ZERO) {
            Outcome::Local(fault) => fault,
            // Said of other datagrams, whose errors found no room in the queue: ours can be sent later.
            _ => LocalFault::NoBuffers,
        }
    }

    fn no_neighbour(&self, target: Address) -> LocalFault {
        let on_link = self.addresses.iter().any(|own| in_zone(own, target) && own.shares_prefix(target.ip()));
        LocalFault::NoNeighbour { on_link }
    }

    /// Whether this machine is what `address` leads to.
    pub(super) fn is_own(&self, address: Address) -> bool {
        // The whole of 127.0.0.0/8 is ours (RFC 1122 section 3.2.1.3), and connecting to the
        // unspecified address means this machine.
        address.ip().is_loopback()
            || address.ip().is_unspecified()
            || self.addresses.iter().any(|own| own.ip == address.ip() && in_zone(own, address))
    }

    fn speaks_family_of(&self, target: Address) -> bool {
        self.addresses.iter().any(|own| own.ip.is_ipv6() == target.is_ipv6())
    }
}

/// The ICMP error that the kernel queued, if it is one.
pub(super) fn icmp(error: &QueuedError) -> Option<Icmp> {
    let family = match error.origin {
        Origin::Icmp => IcmpFamily::V4,
        Origin::Icmp6 => IcmpFamily::V6,
        Origin::Local | Origin::Other(_) => return None,
    };
    let from = error.offender.map(Address::from);
    Some(Icmp { family, icmp_type: error.icmp_type, code: error.code, from, ttl: error.ttl })
}

/// Half of what the kernel waits for the first answer of a neighbour.
const NEIGHBOUR_WAIT: Duration = Duration::from_millis(500);

/// RFC 792: type 3, code 1, host unreachable. RFC 4443 section 3.1: type 1, code 3, address unreachable.
fn is_host_unreachable(icmp: Icmp) -> bool {
    match icmp.family {
        IcmpFamily::V4 => (icmp.icmp_type, icmp.code) == (3, 1),
        IcmpFamily::V6 => (icmp.icmp_type, icmp.code) == (1, 3),
    }
}

/// An address without a zone is the same on every interface.
fn in_zone(own: &InterfaceAddress, address: Address) -> bool {
    address.zone() == 0 || address.zone() == own.index
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> Home {
        let own = |index, ip: &str, prefix| InterfaceAddress { index, ip: ip.parse().unwrap(), prefix };
        Home::new(vec![own(1, "127.0.0.1", 8), own(2, "198.18.0.1", 24), own(2, "fe80::1", 64)])
    }

    fn address(text: &str) -> Address {
        Address::new(text.parse().unwrap())
    }

    fn unreachable(from: &str, code: u8) -> Icmp {
        let from = address(from);
        let (family, icmp_type) = if from.is_ipv6() { (IcmpFamily::V6, 1) } else { (IcmpFamily::V4, 3) };
        Icmp { family, icmp_type, code, from: Some(from), ttl: Some(64) }
    }

    const ON_LINK: Outcome = Outcome::Local(LocalFault::NoNeighbour { on_link: true });
    const BEHIND_A_GATEWAY: Outcome = Outcome::Local(LocalFault::NoNeighbour { on_link: false });

    #[test]
    fn our_own_host_unreachable_is_a_missing_neighbour() {
        let ours = unreachable("198.18.0.1", 1);
        assert_eq!(home().icmp(ours, address("198.18.0.9")), ON_LINK);
        assert_eq!(home().icmp(ours, address("203.0.113.9")), BEHIND_A_GATEWAY);
        let ours = unreachable("fe80::1", 3);
        let target = Address::with_zone("fe80::9".parse().unwrap(), 2);
        assert_eq!(home().icmp(ours, target), ON_LINK);
        assert_eq!(home().icmp(ours, Address::with_zone("fe80::9".parse().unwrap(), 3)), BEHIND_A_GATEWAY);
    }

    #[test]
    fn what_others_say_and_what_we_say_of_ourselves_is_left_as_it_is() {
        for (icmp, target) in [
            (unreachable("198.18.0.254", 1), "203.0.113.9"),
            (unreachable("198.18.0.1", 1), "198.18.0.1"),
            (unreachable("127.0.0.1", 1), "127.5.5.5"),
            (unreachable("::1", 3), "::1"),
            (Icmp { from: None, ..unreachable("198.18.0.1", 1) }, "198.18.0.9"),
        ] {
            assert_eq!(home().icmp(icmp, address(target)), Outcome::Icmp(icmp));
        }
    }

    #[test]
    fn what_we_forbid_ourselves_is_our_own_firewall() {
        for code in [3, 9, 10, 13] {
            let said = home().icmp(unreachable("198.18.0.1", code), address("198.18.0.9"));
            assert_eq!(said, Outcome::Local(LocalFault::Firewall), "code {code}");
        }
    }

    #[test]
    fn every_errno_has_its_meaning() {
        let target = address("198.18.0.9");
        let soon = |errno| home().errno(errno, target, Duration::from_micros(20));
        for (errno, outcome) in [
            (Errno::CONNREFUSED, Outcome::Refused),
            (Errno::TIMEDOUT, Outcome::TimedOut),
            (Errno::HOSTUNREACH, Outcome::Local(LocalFault::NoRoute)),
            (Errno::NETUNREACH, Outcome::Local(LocalFault::NoRoute)),
            (Errno::PERM, Outcome::Local(LocalFault::Firewall)),
            (Errno::ACCESS, Outcome::Local(LocalFault::Permission)),
            (Errno::ADDRNOTAVAIL, Outcome::Local(LocalFault::NoPorts)),
            (Errno::ADDRINUSE, Outcome::Local(LocalFault::NoPorts)),
            (Errno::MFILE, Outcome::Local(LocalFault::NoDescriptors)),
            (Errno::NFILE, Outcome::Local(LocalFault::NoDescriptors)),
            (Errno::NOBUFS, Outcome::Local(LocalFault::NoBuffers)),
            (Errno::NOMEM, Outcome::Local(LocalFault::NoBuffers)),
            (Errno::AGAIN, Outcome::Local(LocalFault::NoBuffers)),
            (Errno::INVAL, Outcome::Local(LocalFault::Other(22))),
        ] {
            assert_eq!(soon(errno), outcome, "{errno}");
        }
        assert_eq!(home().errno(Errno::HOSTUNREACH, target, Duration::from_secs(3)), ON_LINK);
    }

    #[test]
    fn no_datagram_is_refused_before_it_was_sent() {
        let target = address("198.18.0.9");
        for (errno, fault) in [
            (Errno::CONNREFUSED, LocalFault::NoBuffers),
            (Errno::NOBUFS, LocalFault::NoBuffers),
            (Errno::HOSTUNREACH, LocalFault::NoRoute),
            (Errno::PERM, LocalFault::Firewall),
            (Errno::MSGSIZE, LocalFault::Other(90)),
        ] {
            assert_eq!(home().unsent(errno, target), fault, "{errno}");
        }
    }

    #[test]
    fn without_ipv6_there_is_no_address_to_send_from() {
        let v4_only = Home::new(vec![]);
        let outcome = v4_only.errno(Errno::ADDRNOTAVAIL, address("::1"), Duration::ZERO);
        assert_eq!(outcome, Outcome::Local(LocalFault::NoRoute));
    }
}
