//! What holds for all packets: round trips, every truncation, and bytes that are no packet at all.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::net::{Ipv4Addr, Ipv6Addr};

use portolan_wire::{
    ArpRepr, ArpView, Icmpv4Repr, Icmpv4View, Icmpv6Repr, Icmpv6View, Ipv4Repr, Ipv4View, Ipv6Repr, Ipv6View,
    NdpRepr, NdpView, PseudoHeader, Quote, TcpFlags, TcpOptions, TcpRepr, TcpView, UdpRepr, UdpView, arp,
    checksum, ndp, protocol,
};
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #[test]
    fn ipv4_round_trip(repr in ipv4()) {
        let mut packet = vec![0xaa; 20 + repr.payload_length];
        prop_assert_eq!(repr.emit(&mut packet), Ok(20));
        let view = Ipv4View::new_checked(&packet).unwrap();
        prop_assert!(view.has_valid_checksum());
        prop_assert_eq!(Ipv4Repr::parse(&view), Ok(repr));
        prop_assert!(repr.emit(&mut packet[..19]).is_err());
    }

    #[test]
    fn ipv6_round_trip(repr in ipv6()) {
        let mut packet = vec![0xaa; 40 + repr.payload_length];
        prop_assert_eq!(repr.emit(&mut packet), Ok(40));
        prop_assert_eq!(Ipv6Repr::parse(&Ipv6View::new_checked(&packet).unwrap()), Ok(repr));
        prop_assert!(repr.emit(&mut packet[..39]).is_err());
    }

    #[test]
    fn tcp_round_trip(head in tcp(), payload in bytes(), pseudo in pseudo()) {
        let repr = TcpRepr { payload: &payload, ..head };
        let mut segment = vec![0xaa; repr.length()];
        prop_assert_eq!(repr.emit(&pseudo, &mut segment), Ok(repr.length()));
        let view = TcpView::new_checked(&segment).unwrap();
        prop_assert!(view.has_valid_checksum(&pseudo));
        prop_assert!(view.options().all(|option| option.is_ok()));
        prop_assert_eq!(TcpRepr::parse(&view), repr);
        prop_assert!(repr.emit(&pseudo, &mut segment[1..]).is_err());
    }

    #[test]
    fn udp_round_trip(ports: (u16, u16), payload in bytes(), pseudo in pseudo()) {
        let repr = UdpRepr { source_port: ports.0, destination_port: ports.1, payload: &payload };
        let mut datagram = vec![0xaa; repr.length()];
        prop_assert_eq!(repr.emit(&pseudo, &mut datagram), Ok(repr.length()));
        let view = UdpView::new_checked(&datagram).unwrap();
        prop_assert!(view.has_valid_checksum(&pseudo));
        prop_assert_eq!(UdpRepr::parse(&view), repr);
        datagram[6..8].fill(0);
        let unsummed = UdpView::new_checked(&datagram).unwrap().has_valid_checksum(&pseudo);
        prop_assert_eq!(unsummed, matches!(pseudo, PseudoHeader::V4 { .. }));
    }

    #[test]
    fn icmp_round_trips(head: (u8, u8, [u8; 4]), payload in bytes(), pseudo in pseudo()) {
        let (icmp_type, code, rest) = head;
        let mut message = vec![0xaa; 8 + payload.len()];
        let other = Icmpv4Repr::Other { icmp_type, code, rest, payload: &payload };
        prop_assert_eq!(other.emit(&mut message), Ok(message.len()));
        let view = Icmpv4View::new_checked(&message).unwrap();
        prop_assert!(view.has_valid_checksum());
        prop_assert_eq!((view.icmp_type(), view.code(), view.rest(), view.payload()), (icmp_type, code, rest, &payload[..]));
        let meaning = Icmpv4Repr::parse(&view);
        let mut again = message.clone();
        prop_assert_eq!(meaning.emit(&mut again), Ok(message.len()));
        prop_assert_eq!(&again, &message);

        let other = Icmpv6Repr::Other { icmp_type, code, rest, payload: &payload };
        prop_assert_eq!(other.emit(&pseudo, &mut message), Ok(message.len()));
        let view = Icmpv6View::new_checked(&message).unwrap();
        prop_assert!(view.has_valid_checksum(&pseudo));
        prop_assert_eq!(Icmpv6Repr::parse(&view).emit(&pseudo, &mut again), Ok(message.len()));
        prop_assert_eq!(&again, &message);
    }

    #[test]
    fn echo_round_trips(echo: (u16, u16), data in bytes(), pseudo in pseudo()) {
        let (identifier, sequence) = echo;
        let data = &data[..];
        let mut message = vec![0xaa; 8 + data.len()];
        for repr in [Icmpv4Repr::EchoRequest { identifier, sequence, data }, Icmpv4Repr::EchoReply { identifier, sequence, data }] {
            prop_assert_eq!(repr.emit(&mut message), Ok(message.len()));
            prop_assert_eq!(Icmpv4Repr::parse(&Icmpv4View::new_checked(&message).unwrap()), repr);
            prop_assert!(repr.emit(&mut message[1..]).is_err());
        }
        for repr in [Icmpv6Repr::EchoRequest { identifier, sequence, data }, Icmpv6Repr::EchoReply { identifier, sequence, data }] {
            prop_assert_eq!(repr.emit(&pseudo, &mut message), Ok(message.len()));
            prop_assert_eq!(Icmpv6Repr::parse(&Icmpv6View::new_checked(&message).unwrap()), repr);
            prop_assert!(repr.emit(&pseudo, &mut message[1..]).is_err());
        }
    }

    #[test]
    fn arp_round_trip(repr in arp(), padding in bytes()) {
        let mut packet = vec![0xaa; arp::LENGTH];
        prop_assert_eq!(repr.emit(&mut packet), Ok(arp::LENGTH));
        for length in 0..arp::LENGTH {
            prop_assert!(ArpView::new_checked(&packet[..length]).is_err());
        }
        prop_assert!(repr.emit(&mut packet[1..]).is_err());
        packet.extend(padding);
        prop_assert_eq!(ArpRepr::parse(&ArpView::new_checked(&packet).unwrap()), repr);
    }

    #[test]
    fn ndp_round_trip(repr in ndp(), unknown in vec((3..=255_u8, 1..4_u8), 0..4), pseudo in pseudo()) {
        let mut message = vec![0xaa; repr.length()];
        prop_assert_eq!(repr.emit(&pseudo, &mut message), Ok(repr.length()));
        let view = NdpView::new_checked(&message).unwrap();
        prop_assert!(view.has_valid_checksum(&pseudo));
        prop_assert_eq!(NdpRepr::parse(&view), repr);
        for length in 0..message.len() {
            // Cut before its option it is whole, and says less.
            prop_assert_eq!(NdpView::new_checked(&message[..length]).is_ok(), length == ndp::HEADER_LENGTH);
        }
        prop_assert!(repr.emit(&pseudo, &mut message[1..]).is_err());
        // Unknown options before and behind change nothing; one without a length spoils the whole.
        let others: Vec<u8> = unknown.iter().flat_map(|(kind, length)| {
            let mut option = vec![0xbb; usize::from(*length) * 8];
            option[..2].copy_from_slice(&[*kind, *length]);
            option
        }).collect();
        let (head, own) = message.split_at(ndp::HEADER_LENGTH);
        let among = [head, &others, own, &others].concat();
        prop_assert_eq!(NdpRepr::parse(&NdpView::new_checked(&among).unwrap()), repr);
        prop_assert!(NdpView::new_checked(&[&among[..], &[0xbb, 0, 0, 0, 0, 0, 0, 0]].concat()).is_err());
    }

    #[test]
    fn random_bytes_of_the_link_never_panic(mut bytes in vec(any::<u8>(), 0..120), lead in 0..3_usize) {
        // Half of the luck is given: the constants of ARP, or a type and code of neighbour discovery.
        let lead: &[u8] = [&[0, 1, 8, 0, 6, 4][..], &[135, 0], &[136, 0]][lead];
        if let Some(head) = bytes.get_mut(..lead.len()) {
            head.copy_from_slice(lead);
        }
        for length in 0..=bytes.len() {
            read_transport(&bytes[..length]);
        }
    }

    #[test]
    fn an_updated_checksum_is_a_new_one(mut packet in vec(any::<u8>(), 8..64), at in 0..4_usize, new: [u8; 2]) {
        packet[6..8].fill(0);
        let before = checksum::of(&packet);
        packet[6..8].copy_from_slice(&before.to_be_bytes());
        prop_assert!(checksum::is_valid(&packet));
        let at = at % 3 * 2;
        let old = [packet[at], packet[at + 1]];
        packet[at..at + 2].copy_from_slice(&new);
        packet[6..8].copy_from_slice(&checksum::update(before, old, new).to_be_bytes());
        prop_assert!(checksum::is_valid(&packet));
    }

    #[test]
    fn one_changed_bit_breaks_a_checksum(mut packet in vec(any::<u8>(), 4..64), bit in any::<prop::sample::Index>()) {
        packet[2..4].fill(0);
        let sum = checksum::of(&packet);
        packet[2..4].copy_from_slice(&sum.to_be_bytes());
        let bit = bit.index(packet.len() * 8);
        packet[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!checksum::is_valid(&packet));
    }

    #[test]
    fn every_truncation_of_a_packet_is_refused_or_read(head in tcp(), payload in bytes(), v4 in ipv4(), v6 in ipv6()) {
        let repr = TcpRepr { payload: &payload, ..head };
        let pseudo = PseudoHeader::V4 { source: v4.source, destination: v4.destination };
        let mut packet = vec![0; 20 + repr.length()];
        Ipv4Repr { payload_length: repr.length(), protocol: protocol::TCP, ..v4 }.emit(&mut packet).unwrap();
        repr.emit(&pseudo, &mut packet[20..]).unwrap();
        for length in 0..packet.len() {
            read_all(&packet[..length]);
            prop_assert!(Ipv4View::new_checked(&packet[..length]).is_err());
        }
        let mut packet = vec![0; 40 + repr.length()];
        Ipv6Repr { payload_length: repr.length(), protocol: protocol::TCP, ..v6 }.emit(&mut packet).unwrap();
        for length in 0..packet.len() {
            read_all(&packet[..length]);
            prop_assert!(Ipv6View::new_checked(&packet[..length]).is_err());
        }
    }

    #[test]
    fn random_bytes_never_panic(mut bytes in vec(any::<u8>(), 0..160), version in 0..3_u8, next in 0..8_usize) {
        // Half of the luck is given: a version, a length and a chain of headers that get past the first checks.
        if bytes.len() >= 40 && version > 0 {
            let length = u16::try_from(bytes.len()).unwrap();
            if version == 1 {
                bytes[0] = 0x45 + bytes[0] % 4;
                bytes[2..4].copy_from_slice(&length.to_be_bytes());
            } else {
                bytes[0] = 0x60;
                bytes[4..6].copy_from_slice(&(length - 40).to_be_bytes());
                bytes[6] = [0, 43, 44, 51, 60, 135, 6, 58][next];
            }
        }
        read_all(&bytes);
    }
}

/// Everything that can be read, read.
fn read_all(bytes: &[u8]) {
    for ip in [Ipv4View::new_checked(bytes), Ipv4View::new_quoted(bytes)].into_iter().flatten() {
        let _ = (format!("{ip:?}"), Ipv4Repr::parse(&ip), ip.has_valid_checksum(), ip.dont_fragment());
        read_transport(ip.payload());
    }
    for ip in [Ipv6View::new_checked(bytes), Ipv6View::new_quoted(bytes)].into_iter().flatten() {
        let _ = (format!("{ip:?}"), Ipv6Repr::parse(&ip), ip.fragment());
        read_transport(ip.payload());
    }
    read_transport(bytes);
}

fn read_transport(bytes: &[u8]) {
    let pseudo = PseudoHeader::V4 { source: Ipv4Addr::LOCALHOST, destination: Ipv4Addr::LOCALHOST };
    if let Ok(tcp) = TcpView::new_checked(bytes) {
        assert!(tcp.options().count() <= 40);
        let _ = (TcpRepr::parse(&tcp), tcp.has_valid_checksum(&pseudo));
    }
    if let Ok(udp) = UdpView::new_checked(bytes) {
        let _ = (UdpRepr::parse(&udp), udp.has_valid_checksum(&pseudo));
    }
    if let Ok(icmp) = Icmpv4View::new_checked(bytes) {
        let _ = (Icmpv4Repr::parse(&icmp), icmp.has_valid_checksum(), Quote::from_icmpv4(&icmp));
    }
    if let Ok(icmp) = Icmpv6View::new_checked(bytes) {
        let _ = (Icmpv6Repr::parse(&icmp), icmp.has_valid_checksum(&pseudo), Quote::from_icmpv6(&icmp));
    }
    if let Ok(arp) = ArpView::new_checked(bytes) {
        let _ = (format!("{arp:?}"), ArpRepr::parse(&arp));
    }
    if let Ok(ndp) = NdpView::new_checked(bytes) {
        let _ = (format!("{ndp:?}"), NdpRepr::parse(&ndp), ndp.has_valid_checksum(&pseudo));
        let _ = (ndp.router(), ndp.solicited(), ndp.overrides());
    }
    // As if an error with the commonest type had quoted it.
    let quoting = |icmp_type| [&[icmp_type, 0, 0, 0, 0, 0, 0, 0], bytes].concat();
    let _ = Quote::from_icmpv4(&Icmpv4View::new_checked(&quoting(3)).unwrap());
    let _ = Quote::from_icmpv6(&Icmpv6View::new_checked(&quoting(1)).unwrap());
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..48)
}

fn ipv4() -> impl Strategy<Value = Ipv4Repr> {
    (any::<(Ipv4Addr, Ipv4Addr, u8, u8, u16, bool, u8)>(), 0..64_usize).prop_map(
        |(fields, payload_length)| {
            let (source, destination, protocol, ttl, identification, dont_fragment, traffic_class) = fields;
            Ipv4Repr {
                source,
                destination,
                protocol,
                ttl,
                identification,
                dont_fragment,
                traffic_class,
                payload_length,
            }
        },
    )
}

/// Never with a protocol that is an extension header: its bytes would have to be one.
fn ipv6() -> impl Strategy<Value = Ipv6Repr> {
    let protocol = prop::sample::select(vec![protocol::TCP, protocol::UDP, protocol::ICMPV6, 50, 59, 255]);
    (any::<(Ipv6Addr, Ipv6Addr, u8, u8)>(), protocol, 0..=0xf_ffff_u32, 0..64_usize).prop_map(
        |((source, destination, hop_limit, traffic_class), protocol, flow_label, payload_length)| Ipv6Repr {
            source,
            destination,
            protocol,
            hop_limit,
            traffic_class,
            flow_label,
            payload_length,
        },
    )
}

fn tcp() -> impl Strategy<Value = TcpRepr<'static>> {
    let options = any::<(Option<u16>, Option<u8>, bool, Option<(u32, u32)>)>();
    (any::<(u16, u16, u32, u32, u8, u16, u16)>(), options).prop_map(|(fields, options)| {
        let (source_port, destination_port, sequence, acknowledgment, flags, window, urgent) = fields;
        let (maximum_segment_size, window_scale, sack_permitted, timestamps) = options;
        TcpRepr {
            source_port,
            destination_port,
            sequence,
            acknowledgment,
            flags: TcpFlags(flags),
            window,
            urgent,
            options: TcpOptions { maximum_segment_size, window_scale, sack_permitted, timestamps },
            payload: &[],
        }
    })
}

fn arp() -> impl Strategy<Value = ArpRepr> {
    any::<(u16, [u8; 6], Ipv4Addr, [u8; 6], Ipv4Addr)>().prop_map(
        |(operation, sender_hardware, sender, target_hardware, target)| ArpRepr {
            operation,
            sender_hardware,
            sender,
            target_hardware,
            target,
        },
    )
}

/// Never about a multicast address, which has no owner.
fn ndp() -> impl Strategy<Value = NdpRepr> {
    let target = any::<Ipv6Addr>().prop_map(|address| Ipv6Addr::from_bits(address.to_bits() & !(1 << 120)));
    (target, any::<Option<[u8; 6]>>(), any::<Option<(bool, bool, bool)>>()).prop_map(
        |(target, link, flags)| match flags {
            None => NdpRepr::Solicitation { target, source_link: link },
            Some((router, solicited, overrides)) => {
                NdpRepr::Advertisement { target, router, solicited, overrides, target_link: link }
            }
        },
    )
}

fn pseudo() -> impl Strategy<Value = PseudoHeader> {
    prop_oneof![
        any::<(Ipv4Addr, Ipv4Addr)>()
            .prop_map(|(source, destination)| PseudoHeader::V4 { source, destination }),
        any::<(Ipv6Addr, Ipv6Addr)>()
            .prop_map(|(source, destination)| PseudoHeader::V6 { source, destination }),
    ]
}
