//! Segments of the scanner's own making, a SYN, an ACK or the RST that gives a SYN up: what is sound, and the bytes of what
//! answers.
//!
//! Before editing, read RFC 9293 section 3.10.7, and what Linux sends: `tcp_make_synack`, `tcp_v4_send_reset`,
//! `__icmp_send`.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use portolan_model::frames::Numbers;
use portolan_model::{Address, Endpoint, Icmp};
use portolan_wire::{Malformed, TcpFlags, TcpOptions, TcpRepr, TcpView, protocol, tcp};

use crate::ip::{IpHeader, IpView, Subject, demand};
use crate::packet::{Content, Quote};
use crate::random::{mix, port_hash};

/// A sound segment of ours.
#[derive(Clone, Debug)]
pub(crate) enum Segment {
    Syn(Syn),
    Reset(Reset),
}

/// A sound SYN, as it left, or a sound ACK of no connection.
#[derive(Clone, Debug)]
pub(crate) struct Syn {
    pub(crate) to: Endpoint,
    pub(crate) local: SocketAddr,
    packet: Box<[u8]>,
    /// Where in it TCP starts.
    start: usize,
    ttl: u8,
    /// What an ACK acknowledges; nothing if it is a SYN.
    acknowledgment: Option<u32>,
    sequence: u32,
    options: TcpOptions,
}

/// A sound RST: the ends of what it gives up, and its sequence number.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Reset {
    pub(crate) to: Endpoint,
    pub(crate) local: SocketAddr,
    pub(crate) sequence: u32,
}

impl Segment {
    /// Reads what was handed over to be sent to `to`, or says why it is no sound SYN, ACK or RST, from `source` and one of
    /// `ports`.
    pub(crate) fn read(
        packet: &[u8],
        to: Address,
        source: IpAddr,
        ports: &RangeInclusive<u16>,
    ) -> Result<Segment, Malformed> {
        let ip = IpView::of_ours(packet, to, source)?;
        demand(ip.protocol == protocol::TCP, "it is not TCP")?;
        let view = TcpView::new_checked(ip.payload)?;
        let broken = view.options().find_map(Result::err);
        broken.map_or(Ok(()), Err)?;
        let segment = TcpRepr::parse(&view);
        demand(view.has_valid_checksum(&ip.pseudo), "its TCP checksum is wrong")?;
        demand(segment.payload.is_empty(), "it carries data")?;
        demand(segment.destination_port != 0, "it goes to port 0")?;
        demand(ports.contains(&segment.source_port), "it comes from a port that is not for packets")?;
        let (to, local) =
            (Endpoint::tcp(to, segment.destination_port), Address::new(source).socket(segment.source_port));
        if segment.flags == TcpFlags::RST {
            return Ok(Segment::Reset(Reset { to, local, sequence: segment.sequence }));
        }
        // ECN (RFC 3168 section 6.1.1) may be asked for.
        let ecn = TcpFlags::ECE | TcpFlags::CWR;
        let is_ack = segment.flags == TcpFlags::ACK;
        demand(is_ack || segment.flags.0 & !ecn.0 == TcpFlags::SYN.0, "it is no SYN, no ACK and no RST")?;
        Ok(Segment::Syn(Syn {
            to,
            local,
            packet: packet.into(),
            start: packet.len() - ip.payload.len(),
            ttl: ip.ttl,
            acknowledgment: is_ack.then_some(segment.acknowledgment),
            sequence: segment.sequence,
            options: segment.options,
        }))
    }
}

impl Syn {
    /// Whether an answer to it is one to a number of these.
    pub(crate) fn is_one_of(&self, numbers: Numbers) -> bool {
        numbers.place(self.to, self.local.port(), self.sequence) >> Numbers::PLACE_BITS == 0
    }

    /// The RST that gives it up (RFC 9293 section 3.10.7.1).
    pub(crate) fn given_up(&self) -> Reset {
        Reset { to: self.to, local: self.local, sequence: self.expected() }
    }

    /// What it is.
    pub(crate) fn content(&self) -> Content {
        if self.acknowledgment.is_some() { Content::Ack } else { Content::Syn }
    }

    /// The bytes of `content` that answers it, sent from as far away as `ttl` says. `None` if nobody answers with that.
    ///
    /// They are a function of what they answer: a copy is the same bytes.
    pub(crate) fn answer(&self, content: &Content, ttl: u8, seed: u64) -> Option<Vec<u8>> {
        match content {
            // Nobody accepts an ACK.
            Content::SynAck if self.acknowledgment.is_some() => None,
            Content::SynAck => Some(self.accepted(ttl, self.expected(), seed)),
            Content::Reset => Some(self.reset(ttl, self.expected())),
            Content::Icmp(icmp, quote) => Some(self.error(icmp, ttl, *quote, self.sequence)),
            Content::Syn
            | Content::Ack
            | Content::Question
            | Content::Answer(_)
            | Content::Ping
            | Content::Pong => None,
        }
    }

    /// What acknowledges it: RFC 9293 section 3.10.7.4, `RCV.NXT`.
    pub(crate) fn expected(&self) -> u32 {
        self.sequence.wrapping_add(1)
    }

    /// A SYN-ACK, as a Linux host sends it.
    pub(crate) fn accepted(&self, ttl: u8, acknowledgment: u32, seed: u64) -> Vec<u8> {
        let hash = self.hash(seed);
        // Linux moves its clock by a hash of the two ends; here it is the hash alone.
        let clock = (hash >> 32) as u32;
        let size: u16 = if self.local.is_ipv6() { 1440 } else { 1460 };
        let asked = self.options;
        let timestamps = asked.timestamps.map(|(value, _)| (clock, value));
        // As many full segments as an unscaled window holds.
        let full = if timestamps.is_some() { size - 12 } else { size };
        self.segment(ttl, TcpFlags::SYN | TcpFlags::ACK, (hash as u32, acknowledgment), |segment| TcpRepr {
            window: u16::MAX / full * full,
            options: TcpOptions {
                maximum_segment_size: Some(size),
                window_scale: asked.window_scale.map(|_| 7),
                sack_permitted: asked.sack_permitted,
                timestamps,
            },
            ..segment
        })
    }

    /// A RST (RFC 9293 section 3.5.2, the first case). One to an ACK is numbered as what that acknowledged, and acknowledges
    /// nothing (the same, the second case); `acknowledgment` is off by as much as the number is then.
    pub(crate) fn reset(&self, ttl: u8, acknowledgment: u32) -> Vec<u8> {
        let (flags, numbers) = match self.acknowledgment {
            None => (TcpFlags::RST | TcpFlags::ACK, (0, acknowledgment)),
            Some(asked) => {
                let off = acknowledgment.wrapping_sub(self.expected());
                (TcpFlags::RST, (asked.wrapping_add(off), 0))
            }
        };
        self.segment(ttl, flags, numbers, |segment| segment)
    }

    /// An ICMP error that quotes it, with `sequence` as its sequence number.
    pub(crate) fn error(&self, icmp: &Icmp, ttl: u8, quote: Quote, sequence: u32) -> Vec<u8> {
        let mut packet = self.packet.to_vec();
        packet[self.start..][tcp::field::SEQUENCE].copy_from_slice(&sequence.to_be_bytes());
        let (source, to, hash) = (self.local.ip(), self.to.address, self.hash(0));
        let (packet, start, sent_with) = (&*packet, self.start, self.ttl);
        Subject { packet, start, ttl: sent_with, source, to, hash }.error(icmp, ttl, quote)
    }

    /// A segment from the endpoint asked back to us.
    fn segment<'a>(
        &self,
        ttl: u8,
        flags: TcpFlags,
        (sequence, acknowledgment): (u32, u32),
        with: impl FnOnce(TcpRepr<'a>) -> TcpRepr<'a>,
    ) -> Vec<u8> {
        let segment = with(TcpRepr {
            source_port: self.to.port,
            destination_port: self.local.port(),
            sequence,
            acknowledgment,
            flags,
            window: 0,
            urgent: 0,
            options: TcpOptions::default(),
            payload: &[],
        });
        let header = IpHeader::tcp(self.to.address.ip(), self.local.ip(), ttl);
        header.packet(segment.length(), |pseudo, buffer| segment.emit(pseudo, buffer))
    }

    /// Of both ends and what we sent.
    fn hash(&self, seed: u64) -> u64 {
        let ours = u64::from(self.local.port()) << 32 | u64::from(self.sequence);
        mix(port_hash(seed, self.to) ^ mix(ours))
    }
}
