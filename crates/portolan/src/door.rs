//! Which door the scan goes through, and why.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context, Result};
use portolan_explain::Lang;
use portolan_model::sockets::{Capacity, Event, Request, Sockets};
use portolan_model::{Address, AddressRange, Instant, Transport, Why};
use portolan_net::{NetError, PacketDoor, SocketDoor};
use portolan_scan::{Framed, Plan, TcpMethod};
use portolan_sys::{interfaces, privilege};
use portolan_target::{AddressSet, Ports};

use crate::args::Method;
use crate::run::random;

/// How TCP ports are asked.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) tcp: TcpMethod,
    /// Why; nothing if no TCP port is asked.
    pub(crate) why: Option<Why>,
    /// The addresses that this machine's kernel answers for.
    pub(crate) own: AddressSet,
}

impl Way {
    /// The way that was asked for, or the best that this process may take, and its door. No address of `forbidden` will
    /// ever be asked.
    pub(crate) fn open(
        wanted: Method,
        tcp: bool,
        entries: &[(AddressSet, Ports)],
        forbidden: &AddressSet,
    ) -> Result<(Self, Door)> {
        let own = own_addresses()?;
        let sockets = SocketDoor::open(forbidden.clone())?;
        let beyond = |(hosts, ports): &(AddressSet, Ports)| {
            !ports.tcp.is_empty() && !hosts.difference(&own).is_empty()
        };
        let syn = match wanted {
            _ if !tcp => None,
            Method::Connect => Some(Err(Why::Asked)),
            Method::Syn if !privilege::has_net_raw() => return Err(Denied.into()),
            Method::Syn => Some(Ok(Why::Asked)),
            Method::Auto if !entries.iter().any(beyond) => Some(Err(Why::OwnAddresses)),
            Method::Auto if privilege::has_net_raw() => Some(Ok(Why::MayCapture)),
            Method::Auto => Some(Err(Why::MayNotCapture)),
        };
        let by_connect =
            |why, own, sockets| (Way { tcp: TcpMethod::Connect, why, own }, Door::Sockets(Box::new(sockets)));
        let why = match syn {
            Some(Ok(why)) => why,
            Some(Err(why)) => return Ok(by_connect(Some(why), own, sockets)),
            None => return Ok(by_connect(None, own, sockets)),
        };
        match PacketDoor::open(sockets, forbidden.clone()) {
            Ok(packets) => {
                // Whoever knows this could forge answers.
                let door = Door::Packets(Box::new(Framed::new(packets, (random(), random()))));
                Ok((Way { tcp: TcpMethod::Syn, why: Some(why), own }, door))
            }
            // A capability of a user namespace that does not own this network is none here.
            Err(NetError::OpenPacketSocket(error)) if is_denied(&error) => match wanted {
                Method::Auto => {
                    let sockets = SocketDoor::open(forbidden.clone())?;
                    Ok(by_connect(Some(Why::MayNotCapture), own, sockets))
                }
                _ => Err(Denied.into()),
            },
            // Where the kernel may give every port to a socket, there is still connect.
            Err(NetError::NoFreePorts) if wanted == Method::Auto => {
                let sockets = SocketDoor::open(forbidden.clone())?;
                Ok(by_connect(Some(Why::NoFreePorts), own, sockets))
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn is_denied(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

/// The door of the scan.
pub(crate) enum Door {
    Sockets(Box<SocketDoor>),
    Packets(Box<Framed<PacketDoor>>),
}

impl Door {
    /// With a second thread, where that pays.
    pub(crate) fn with_lanes(self, plan: &Plan, entries: &[(AddressSet, Ports)]) -> Result<Self> {
        Ok(match self {
            Door::Sockets(door) if pays_a_second_lane(plan, entries) => {
                Door::Sockets(Box::new(door.with_second_lane()?))
            }
            door => door,
        })
    }
}

impl Sockets for Door {
    fn now(&self) -> Instant {
        match self {
            Door::Sockets(door) => door.now(),
            Door::Packets(door) => door.now(),
        }
    }

    fn capacity(&self) -> Capacity {
        match self {
            Door::Sockets(door) => door.capacity(),
            Door::Packets(door) => door.capacity(),
        }
    }

    fn receive(&mut self, inbox: &mut Vec<Event>) {
        match self {
            Door::Sockets(door) => door.receive(inbox),
            Door::Packets(door) => door.receive(inbox),
        }
    }

    fn heard_until(&self) -> Instant {
        match self {
            Door::Sockets(door) => door.heard_until(),
            Door::Packets(door) => door.heard_until(),
        }
    }

    fn transmit(&mut self, outbox: &mut Vec<Request>) {
        match self {
            Door::Sockets(door) => door.transmit(outbox),
            Door::Packets(door) => door.transmit(outbox),
        }
    }

    fn wait_until(&mut self, deadline: Option<Instant>) {
        match self {
            Door::Sockets(door) => door.wait_until(deadline),
            Door::Packets(door) => door.wait_until(deadline),
        }
    }
}

/// SYNs were asked for, and this process may not send any.
#[derive(Debug)]
pub(crate) struct Denied;

impl Denied {
    /// What is wrong.
    pub(crate) const fn message(&self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => "-sS sends packets of its own, and this process may not: it lacks CAP_NET_RAW",
            Lang::Fr => {
                "-sS émet ses propres paquets, et ce processus n’en a pas le droit\u{a0}: il lui manque CAP_NET_RAW"
            }
        }
    }

    /// The one command that helps.
    pub(crate) fn advice(&self, lang: Lang) -> String {
        let path = std::env::current_exe().ok();
        let path = path.as_deref().and_then(|path| path.to_str()).unwrap_or("portolan");
        let grant = format!("sudo setcap cap_net_raw=ep {path}");
        match lang {
            Lang::En => format!("'{grant}' grants it; without -sS, TCP is asked by connect"),
            Lang::Fr => {
                format!("«\u{a0}{grant}\u{a0}» l’accorde\u{a0}; sans -sS, TCP est interrogé par connect")
            }
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message(Lang::En))
    }
}

impl std::error::Error for Denied {}

/// The addresses that the kernel answers for by itself.
fn own_addresses() -> Result<AddressSet> {
    let interfaces = interfaces::addresses().context("list the addresses of this machine's interfaces")?;
    let mine = interfaces.iter().flat_map(|own| {
        let zoned = match own.ip {
            IpAddr::V6(ip) => Some(Address::with_zone(ip, own.index)),
            IpAddr::V4(_) => None,
        };
        [Some(Address::new(own.ip)), zoned].into_iter().flatten()
    });
    Ok(loopback().union(&mine.collect()))
}

/// RFC 1122 section 3.2.1.3 and RFC 4291 section 2.5.3.
fn loopback() -> AddressSet {
    [
        (Address::from(Ipv4Addr::new(127, 0, 0, 0)), Address::from(Ipv4Addr::new(127, 255, 255, 255))),
        (Address::new(Ipv6Addr::LOCALHOST.into()), Address::new(Ipv6Addr::LOCALHOST.into())),
    ]
    .into_iter()
    .map(|(first, last)| AddressRange { first, last })
    .collect()
}

/// Whether so much is connected to beyond the loopback, and so fast, that a second thread pays.
fn pays_a_second_lane(plan: &Plan, entries: &[(AddressSet, Ports)]) -> bool {
    const MANY: u128 = 10_000;
    let slow = plan.timing().rate.is_some() || plan.max_rate().is_some_and(|rate| u128::from(rate) <= MANY);
    if slow || !plan.asks(Transport::Tcp) || plan.endpoints() <= MANY {
        return false;
    }
    let loopback = loopback();
    let beyond = entries.iter().any(|(hosts, _)| !hosts.difference(&loopback).is_empty());
    // Last, since it reads files.
    beyond && std::thread::available_parallelism().is_ok_and(|processors| processors.get() > 1)
}
