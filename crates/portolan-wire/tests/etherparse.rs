//! Held against another implementation: the same packets are built, and the same bytes are read alike.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::icmpv6::{NdpOptionSlice, NeighborAdvertisementHeader, NeighborSolicitationPayloadSlice};
use etherparse::{
    ArpEthIpv4Packet, ArpOperation, ArpPacketSlice, Icmpv4Slice, Icmpv6Slice, Icmpv6Type, IpNumber,
    Ipv4Header, Ipv4Slice, Ipv6FlowLabel, Ipv6Header, Ipv6Slice, PacketBuilder, TcpHeader, TcpOptionElement,
    TcpSlice, UdpSlice,
};
use portolan_wire::{
    ArpRepr, ArpView, Icmpv4Repr, Icmpv4View, Icmpv6Repr, Icmpv6View, Ipv4Repr, Ipv4View, Ipv6Repr, Ipv6View,
    Malformed, NdpRepr, NdpView, PseudoHeader, TcpFlags, TcpOption, TcpOptions, TcpRepr, TcpView, UdpRepr,
    UdpView, arp, protocol,
};
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #[test]
    fn builds_the_same_tcp(numbers: (u16, u16, u32, u32, u16, u16), flags: u8, timestamps: Option<(u32, u32)>,
                           v4: (Ipv4Addr, Ipv4Addr), v6: (Ipv6Addr, Ipv6Addr), payload in payload()) {
        let (source_port, destination_port, sequence, acknowledgment, window, urgent) = numbers;
        let options = TcpOptions {
            maximum_segment_size: Some(window),
            window_scale: Some(7),
            sack_permitted: true,
            timestamps,
        };
        let repr = TcpRepr {
            source_port, destination_port, sequence, acknowledgment, window, urgent, options,
            flags: TcpFlags(flags), payload: &payload,
        };
        let mut theirs = TcpHeader::new(source_port, destination_port, sequence, window);
        theirs.acknowledgment_number = acknowledgment;
        theirs.urgent_pointer = urgent;
        let bit = |flag| TcpFlags(flags).contains(flag);
        theirs.fin = bit(TcpFlags::FIN);
        theirs.syn = bit(TcpFlags::SYN);
        theirs.rst = bit(TcpFlags::RST);
        theirs.psh = bit(TcpFlags::PSH);
        theirs.ack = bit(TcpFlags::ACK);
        theirs.urg = bit(TcpFlags::URG);
        theirs.ece = bit(TcpFlags::ECE);
        theirs.cwr = bit(TcpFlags::CWR);
        let mut elements = vec![TcpOptionElement::MaximumSegmentSize(window)];
        match timestamps {
            None => elements.extend([TcpOptionElement::Noop, TcpOptionElement::Noop,
                                     TcpOptionElement::SelectiveAcknowledgementPermitted]),
            Some((value, echo)) => elements.extend([TcpOptionElement::SelectiveAcknowledgementPermitted,
                                                    TcpOptionElement::Timestamp(value, echo)]),
        }
        elements.extend([TcpOptionElement::Noop, TcpOptionElement::WindowScale(7)]);
        theirs.set_options(&elements).unwrap();

        let mut built = Vec::new();
        theirs_v4(v4, IpNumber::TCP).tcp_header(theirs.clone()).write(&mut built, &payload).unwrap();
        prop_assert_eq!(ours_v4(v4, protocol::TCP, repr.length(), |pseudo, room| repr.emit(pseudo, room)), built);
        let mut built = Vec::new();
        theirs_v6(v6, IpNumber::TCP).tcp_header(theirs).write(&mut built, &payload).unwrap();
        prop_assert_eq!(ours_v6(v6, protocol::TCP, repr.length(), |pseudo, room| repr.emit(pseudo, room)), built);
    }

    #[test]
    fn builds_the_same_udp(ports: (u16, u16), v4: (Ipv4Addr, Ipv4Addr), v6: (Ipv6Addr, Ipv6Addr), payload in payload()) {
        let repr = UdpRepr { source_port: ports.0, destination_port: ports.1, payload: &payload };
        let mut built = Vec::new();
        theirs_v4(v4, IpNumber::UDP).udp(ports.0, ports.1).write(&mut built, &payload).unwrap();
        prop_assert_eq!(ours_v4(v4, protocol::UDP, repr.length(), |pseudo, room| repr.emit(pseudo, room)), built);
        let mut built = Vec::new();
        theirs_v6(v6, IpNumber::UDP).udp(ports.0, ports.1).write(&mut built, &payload).unwrap();
        prop_assert_eq!(ours_v6(v6, protocol::UDP, repr.length(), |pseudo, room| repr.emit(pseudo, room)), built);
    }

    #[test]
    fn builds_the_same_icmp(echo: (u16, u16), raw: (u8, u8, [u8; 4]), v4: (Ipv4Addr, Ipv4Addr),
                            v6: (Ipv6Addr, Ipv6Addr), payload in payload()) {
        let (identifier, sequence) = echo;
        let (icmp_type, code, rest) = raw;
        let length = 8 + payload.len();

        let mut built = Vec::new();
        theirs_v4(v4, IpNumber::ICMP).icmpv4_echo_request(identifier, sequence).write(&mut built, &payload).unwrap();
        let repr = Icmpv4Repr::EchoRequest { identifier, sequence, data: &payload };
        prop_assert_eq!(ours_v4(v4, protocol::ICMP, length, |_, room| repr.emit(room)), built);
        let mut built = Vec::new();
        theirs_v4(v4, IpNumber::ICMP).icmpv4_raw(icmp_type, code, rest).write(&mut built, &payload).unwrap();
        let repr = Icmpv4Repr::Other { icmp_type, code, rest, payload: &payload };
        prop_assert_eq!(ours_v4(v4, protocol::ICMP, length, |_, room| repr.emit(room)), built);

        let mut built = Vec::new();
        theirs_v6(v6, IpNumber::IPV6_ICMP).icmpv6_echo_reply(identifier, sequence).write(&mut built, &payload).unwrap();
        let repr = Icmpv6Repr::EchoReply { identifier, sequence, data: &payload };
        prop_assert_eq!(ours_v6(v6, protocol::ICMPV6, length, |pseudo, room| repr.emit(pseudo, room)), built);
        let mut built = Vec::new();
        theirs_v6(v6, IpNumber::IPV6_ICMP).icmpv6_raw(icmp_type, code, rest).write(&mut built, &payload).unwrap();
        let repr = Icmpv6Repr::Other { icmp_type, code, rest, payload: &payload };
        prop_assert_eq!(ours_v6(v6, protocol::ICMPV6, length, |pseudo, room| repr.emit(pseudo, room)), built);
    }

    #[test]
    fn reads_the_same_ipv4(mut bytes in vec(any::<u8>(), 0..90), version in 3..6_u8, length in 0..100_u16) {
        if bytes.len() > 9 {
            bytes[0] = version << 4 | bytes[0] & 0x0f;
            bytes[2..4].copy_from_slice(&length.to_be_bytes());
            // They read the authentication header as a part of IPv4.
            prop_assume!(bytes[9] != protocol::AUTHENTICATION);
        }
        let (ours, theirs) = (Ipv4View::new_checked(&bytes), Ipv4Slice::from_slice(&bytes));
        prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?}\n{:?}", ours, theirs);
        let (Ok(ours), Ok(theirs)) = (ours, theirs) else { return Ok(()) };
        let header = theirs.header();
        prop_assert_eq!((ours.source(), ours.destination()), (header.source_addr(), header.destination_addr()));
        prop_assert_eq!((ours.ttl(), ours.protocol()), (header.ttl(), header.protocol().0));
        prop_assert_eq!(ours.traffic_class(), header.dcp().value() << 2 | header.ecn().value());
        prop_assert_eq!(ours.identification(), header.identification());
        prop_assert_eq!(ours.dont_fragment(), header.dont_fragment());
        prop_assert_eq!(ours.more_fragments(), header.more_fragments());
        prop_assert_eq!(ours.fragment_offset(), header.fragments_offset().value() << 3);
        prop_assert_eq!(ours.payload(), theirs.payload().payload);
        prop_assert_eq!(ours.has_valid_checksum(), header.to_header().calc_header_checksum() == header.header_checksum());
    }

    #[test]
    fn reads_the_same_ipv6(head in vec(any::<u8>(), 40), chain in chain(), cut in 0..60_usize) {
        let (first, rest) = chain;
        let mut bytes = [head, rest].concat();
        let whole = bytes.len();
        if cut < 40 {
            bytes.truncate(whole - cut.min(whole - 41));
        }
        // Every other cut is confessed in the length field.
        let length = if cut % 2 == 0 { whole } else { bytes.len() } - 40;
        bytes[0] = 0x60 | bytes[0] & 0x0f;
        bytes[4..6].copy_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        bytes[6] = first;
        let (ours, theirs) = (Ipv6View::new_checked(&bytes), Ipv6Slice::from_slice(&bytes));
        prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?}\n{:?}", ours, theirs);
        let (Ok(ours), Ok(theirs)) = (ours, theirs) else { return Ok(()) };
        let header = theirs.header();
        prop_assert_eq!((ours.source(), ours.destination()), (header.source_addr(), header.destination_addr()));
        prop_assert_eq!((ours.hop_limit(), ours.traffic_class()), (header.hop_limit(), header.traffic_class()));
        prop_assert_eq!(ours.flow_label(), header.flow_label().value());
        prop_assert_eq!((ours.protocol(), ours.payload()), (theirs.payload().ip_number.0, theirs.payload().payload));
    }

    #[test]
    fn reads_the_same_tcp(mut bytes in vec(any::<u8>(), 0..80), words in 4..12_u8, options in options()) {
        if bytes.len() > 12 {
            bytes[12] = words << 4 | bytes[12] & 0x0f;
        }
        for (byte, option) in bytes.iter_mut().skip(20).zip(options) {
            *byte = option;
        }
        let (ours, theirs) = (TcpView::new_checked(&bytes), TcpSlice::from_slice(&bytes));
        prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?}\n{:?}", ours, theirs);
        let (Ok(ours), Ok(theirs)) = (ours, theirs) else { return Ok(()) };
        prop_assert_eq!(ours.source_port(), theirs.source_port());
        prop_assert_eq!(ours.destination_port(), theirs.destination_port());
        prop_assert_eq!(ours.sequence(), theirs.sequence_number());
        prop_assert_eq!(ours.acknowledgment(), theirs.acknowledgment_number());
        prop_assert_eq!((ours.window(), ours.urgent()), (theirs.window_size(), theirs.urgent_pointer()));
        prop_assert_eq!(ours.flags().contains(TcpFlags::SYN), theirs.syn());
        prop_assert_eq!(ours.flags().contains(TcpFlags::RST), theirs.rst());
        prop_assert_eq!(ours.flags().contains(TcpFlags::ACK), theirs.ack());
        prop_assert_eq!(ours.payload(), theirs.payload());
        // They end at the first option that they do not know; until then both tell the same.
        let known: Vec<_> = theirs.options_iterator().map_while(Result::ok)
            .filter(|option| *option != TcpOptionElement::Noop)
            .take_while(|option| !matches!(option, TcpOptionElement::SelectiveAcknowledgement(..))).collect();
        let told: Vec<_> = ours.options().map_while(|option| option.ok().and_then(as_theirs)).collect();
        prop_assert_eq!(told, known);
    }

    #[test]
    fn reads_the_same_udp(mut bytes in vec(any::<u8>(), 0..40), length in 1..48_u16) {
        // A length of zero is theirs to read as "until the end", which is so in jumbograms only.
        if bytes.len() > 6 {
            bytes[4..6].copy_from_slice(&length.to_be_bytes());
        }
        let (ours, theirs) = (UdpView::new_checked(&bytes), UdpSlice::from_slice(&bytes));
        prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?}\n{:?}", ours, theirs);
        let (Ok(ours), Ok(theirs)) = (ours, theirs) else { return Ok(()) };
        prop_assert_eq!((ours.source_port(), ours.destination_port()), (theirs.source_port(), theirs.destination_port()));
        prop_assert_eq!(ours.payload(), theirs.payload());
    }

    #[test]
    fn reads_the_same_icmp(mut bytes in vec(any::<u8>(), 0..40), v6: (Ipv6Addr, Ipv6Addr)) {
        // Their timestamp messages must be exactly as long as RFC 792 draws them; here they mean nothing.
        if let [icmp_type @ (13 | 14), ..] = &mut bytes[..] {
            *icmp_type = 3;
        }
        let (ours, theirs) = (Icmpv4View::new_checked(&bytes), Icmpv4Slice::from_slice(&bytes));
        prop_assert_eq!(ours.is_ok(), theirs.is_ok());
        if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
            prop_assert_eq!((ours.icmp_type(), ours.code()), (theirs.type_u8(), theirs.code_u8()));
            prop_assert_eq!((ours.rest(), ours.payload()), (theirs.bytes5to8(), theirs.payload()));
        }
        let (ours, theirs) = (Icmpv6View::new_checked(&bytes), Icmpv6Slice::from_slice(&bytes));
        prop_assert_eq!(ours.is_ok(), theirs.is_ok());
        if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
            prop_assert_eq!((ours.icmp_type(), ours.code()), (theirs.type_u8(), theirs.code_u8()));
            prop_assert_eq!((ours.rest(), ours.payload()), (theirs.bytes5to8(), theirs.payload()));
            let pseudo = PseudoHeader::V6 { source: v6.0, destination: v6.1 };
            prop_assert_eq!(ours.has_valid_checksum(&pseudo), theirs.is_checksum_valid(v6.0.octets(), v6.1.octets()));
        }
    }

    #[test]
    fn builds_and_reads_the_same_arp(fields: (u16, [u8; 6], Ipv4Addr, [u8; 6], Ipv4Addr), spoilt in 0..40_usize, byte: u8) {
        let (operation, sender_hardware, sender, target_hardware, target) = fields;
        let repr = ArpRepr { operation, sender_hardware, sender, target_hardware, target };
        let theirs = ArpEthIpv4Packet {
            operation: ArpOperation(operation),
            sender_mac: sender_hardware, sender_ipv4: sender.octets(),
            target_mac: target_hardware, target_ipv4: target.octets(),
        };
        let mut bytes = [0xaa; arp::LENGTH];
        repr.emit(&mut bytes).unwrap();
        prop_assert_eq!(bytes, theirs.to_bytes());
        // Some of the time one byte is another: what is refused and what is read stay the same.
        if let Some(at) = bytes.get_mut(spoilt) {
            *at = byte;
        }
        let ours = ArpView::new_checked(&bytes).ok().map(|view| ArpRepr::parse(&view));
        let theirs = ArpPacketSlice::from_slice(&bytes).ok().and_then(|slice| slice.to_packet().try_eth_ipv4().ok());
        let theirs = theirs.map(|theirs| ArpRepr {
            operation: theirs.operation.0,
            sender_hardware: theirs.sender_mac, sender: theirs.sender_ipv4_addr(),
            target_hardware: theirs.target_mac, target: theirs.target_ipv4_addr(),
        });
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn reads_the_same_neighbour_discovery(flags: [u8; 4], target: Ipv6Addr, icmp_type in 134..138_u8,
                                          options in ndp_options(), cut in 0..64_usize) {
        let target = Ipv6Addr::from_bits(target.to_bits() & !(1 << 120));
        let mut bytes = [&[icmp_type, 0, 0, 0], &flags[..], &target.octets(), &options].concat();
        bytes.truncate(bytes.len().max(64) - cut);
        let ours = NdpView::new_checked(&bytes).ok().map(|view| NdpRepr::parse(&view));
        prop_assert_eq!(ours, theirs_ndp(&bytes));
    }

    #[test]
    fn builds_the_same_neighbour_discovery(flags: Option<(bool, bool, bool)>, target: Ipv6Addr, link: Option<[u8; 6]>,
                                           v6: (Ipv6Addr, Ipv6Addr)) {
        let target = Ipv6Addr::from_bits(target.to_bits() & !(1 << 120));
        let (repr, icmp_type, kind) = match flags {
            None => (NdpRepr::Solicitation { target, source_link: link }, Icmpv6Type::NeighborSolicitation, 1),
            Some((router, solicited, overrides)) => {
                let header = NeighborAdvertisementHeader { router, solicited, r#override: overrides };
                let repr = NdpRepr::Advertisement { target, router, solicited, overrides, target_link: link };
                (repr, Icmpv6Type::NeighborAdvertisement(header), 2)
            }
        };
        let option = link.map(|link| [&[kind, 1], &link[..]].concat()).unwrap_or_default();
        let payload = [&target.octets()[..], &option].concat();
        let mut built = Vec::new();
        theirs_v6(v6, IpNumber::IPV6_ICMP).icmpv6(icmp_type).write(&mut built, &payload).unwrap();
        prop_assert_eq!(ours_v6(v6, protocol::ICMPV6, repr.length(), |pseudo, room| repr.emit(pseudo, room)), built);
    }
}

/// What they make of a solicitation or advertisement, with our rules for what they leave to the caller.
fn theirs_ndp(bytes: &[u8]) -> Option<NdpRepr> {
    let slice = Icmpv6Slice::from_slice(bytes).ok()?;
    // Both kinds have the same payload.
    let payload = NeighborSolicitationPayloadSlice::from_slice(slice.payload()).ok()?;
    let options = payload.options_iterator().collect::<Result<Vec<_>, _>>().ok()?;
    let (target, link) = (payload.target_address(), |bytes: &[u8]| <[u8; 6]>::try_from(bytes).ok());
    match slice.icmp_type() {
        Icmpv6Type::NeighborSolicitation => {
            let source_link = options.iter().find_map(|option| match option {
                NdpOptionSlice::SourceLinkLayerAddress(option) => link(option.link_layer_address()),
                _ => None,
            });
            Some(NdpRepr::Solicitation { target, source_link })
        }
        Icmpv6Type::NeighborAdvertisement(header) => {
            let target_link = options.iter().find_map(|option| match option {
                NdpOptionSlice::TargetLinkLayerAddress(option) => link(option.link_layer_address()),
                _ => None,
            });
            let NeighborAdvertisementHeader { router, solicited, r#override: overrides } = header;
            Some(NdpRepr::Advertisement { target, router, solicited, overrides, target_link })
        }
        _ => None,
    }
}

/// Options of neighbour discovery, some with a length of zero or one that leads too far. Those that they hold to a
/// length of its own (prefix, redirected header, MTU) are left out.
fn ndp_options() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![1..3_u8, 6..=255_u8];
    let option = (kind, 0..8_u8, any::<[u8; 22]>()).prop_map(|(kind, length, data)| {
        let (length, size) = match length {
            0 => (0, 8),
            1 => (3, 16),
            length => (length % 2 + 1, usize::from(length % 2 + 1) * 8),
        };
        [&[kind, length], &data[..size - 2]].concat()
    });
    vec(option, 0..5).prop_map(|options| options.concat())
}

fn theirs_v4(
    (source, destination): (Ipv4Addr, Ipv4Addr),
    protocol: IpNumber,
) -> etherparse::PacketBuilderStep<etherparse::IpHeaders> {
    let mut header = Ipv4Header::new(0, 61, protocol, source.octets(), destination.octets()).unwrap();
    header.identification = 0xbeef;
    header.dont_fragment = true;
    PacketBuilder::ip(etherparse::IpHeaders::Ipv4(header, Default::default()))
}

fn theirs_v6(
    (source, destination): (Ipv6Addr, Ipv6Addr),
    protocol: IpNumber,
) -> etherparse::PacketBuilderStep<etherparse::IpHeaders> {
    let header = Ipv6Header {
        traffic_class: 0xb8,
        flow_label: Ipv6FlowLabel::try_new(0xa_bcde).unwrap(),
        payload_length: 0,
        next_header: protocol,
        hop_limit: 61,
        source: source.octets(),
        destination: destination.octets(),
    };
    PacketBuilder::ip(etherparse::IpHeaders::Ipv6(header, Default::default()))
}

fn ours_v4(
    (source, destination): (Ipv4Addr, Ipv4Addr),
    protocol: u8,
    payload_length: usize,
    emit: impl Fn(&PseudoHeader, &mut [u8]) -> Result<usize, Malformed>,
) -> Vec<u8> {
    let (identification, dont_fragment, traffic_class, ttl) = (0xbeef, true, 0, 61);
    let mut packet = vec![0xaa; 20 + payload_length];
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
    .emit(&mut packet)
    .unwrap();
    emit(&PseudoHeader::V4 { source, destination }, &mut packet[20..]).unwrap();
    packet
}

fn ours_v6(
    (source, destination): (Ipv6Addr, Ipv6Addr),
    protocol: u8,
    payload_length: usize,
    emit: impl Fn(&PseudoHeader, &mut [u8]) -> Result<usize, Malformed>,
) -> Vec<u8> {
    let (hop_limit, traffic_class, flow_label) = (61, 0xb8, 0xa_bcde);
    let mut packet = vec![0xaa; 40 + payload_length];
    Ipv6Repr { source, destination, protocol, hop_limit, traffic_class, flow_label, payload_length }
        .emit(&mut packet)
        .unwrap();
    emit(&PseudoHeader::V6 { source, destination }, &mut packet[40..]).unwrap();
    packet
}

fn as_theirs(option: TcpOption<'_>) -> Option<TcpOptionElement> {
    match option {
        TcpOption::MaximumSegmentSize(size) => Some(TcpOptionElement::MaximumSegmentSize(size)),
        TcpOption::WindowScale(shift) => Some(TcpOptionElement::WindowScale(shift)),
        TcpOption::SackPermitted => Some(TcpOptionElement::SelectiveAcknowledgementPermitted),
        TcpOption::Timestamps { value, echo } => Some(TcpOptionElement::Timestamp(value, echo)),
        TcpOption::Other { .. } => None,
    }
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..48)
}

/// Options that are often whole: kinds and lengths in their places, between them anything.
fn options() -> impl Strategy<Value = Vec<u8>> {
    let option = prop_oneof![
        Just(vec![1]),
        Just(vec![4, 2]),
        any::<[u8; 2]>().prop_map(|size| [&[2, 4], &size[..]].concat()),
        any::<u8>().prop_map(|shift| vec![3, 3, shift]),
        any::<[u8; 8]>().prop_map(|clocks| [&[8, 10], &clocks[..]].concat()),
        vec(any::<u8>(), 1..3),
    ];
    vec(option, 0..8).prop_map(|options| options.concat())
}

/// A chain of the extension headers that both know, what comes first in it, and a payload.
fn chain() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let extension = prop::sample::select(vec![
        protocol::ROUTING,
        protocol::DESTINATION_OPTIONS,
        protocol::AUTHENTICATION,
        protocol::FRAGMENT,
    ]);
    (any::<bool>(), vec((extension, 1..3_u8), 0..6), vec(any::<u8>(), 1..20)).prop_map(
        |(hop_by_hop, mut extensions, payload)| {
            if hop_by_hop {
                extensions.insert(0, (protocol::HOP_BY_HOP, 1));
            }
            let mut next = protocol::UDP;
            let mut bytes = payload;
            for (kind, length) in extensions.into_iter().rev() {
                let whole = match kind {
                    protocol::FRAGMENT => 8,
                    protocol::AUTHENTICATION => (usize::from(length) + 2) * 4,
                    _ => (usize::from(length) + 1) * 8,
                };
                // A fragment header with nothing set: the whole packet in one piece.
                let mut header = vec![0; whole];
                header[0] = next;
                header[1] = if kind == protocol::FRAGMENT { 0 } else { length };
                bytes = [header, bytes].concat();
                next = kind;
            }
            (next, bytes)
        },
    )
}
