//! Hex in, meaning out: packets that a Linux kernel sent over loopback, and some that no kernel sends.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::net::{Ipv4Addr, Ipv6Addr};

use portolan_wire::{
    IcmpMeaning, Icmpv4View, Icmpv6View, Ipv4Repr, Ipv4View, Ipv6Repr, Ipv6View, PseudoHeader, Quote,
    QuotedTransport, TcpFlags, TcpOption, TcpOptions, TcpRepr, TcpView, UdpRepr, UdpView, icmpv4_meaning,
    icmpv6_meaning, protocol,
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
