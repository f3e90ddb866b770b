//! The door's `sendto`, and what comes back of it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use portolan_model::sockets::{Datagram, DatagramError, Event, Outcome, ProbeId};
use portolan_model::{Address, Endpoint, Instant, LocalFault};

use super::{SimSockets, Step};
use crate::machine::source;
use crate::node::ForgedKind;
use crate::packet::{Content, Flow, Packet};
use crate::path::Walk;
use crate::reject::Reject;

/// Our UDP sockets.
#[derive(Debug, Default)]
pub(super) struct Datagrams {
    /// The port that all share who need none of their own; open once one was needed.
    shared: Option<u16>,
    /// Ports of one attempt each.
    own: HashMap<ProbeId, u16>,
    /// Every port that is open, and whether an error is pending on it that nobody has read.
    open: HashMap<u16, bool>,
    /// The datagrams and errors that wait to be read, each with the port it came to.
    queue: Vec<(u16, Event)>,
    /// How many more met a full queue since that was told.
    lost: u64,
}

impl Datagrams {
    pub(super) fn own_ports(&self) -> usize {
        self.own.len()
    }

    /// Whether something waits to be read.
    pub(super) fn has_news(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Reads everything that waits: nothing is pending any more. What was lost is told once.
    pub(super) fn read(&mut self, now: Instant, inbox: &mut Vec<Event>) {
        self.open.values_mut().for_each(|pending| *pending = false);
        inbox.extend(self.queue.drain(..).map(|(_, mut event)| {
            // It is noticed when somebody looks, as with a real door.
            if let Event::Datagram(Datagram { at, .. }) | Event::Error(DatagramError { at, .. }) = &mut event
            {
                *at = now;
            }
            event
        }));
        let count = std::mem::take(&mut self.lost);
        inbox.extend((count > 0).then_some(Event::Overrun { count, at: now }));
    }

    /// Whether an error is pending on `port`; it is told by the call that meets it, and no more.
    fn meets_error(&mut self, port: u16) -> bool {
        self.open.get_mut(&port).is_some_and(std::mem::take)
    }
}

impl SimSockets {
    /// Sends a datagram, and says whether it left.
    pub(super) fn send_datagram(&mut self, probe: ProbeId, to: Endpoint, payload: Arc<[u8]>, own_port: bool) {
        self.counters.datagrams += 1;
        let told = self.port_for(probe, own_port).and_then(|port| Ok((port, self.call(port, to)?)));
        let at = self.clock;
        match told {
            Ok((local, held)) => {
                self.counters.datagrams_sent += 1;
                self.done.push(Event::Sent { probe, at, local, held });
                self.set_out(to, local, payload);
            }
            Err(fault) => {
                self.close(probe);
                self.done.push(Event::Unsent { probe, at, fault });
            }
        }
    }

    /// Closes the attempt's own port, if it has one.
    pub(super) fn close(&mut self, probe: ProbeId) {
        if let Some(port) = self.datagrams.own.remove(&probe) {
            self.datagrams.open.remove(&port);
            self.datagrams.queue.retain(|(came_to, _)| *came_to != port);
            self.machine.udp_ports.release(port);
        }
    }

    /// Something comes to a port of ours.
    pub(super) fn arrive(&mut self, port: u16, event: Event) {
        let Some(pending) = self.datagrams.open.get_mut(&port) else {
            self.counters.events_late += 1;
            return;
        };
        // The kernel sets the socket's error even where the queue has no room for its details.
        *pending |= matches!(event, Event::Error(_));
        if self.machine.spec.rx_queue.is_some_and(|room| self.datagrams.queue.len() >= room) {
            self.datagrams.lost += 1;
            self.counters.overrun += 1;
            return;
        }
        self.counters.events_queued += 1;
        self.datagrams.queue.push((port, event));
    }

    /// A packet about a datagram of ours reaches our kernel.
    pub(super) fn deliver_datagram(&mut self, packet: &Packet, payload: &[u8]) {
        let (local, at) = (packet.local.port(), self.clock);
        let event = match &packet.content {
            Content::Answer(answer) => Event::Datagram(Datagram {
                from: answer.from,
                local,
                at,
                ttl: None,
                bytes: (*answer.bytes).into(),
            }),
            Content::Icmp(icmp, quote) => Event::Error(DatagramError {
                to: packet.to,
                at,
                outcome: Outcome::Icmp(*icmp),
                quoted: quote.of(payload).into(),
            }),
            // Nobody answers a datagram with any of these.
            Content::Syn
            | Content::Ack
            | Content::SynAck
            | Content::Reset
            | Content::Ping
            | Content::Pong
            | Content::Question => return,
        };
        if self.datagrams.open.contains_key(&local) {
            self.heed(packet);
        }
        self.arrive(local, event);
    }

    /// What somebody makes of a datagram that he has not sent.
    pub(super) fn forge_datagram(&mut self, packet: &Packet, payload: &[u8], kind: ForgedKind) -> Event {
        let (to, local, at) = (packet.to, packet.local.port(), self.clock);
        let icmp = Reject::PortUnreach.icmp(to.address, to.address, FORGERS_TTL);
        let error = |quoted: Vec<u8>| {
            let outcome = icmp.map_or(Outcome::Refused, Outcome::Icmp);
            Event::Error(DatagramError { to, at, outcome, quoted: quoted.into() })
        };
        let count = match kind {
            ForgedKind::Answer => &mut self.counters.forged_answers,
            ForgedKind::Stranger => &mut self.counters.forged_strangers,
            ForgedKind::Icmp => &mut self.counters.forged_icmp,
            ForgedKind::BareIcmp => &mut self.counters.forged_bare_icmp,
        };
        *count += 1;
        match kind {
            ForgedKind::Answer => {
                let bytes = answered(&self.garble(payload)).into();
                Event::Datagram(Datagram { from: to, local, at, ttl: None, bytes })
            }
            ForgedKind::Stranger => {
                let from = Endpoint { address: stranger(to.address), ..to };
                Event::Datagram(Datagram { from, local, at, ttl: None, bytes: answered(payload).into() })
            }
            ForgedKind::Icmp => error(self.garble(payload)),
            ForgedKind::BareIcmp => error(Vec::new()),
        }
    }

    /// The port to send from.
    fn port_for(&mut self, probe: ProbeId, own_port: bool) -> Result<u16, LocalFault> {
        let known = if own_port { self.datagrams.own.get(&probe).copied() } else { self.datagrams.shared };
        if let Some(port) = known {
            return Ok(port);
        }
        // The shared socket was opened with the door, before anything else needed a descriptor.
        let open = if own_port { self.open_sockets() } else { 0 };
        let port = self.machine.bind(open, (&mut self.random, &mut self.counters))?;
        self.datagrams.open.insert(port, false);
        if own_port {
            self.datagrams.own.insert(probe, port);
        } else {
            self.datagrams.shared = Some(port);
        }
        Ok(port)
    }

    /// Calls `sendto` until it sends or fails for good; how often it failed without sending.
    fn call(&mut self, port: u16, to: Endpoint) -> Result<u32, LocalFault> {
        for held in 0..CALLS {
            self.run_until(self.clock + self.machine.spec.send_cost());
            if self.machine.spec.pending_errors && self.datagrams.meets_error(port) {
                self.counters.held += 1;
                if self.machine.spec.door_repeats {
                    continue;
                }
                break;
            }
            return self.machine.admits(to, &mut self.random, &mut self.counters).map(|()| held);
        }
        self.counters.held_back += 1;
        Err(LocalFault::NoBuffers)
    }

    /// The datagram leaves.
    fn set_out(&mut self, to: Endpoint, local: u16, payload: Arc<[u8]>) {
        let host = self.world.host(to.address);
        if let Some((fault, after)) = self.no_neighbour(to, host) {
            let outcome = Outcome::Local(fault);
            let quoted = (*payload).into();
            let error = DatagramError { to, at: self.clock, outcome, quoted };
            return self.agenda.put(self.clock + after, Step::Arrive(local, Event::Error(error)));
        }
        let own = host.is_some_and(|host| self.world.group(host).own);
        let packet = Packet {
            flow: Flow::Datagram(payload),
            to,
            host,
            chain: host.map_or(self.path.nobodys(), |host| self.world.group_number(host)),
            local: source(to.address, own).socket(local),
            content: Content::Question,
            copy: false,
        };
        self.walk(Walk::out(packet));
    }

    /// A request of the same kind and length with another id; of the commonest kind where there is none to imitate.
    fn garble(&mut self, payload: &[u8]) -> Vec<u8> {
        let (kind, id) = payload.split_at(payload.len().min(2));
        if id.is_empty() {
            return [b"Qa", &self.random.next().to_be_bytes()[..]].concat();
        }
        let mut garbled = kind.to_vec();
        // Each byte another, so that the id is wrong for certain.
        garbled.extend(id.iter().map(|byte| byte ^ (self.random.next() as u8).max(1)));
        garbled
    }
}

/// The answer to a request, as a service gives it.
fn answered(request: &[u8]) -> Vec<u8> {
    match request {
        [b'Q', rest @ ..] => [b"A", rest].concat(),
        other => other.to_vec(),
    }
}

/// Somebody of the same family whom nobody asked.
fn stranger(like: Address) -> Address {
    match like.ip() {
        IpAddr::V4(_) => Address::from(Ipv4Addr::new(198, 18, 66, 66)),
        IpAddr::V6(_) => Address::from(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 0x66))),
    }
}

/// How often the door calls before it gives up: errors come faster than it sends.
const CALLS: u32 = 16;

/// Of a packet that comes another way than the host's own.
pub(super) const FORGERS_TTL: u8 = 49;
