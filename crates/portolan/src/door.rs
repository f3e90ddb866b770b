//! Which door the scan goes through, and why.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context, Result};
use portolan_explain::Lang;
use portolan_model::sockets::{Capacity, Event, Request, Sockets};
use portolan_model::{Address, AddressRange, Carrier, Instant, Transport, Why};
use portolan_net::{Interface, NetError, PacketDoor, SocketDoor};
use portolan_scan::{Framed, Plan, TcpMethod};
use portolan_sys::{interfaces, privilege};
use portolan_target::{AddressSet, Ports};

use crate::args::{Args, Method};
use crate::gather::Gathered;
use crate::run::random;
use crate::seek::Seek;
use crate::wide::Wide;

/// How TCP ports are asked.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) tcp: TcpMethod,
    /// Why; nothing if no TCP port is asked.
    pub(crate) why: Option<Why>,
    /// Whether answers to SYNs are kept from the kernel; nothing where there are none.
    pub(crate) answers_kept: Option<bool>,
    /// Whether packets of our own making can be sent.
    pub(crate) packets: bool,
    /// What carries datagrams.
    pub(crate) datagrams: Carrier,
    /// The nodes that were found, for each range of the wish.
    pub(crate) nodes: Vec<Vec<Address>>,
    /// The addresses that this machine's kernel answers for.
    pub(crate) own: AddressSet,
}

/// What the door is to be good for.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    method: Method,
    /// TCP ports are asked.
    tcp: bool,
    /// UDP ports are.
    udp: bool,
    seek: Seek,
    /// The interface that everything is to leave by.
    only_by: Option<Interface>,
    /// Ranges of IPv6 on links of ours, of which nodes are to be found.
    wide: Vec<AddressRange>,
}

impl Wish {
    /// What `args` ask for, of what was gathered.
    pub(crate) fn of(args: &Args, gathered: &Gathered) -> Result<Self> {
        Ok(Wish {
            method: args.method,
            tcp: args.tcp && !args.hosts_only,
            udp: args.udp && !args.hosts_only,
            seek: Seek::of(args, gathered.has_ranges() || !gathered.wide.is_empty()),
            only_by: args.interface.as_deref().map(Interface::find).transpose().context("-e")?,
            wide: gathered.wide.iter().filter_map(Wide::range).collect(),
        })
    }

    fn sockets(&self, forbidden: &AddressSet) -> Result<SocketDoor, NetError> {
        let sockets = SocketDoor::open(forbidden.clone())?;
        match self.only_by {
            Some(interface) => sockets.only_by(interface),
            None => Ok(sockets),
        }
    }
}

impl Way {
    /// The way that was asked for, or the best that this process may take, and its door. No address of `forbidden` will
    /// ever be asked, and nothing leaves but by the one interface of the wish, if there is one.
    pub(crate) fn open(
        wish: &Wish,
        entries: &[(AddressSet, Ports)],
        forbidden: &AddressSet,
    ) -> Result<(Self, Door)> {
        let own = own_addresses()?;
        let sockets = wish.sockets(forbidden)?;
        let (wanted, tcp, seek) = (wish.method, wish.tcp, wish.seek);
        let beyond = |(hosts, ports): &(AddressSet, Ports)| {
            !ports.tcp.is_empty() && !hosts.difference(&own).is_empty()
        };
        let syn = match wanted {
            _ if !tcp => None,
            Method::Connect => Some(Err(Why::Asked)),
            Method::Ack if !entries.iter().any(beyond) && wish.wide.is_empty() => {
                return Err(Denied::NoWire.into());
            }
            Method::Syn | Method::Ack if !privilege::has_net_raw() => {
                return Err(Denied::Rights(flag(wanted)).into());
            }
            Method::Syn | Method::Ack => Some(Ok(Why::Asked)),
            Method::Auto if !entries.iter().any(beyond) && wish.wide.is_empty() => {
                Some(Err(Why::OwnAddresses))
            }
            Method::Auto if privilege::has_net_raw() => Some(Ok(Why::MayCapture)),
            Method::Auto => Some(Err(Why::MayNotCapture)),
        };
        let by_connect = |why, own, sockets| {
            let (tcp, answers_kept) = (TcpMethod::Connect, None);
            let (packets, datagrams) = (false, Carrier::Sockets);
            let way = Way { tcp, why, answers_kept, packets, datagrams, nodes: Vec::new(), own };
            (way, Door::Sockets(Box::new(sockets)))
        };
        let may = privilege::has_net_raw();
        let pings = match seek {
            Seek::ByPackets(flag) if !may => return Err(Denied::Rights(flag).into()),
            Seek::ByPackets(_) => true,
            Seek::Gladly => {
                let beyond = entries.iter().any(|(hosts, _)| !hosts.difference(&own).is_empty());
                may && (beyond || !wish.wide.is_empty())
            }
            Seek::ByConnect => false,
        };
        let reached = |(hosts, ports): &(AddressSet, Ports)| {
            !ports.udp.is_empty() && !hosts.difference(&own).is_empty()
        };
        let datagrams = wish.udp && wanted != Method::Connect && may && entries.iter().any(reached);
        let by_packets = if wanted == Method::Ack { TcpMethod::Ack } else { TcpMethod::Syn };
        let (tcp, why) = match syn {
            Some(Ok(why)) => (by_packets, Some(why)),
            asked => {
                let why = asked.and_then(Result::err);
                if !pings && !datagrams {
                    return Ok(by_connect(why, own, sockets));
                }
                (TcpMethod::Connect, why)
            }
        };
        // What becomes of the wish where the door does not open.
        let instead = |reason| if tcp == TcpMethod::Syn { Some(reason) } else { why };
        let demanded = match seek {
            Seek::ByPackets(flag) => Some(flag),
            _ => matches!(wanted, Method::Syn | Method::Ack).then_some(flag(wanted)),
        };
        match PacketDoor::open(sockets, forbidden.clone()) {
            Ok(mut packets) => {
                let nodes = wish.wide.iter().map(|range| packets.listeners(*range, random()));
                let nodes = nodes.map(|nodes| nodes.into_iter().map(|(node, _)| node).collect()).collect();
                // Whoever knows this could forge answers.
                let mut packets = Framed::new(packets, (random(), random()));
                let kept = (tcp == TcpMethod::Syn).then(|| {
                    pays_to_keep_answers(entries, &own) && packets.keep_answers(&towards(entries, &own))
                });
                let raw = packets.can_send_datagrams();
                let datagrams = if raw { Carrier::Packets } else { Carrier::Sockets };
                let door = Door::Packets(Box::new(packets));
                Ok((Way { tcp, why, answers_kept: kept, packets: true, datagrams, nodes, own }, door))
            }
            // A capability of a user namespace that does not own this network is none here.
            Err(NetError::OpenPacketSocket(error)) if is_denied(&error) => match demanded {
                None => {
                    let sockets = wish.sockets(forbidden)?;
                    Ok(by_connect(instead(Why::MayNotCapture), own, sockets))
                }
                Some(flag) => Err(Denied::Rights(flag).into()),
            },
            // Where the kernel may give every port to a socket, there is still connect.
            Err(NetError::NoFreePorts) if demanded.is_none() => {
                let sockets = wish.sockets(forbidden)?;
                Ok(by_connect(instead(Why::NoFreePorts), own, sockets))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// As it is typed.
const fn flag(wanted: Method) -> &'static str {
    match wanted {
        Method::Ack => "-sA",
        Method::Connect => "-sT",
        Method::Auto | Method::Syn => "-sS",
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

/// What was asked for cannot be done here.
#[derive(Copy, Clone, Debug)]
pub(crate) enum Denied {
    /// This process may not send the packets of this flag.
    Rights(&'static str),
    /// ACKs were asked for, and this machine's kernel answers for every target.
    NoWire,
}

impl Denied {
    /// What is wrong.
    pub(crate) fn message(&self, lang: Lang) -> String {
        match (self, lang) {
            (Denied::Rights(flag), Lang::En) => {
                format!("{flag} sends packets of its own, and this process may not: it lacks CAP_NET_RAW")
            }
            (Denied::Rights(flag), Lang::Fr) => format!(
                "{flag} émet ses propres paquets, et ce processus n’en a pas le droit\u{a0}: il lui manque CAP_NET_RAW"
            ),
            (Denied::NoWire, Lang::En) => {
                "-sA sends packets of its own, and every target is this machine itself: no packet to it passes a wire"
                    .to_owned()
            }
            (Denied::NoWire, Lang::Fr) => {
                "-sA émet ses propres paquets, et chaque cible est cette machine\u{a0}: aucun paquet vers elle ne passe par un lien"
                    .to_owned()
            }
        }
    }

    /// What helps.
    pub(crate) fn advice(&self, lang: Lang) -> String {
        let flag = match (self, lang) {
            (Denied::Rights(flag), _) => flag,
            (Denied::NoWire, Lang::En) => return "-sT asks its ports by connect".to_owned(),
            (Denied::NoWire, Lang::Fr) => return "-sT interroge ses ports par connect".to_owned(),
        };
        let path = std::env::current_exe().ok();
        let path = path.as_deref().and_then(|path| path.to_str()).unwrap_or("portolan");
        let grant = format!("sudo setcap cap_net_raw=ep {path}");
        match (flag.starts_with("-P"), lang) {
            (false, Lang::En) => format!("'{grant}' grants it; without {flag}, TCP is asked by connect"),
            (false, Lang::Fr) => {
                format!("«\u{a0}{grant}\u{a0}» l’accorde\u{a0}; sans {flag}, TCP est interrogé par connect")
            }
            (true, Lang::En) => format!("'{grant}' grants it; -PS looks for hosts by connect"),
            (true, Lang::Fr) => {
                format!("«\u{a0}{grant}\u{a0}» l’accorde\u{a0}; -PS cherche les hôtes par connect")
            }
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message(Lang::En))
    }
}

impl std::error::Error for Denied {}

/// What is wrong with the interface that was asked for, where the error does not say it in this language itself.
pub(crate) fn interface_is_wrong(error: &NetError, lang: Lang) -> Option<String> {
    match (error, lang) {
        (NetError::NoSuchInterface { name, others }, Lang::Fr) => {
            Some(format!("-e\u{a0}: il n’y a pas d’interface {name}\u{a0}; cette machine a {others}"))
        }
        (NetError::InterfaceDown(name), Lang::Fr) => {
            Some(format!("-e\u{a0}: l’interface {name} est désactivée"))
        }
        _ => None,
    }
}

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

/// From so many endpoints on, a scan is long enough for what it costs to begin.
const MANY: u128 = 10_000;

/// Whether so much is asked by SYN that it pays to keep the answers from the kernel: it takes the kernel some 30 ms to begin
/// and end that, and half a microsecond and more to look at each answer.
fn pays_to_keep_answers(entries: &[(AddressSet, Ports)], own: &AddressSet) -> bool {
    let asked = |(hosts, ports): &(AddressSet, Ports)| {
        hosts.difference(own).len().saturating_mul(ports.tcp.len() as u128)
    };
    entries.iter().map(asked).fold(0, u128::saturating_add) >= MANY
}

/// Some of the addresses that are asked by SYN: what leads to them leads to most of the others.
fn towards(entries: &[(AddressSet, Ports)], own: &AddressSet) -> Vec<Address> {
    const ENOUGH: usize = 64;
    let hosts = entries.iter().map(|(hosts, _)| hosts.difference(own));
    let firsts = hosts.flat_map(|hosts| hosts.ranges().map(|range| range.first).collect::<Vec<_>>());
    firsts.take(ENOUGH).collect()
}

/// Whether so much is connected to beyond the loopback, and so fast, that a second thread pays.
fn pays_a_second_lane(plan: &Plan, entries: &[(AddressSet, Ports)]) -> bool {
    let slow = plan.timing().rate.is_some() || plan.max_rate().is_some_and(|rate| u128::from(rate) <= MANY);
    if slow || !plan.asks(Transport::Tcp) || plan.endpoints() <= MANY {
        return false;
    }
    let loopback = loopback();
    let beyond = entries.iter().any(|(hosts, _)| !hosts.difference(&loopback).is_empty());
    // Last, since it reads files.
    beyond && std::thread::available_parallelism().is_ok_and(|processors| processors.get() > 1)
}
