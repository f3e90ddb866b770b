//! Hex in, meaning out: packets that a Linux kernel sent over loopback, and some that no kernel sends.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::net::{Ipv4Addr, Ipv6Addr};

use portolan_wire::{
    ArpRepr, ArpView, IcmpMeaning, Icmpv4View, Icmpv6Repr, Icmpv6View, Ipv4Repr, Ipv4View, Ipv6Repr,
    Ipv6View, NdpRepr, NdpView, PseudoHeader, Quote, QuotedTransport, TcpFlags, TcpOption, TcpOptions,
    TcpRepr, TcpView, UdpRepr, UdpView, arp, icmpv4_meaning, icmpv6_meaning, ndp, protocol,
};

const SYN: &str = "4500003cb67e40004006863b7f0000017f0000019e969739a4001be400000000a002ffd7fe3000000204ffd7\
                   0402080a6b8aaff5000000000103030a";
const RST: &str = "450000280000400040063cce7f0000017f00000110e1a3440000000036ecf03a50140000d6810000";
const RST6: &str = "600860eb00140640000000000000000000000000000000010000000000000000000000000000000110e19f86\
                    00000000a83e05b450140000001c0000";
const PORT_UNREACHABLE: &str = "45c0003dfe52000040017dab7f0000017f00000103030d3b000000004500002133d9400040110\
                                8f17f0000017f0000019ce010e1000dfe2068656c6c6f";
const PORT_UNREACHABLE6: &str = "600dc440003d3a40000000000000000000000000000000010000000000000000000000000000\
                                 000101042f6100000000600929ce000d114000000000000000000000000000000001000000000\
                                 00000000000000000000001df1a10e1000d002068656c6c6f";
/// Between two namespaces, 198.18.0.1 and 2001:db8::1 on the one side, .2 and ::2 on the other.
const ARP_REQUEST: &str = "000108000604000102000000000ac6120001000000000000c6120002";
const ARP_REPLY: &str = "000108000604000202000000000bc612000202000000000ac6120001";
const SOLICITATION: &str = "6000000000203aff20010db8000000000000000000000001ff0200000000000000000001ff000002\
                            87001c1e0000000020010db8000000000000000000000002010102000000000a";
const ADVERTISEMENT: &str = "6000000000203aff20010db800000000000000000000000220010db8000000000000000000000001\
                             88008a686000000020010db8000000000000000000000002020102000000000b";
const ECHO_REPLY6: &str = "600d92b700403a4020010db800000000000000000000000220010db8000000000000000000000001\
                           81002efc2340000151e6066b00000000b4ae050000000000101112131415161718191a1b1c1d1e1f\
                           202122232425262728292a2b2c2d2e2f3031323334353637";

#[test]
fn a_syn_is_read_and_built_as_linux_builds_it() {
    let packet = hex(SYN);
    let ip = Ipv4View::new_checked(&packet).unwrap();
    assert!(ip.has_valid_checksum() && ip.dont_fragment());
    assert_eq!((ip.ttl(), ip.protocol(), ip.identification()), (64, protocol::TCP, 0xb67e));
    let view = TcpView::new_checked(ip.payload()).unwrap();
    assert!(!view.has_valid_checksum(&loopback()), "left to the device, and loopback is none");
    let syn = TcpRepr::parse(&view);
    let expected = TcpRepr {
        source_port: 40598,
        destination_port: 38713,
        sequence: 0xa400_1be4,
        acknowledgment: 0,
        flags: TcpFlags::SYN,
        window: 65495,
        urgent: 0,
        options: TcpOptions {
            maximum_segment_size: Some(65495),
            window_scale: Some(10),
            sack_permitted: true,
            timestamps: Some((0x6b8a_aff5, 0)),
        },
        payload: &[],
    };
    assert_eq!(syn, expected);

    let mut built = vec![0xaa; packet.len()];
    let header = Ipv4Repr::parse(&ip).unwrap().emit(&mut built).unwrap();
    syn.emit(&loopback(), &mut built[header..]).unwrap();
    assert!(TcpView::new_checked(&built[header..]).unwrap().has_valid_checksum(&loopback()));
    built[36..38].copy_from_slice(&packet[36..38]);
    assert_eq!(built, packet);
}

#[test]
fn a_reset_has_its_checksum() {
    let packet = hex(RST);
    let tcp = TcpView::new_checked(Ipv4View::new_checked(&packet).unwrap().payload()).unwrap();
    assert!(tcp.flags().contains(TcpFlags::RST | TcpFlags::ACK) && !tcp.flags().contains(TcpFlags::SYN));
    assert_eq!((tcp.source_port(), tcp.acknowledgment()), (4321, 0x36ec_f03a));
    assert!(tcp.has_valid_checksum(&loopback()));

    let packet = hex(RST6);
    let ip = Ipv6View::new_checked(&packet).unwrap();
    assert_eq!((ip.hop_limit(), ip.flow_label(), ip.source()), (64, 0x860eb, Ipv6Addr::LOCALHOST));
    assert_eq!(TcpView::new_checked(ip.payload()).unwrap().flags(), TcpFlags::RST | TcpFlags::ACK);
}

#[test]
fn port_unreachable_and_whom_it_quotes() {
    let packet = hex(PORT_UNREACHABLE);
    let icmp = Icmpv4View::new_checked(Ipv4View::new_checked(&packet).unwrap().payload()).unwrap();
    assert!(icmp.has_valid_checksum());
    assert_eq!(icmpv4_meaning(icmp.icmp_type(), icmp.code()), IcmpMeaning::PortUnreachable);
    let expected = Quote {
        source: Ipv4Addr::LOCALHOST.into(),
        destination: Ipv4Addr::LOCALHOST.into(),
        ttl: 64,
        transport: QuotedTransport::Udp {
            source_port: 40160,
            destination_port: 4321,
            length: 13,
            checksum: 0xfe20,
        },
    };
    assert_eq!(Quote::from_icmpv4(&icmp), Ok(expected));
    let quoted = Ipv4View::new_checked(icmp.payload()).unwrap();
    assert_eq!(UdpView::new_checked(quoted.payload()).unwrap().payload(), b"hello");

    let packet = hex(PORT_UNREACHABLE6);
    let icmp = Icmpv6View::new_checked(Ipv6View::new_checked(&packet).unwrap().payload()).unwrap();
    let both = PseudoHeader::V6 { source: Ipv6Addr::LOCALHOST, destination: Ipv6Addr::LOCALHOST };
    assert!(icmp.has_valid_checksum(&both));
    assert_eq!(icmpv6_meaning(icmp.icmp_type(), icmp.code()), IcmpMeaning::PortUnreachable);
    let quote = Quote::from_icmpv6(&icmp).unwrap();
    let transport =
        QuotedTransport::Udp { source_port: 57114, destination_port: 4321, length: 13, checksum: 0x20 };
    assert_eq!((quote.destination, quote.transport), (Ipv6Addr::LOCALHOST.into(), transport));
}

#[test]
fn a_quote_needs_eight_bytes_of_transport_and_an_error() {
    let packet = hex(PORT_UNREACHABLE);
    let message = &packet[20..];
    for length in 8..message.len() {
        let quote = Quote::from_icmpv4(&Icmpv4View::new_checked(&message[..length]).unwrap());
        assert_eq!(quote.is_ok(), length >= 8 + 20 + 8, "{length} bytes");
    }
    let read = |at: usize, byte: u8| {
        let mut changed = message.to_vec();
        changed[at] = byte;
        Quote::from_icmpv4(&Icmpv4View::new_checked(&changed).unwrap())
    };
    assert_eq!(
        read(0, 8).unwrap_err().to_string(),
        "quoted packet: the ICMP message is no error",
        "an echo request"
    );
    assert!(read(8 + 7, 1).is_err(), "a later fragment");
    assert!(read(8 + 2, 0xff).is_ok(), "a total length that the sender spoiled");
    let other = read(8 + 9, 132).unwrap().transport;
    let start = [0x9c, 0xe0, 0x10, 0xe1, 0x00, 0x0d, 0xfe, 0x20];
    assert_eq!(other, QuotedTransport::Other { protocol: 132, start });
}

#[test]
fn lengths_that_lie_are_refused() {
    let v4 = |changes: &[(usize, u8)]| Ipv4View::new_checked(&changed(SYN, changes)).unwrap_err().why;
    assert_eq!(v4(&[(0, 0x65)]), "version is not 4");
    assert_eq!(v4(&[(0, 0x44)]), "header length below 5 words");
    assert_eq!(v4(&[(3, 19)]), "total length shorter than its header");
    assert_eq!(v4(&[(3, 61)]), "shorter than its total length");
    let tcp = |changes: &[(usize, u8)]| TcpView::new_checked(&changed(SYN, changes)[20..]).unwrap_err().why;
    assert_eq!(tcp(&[(32, 0x40)]), "data offset below 5 words");
    assert_eq!(tcp(&[(32, 0xb0)]), "data offset beyond its end");
    let udp = |length| UdpView::new_checked(&[0, 1, 0, 2, 0, length, 0, 0, 0]).map(|udp| udp.payload().len());
    assert_eq!([7, 8, 9, 10].map(|length| udp(length).ok()), [None, Some(0), Some(1), None]);
}

#[test]
fn bytes_beyond_the_packet_are_no_payload() {
    let mut packet = hex(RST);
    packet.extend([0xee; 6]);
    assert_eq!(Ipv4View::new_checked(&packet).unwrap().payload().len(), 20, "Ethernet pads to 60 bytes");
}

#[test]
fn options_end_and_never_loop() {
    let options = |bytes: [u8; 8]| {
        let mut segment = vec![0; 12];
        segment.extend([0x70, 0, 0, 0, 0, 0, 0, 0]);
        segment.extend(bytes);
        let view = TcpView::new_checked(&segment).unwrap();
        view.options().map(|option| option.map(|option| format!("{option:?}")).ok()).collect::<Vec<_>>()
    };
    let some = |option: TcpOption<'_>| Some(format!("{option:?}"));
    let size = some(TcpOption::MaximumSegmentSize(1460));
    assert_eq!(options([2, 4, 5, 0xb4, 1, 1, 4, 2]), [size.clone(), some(TcpOption::SackPermitted)]);
    assert_eq!(
        options([2, 4, 5, 0xb4, 0, 2, 4, 5]),
        std::slice::from_ref(&size),
        "nothing after the end of the list"
    );
    assert_eq!(options([2, 4, 5, 0xb4, 8, 0, 1, 1]), [size.clone(), None], "length 0");
    assert_eq!(options([2, 4, 5, 0xb4, 8, 1, 1, 1]), [size.clone(), None], "length 1");
    assert_eq!(options([2, 4, 5, 0xb4, 8, 10, 1, 1]), [size.clone(), None], "beyond the header");
    assert_eq!(options([1, 1, 1, 1, 1, 1, 1, 2]), [None], "no length at all");
    let odd = some(TcpOption::Other { kind: 2, data: &[5] });
    assert_eq!(options([2, 3, 5, 3, 3, 7, 1, 1]), [odd, some(TcpOption::WindowScale(7))]);
}

#[test]
fn extension_headers_are_stepped_over() {
    let read = |packet: &[u8]| {
        Ipv6View::new_checked(packet)
            .map(|ip| (ip.protocol(), ip.payload().to_vec()))
            .map_err(|error| error.why)
    };
    // Hop-by-hop, routing of 16 bytes, authentication of 12, then UDP.
    let all = "2b00010400000000 3301000000000000 0000000000000000 110100000000000000000000 c0de";
    assert_eq!(read(&chain(0, all)), Ok((protocol::UDP, vec![0xc0, 0xde])));
    for next in [135, 139, 140] {
        assert_eq!(
            read(&chain(next, "1100000000000000 c0de")),
            Ok((protocol::UDP, vec![0xc0, 0xde])),
            "{next}"
        );
    }
    assert_eq!(read(&chain(59, "")), Ok((59, vec![])), "no next header");
    assert_eq!(read(&chain(50, "0102")), Ok((50, vec![1, 2])), "ESP hides what it carries");
    assert_eq!(read(&chain(60, "3c")), Err("cut inside an extension header"));
    assert_eq!(read(&chain(60, "3c01000000000000")), Err("cut inside an extension header"));
    assert_eq!(read(&chain(60, "0000000000000000")), Err("hop-by-hop options not in the first place"));
    let options = "3c00000000000000".repeat(7) + "1100000000000000";
    assert_eq!(read(&chain(60, &options)), Ok((protocol::UDP, vec![])), "eight are walked");
    let options = "3c00000000000000".repeat(8) + "1100000000000000";
    assert_eq!(read(&chain(60, &options)), Err("too many extension headers"));

    let first = chain(44, "1100000100000007 c0de");
    let fragment = Ipv6View::new_checked(&first).unwrap().fragment().unwrap();
    assert_eq!((fragment.offset, fragment.more, fragment.identification), (0, true, 7));
    // A later fragment whose next header says destination options: its bytes are none.
    let later = chain(44, "3c00000800000007 ffff");
    assert_eq!(Ipv6View::new_checked(&later).unwrap().fragment().unwrap().offset, 8);
    assert_eq!(read(&later), Ok((60, vec![0xff, 0xff])));
}

#[test]
fn a_fragment_is_not_a_whole_packet() {
    let v4 = |flags, offset| {
        Ipv4Repr::parse(&Ipv4View::new_checked(&changed(RST, &[(6, flags), (7, offset)])).unwrap())
    };
    assert!(v4(0x40, 0).is_ok() && v4(0x20, 0).is_err() && v4(0, 1).is_err());
    let v6 = |fragment| Ipv6Repr::parse(&Ipv6View::new_checked(&chain(44, fragment)).unwrap());
    assert!(v6("1100000000000007 c0de").is_ok(), "an atomic fragment is whole");
    assert!(v6("1100000100000007 c0de").is_err() && v6("1100000800000007 c0de").is_err());

    let quoting = |icmp_type, fragment| {
        let message = [vec![icmp_type, 4, 0, 0, 0, 0, 0, 0], chain(44, fragment)].concat();
        Quote::from_icmpv6(&Icmpv6View::new_checked(&message).unwrap()).map(|quote| quote.transport)
    };
    let first = "0600000100000007 c3500016deadbeef";
    let transport = QuotedTransport::Tcp { source_port: 50000, destination_port: 22, sequence: 0xdead_beef };
    assert_eq!(quoting(1, first), Ok(transport));
    assert!(quoting(128, first).is_err(), "an echo request quotes nothing");
    assert!(quoting(1, "0600000800000007 c3500016deadbeef").is_err(), "a later fragment has no ports");
}

#[test]
fn errors_are_told_from_queries() {
    let types = |is_error: fn(&[u8]) -> bool| -> Vec<u8> {
        (0..=255).filter(|icmp_type| is_error(&[*icmp_type, 0, 0, 0, 0, 0, 0, 0])).collect()
    };
    assert_eq!(types(|message| Icmpv4View::new_checked(message).unwrap().is_error()), [3, 4, 5, 11, 12]);
    let v6 = types(|message| Icmpv6View::new_checked(message).unwrap().is_error());
    assert_eq!(v6, (0..128).collect::<Vec<u8>>());
}

#[test]
fn a_udp_checksum_of_zero_is_sent_as_all_ones() {
    // 0x7f000001 twice, protocol 17, length 10 twice, ports 1 and 2: the payload makes it 0xffff.
    let payload = (0xffff_u16 - 0xfe00 - 2 - 17 - 10 - 10 - 1 - 2).to_be_bytes();
    let mut datagram = [0; 10];
    UdpRepr { source_port: 1, destination_port: 2, payload: &payload }
        .emit(&loopback(), &mut datagram)
        .unwrap();
    assert_eq!(datagram[6..8], [0xff, 0xff]);
    assert!(UdpView::new_checked(&datagram).unwrap().has_valid_checksum(&loopback()));
}

#[test]
fn arp_is_read_and_built_as_linux_builds_it() {
    let request = ArpRepr {
        operation: arp::REQUEST,
        sender_hardware: [2, 0, 0, 0, 0, 0x0a],
        sender: Ipv4Addr::new(198, 18, 0, 1),
        target_hardware: [0; 6],
        target: Ipv4Addr::new(198, 18, 0, 2),
    };
    let reply = ArpRepr {
        operation: arp::REPLY,
        sender_hardware: [2, 0, 0, 0, 0, 0x0b],
        sender: request.target,
        target_hardware: request.sender_hardware,
        target: request.sender,
    };
    for (text, repr) in [(ARP_REQUEST, request), (ARP_REPLY, reply)] {
        let mut padded = hex(text);
        padded.resize(46, 0);
        assert_eq!(ArpRepr::parse(&ArpView::new_checked(&padded).unwrap()), repr);
        let mut built = [0xaa; arp::LENGTH];
        assert_eq!(repr.emit(&mut built), Ok(arp::LENGTH));
        assert_eq!(built[..], hex(text));
    }
    let why = |at, byte| ArpView::new_checked(&changed(ARP_REPLY, &[(at, byte)])).unwrap_err().why;
    assert_eq!(why(1, 6), "hardware is not Ethernet");
    assert_eq!(why(2, 0x86), "protocol is not IPv4");
    assert_eq!([why(4, 8), why(5, 16)], ["address lengths are not 6 and 4"; 2]);
}

#[test]
fn neighbour_discovery_is_read_and_built_as_linux_builds_it() {
    let target = "2001:db8::2".parse().unwrap();
    let solicitation = NdpRepr::Solicitation { target, source_link: Some([2, 0, 0, 0, 0, 0x0a]) };
    let advertisement = NdpRepr::Advertisement {
        target,
        router: false,
        solicited: true,
        overrides: true,
        target_link: Some([2, 0, 0, 0, 0, 0x0b]),
    };
    for (text, repr) in [(SOLICITATION, solicitation), (ADVERTISEMENT, advertisement)] {
        let packet = hex(text);
        let ip = Ipv6View::new_checked(&packet).unwrap();
        assert_eq!((ip.protocol(), ip.hop_limit()), (protocol::ICMPV6, ndp::HOP_LIMIT));
        let pseudo = PseudoHeader::V6 { source: ip.source(), destination: ip.destination() };
        let view = NdpView::new_checked(ip.payload()).unwrap();
        assert!(view.has_valid_checksum(&pseudo));
        assert_eq!(NdpRepr::parse(&view), repr);
        let mut built = [0xaa; 40];
        assert_eq!(repr.emit(&pseudo, &mut built), Ok(32));
        assert_eq!(&built[..32], ip.payload());
    }
    let packet = hex(SOLICITATION);
    let group = Ipv6View::new_checked(&packet).unwrap().destination();
    assert_eq!(ndp::solicited_node(target), group);
    assert_eq!(ndp::multicast_mac(group), [0x33, 0x33, 0xff, 0, 0, 2]);
    // The example of RFC 4291 section 2.7.1.
    let example = ndp::solicited_node("4037::1:800:200e:8c6c".parse().unwrap());
    assert_eq!(example, "ff02::1:ff0e:8c6c".parse::<Ipv6Addr>().unwrap());
    assert_eq!(ndp::multicast_mac(example), [0x33, 0x33, 0xff, 0x0e, 0x8c, 0x6c]);
}

#[test]
fn neighbour_discovery_that_must_be_discarded_is_refused() {
    let read = |changes: &[(usize, u8)], rest: &str| {
        let message = [&changed(ADVERTISEMENT, changes)[40..64], &hex(rest)].concat();
        NdpView::new_checked(&message).map(|view| view.link_address()).map_err(|error| error.why)
    };
    assert_eq!(read(&[], ""), Ok(None), "the option may be missing");
    assert_eq!(read(&[(40, 134)], ""), Err("neither solicitation nor advertisement"));
    assert_eq!(read(&[(41, 1)], ""), Err("code is not 0"));
    assert_eq!(read(&[(48, 0xff)], ""), Err("target is a multicast address"));

    let link = "0201 020000000001";
    let address = Ok(Some([2, 0, 0, 0, 0, 1]));
    assert_eq!(read(&[], &format!("0e01 010203040506 {link}")), address, "a nonce is stepped over");
    assert_eq!(
        read(&[], &format!("0101 020000000009 {link}")),
        address,
        "an address of the source is not the target's"
    );
    assert_eq!(read(&[], &format!("{link} 0201 020000000009")), address, "the first counts");
    let long = "0202 0102030405060708 000000000000";
    assert_eq!(read(&[], &format!("{long} {link}")), address, "eight bytes are no Ethernet address");
    assert_eq!(read(&[(40, 135)], link), Ok(None), "a solicitation has none of the target");
    assert_eq!(read(&[], &format!("{link} 0000 000000000000")), Err("option with length 0"));
    assert_eq!(read(&[], &format!("{link} 0102 000000000000")), Err("cut inside an option"));
    assert_eq!(read(&[], &format!("{link} 01")), Err("cut inside an option"));

    let group = "ff02::1".parse().unwrap();
    let pseudo = PseudoHeader::V6 { source: Ipv6Addr::LOCALHOST, destination: group };
    let repr = NdpRepr::Solicitation { target: group, source_link: None };
    assert!(repr.emit(&pseudo, &mut [0; 64]).is_err(), "what no one may read is not written");
}

#[test]
fn an_echo_reply_has_what_was_asked() {
    let packet = hex(ECHO_REPLY6);
    let ip = Ipv6View::new_checked(&packet).unwrap();
    let view = Icmpv6View::new_checked(ip.payload()).unwrap();
    let Icmpv6Repr::EchoReply { identifier, sequence, data } = Icmpv6Repr::parse(&view) else {
        panic!("{view:?}");
    };
    assert_eq!((identifier, sequence, data.len(), data[16]), (0x2340, 1, 56, 0x10));
}

/// An IPv6 packet whose first next header is `next`.
fn chain(next: u8, rest: &str) -> Vec<u8> {
    let payload = hex(rest);
    let mut packet = hex(&RST6[..80]);
    packet[4..6].copy_from_slice(&u16::try_from(payload.len()).unwrap().to_be_bytes());
    packet[6] = next;
    packet.extend(payload);
    packet
}

fn loopback() -> PseudoHeader {
    PseudoHeader::V4 { source: Ipv4Addr::LOCALHOST, destination: Ipv4Addr::LOCALHOST }
}

fn changed(text: &str, changes: &[(usize, u8)]) -> Vec<u8> {
    let mut bytes = hex(text);
    for (at, byte) in changes {
        bytes[*at] = *byte;
    }
    bytes
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}
