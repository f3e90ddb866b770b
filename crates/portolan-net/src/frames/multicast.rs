//! Who is on a link of IPv6: nobody can ask each of 2^64 addresses, but all nodes of a link can be asked at once.
//!
//! Before editing, read RFC 4443 section 4.2 (who answers an echo request to a group, and from which address), RFC 4291
//! section 2.7.1 (all nodes) and RFC 6724 section 5 rule 8: a node with several addresses answers from the one that is most
//! like the one it was asked from.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use portolan_model::sockets::Sockets;
use portolan_model::{Address, AddressRange, Mac};
use portolan_sys::interfaces::{self, InterfaceAddress};
use portolan_sys::packet::{Arrival, Dispatch};
use portolan_target::AddressSet;
use portolan_wire::{Icmpv6Repr, Icmpv6View, Ipv6Repr, Ipv6View, PseudoHeader, icmpv6, ipv6, ndp, protocol};

use super::door::{IPV6, PacketDoor, RETIRE, mac_address};
use super::neighbours;

/// Every node of a link.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// When all are asked: whoever was not reached once may be the next time.
const ROUNDS: [Duration; 3] = [Duration::ZERO, Duration::from_millis(300), Duration::from_millis(600)];

/// So long answers are waited for.
const PATIENCE: Duration = Duration::from_millis(1000);

/// More than this on one link is somebody's joke.
const MOST: usize = 1 << 16;

impl PacketDoor {
    /// The nodes within `wanted`, a prefix of IPv6 on a link of ours, as far as they can be found, with their hardware
    /// addresses; after a second. Nothing if `wanted` is not within a prefix of ours.
    ///
    /// All nodes of the link are asked by an echo request to ff02::1, and what this machine's kernel knows of its neighbours
    /// is taken besides. It has to be called before the first packet is sent: other answers that come meanwhile are dropped.
    /// Who knows `secret` can forge answers.
    ///
    /// **A packet to all nodes reaches every one of them, within `wanted` or not.** So where anything of what must not be
    /// asked may be on that link (of its prefixes of either family, or link-local), none is sent, and only the kernel's
    /// table is read. Nothing of that is ever in the answer.
    pub fn listeners(&mut self, wanted: AddressRange, secret: u64) -> Vec<(Address, Mac)> {
        let ours = interfaces::addresses().unwrap_or_default();
        let Some(home) = home(&ours, wanted, self.sockets.interface().map(|only| only.index)) else {
            return Vec::new();
        };
        let mut found = BTreeMap::new();
        // What is not known of the table is only not known.
        for neighbour in self.ways.neighbours().unwrap_or_default() {
            if let (true, true, Some(mac)) =
                (neighbour.interface == home.index, neighbour.is_usable, neighbour.link_address)
            {
                found.insert(neighbour.address, Mac(mac));
            }
        }
        if !touches(&self.forbidden, &ours, home.index) {
            self.invite(&home, secret, &mut found);
        }
        let zone = wanted.first.zone();
        let within = |ip: &IpAddr| wanted.first.ip() <= *ip && *ip <= wanted.last.ip();
        let is_ours = |ip: &IpAddr| ours.iter().any(|own| own.ip == *ip);
        let may = |address: Address| {
            !self.forbidden.contains(address)
                && !self.forbidden.contains(Address::new(address.ip()))
                && !self.forbidden.contains(zoned(address.ip(), home.index))
        };
        found
            .into_iter()
            .filter(|(ip, _)| within(ip) && !is_ours(ip))
            .map(|(ip, mac)| (zoned(ip, zone), mac))
            .filter(|(address, _)| may(*address))
            .collect()
    }

    /// Asks all nodes, and adds those that answer.
    fn invite(&mut self, home: &Home, secret: u64, found: &mut BTreeMap<IpAddr, Mac>) {
        let has_addresses =
            |link: &portolan_sys::netlink::Link| link.address.is_some() && !link.no_arp && !link.is_loopback;
        let mut buffer = [0; INVITATION];
        let written = emit(home.ip, secret, &mut buffer);
        let (true, Some(length)) = (self.ways.link(home.index).is_some_and(has_addresses), written) else {
            return;
        };
        let bytes = &buffer[..length];
        let to = mac_address(ndp::multicast_mac(ALL_NODES));
        let begin = self.sockets.now();
        let mut rounds = ROUNDS.map(|after| begin + after).into_iter().peekable();
        loop {
            let now = self.sockets.now();
            if rounds.next_if(|round| *round <= now).is_some() {
                // One that does not leave is as one that is lost.
                let dispatch = Dispatch { interface: home.index, ether_type: IPV6, to, bytes };
                let _ = self.link.send(&[dispatch]);
            }
            // What came last may stand in the ring for a moment.
            let end = begin + PATIENCE + RETIRE;
            let next = rounds.peek().copied().unwrap_or(end);
            self.sockets.wait_until(Some(next));
            self.sockets.take_watched();
            self.link.receive(&mut |arrival| {
                let answer = answer(&arrival, home, secret).zip(neighbours::mac(arrival.from));
                if let Some((ip, mac)) = answer.filter(|_| found.len() < MOST) {
                    found.insert(ip.into(), mac);
                }
            });
            if now >= end {
                return;
            }
        }
    }
}

/// Where we stand on the link of a prefix.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
struct Home {
    index: u32,
    /// Our own address within it.
    ip: Ipv6Addr,
}

/// Our address of the prefix that all of `wanted` is in.
fn home(ours: &[InterfaceAddress], wanted: AddressRange, only: Option<u32>) -> Option<Home> {
    let zone = wanted.first.zone();
    ours.iter().find_map(|own| {
        let IpAddr::V6(ip) = own.ip else { return None };
        let holds = own.shares_prefix(wanted.first.ip()) && own.shares_prefix(wanted.last.ip());
        let is_there = (zone == 0 || zone == own.index) && only.is_none_or(|only| only == own.index);
        // Of a prefix of one address nobody else is a part.
        (holds && is_there && own.prefix < 128 && !ip.is_loopback()).then_some(Home { index: own.index, ip })
    })
}

/// Whether anything of `forbidden` may be on the link of this index.
fn touches(forbidden: &AddressSet, ours: &[InterfaceAddress], index: u32) -> bool {
    let link_local =
        InterfaceAddress { index, ip: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1).into(), prefix: 10 };
    let prefixes = ours.iter().filter(|own| own.index == index).chain([&link_local]);
    let link: AddressSet = prefixes
        .flat_map(|own| {
            let (first, last) = own.ends();
            [0, index].map(|zone| AddressRange { first: zoned(first, zone), last: zoned(last, zone) })
        })
        .collect();
    !forbidden.intersection(&link).is_empty()
}

fn zoned(ip: IpAddr, zone: u32) -> Address {
    match ip {
        IpAddr::V6(ip) if zone != 0 => Address::with_zone(ip, zone),
        ip => Address::new(ip),
    }
}

/// The echo request to all nodes.
fn emit(source: Ipv6Addr, secret: u64, buffer: &mut [u8]) -> Option<usize> {
    let (identifier, sequence, data) = numbers(secret);
    let header = Ipv6Repr {
        source,
        destination: ALL_NODES,
        protocol: protocol::ICMPV6,
        // The link is all that it is for.
        hop_limit: 1,
        traffic_class: 0,
        flow_label: 0,
        payload_length: icmpv6::HEADER_LENGTH + data.len(),
    };
    let start = header.emit(buffer).ok()?;
    let pseudo = PseudoHeader::V6 { source, destination: ALL_NODES };
    let request = Icmpv6Repr::EchoRequest { identifier, sequence, data: &data };
    Some(start + request.emit(&pseudo, buffer.get_mut(start..)?).ok()?)
}

/// Who answers the request, if that is what came.
fn answer(arrival: &Arrival<'_>, home: &Home, secret: u64) -> Option<Ipv6Addr> {
    let packet =
        Some(arrival.bytes).filter(|_| arrival.ether_type == IPV6 && arrival.interface == home.index)?;
    let view = Ipv6View::new_checked(packet).ok()?;
    let (source, destination) = (view.source(), view.destination());
    if view.protocol() != protocol::ICMPV6 || view.fragment().is_some() || destination != home.ip {
        return None;
    }
    let message = Icmpv6View::new_checked(view.payload()).ok()?;
    let is_sound =
        arrival.checksum_pending || message.has_valid_checksum(&PseudoHeader::V6 { source, destination });
    let (identifier, sequence, data) = numbers(secret);
    let wanted = Icmpv6Repr::EchoReply { identifier, sequence, data: &data };
    let is_host = !source.is_multicast() && !source.is_unspecified();
    (is_sound && is_host && Icmpv6Repr::parse(&message) == wanted).then_some(source)
}

/// What an answer has to repeat.
fn numbers(secret: u64) -> (u16, u16, [u8; 8]) {
    let [a, b, c, d, ..] = secret.rotate_left(17).to_be_bytes();
    (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]), secret.to_be_bytes())
}

/// Its length.
const INVITATION: usize = ipv6::HEADER_LENGTH + icmpv6::HEADER_LENGTH + 8;

#[cfg(test)]
mod tests {
    use super::*;
    use portolan_sys::packet::LinkAddress;

    fn own(index: u32, ip: &str, prefix: u8) -> InterfaceAddress {
        InterfaceAddress { index, ip: ip.parse().unwrap(), prefix }
    }

    fn range(first: &str, last: &str) -> AddressRange {
        let address = |text: &str| Address::new(text.parse().unwrap());
        AddressRange { first: address(first), last: address(last) }
    }

    fn ours() -> Vec<InterfaceAddress> {
        vec![
            own(1, "::1", 128),
            own(2, "198.18.0.1", 24),
            own(2, "2001:db8:0:1::1", 64),
            own(2, "2001:db8:0:9::1", 64),
            own(3, "2001:db8:0:2::1", 64),
        ]
    }

    #[test]
    fn a_prefix_is_asked_where_we_are_part_of_it() {
        let at = |first, last, only| home(&ours(), range(first, last), only).map(|home| home.index);
        assert_eq!(at("2001:db8:0:1::", "2001:db8:0:1:ffff:ffff:ffff:ffff", None), Some(2));
        assert_eq!(at("2001:db8:0:2::10", "2001:db8:0:2::ff", None), Some(3));
        assert_eq!(at("2001:db8:0:2::10", "2001:db8:0:2::ff", Some(2)), None, "restricted to another");
        assert_eq!(at("2001:db8:0:1::", "2001:db8:0:2::ff", None), None, "more than one link");
        assert_eq!(at("2001:db8:7::", "2001:db8:7::ff", None), None);
        assert_eq!(at("198.18.0.0", "198.18.0.255", None), None, "IPv4 has no such question");
        let zoned = AddressRange {
            first: Address::with_zone("2001:db8:0:1::".parse().unwrap(), 3),
            last: Address::with_zone("2001:db8:0:1::ff".parse().unwrap(), 3),
        };
        assert_eq!(home(&ours(), zoned, None), None, "another zone");
    }

    #[test]
    fn whatever_is_forbidden_on_the_link_forbids_to_ask_all() {
        let forbids = |first, last| touches(&[range(first, last)].into_iter().collect(), &ours(), 2);
        for (first, last) in [
            ("2001:db8:0:1::77", "2001:db8:0:1::77"),
            ("2001:db8:0:9::", "2001:db8:0:9::1"),
            ("2001:db8::", "2001:db8:ffff::"),
            ("198.18.0.200", "198.18.0.200"),
            ("fe80::1234", "fe80::1234"),
        ] {
            assert!(forbids(first, last), "{first}");
        }
        let zoned = |zone| {
            let one = Address::with_zone("fe80::5".parse().unwrap(), zone);
            touches(&[AddressRange { first: one, last: one }].into_iter().collect(), &ours(), 2)
        };
        assert!(zoned(2) && !zoned(3));
        assert!(!forbids("2001:db8:0:2::", "2001:db8:0:2::ff") && !forbids("198.18.1.0", "198.18.1.255"));
        assert!(!touches(&AddressSet::new(), &ours(), 2));
    }

    #[test]
    fn only_what_repeats_our_numbers_is_an_answer() {
        let home = Home { index: 2, ip: "2001:db8:0:1::1".parse().unwrap() };
        let node: Ipv6Addr = "2001:db8:0:1::abcd".parse().unwrap();
        let mut request = [0; INVITATION];
        assert_eq!(emit(home.ip, 77, &mut request), Some(INVITATION));
        let view = Ipv6View::new_checked(&request).unwrap();
        let pseudo = PseudoHeader::V6 { source: view.source(), destination: view.destination() };
        let message = Icmpv6View::new_checked(view.payload()).unwrap();
        assert!(message.has_valid_checksum(&pseudo) && view.destination().is_multicast());
        let Icmpv6Repr::EchoRequest { identifier, sequence, data } = Icmpv6Repr::parse(&message) else {
            panic!("{message:?}")
        };
        let reply = |source: Ipv6Addr, (identifier, sequence, data): (u16, u16, &[u8])| {
            let (destination, length) = (home.ip, icmpv6::HEADER_LENGTH + data.len());
            let header = Ipv6Repr {
                source,
                destination,
                protocol: protocol::ICMPV6,
                hop_limit: 64,
                traffic_class: 0,
                flow_label: 0,
                payload_length: length,
            };
            let mut bytes = vec![0; ipv6::HEADER_LENGTH + length];
            header.emit(&mut bytes).unwrap();
            let reply = Icmpv6Repr::EchoReply { identifier, sequence, data };
            reply.emit(&PseudoHeader::V6 { source, destination }, &mut bytes[ipv6::HEADER_LENGTH..]).unwrap();
            bytes
        };
        let heard = |bytes: &[u8], interface, secret| {
            let arrival = Arrival {
                age: Duration::ZERO,
                interface,
                ether_type: IPV6,
                from: LinkAddress::BROADCAST,
                checksum_pending: false,
                bytes,
            };
            answer(&arrival, &home, secret)
        };
        let sound = reply(node, (identifier, sequence, data));
        assert_eq!(heard(&sound, 2, 77), Some(node));
        assert_eq!(heard(&sound, 3, 77), None, "from another link");
        assert_eq!(heard(&sound, 2, 78), None, "to somebody else's question");
        assert_eq!(heard(&request, 2, 77), None, "the question itself");
        let wrong = [
            reply(node, (identifier ^ 1, sequence, data)),
            reply(node, (identifier, sequence ^ 1, data)),
            reply(node, (identifier, sequence, &data[1..])),
            reply(ALL_NODES, (identifier, sequence, data)),
        ];
        assert!(wrong.iter().all(|bytes| heard(bytes, 2, 77).is_none()));
        for cut in 0..sound.len() {
            assert_eq!(heard(&sound[..cut], 2, 77), None);
            let mut bent = sound.clone();
            bent[cut] ^= 0x10;
            assert!(heard(&bent, 2, 77).is_none_or(|told| told == node), "byte {cut}");
        }
    }
}
