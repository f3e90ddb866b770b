//! The door's packets: SYNs of the scanner's own making, past the kernel's sockets, and what comes back of them.
//!
//! Nobody repeats our SYN. A host repeats a SYN-ACK at 1, 3, 7, … s until it hears of us; our kernel, which knows no
//! socket of it, answers each that comes in with a RST at once (RFC 9293 section 3.10.7.1). That RST is not walked: it
//! always reaches the host.

use std::collections::HashSet;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use portolan_model::frames::{Batch, Frames, Heard, Outgoing};
use portolan_model::sockets::ProbeId;
use portolan_model::{Address, Endpoint, Instant, LocalFault};

use super::datagrams::FORGERS_TTL;
use super::{SimSockets, Step};
use crate::machine::source;
use crate::packet::{Content, Flow, Packet, Quote};
use crate::path::Walk;
use crate::reject::Reject;
use crate::syn::Syn;

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
}

#[derive(Debug)]
enum Waiting {
    Held { probe: ProbeId },
    Sent { probe: ProbeId, at: Instant },
    Unsent { probe: ProbeId, at: Instant, fault: LocalFault },
    Packet { at: Instant, bytes: Vec<u8> },
}

impl Frames for SimSockets {
    fn source(&mut self, to: Address) -> Result<IpAddr, LocalFault> {
        let own = self.world.host(to).is_some_and(|host| self.world.group(host).own);
        if own || to.ip().is_loopback() || self.machine.spec.has_no_route(to) {
            return Err(LocalFault::NoRoute);
        }
        Ok(source(to, false).ip())
    }

    fn ports(&self) -> RangeInclusive<u16> {
        self.machine.packet_ports.clone()
    }

    fn room(&self) -> usize {
        self.machine.spec.ring
    }

    fn send(&mut self, batch: &mut Batch) {
        for outgoing in batch.iter() {
            self.send_packet(outgoing);
        }
        batch.clear();
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
}

impl SimSockets {
    fn send_packet(&mut self, Outgoing { probe, to, packet }: Outgoing<'_>) {
        self.run_until(self.clock + self.machine.spec.send_cost());
        self.counters.packets += 1;
        let at = self.clock;
        let syn = match self.leave(packet, to) {
            Ok(syn) => syn,
            Err(fault) => return self.packets.unsent(probe, fault, at),
        };
        let host = self.world.host(to);
        if let Some((fault, after)) = self.no_neighbour(syn.to, host) {
            self.packets.waiting.push(Waiting::Held { probe });
            return self.agenda.put(at + after, Step::Unsent(probe, fault));
        }
        self.counters.syns += 1;
        self.packets.waiting.push(Waiting::Sent { probe, at });
        self.walk(Walk::out(Packet {
            to: syn.to,
            host,
            chain: host.map_or(self.path.nobodys(), |host| self.world.group_number(host)),
            local: syn.local,
            flow: Flow::Syn(Arc::new(syn)),
            content: Content::Syn,
            copy: false,
        }));
    }

    /// Judges a packet, and says whether it may leave. The machine's own firewall does not see it: a packet socket is
    /// below netfilter.
    fn leave(&mut self, packet: &[u8], to: Address) -> Result<Syn, LocalFault> {
        let source = self.source(to).inspect_err(|_| self.counters.no_route += 1)?;
        let syn = Syn::read(packet, to, source, &self.machine.packet_ports).unwrap_or_else(|why| {
            panic!("what was to be sent to {to} is no sound SYN: {why}\n{packet:02x?}")
        });
        self.machine.takes(&mut self.random, &mut self.counters)?;
        Ok(syn)
    }

    /// An answer to a SYN of ours reaches this machine.
    pub(super) fn deliver_packet(&mut self, packet: &Packet, syn: &Syn, ttl: u8) {
        let Some(bytes) = syn.answer(&packet.content, ttl, self.world.seed()) else { return };
        if packet.content == Content::SynAck {
            self.packets.forget(packet);
        }
        self.counters.duplicates += u64::from(packet.copy);
        if self.arrive_packet(bytes) {
            self.heed(packet);
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
        self.packets.waiting.push(Waiting::Packet { at: self.clock, bytes });
        true
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

impl Waiting {
    fn as_heard(&self) -> Heard<'_> {
        match self {
            Waiting::Held { probe } => Heard::Held { probe: *probe },
            Waiting::Sent { probe, at } => Heard::Sent { probe: *probe, at: *at },
            Waiting::Unsent { probe, at, fault } => Heard::Unsent { probe: *probe, at: *at, fault: *fault },
            Waiting::Packet { at, bytes } => Heard::Packet { at: *at, packet: bytes, checksummed: true },
        }
    }
}

/// What Ethernet carries at least (IEEE 802.3: 64 bytes with its own header and checksum).
const SHORTEST: usize = 46;
