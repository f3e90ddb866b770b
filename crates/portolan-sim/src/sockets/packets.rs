//! The door's packets: SYNs, ACKs, pings and datagrams of the scanner's own making, past the kernel's sockets, and what comes back of
//! them; and the questions to neighbours.
//!
//! Nobody repeats our SYN. A host repeats a SYN-ACK at 1, 3, 7, … s until it hears of us; our kernel, which knows no
//! socket of it, answers each that comes in with a RST at once (RFC 9293 section 3.10.7.1). Where answers are kept from
//! it, it is for the scanner to send one. Neither RST is walked: it always reaches the host.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use portolan_model::frames::{Batch, Frames, Heard, Numbers, Outgoing};
use portolan_model::sockets::ProbeId;
use portolan_model::{Address, Endpoint, Instant, LocalFault, Mac};
use portolan_wire::{Malformed, protocol};

use super::datagrams::FORGERS_TTL;
use super::{SimSockets, Step};
use crate::host::Presence;
use crate::ip::IpView;
use crate::machine::{Machine, source};
use crate::packet::{Content, Flow, Packet, Quote};
use crate::path::Walk;
use crate::ping::Ping;
use crate::reject::Reject;
use crate::syn::{Reset, Segment, Syn};

/// Our ring, and what became of our packets.
#[derive(Debug, Default)]
pub(super) struct Packets {
    /// What waits to be heard, in the order of time.
    waiting: Vec<Waiting>,
    /// How many of that are packets that came in.
    came: usize,
    /// How many more met a full ring since that was told.
    lost: u64,
    /// Which hosts' ports have sent a SYN-ACK to which port of ours, and heard nothing of it yet.
    half_open: HashSet<(Endpoint, u16)>,
    /// The numbers of SYNs whose answers our kernel does not see.
    kept: Option<Numbers>,
    /// The RSTs that the scanner owes for what it was told, and how many of each.
    owed: HashMap<Reset, u32>,
}

#[derive(Debug)]
enum Waiting {
    Held { probe: ProbeId },
    Sent { probe: ProbeId, at: Instant },
    Unsent { probe: ProbeId, at: Instant, fault: LocalFault },
    Neighbour { probe: ProbeId, asked: Instant, at: Instant, mac: Mac },
    OffLink { probe: ProbeId, at: Instant },
    Packet { at: Instant, bytes: Vec<u8>, kept: bool },
}

impl Frames for SimSockets {
    fn source(&mut self, to: Address) -> Result<IpAddr, LocalFault> {
        let own = self.world.host(to).is_some_and(|host| self.world.group(host).own);
        if own || to.ip().is_loopback() {
            return Err(LocalFault::OwnAddress);
        }
        if self.machine.spec.has_no_route(to) {
            return Err(LocalFault::NoRoute);
        }
        Ok(source(to, false).ip())
    }

    fn ports(&self) -> RangeInclusive<u16> {
        self.machine.packet_ports.clone()
    }

    fn datagram_ports(&self) -> &[u16] {
        &self.machine.datagram_ports
    }

    fn room(&self) -> usize {
        self.machine.spec.ring
    }

    fn keep_answers(&mut self, numbers: Numbers, _towards: &[Address]) -> bool {
        self.packets.kept = Some(numbers).filter(|_| self.machine.spec.keeps_answers);
        self.packets.kept.is_some()
    }

    fn send(&mut self, batch: &mut Batch) {
        for outgoing in batch.iter() {
            self.send_packet(outgoing);
        }
        batch.clear();
    }

    fn ask_neighbour(&mut self, probe: ProbeId, to: Address) {
        self.run_until(self.clock + self.machine.spec.send_cost());
        self.counters.neighbours += 1;
        let at = self.clock;
        if let Err(fault) = self.source(to) {
            self.counters.no_route += 1;
            return self.packets.unsent(probe, fault, at);
        }
        let host = self.world.host(to).filter(|_| !self.machine.spec.has_no_gateway(to));
        let Some((host, spec)) = host.map(|host| (host, self.world.group(host))) else {
            return self.packets.waiting.push(Waiting::OffLink { probe, at });
        };
        let is_there = matches!(spec.presence, Presence::Present | Presence::Silent)
            && !self.lives[host as usize].is_dead(spec);
        let step = match spec.neighbour(to) {
            Some(mac) if is_there => (Step::Neighbour(probe, at, mac), LINK + self.random.up_to(LINK)),
            None if spec.presence != Presence::NoNeighbour => {
                return self.packets.waiting.push(Waiting::OffLink { probe, at });
            }
            _ => {
                let (fault, after) = self.nobody_answers(true);
                (Step::Unsent(probe, fault), after)
            }
        };
        self.packets.waiting.push(Waiting::Held { probe });
        self.agenda.put(at + step.1, step.0);
    }

    fn hear(&mut self, hear: &mut dyn FnMut(Heard<'_>)) {
        self.packets.came = 0;
        for waiting in self.packets.waiting.drain(..) {
            hear(waiting.as_heard());
        }
        let count = std::mem::take(&mut self.packets.lost);
        if count > 0 {
            hear(Heard::Lost { count, at: self.clock });
        }
    }
}

impl Packets {
    /// Whether something waits to be heard.
    pub(super) fn has_news(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// A packet never left, as it turns out.
    pub(super) fn unsent(&mut self, probe: ProbeId, fault: LocalFault, at: Instant) {
        self.waiting.push(Waiting::Unsent { probe, at, fault });
    }

    /// A neighbour answers.
    pub(super) fn neighbour(&mut self, probe: ProbeId, asked: Instant, at: Instant, mac: Mac) {
        self.waiting.push(Waiting::Neighbour { probe, asked, at, mac });
    }

    /// A host sends a SYN-ACK: whether it is the first of this connection, to be sent again.
    pub(super) fn accept(&mut self, packet: &Packet) -> bool {
        self.half_open.insert((packet.to, packet.local.port()))
    }

    /// Whether a host still waits for an answer to its SYN-ACK.
    pub(super) fn is_half_open(&self, packet: &Packet) -> bool {
        self.half_open.contains(&(packet.to, packet.local.port()))
    }

    /// The host waits no longer: our kernel's RST came, or it gives up.
    pub(super) fn forget(&mut self, packet: &Packet) {
        self.half_open.remove(&(packet.to, packet.local.port()));
    }

    /// How many RSTs the scanner still owes.
    pub(super) fn owed(&self) -> u64 {
        self.owed.values().map(|number| u64::from(*number)).sum()
    }

    /// The scanner gives up what it was told of, and was not told in vain. The host hears of it if the RST `left`.
    fn pay(&mut self, reset: Reset, left: bool) {
        match self.owed.get_mut(&reset) {
            Some(number @ 1..) => *number -= 1,
            _ => panic!("nobody has earned this RST: {reset:?}"),
        }
        if left {
            self.half_open.remove(&(reset.to, reset.local.port()));
        }
    }
}

impl SimSockets {
    fn send_packet(&mut self, Outgoing { probe, to, packet }: Outgoing<'_>) {
        self.run_until(self.clock + self.machine.spec.send_cost());
        self.counters.packets += 1;
        let at = self.clock;
        let (ours, left) = self.leave(packet, to);
        if let Some(Ours::Reset(reset)) = ours {
            self.counters.resets += 1;
            self.packets.pay(reset, left.is_ok());
        }
        let asked = match (ours, left) {
            (_, Err(fault)) => return self.packets.unsent(probe, fault, at),
            (Some(Ours::Asked(asked)), Ok(())) => asked,
            (_, Ok(())) => return self.packets.waiting.push(Waiting::Sent { probe, at }),
        };
        if let Flow::Syn(syn) = &asked.flow
            && self.packets.kept.is_some_and(|numbers| !syn.is_one_of(numbers))
        {
            panic!("what answers this would be known to nobody as ours: {syn:?}");
        }
        let host = self.world.host(to);
        if let Some((fault, after)) = self.no_neighbour(asked.to, host) {
            self.packets.waiting.push(Waiting::Held { probe });
            return self.agenda.put(at + after, Step::Unsent(probe, fault));
        }
        match &asked.flow {
            Flow::Ping(ping) if self.is_of_a_scan(ping) => self.counters.datagrams_sent += 1,
            Flow::Ping(_) => self.counters.pings += 1,
            _ => self.counters.syns += 1,
        }
        self.packets.waiting.push(Waiting::Sent { probe, at });
        let Asked { flow, content, to, local } = asked;
        let chain = host.map_or(self.path.nobodys(), |host| self.world.group_number(host));
        self.walk(Walk::out(Packet { flow, to, host, chain, local, content, copy: false }));
    }

    /// Judges a packet, and says what it is and whether it leaves. The machine's own firewall does not see it: a packet
    /// socket is below netfilter.
    fn leave(&mut self, packet: &[u8], to: Address) -> (Option<Ours>, Result<(), LocalFault>) {
        let source = match self.source(to) {
            Ok(source) => source,
            Err(fault) => {
                self.counters.no_route += 1;
                return (None, Err(fault));
            }
        };
        let ours = Ours::read(packet, to, source, &self.machine).unwrap_or_else(|why| {
            panic!("what was to be sent to {to} is no sound SYN, ACK, ping, datagram or RST: {why}\n{packet:02x?}")
        });
        (Some(ours), self.machine.takes(&mut self.random, &mut self.counters))
    }

    /// From now on a scan's datagrams may leave as packets too.
    pub(crate) fn hold_datagram_ports(&mut self) {
        self.machine.hold_datagram_ports();
    }

    /// Whether it is a datagram of a scan, and no ping.
    pub(super) fn is_of_a_scan(&self, ping: &Ping) -> bool {
        self.machine.datagram_ports.contains(&ping.local.port())
    }

    /// An answer to a packet of ours reaches this machine.
    pub(super) fn deliver_packet(&mut self, packet: &Packet, bytes: Option<Vec<u8>>) {
        let Some(bytes) = bytes else { return };
        let (accepts, kept) = (packet.content == Content::SynAck, self.packets.kept.is_some());
        if accepts && !kept {
            self.packets.forget(packet);
        }
        self.counters.duplicates += u64::from(packet.copy);
        if self.arrive_packet(bytes) {
            self.heed(packet);
            if let (Flow::Syn(syn), true) = (&packet.flow, accepts && kept) {
                *self.packets.owed.entry(syn.given_up()).or_default() += 1;
            }
        }
    }

    /// A packet comes in: whether the ring had room for it.
    pub(super) fn arrive_packet(&mut self, mut bytes: Vec<u8>) -> bool {
        if self.packets.came >= self.machine.spec.ring {
            self.packets.lost += 1;
            self.counters.packets_lost += 1;
            return false;
        }
        self.packets.came += 1;
        self.counters.packets_queued += 1;
        // Ethernet carries no less; the reader must not take the padding for the packet.
        bytes.resize(bytes.len().max(SHORTEST), 0);
        let kept = self.packets.kept.is_some();
        self.packets.waiting.push(Waiting::Packet { at: self.clock, bytes, kept });
        true
    }

    /// What somebody answers to a ping that he has not seen.
    pub(super) fn forge_pong(&mut self, ping: &Ping) -> Vec<u8> {
        self.counters.forged_packets += 1;
        ping.forged(FORGERS_TTL, &mut self.random)
    }

    /// What somebody answers who has not seen our SYN: the right ends, and a wrong number.
    pub(super) fn forge_packet(&mut self, syn: &Syn) -> Vec<u8> {
        self.counters.forged_packets += 1;
        // Any bit but none: the number is wrong for certain.
        let flip = u32::try_from(self.random.next() >> 32).unwrap_or(1).max(1);
        let wrong = syn.expected() ^ flip;
        let to = syn.to.address;
        match (self.random.below(3), Reject::PortUnreach.icmp(to, to, FORGERS_TTL)) {
            (0, _) => syn.accepted(FORGERS_TTL, wrong, self.random.next()),
            (1, Some(icmp)) => syn.error(&icmp, FORGERS_TTL, Quote::Full, wrong.wrapping_sub(1)),
            _ => syn.reset(FORGERS_TTL, wrong),
        }
    }
}

/// A packet of ours, read.
enum Ours {
    Asked(Asked),
    Reset(Reset),
}

/// One that is to be answered.
struct Asked {
    flow: Flow,
    content: Content,
    to: Endpoint,
    local: SocketAddr,
}

impl Ours {
    /// Reads what was handed over to be sent to `to`, or says why it is nothing that may leave.
    fn read(packet: &[u8], to: Address, source: IpAddr, machine: &Machine) -> Result<Self, Malformed> {
        let is_tcp = IpView::read(packet)?.protocol == protocol::TCP;
        if is_tcp {
            let syn = match Segment::read(packet, to, source, &machine.packet_ports)? {
                Segment::Syn(syn) => syn,
                Segment::Reset(reset) => return Ok(Ours::Reset(reset)),
            };
            let (content, to, local) = (syn.content(), syn.to, syn.local);
            return Ok(Ours::Asked(Asked { flow: Flow::Syn(Arc::new(syn)), content, to, local }));
        }
        let ping = Ping::read(packet, to, source, machine)?;
        let (content, to, local) = (ping.content(), ping.to, ping.local);
        Ok(Ours::Asked(Asked { flow: Flow::Ping(Arc::new(ping)), content, to, local }))
    }
}

impl Waiting {
    fn as_heard(&self) -> Heard<'_> {
        match self {
            Waiting::Held { probe } => Heard::Held { probe: *probe },
            Waiting::Sent { probe, at } => Heard::Sent { probe: *probe, at: *at },
            Waiting::Unsent { probe, at, fault } => Heard::Unsent { probe: *probe, at: *at, fault: *fault },
            Waiting::Neighbour { probe, asked, at, mac } => {
                Heard::Neighbour { probe: *probe, asked: *asked, at: *at, mac: *mac }
            }
            Waiting::OffLink { probe, at } => Heard::OffLink { probe: *probe, at: *at },
            Waiting::Packet { at, bytes, kept } => {
                Heard::Packet { at: *at, packet: bytes, checksummed: true, kept: *kept }
            }
        }
    }
}

/// How long a question on the link and its answer take, at least.
const LINK: Duration = Duration::from_micros(200);

/// What Ethernet carries at least (IEEE 802.3: 64 bytes with its own header and checksum).
const SHORTEST: usize = 46;
