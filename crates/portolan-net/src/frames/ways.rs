//! Which way packets leave this machine: routes and links, as the kernel tells of them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use portolan_model::{Address, Instant, LocalFault};
use portolan_sys::Errno;
use portolan_sys::netlink::{Link, Netlink, Route, RouteKind};

use super::neighbours::NextHop;
use crate::interface::Interface;

/// The way of a packet.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Way {
    /// The address of ours that it leaves from.
    pub(super) source: IpAddr,
    /// The next machine.
    pub(super) hop: NextHop,
    /// Whether the next machine has to be asked for its own address first: not on links between two ends.
    pub(super) resolves: bool,
}

/// The ways so far. The kernel is asked once a second for each destination among the latest.
pub(crate) struct Ways {
    netlink: Netlink,
    links: HashMap<u32, Link>,
    latest: Vec<Option<Latest>>,
    /// The interface that packets may leave by, if it is one.
    only: Option<Interface>,
}

#[derive(Copy, Clone)]
struct Latest {
    to: Address,
    way: Result<Way, LocalFault>,
    since: Instant,
}

/// Routes come and go while a scan runs, and what had no way a moment ago may have one now.
const FRESH: Duration = Duration::from_secs(1);

/// So many destinations are remembered: a host's ports are asked together, and hosts of one scan by the hundred.
const LATEST: usize = 1024;

impl Ways {
    pub(crate) fn open(only: Option<Interface>) -> Result<Self, Errno> {
        let netlink = Netlink::open()?;
        let mut ways = Ways { netlink, links: HashMap::new(), latest: vec![None; LATEST], only };
        ways.read_links()?;
        Ok(ways)
    }

    fn read_links(&mut self) -> Result<(), Errno> {
        self.links = self.netlink.links()?.into_iter().map(|link| (link.index, link)).collect();
        Ok(())
    }

    /// The neighbours that the kernel knows already.
    pub(super) fn neighbours(&mut self) -> Result<Vec<portolan_sys::netlink::Neighbour>, Errno> {
        self.netlink.neighbours()
    }

    /// The link of this number.
    pub(super) fn link(&self, interface: u32) -> Option<&Link> {
        self.links.get(&interface)
    }

    /// The way to `to`, or why there is none.
    pub(super) fn find(&mut self, to: Address, now: Instant) -> Result<Way, LocalFault> {
        let place = place(to);
        let latest = self.latest[place].filter(|latest| latest.to == to);
        if let Some(latest) = latest
            && now.since(latest.since) < FRESH
        {
            return latest.way;
        }
        let way = self.ask(to).or_else(|fault| match latest {
            Some(Latest { way: Ok(way), .. }) if self.is_down(way.hop.interface) => Ok(way),
            _ => Err(fault),
        });
        self.latest[place] = Some(Latest { to, way, since: now });
        way
    }

    /// Whether this link is switched off. Its routes are gone then, and come back with it: what is sent by it meanwhile is
    /// told to be kept back by a link that is down, which passes, and not to have no way there.
    fn is_down(&mut self, interface: u32) -> bool {
        self.read_links().is_ok() && self.links.get(&interface).is_some_and(|link| !link.is_up)
    }

    fn ask(&mut self, to: Address) -> Result<Way, LocalFault> {
        let route = self.route(to)?;
        // Tied to another interface, not even our own sockets reach ourselves.
        if route.kind == RouteKind::Local && self.only.is_none() {
            return Err(LocalFault::OwnAddress);
        }
        let (RouteKind::Unicast, Some(source)) = (route.kind, route.source) else {
            return Err(LocalFault::NoRoute);
        };
        if !self.links.contains_key(&route.interface) {
            // A card that was put in since, or put in again: then it has another number.
            self.read_links().map_err(fault)?;
        }
        let link = self.links.get(&route.interface).filter(|link| !link.is_loopback);
        let link = link.ok_or(LocalFault::NoRoute)?;
        let hop = NextHop { interface: route.interface, ip: route.gateway.unwrap_or(to.ip()) };
        let resolves = link.address.is_some() && !link.no_arp;
        Ok(Way { source, hop, resolves })
    }
}

impl Ways {
    /// Whether sockets tied to the one interface reach `to`; the loopback leads to ourselves.
    pub(crate) fn reaches(&mut self, to: Address, now: Instant) -> Result<(), LocalFault> {
        if !self.only.is_some_and(|only| only.is_loopback) {
            return self.find(to, now).map(|_| ());
        }
        let route = self.netlink.route(to.ip(), None).map_err(fault)?;
        if route.kind == RouteKind::Local { Ok(()) } else { Err(LocalFault::NoRoute) }
    }

    fn route(&mut self, to: Address) -> Result<Route, LocalFault> {
        let zone = (to.zone() != 0).then_some(to.zone());
        let Some(Interface { index, .. }) = self.only else {
            return self.netlink.route(to.ip(), zone).map_err(fault);
        };
        if zone.is_some_and(|zone| zone != index) {
            return Err(LocalFault::NoRoute);
        }
        // Asked for the way by an interface, the kernel makes up a route where it has none: then no packet may go there.
        self.netlink.written_route(to.ip(), index).map_err(fault)?;
        let route = self.netlink.route(to.ip(), Some(index)).map_err(fault)?;
        if route.interface == index { Ok(route) } else { Err(LocalFault::NoRoute) }
    }
}

/// Why the kernel has no route: as it would tell a socket.
fn fault(errno: Errno) -> LocalFault {
    match errno {
        Errno::NETUNREACH | Errno::HOSTUNREACH | Errno::INVAL | Errno::NODEV => LocalFault::NoRoute,
        Errno::ACCESS => LocalFault::Permission,
        Errno::NOBUFS | Errno::NOMEM | Errno::AGAIN => LocalFault::NoBuffers,
        other => LocalFault::Other(other.raw_os_error()),
    }
}

/// Neighbours in number are neighbours in place: a range fills the table evenly.
fn place(to: Address) -> usize {
    let low = match to.ip() {
        IpAddr::V4(ip) => ip.to_bits() as usize,
        IpAddr::V6(ip) => (ip.to_bits() & 0xffff_ffff) as usize,
    };
    low % LATEST
}
