//! A question of the scanner's own making: echo, timestamp, or a datagram past the kernel's sockets, of a scan or to see
//! whether a host is there; what is sound, and the bytes of what answers it.
//!
//! Before editing, read RFC 792, RFC 1122 section 3.2.2, RFC 4443 section 4 and RFC 768.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use portolan_model::sockets::{DatagramError, Event, Outcome};
use portolan_model::{Address, Endpoint};
use portolan_wire::{
    Icmpv4Repr, Icmpv4View, Icmpv6Repr, Icmpv6View, Malformed, UdpRepr, UdpView, icmpv4, protocol, udp,
};

use crate::ip::{IpHeader, IpView, Subject, demand};
use crate::machine::Machine;
use crate::packet::{Content, Quote};
use crate::random::{Random, mix, port_hash};
use crate::reject::Reject;

/// Which question of ICMP.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum PingKind {
    Echo,
    Timestamp,
}

/// A sound one, as it left.
#[derive(Clone, Debug)]
pub(crate) struct Ping {
    /// Whom it asks; a port of zero where the protocol has none.
    pub(crate) to: Endpoint,
    pub(crate) local: SocketAddr,
    asks: Asks,
    packet: Box<[u8]>,
    /// Where in it the payload of IP starts.
    start: usize,
    ttl: u8,
}

#[derive(Clone, Debug)]
enum Asks {
    Icmp(PingKind),
    Udp(Arc<[u8]>),
}

impl Ping {
    /// Reads what was handed over to be sent to `to`, or says why it is no sound ping or datagram from `source`, and from a
    /// port for it where it has one.
    pub(crate) fn read(
        packet: &[u8],
        to: Address,
        source: IpAddr,
        machine: &Machine,
    ) -> Result<Ping, Malformed> {
        let ip = IpView::of_ours(packet, to, source)?;
        let (asks, to, local) = match ip.protocol {
            protocol::UDP => {
                let view = UdpView::new_checked(ip.payload)?;
                let length = usize::from(u16::from_be_bytes([ip.payload[4], ip.payload[5]]));
                demand(view.has_valid_checksum(&ip.pseudo), "its UDP checksum is wrong")?;
                demand(length == ip.payload.len(), "it is longer than its datagram")?;
                demand(view.destination_port() != 0, "it goes to port 0")?;
                let (port, is_ping) = (view.source_port(), view.payload().is_empty());
                let may =
                    machine.datagram_ports.contains(&port) || is_ping && machine.packet_ports.contains(&port);
                demand(may, "it comes from a port that is not for such packets")?;
                let to = Endpoint::udp(to, view.destination_port());
                (Asks::Udp(view.payload().into()), to, view.source_port())
            }
            protocol::ICMP => (Asks::Icmp(read_v4(ip.payload)?), Endpoint::tcp(to, 0), 0),
            protocol::ICMPV6 => {
                let view = Icmpv6View::new_checked(ip.payload)?;
                demand(view.has_valid_checksum(&ip.pseudo), "its ICMPv6 checksum is wrong")?;
                let is_echo = matches!(Icmpv6Repr::parse(&view), Icmpv6Repr::EchoRequest { .. });
                demand(is_echo, "it is no echo request")?;
                (Asks::Icmp(PingKind::Echo), Endpoint::tcp(to, 0), 0)
            }
            _ => return Err(Malformed { what: "a packet of ours", why: "it is of no known protocol" }),
        };
        Ok(Ping {
            to,
            local: Address::new(source).socket(local),
            asks,
            packet: packet.into(),
            start: packet.len() - ip.payload.len(),
            ttl: ip.ttl,
        })
    }

    /// Which question of ICMP it is, if it is one.
    pub(crate) fn kind(&self) -> Option<PingKind> {
        match self.asks {
            Asks::Icmp(kind) => Some(kind),
            Asks::Udp(_) => None,
        }
    }

    /// What it carries if it is a datagram.
    pub(crate) fn payload(&self) -> Option<&Arc<[u8]>> {
        match &self.asks {
            Asks::Icmp(_) => None,
            Asks::Udp(payload) => Some(payload),
        }
    }

    /// What it is.
    pub(crate) fn content(&self) -> Content {
        match self.asks {
            Asks::Icmp(_) => Content::Ping,
            Asks::Udp(_) => Content::Question,
        }
    }

    /// The bytes of `content` that answers it, sent from as far away as `ttl` says. `None` if nobody answers with that.
    pub(crate) fn answer(&self, content: &Content, ttl: u8) -> Option<Vec<u8>> {
        match content {
            Content::Pong => Some(self.pong(ttl, self.message().to_vec())),
            Content::Icmp(icmp, quote) => Some(self.about(&self.packet).error(icmp, ttl, *quote)),
            Content::Answer(answer) => {
                Some(self.datagram(answer.from, ttl, self.local.port(), &answer.bytes))
            }
            Content::Syn
            | Content::Ack
            | Content::SynAck
            | Content::Reset
            | Content::Ping
            | Content::Question => None,
        }
    }

    /// What somebody answers who has not seen it: the right ends, and a wrong number, wrong data or a wrong port of ours.
    pub(crate) fn forged(&self, ttl: u8, random: &mut Random) -> Vec<u8> {
        // Any bit but none: it is wrong for certain.
        let flip = (random.next() as u8).max(1);
        let to = self.to.address;
        let (own, refusal) = (random.below(2) == 0, Reject::PortUnreach.icmp(to, to, ttl));
        let mut packet = self.packet.to_vec();
        match (&self.asks, refusal) {
            (Asks::Icmp(_), Some(icmp)) if !own => {
                // Of the eight bytes that are quoted: identifier and sequence number.
                packet[self.start + 4 + random.below(4)] ^= flip;
                self.about(&packet).error(&icmp, ttl, Quote::Full)
            }
            (Asks::Udp(_), Some(icmp)) if !own => {
                packet[self.start + 1] ^= flip;
                self.about(&packet).error(&icmp, ttl, Quote::Full)
            }
            (Asks::Icmp(kind), _) => {
                // Identifier, sequence number, data or originate timestamp.
                let mut message = self.message().to_vec();
                let named =
                    if *kind == PingKind::Timestamp { icmpv4::HEADER_LENGTH + 4 } else { message.len() };
                let at = 4 + random.below(named - 4);
                message[at] ^= flip;
                self.pong(ttl, message)
            }
            (Asks::Udp(_), _) => self.datagram(self.to, ttl, self.local.port() ^ u16::from(flip), b""),
        }
    }

    /// The bytes of what somebody makes of a datagram that he has not seen; `None` if that is no packet.
    pub(crate) fn forged_as(&self, event: &Event, ttl: u8) -> Option<Vec<u8>> {
        match event {
            Event::Datagram(forged) => {
                Some(self.datagram(forged.from, ttl, self.local.port(), &forged.bytes))
            }
            Event::Error(DatagramError { outcome: Outcome::Icmp(icmp), quoted, .. }) => {
                let mut packet = self.packet[..self.start + udp::HEADER_LENGTH].to_vec();
                packet.extend_from_slice(quoted);
                Some(self.about(&packet).error(icmp, ttl, Quote::Full))
            }
            _ => None,
        }
    }

    fn message(&self) -> &[u8] {
        &self.packet[self.start..]
    }

    fn about<'a>(&self, packet: &'a [u8]) -> Subject<'a> {
        let hash = mix(port_hash(0, self.to) ^ mix(self.local.port().into()));
        let (start, ttl, source, to) = (self.start, self.ttl, self.local.ip(), self.to.address);
        Subject { packet, start, ttl, source, to, hash }
    }

    /// The reply to `request`.
    fn pong(&self, ttl: u8, request: Vec<u8>) -> Vec<u8> {
        let (source, destination) = (self.to.address.ip(), self.local.ip());
        let protocol = if source.is_ipv4() { protocol::ICMP } else { protocol::ICMPV6 };
        let header = IpHeader { source, destination, ttl, protocol, identification: 9, traffic_class: 0 };
        header.packet(request.len(), |pseudo, buffer| {
            let [_, _, _, _, a, b, c, d, rest @ ..] = &request[..] else {
                return Err(Malformed { what: "a ping", why: "shorter than its header" });
            };
            let mut payload = rest.to_vec();
            let icmp_type = match self.asks {
                Asks::Icmp(PingKind::Timestamp) => {
                    // Receive and transmit timestamp: a moment of some day.
                    payload[4..12].copy_from_slice(&[0, 0, 1, 2, 0, 0, 1, 2]);
                    icmpv4::TIMESTAMP_REPLY
                }
                _ if source.is_ipv4() => icmpv4::ECHO_REPLY,
                _ => portolan_wire::icmpv6::ECHO_REPLY,
            };
            let (rest, payload) = ([*a, *b, *c, *d], &payload[..]);
            match source {
                IpAddr::V4(_) => Icmpv4Repr::Other { icmp_type, code: 0, rest, payload }.emit(buffer),
                IpAddr::V6(_) => Icmpv6Repr::Other { icmp_type, code: 0, rest, payload }.emit(pseudo, buffer),
            }
        })
    }

    /// A datagram to a port of ours.
    fn datagram(&self, from: Endpoint, ttl: u8, port: u16, payload: &[u8]) -> Vec<u8> {
        let (source, destination) = (from.address.ip(), self.local.ip());
        let protocol = protocol::UDP;
        let header = IpHeader { source, destination, ttl, protocol, identification: 9, traffic_class: 0 };
        let datagram = UdpRepr { source_port: from.port, destination_port: port, payload };
        header.packet(datagram.length(), |pseudo, buffer| datagram.emit(pseudo, buffer))
    }
}

/// Which question of ICMP over IPv4 `message` is.
fn read_v4(message: &[u8]) -> Result<PingKind, Malformed> {
    let view = Icmpv4View::new_checked(message)?;
    demand(view.has_valid_checksum(), "its ICMP checksum is wrong")?;
    match (view.icmp_type(), view.code(), view.payload().len()) {
        (icmpv4::ECHO_REQUEST, 0, _) => Ok(PingKind::Echo),
        (icmpv4::TIMESTAMP_REQUEST, 0, 12) => Ok(PingKind::Timestamp),
        _ => Err(Malformed { what: "a packet of ours", why: "it is neither echo nor timestamp request" }),
    }
}
