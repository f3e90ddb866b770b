//! The door of packets: the last look before one leaves, who takes it on its way, and what comes back.

use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::thread;
use std::time::Duration;

use portolan_model::frames::{Batch, Frames, Heard, Numbers};
use portolan_model::sockets::{Capacity, Event, ProbeId, Request, Sockets};
use portolan_model::{Address, Instant, LocalFault, Mac};
use portolan_sys::datagram::HeldPort;
use portolan_sys::packet::{Arrival, Dispatch, Filter, LinkAddress, PacketSocket, RingSize};
use portolan_sys::{Errno, limits};
use portolan_target::AddressSet;
use portolan_wire::{ArpRepr, ArpView, Ipv6Repr, Ipv6View, NdpRepr, NdpView, PseudoHeader};
use portolan_wire::{arp, ndp, protocol};

use super::keeper::Keeper;
use super::neighbours::{self, Held, Neighbours, NextHop, Waited};
use super::ports;
use super::ways::{Way, Ways};
use crate::error::NetError;
use crate::sockets::SocketDoor;

/// The real network, asked by packets of our own making, and by the kernel's sockets where no packet passes a wire.
///
/// The kernel sees the answers too, unless it is kept from them. It knows no socket at [`Frames::ports`] and refuses what
/// comes to them, a segment with a RST and a datagram with "port unreachable": so a half-open connection is given up at the
/// other end, as it should be.
pub struct PacketDoor {
    pub(super) sockets: SocketDoor,
    pub(super) link: PacketSocket,
    keeper: Option<Keeper>,
    pub(super) ways: Ways,
    neighbours: Neighbours,
    ports: RangeInclusive<u16>,
    datagram_ports: Box<[u16]>,
    /// What holds them.
    _held: Vec<HeldPort>,
    pub(super) forbidden: AddressSet,
    refused_by_guard: u64,
    /// What became of packets, not told yet.
    fates: Vec<Fate>,
}

#[derive(Copy, Clone, Debug)]
struct Fate {
    probe: ProbeId,
    at: Instant,
    fated: Fated,
}

/// What became of it.
#[derive(Copy, Clone, Debug)]
enum Fated {
    Sent,
    Held,
    Unsent(LocalFault),
    Neighbour { asked: Instant, mac: Mac },
    OffLink,
}

/// A packet on its way out.
struct Leaving<'a> {
    probe: ProbeId,
    dispatch: Dispatch<'a>,
}

impl PacketDoor {
    /// Opens the door beside `sockets`, and restricted to the same interface if those are; needs `CAP_NET_RAW`. No address
    /// of `forbidden` will ever be asked.
    pub fn open(mut sockets: SocketDoor, forbidden: AddressSet) -> Result<Self, NetError> {
        let mut bound = limits::bound_tcp_ports();
        bound.extend(limits::bound_udp_ports());
        let run = ports::free(limits::ephemeral_ports().as_ref(), &bound).ok_or(NetError::NoFreePorts)?;
        let interface = sockets.interface();
        let index = interface.map_or(0, |interface| interface.index);
        let open = PacketSocket::open_on(index, RING, &Filter::answers(&run));
        let link = open.map_err(|errno| NetError::OpenPacketSocket(errno.into()))?;
        let (ports, held) = ports::hold(run);
        let routes = |errno: Errno| NetError::ReadRoutes(errno.into());
        let mut ways = Ways::open(interface).map_err(routes)?;
        let (mut neighbours, now) = (Neighbours::new(room()), sockets.now());
        for neighbour in ways.neighbours().map_err(routes)? {
            if let (Some(mac), true) = (neighbour.link_address, neighbour.is_usable) {
                let hop = NextHop { interface: neighbour.interface, ip: neighbour.address };
                neighbours.suppose(hop, mac_address(mac), neighbour.is_written, now);
            }
        }
        sockets.watch(&link)?;
        Ok(PacketDoor {
            sockets,
            link,
            keeper: None,
            ways,
            neighbours,
            ports,
            datagram_ports: held.iter().map(HeldPort::port).collect(),
            _held: held,
            forbidden,
            refused_by_guard: 0,
            fates: Vec::new(),
        })
    }

    /// How many packets were to go to a forbidden address and did not. Anything but zero is a mistake of the engine.
    pub const fn refused_by_guard(&self) -> u64 {
        self.refused_by_guard
    }

    /// Where what is for `to` goes, after the last look at whether it may.
    fn way(&mut self, to: Address, now: Instant) -> Result<Way, LocalFault> {
        // What was forbidden without a zone is forbidden in every zone.
        if self.forbidden.contains(to) || self.forbidden.contains(Address::new(to.ip())) {
            self.refused_by_guard += 1;
            return Err(LocalFault::Other(Errno::PERM.raw_os_error()));
        }
        self.ways.find(to, now)
    }

    /// The same of this packet.
    fn way_of(&mut self, to: Address, packet: &[u8], now: Instant) -> Result<Way, LocalFault> {
        let way = self.way(to, now)?;
        // Whatever the packet says, it says it of us and of them.
        let honest = ends(packet).is_some_and(|ends| ends == (way.source, to.ip()));
        if honest { Ok(way) } else { Err(LocalFault::Other(Errno::INVAL.raw_os_error())) }
    }

    /// Sends what is ready.
    fn dispatch(&mut self, leaving: &[Leaving<'_>]) {
        let packets: Vec<_> = leaving.iter().map(|leaving| leaving.dispatch).collect();
        let mut done = 0;
        while done < packets.len() {
            let at = self.sockets.now();
            let (sent, stopped) = self.link.send(&packets[done..]);
            let (left, rest) = leaving[done..].split_at(sent.min(packets.len() - done));
            self.fates.extend(left.iter().map(|leaving| Fate {
                probe: leaving.probe,
                at,
                fated: Fated::Sent,
            }));
            done += left.len();
            if let (Some(errno), Some(first)) = (stopped, rest.first()) {
                self.fates.push(Fate { probe: first.probe, at, fated: Fated::Unsent(fault(errno)) });
                done += 1;
            } else if left.is_empty() {
                // Neither sent nor refused: no kernel does that. It is not tried for ever.
                return self.refuse_all(rest, LocalFault::NoBuffers);
            }
        }
    }

    fn refuse_all(&mut self, leaving: &[Leaving<'_>], fault: LocalFault) {
        let at = self.sockets.now();
        self.fates.extend(leaving.iter().map(|leaving| Fate {
            probe: leaving.probe,
            at,
            fated: Fated::Unsent(fault),
        }));
    }

    /// The packets that waited for their next hop leave.
    fn release(&mut self, hop: NextHop, mac: LinkAddress, held: &[Held]) {
        let leaving: Vec<_> = held
            .iter()
            .map(|held| Leaving { probe: held.probe, dispatch: dispatch(hop.interface, &held.packet, mac) })
            .collect();
        self.dispatch(&leaving);
    }

    /// Asks for neighbours whose time has come, and gives up those that do not answer.
    fn mind_neighbours(&mut self) {
        let now = self.sockets.now();
        if self.neighbours.due().is_none_or(|due| due > now) {
            return;
        }
        while let Some(hop) = self.neighbours.poll_question(now) {
            self.question(hop, now);
        }
        while let Some((hop, Waited { held, wanted })) = self.neighbours.poll_lost(now) {
            self.fates.extend(held.iter().map(|held| {
                let fault = LocalFault::NoNeighbour { on_link: held.to.ip() == hop.ip };
                Fate { probe: held.probe, at: now, fated: Fated::Unsent(fault) }
            }));
            let fated = match self.neighbours.is_written(hop) {
                true => Fated::OffLink,
                false => Fated::Unsent(LocalFault::NoNeighbour { on_link: true }),
            };
            self.fates.extend(wanted.iter().map(|wanted| Fate { probe: wanted.probe, at: now, fated }));
        }
    }

    /// A question that cannot be sent is asked again in its time, as if it had been lost.
    fn question(&mut self, hop: NextHop, now: Instant) {
        let address = match hop.ip {
            IpAddr::V4(ip) => Address::from(ip),
            IpAddr::V6(ip) => Address::with_zone(ip, hop.interface),
        };
        let source = self.ways.find(address, now).map(|way| way.source);
        let mac = self.ways.link(hop.interface).and_then(|link| link.address);
        let (Ok(source), Some(mac)) = (source, mac) else { return };
        let mut buffer = [0; QUESTION];
        let asked = match (source, hop.ip) {
            (IpAddr::V4(source), IpAddr::V4(target)) => arp_question(mac, source, target, &mut buffer),
            (IpAddr::V6(source), IpAddr::V6(target)) => ndp_question(mac, source, target, &mut buffer),
            _ => None,
        };
        if let Some((ether_type, to, length)) = asked {
            let bytes = &buffer[..length];
            let dispatch = Dispatch { interface: hop.interface, ether_type, to, bytes };
            let _ = self.link.send(&[dispatch]);
        }
    }
}

/// The kernel takes a moment to take the tap away, and the program behind it, since it waits for whoever uses them: it can
/// wait for both at once. The thread holds nothing else, and need not be waited for: what it closes goes with the process.
impl Drop for PacketDoor {
    fn drop(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            // Where there is no thread to be had, the keeper goes here and now.
            let _ = thread::Builder::new().name("keeper".to_owned()).spawn(move || drop(keeper));
        }
    }
}

impl Sockets for PacketDoor {
    fn now(&self) -> Instant {
        self.sockets.now()
    }

    fn capacity(&self) -> Capacity {
        self.sockets.capacity()
    }

    fn receive(&mut self, inbox: &mut Vec<Event>) {
        self.sockets.receive(inbox);
    }

    fn heard_until(&self) -> Instant {
        // What came just now may stand in a block of the ring that is not ours yet.
        self.sockets.heard_until() - RETIRE
    }

    fn transmit(&mut self, outbox: &mut Vec<Request>) {
        self.sockets.transmit(outbox);
    }

    fn wait_until(&mut self, deadline: Option<Instant>) {
        if !self.fates.is_empty() {
            return;
        }
        // At a deadline it may be that nothing came, or that what came is not ours yet: that takes a moment to tell.
        let now = self.sockets.now();
        let deadline = deadline.map(|deadline| if deadline <= now { deadline + RETIRE } else { deadline });
        self.sockets.wait_until([deadline, self.neighbours.due()].into_iter().flatten().min());
    }
}

impl Frames for PacketDoor {
    fn source(&mut self, to: Address) -> Result<IpAddr, LocalFault> {
        let now = self.sockets.now();
        self.ways.find(to, now).map(|way| way.source)
    }

    fn ports(&self) -> RangeInclusive<u16> {
        self.ports.clone()
    }

    fn datagram_ports(&self) -> &[u16] {
        &self.datagram_ports
    }

    fn room(&self) -> usize {
        room()
    }

    fn keep_answers(&mut self, numbers: Numbers, towards: &[Address]) -> bool {
        // Without the right to do so, or before Linux 6.6, the kernel sees them as it always did.
        let Ok(mut keeper) = Keeper::load(numbers, &self.ports) else { return false };
        let now = self.sockets.now();
        for way in towards.iter().filter_map(|to| self.ways.find(*to, now).ok()) {
            keeper.hold(way.hop.interface);
        }
        self.keeper.insert(keeper).holds_any()
    }

    fn send(&mut self, batch: &mut Batch) {
        let now = self.sockets.now();
        let mut leaving = Vec::with_capacity(batch.len());
        for one in batch.iter() {
            let (probe, to) = (one.probe, one.to);
            match self.way_of(to, one.packet, now) {
                Err(fault) => self.fates.push(Fate { probe, at: now, fated: Fated::Unsent(fault) }),
                Ok(way) if !way.resolves => {
                    let dispatch = dispatch(way.hop.interface, one.packet, LinkAddress::default());
                    leaving.push(Leaving { probe, dispatch });
                }
                Ok(way) => match self.neighbours.find(way.hop, now) {
                    Some(mac) => {
                        let dispatch = dispatch(way.hop.interface, one.packet, mac);
                        leaving.push(Leaving { probe, dispatch });
                    }
                    None => {
                        let held = Held { probe, to, packet: one.packet.into() };
                        let fated = match self.neighbours.hold(way.hop, held, now) {
                            true => Fated::Held,
                            false => Fated::Unsent(LocalFault::NoBuffers),
                        };
                        self.fates.push(Fate { probe, at: now, fated });
                    }
                },
            }
        }
        self.dispatch(&leaving);
        drop(leaving);
        batch.clear();
        self.mind_neighbours();
    }

    fn ask_neighbour(&mut self, probe: ProbeId, to: Address) {
        let now = self.sockets.now();
        let fated = match self.way(to, now) {
            Err(fault) => Fated::Unsent(fault),
            Ok(way) if !way.resolves || way.hop.ip != to.ip() => Fated::OffLink,
            Ok(way) if self.neighbours.want(way.hop, probe, now) => Fated::Held,
            Ok(_) => Fated::Unsent(LocalFault::NoBuffers),
        };
        self.fates.push(Fate { probe, at: now, fated });
        self.mind_neighbours();
    }

    fn hear(&mut self, hear: &mut dyn FnMut(Heard<'_>)) {
        let now = self.sockets.now();
        let mut answers = Vec::new();
        let keeper = self.keeper.as_ref();
        self.sockets.take_watched();
        for fate in mem::take(&mut self.fates) {
            hear(fate.told());
        }
        self.link.receive(&mut |arrival| match neighbour(&arrival) {
            Some((hop, link)) => answers.push((hop, link, now - arrival.age)),
            None => hear(Heard::Packet {
                at: now - arrival.age,
                packet: arrival.bytes,
                checksummed: !arrival.checksum_pending,
                kept: keeper.is_some_and(|keeper| keeper.keeps(arrival.interface, arrival.bytes)),
            }),
        });
        for (hop, link, at) in answers {
            let Waited { held, wanted } = self.neighbours.answered(hop, link, now);
            let mac = neighbours::mac(link);
            self.fates.extend(wanted.iter().filter_map(|wanted| {
                let (asked, mac) = (wanted.asked, mac?);
                Some(Fate { probe: wanted.probe, at: at.max(asked), fated: Fated::Neighbour { asked, mac } })
            }));
            self.release(hop, link, &held);
        }
        let lost = self.link.dropped();
        if lost > 0 {
            hear(Heard::Lost { count: lost, at: now });
        }
        self.mind_neighbours();
        for fate in mem::take(&mut self.fates) {
            hear(fate.told());
        }
    }
}

impl Fate {
    fn told(self) -> Heard<'static> {
        let Fate { probe, at, fated } = self;
        match fated {
            Fated::Sent => Heard::Sent { probe, at },
            Fated::Held => Heard::Held { probe },
            Fated::Unsent(fault) => Heard::Unsent { probe, at, fault },
            Fated::Neighbour { asked, mac } => Heard::Neighbour { probe, asked, at, mac },
            Fated::OffLink => Heard::OffLink { probe, at },
        }
    }
}

fn dispatch(interface: u32, bytes: &[u8], to: LinkAddress) -> Dispatch<'_> {
    let ether_type = if bytes.first().is_some_and(|first| first >> 4 == 6) { IPV6 } else { IPV4 };
    Dispatch { interface, ether_type, to, bytes }
}

/// Source and destination of an IP packet.
fn ends(packet: &[u8]) -> Option<(IpAddr, IpAddr)> {
    match packet.first()? >> 4 {
        4 => {
            let view = portolan_wire::Ipv4View::new_checked(packet).ok()?;
            Some((view.source().into(), view.destination().into()))
        }
        _ => {
            let view = Ipv6View::new_checked(packet).ok()?;
            Some((view.source().into(), view.destination().into()))
        }
    }
}

/// Who says of itself that it is behind an address of the link, if that is what came.
fn neighbour(arrival: &Arrival<'_>) -> Option<(NextHop, LinkAddress)> {
    let (ip, mac): (IpAddr, _) = match arrival.ether_type {
        ARP => {
            let view = ArpView::new_checked(arrival.bytes).ok()?;
            let said = ArpRepr::parse(&view);
            (said.operation == arp::REPLY).then_some((said.sender.into(), said.sender_hardware))?
        }
        IPV6 => {
            let packet = Ipv6View::new_checked(arrival.bytes).ok()?;
            // RFC 4861 section 7.1.2: less than 255, and it came through a router.
            let is_local = packet.protocol() == protocol::ICMPV6 && packet.hop_limit() == ndp::HOP_LIMIT;
            let said = NdpView::new_checked(packet.payload()).ok().filter(|_| is_local)?;
            let mac = said.link_address().filter(|_| said.is_advertisement())?;
            (said.target().into(), mac)
        }
        _ => return None,
    };
    Some((NextHop { interface: arrival.interface, ip }, mac_address(mac)))
}

/// RFC 826: who has `target`?
fn arp_question(
    mac: [u8; 6],
    source: Ipv4Addr,
    target: Ipv4Addr,
    buffer: &mut [u8],
) -> Option<(u16, LinkAddress, usize)> {
    let question = ArpRepr {
        operation: arp::REQUEST,
        sender_hardware: mac,
        sender: source,
        target_hardware: [0; 6],
        target,
    };
    Some((ARP, LinkAddress::BROADCAST, question.emit(buffer).ok()?))
}

/// RFC 4861 section 4.3: the same over IPv6.
fn ndp_question(
    mac: [u8; 6],
    source: Ipv6Addr,
    target: Ipv6Addr,
    buffer: &mut [u8],
) -> Option<(u16, LinkAddress, usize)> {
    let destination = ndp::solicited_node(target);
    let question = NdpRepr::Solicitation { target, source_link: Some(mac) };
    let header = Ipv6Repr {
        source,
        destination,
        protocol: protocol::ICMPV6,
        hop_limit: ndp::HOP_LIMIT,
        traffic_class: 0,
        flow_label: 0,
        payload_length: question.length(),
    };
    let start = header.emit(buffer).ok()?;
    let pseudo = PseudoHeader::V6 { source, destination };
    let length = question.emit(&pseudo, buffer.get_mut(start..)?).ok()?;
    Some((IPV6, mac_address(ndp::multicast_mac(destination)), start + length))
}

pub(super) fn mac_address(mac: [u8; 6]) -> LinkAddress {
    // Six bytes are never too many.
    LinkAddress::new(&mac).unwrap_or_default()
}

/// What an errno is that kept a packet from leaving.
fn fault(errno: Errno) -> LocalFault {
    match errno {
        // A link that is down may be up again in a moment.
        Errno::NOBUFS | Errno::NOMEM | Errno::AGAIN | Errno::NETDOWN => LocalFault::NoBuffers,
        Errno::PERM => LocalFault::Firewall,
        Errno::ACCESS => LocalFault::Permission,
        Errno::NETUNREACH | Errno::HOSTUNREACH | Errno::NXIO | Errno::NODEV => LocalFault::NoRoute,
        other => LocalFault::Other(other.raw_os_error()),
    }
}

/// IEEE 802 numbers of what a frame carries.
const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
pub(super) const IPV6: u16 = 0x86dd;

/// No question about a neighbour is longer: IPv6, solicitation, one option.
const QUESTION: usize = 40 + 24 + 8;

/// So long a packet may stand in the ring before we see it.
pub(super) const RETIRE: Duration = Duration::from_millis(4);

/// 4 MiB in many small blocks. The kernel closes a block after each millisecond in which something came, full or not:
/// what counts while we are not let run, or while one call sends thousands of packets, is less the bytes than the
/// blocks. These last for half a second.
const RING: RingSize = RingSize { blocks: 512, block_bytes: 8 << 10, retire: Duration::from_millis(1) };

/// What an answer takes of the ring, with the kernel's own header.
const ANSWER: usize = 256;

/// How many answers the ring holds. No more packets wait for their neighbours: whoever keeps to it never meets a refusal.
const fn room() -> usize {
    RING.blocks as usize * RING.block_bytes as usize / ANSWER
}
