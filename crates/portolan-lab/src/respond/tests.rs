//! The program in the kernel, run on one frame after the other without any interface.

use std::net::{IpAddr, Ipv4Addr};

use portolan_sys::bpf::{Map, TestRun, XdpProgram};
use portolan_wire::{
    Icmpv4Repr, Icmpv4View, Ipv4Repr, Ipv4View, PseudoHeader, Quote, QuotedTransport, TcpFlags, TcpOptions,
    TcpRepr, TcpView, UdpRepr, protocol,
};

use super::program::{DROP, PASS, REDIRECT};
use super::*;

/// A responder in the kernel that is attached to nothing.
struct Bench {
    truth: Truth,
    program: XdpProgram,
    counters: Map,
}

impl Bench {
    /// `None`, after saying so, where bpf(2) is not allowed. A program that the verifier refuses is a failure.
    fn new(test: &str, shares: Shares) -> Option<Self> {
        if let Err(why) = counts::map() {
            let why = format!("bpf(2): {why}");
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "{test}: {why}; in CI nothing may be skipped"
            );
            println!("SKIPPED {test}: {why}");
            return None;
        }
        let prefixes = vec!["198.18.0.0/15".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
        let asked = Asked { interface: "none".to_owned(), prefixes, router: ROUTER, seed: 42, shares };
        let (program, counters) = load(&asked, 1, OURS).unwrap_or_else(|why| panic!("{why}"));
        Some(Bench { truth: asked.truth().unwrap(), program, counters })
    }

    fn run(&self, frame: &[u8]) -> TestRun {
        self.program.test_run(frame).unwrap()
    }

    /// The packet that is sent back; `None` if the frame is dropped.
    fn answer(&self, frame: &[u8]) -> Option<Vec<u8>> {
        let TestRun { verdict, frame: output } = self.run(frame);
        if verdict == DROP {
            return None;
        }
        assert_eq!(verdict, REDIRECT, "{frame:02x?}");
        let expected = [&frame[6..12], &frame[..6], &[8, 0]].concat();
        assert_eq!(output[..14], expected, "the Ethernet header is turned around");
        Some(output[14..].to_vec())
    }

    fn count(&self, counter: Counter) -> u64 {
        counts::sums(&self.counters).unwrap().of(counter)
    }
}

const OURS: [u8; 6] = [2, 0, 0, 0, 0, 1];
const THEIRS: [u8; 6] = [2, 0x11, 0x22, 0x33, 0x44, 0x55];
const ROUTER: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 2);
const SCANNER: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
const HOST: Ipv4Addr = Ipv4Addr::new(10, 77, 3, 200);
const MIXED: Shares = Shares { open: 13_000, silent: 17_000, prohibited: 11_000, alive: 50_000 };

fn frame(to: Ipv4Addr, number: u8, payload: &[u8]) -> Vec<u8> {
    let header = Ipv4Repr {
        source: SCANNER,
        destination: to,
        protocol: number,
        ttl: 57,
        identification: 0xabcd,
        dont_fragment: false,
        traffic_class: 4,
        payload_length: payload.len(),
    };
    let mut packet = [0; 20];
    header.emit(&mut packet).unwrap();
    [&OURS[..], &THEIRS, &[8, 0], &packet, payload].concat()
}

fn segment(to: Ipv4Addr, port: u16, flags: TcpFlags, options: TcpOptions) -> Vec<u8> {
    let segment = TcpRepr {
        source_port: 50_000,
        destination_port: port,
        sequence: 0xffff_ffff - u32::from(port),
        acknowledgment: 0,
        flags,
        window: 1024,
        urgent: 0,
        options,
        payload: &[],
    };
    let mut buffer = [0; 60];
    let pseudo = PseudoHeader::V4 { source: SCANNER, destination: to };
    let length = segment.emit(&pseudo, &mut buffer).unwrap();
    frame(to, protocol::TCP, &buffer[..length])
}

fn syn(to: Ipv4Addr, port: u16) -> Vec<u8> {
    segment(to, port, TcpFlags::SYN, TcpOptions::default())
}

fn datagram(to: Ipv4Addr, port: u16, payload: &[u8]) -> Vec<u8> {
    let datagram = UdpRepr { source_port: 50_000, destination_port: port, payload };
    let mut buffer = [0; 1200];
    let pseudo = PseudoHeader::V4 { source: SCANNER, destination: to };
    let length = datagram.emit(&pseudo, &mut buffer).unwrap();
    frame(to, protocol::UDP, &buffer[..length])
}

/// The packet as it must be whatever it says: checksums right, nothing behind its end, to the scanner.
fn checked(packet: &[u8], number: u8, from: Ipv4Addr) -> &[u8] {
    let view = Ipv4View::new_checked(packet).unwrap();
    assert!(view.has_valid_checksum());
    assert_eq!((view.source(), view.destination(), view.ttl()), (from, SCANNER, 64));
    assert_eq!(view.protocol(), number);
    assert_eq!(packet.len(), 20 + view.payload().len());
    view.payload()
}

/// What a TCP answer says: flags, sequence number, acknowledgment number, window.
fn told(packet: &[u8], from: Ipv4Addr, port: u16) -> (TcpFlags, u32, u32, u16) {
    let segment = checked(packet, protocol::TCP, from);
    let view = TcpView::new_checked(segment).unwrap();
    assert!(view.has_valid_checksum(&PseudoHeader::V4 { source: from, destination: SCANNER }));
    assert_eq!((view.source_port(), view.destination_port()), (port, 50_000));
    assert_eq!((view.urgent(), segment.len()), (0, 20));
    (view.flags(), view.sequence(), view.acknowledgment(), view.window())
}

/// The code of an ICMP error, "destination unreachable", and what it quotes.
fn refusal(packet: &[u8], from: Ipv4Addr, to: Ipv4Addr) -> (u8, QuotedTransport) {
    let message = checked(packet, protocol::ICMP, from);
    let view = Icmpv4View::new_checked(message).unwrap();
    assert!(view.has_valid_checksum());
    assert_eq!((view.icmp_type(), message.len()), (3, 36));
    let quote = Quote::from_icmpv4(&view).unwrap();
    assert_eq!((quote.source, quote.destination, quote.ttl), (IpAddr::V4(SCANNER), IpAddr::V4(to), 57));
    (view.code(), quote.transport)
}

#[test]
fn the_kernel_and_the_truth_agree_about_every_port_of_a_host() {
    let Some(bench) = Bench::new("the_kernel_and_the_truth_agree_about_every_port_of_a_host", MIXED) else {
        return;
    };
    let mut hosts = (0..).map(|next| Ipv4Addr::from_bits(HOST.to_bits() + next));
    let host = hosts.find(|host| bench.truth.is_alive(*host)).unwrap();
    for port in 0..=u16::MAX {
        let sequence = 0xffff_ffff - u32::from(port);
        let acknowledgment = sequence.wrapping_add(1);
        let answer = bench.answer(&syn(host, port));
        match bench.truth.of(Transport::Tcp, host, port) {
            State::Silent => assert_eq!(answer, None, "port {port}"),
            State::Open => {
                let expected =
                    (TcpFlags::SYN | TcpFlags::ACK, bench.truth.sequence(host, port), acknowledgment, 64_240);
                assert_eq!(told(&answer.unwrap(), host, port), expected, "port {port}");
            }
            State::Closed => {
                let expected = (TcpFlags::RST | TcpFlags::ACK, 0, acknowledgment, 0);
                assert_eq!(told(&answer.unwrap(), host, port), expected, "port {port}");
            }
            State::Prohibited => {
                let quoted = QuotedTransport::Tcp { source_port: 50_000, destination_port: port, sequence };
                assert_eq!(refusal(&answer.unwrap(), ROUTER, host), (13, quoted), "port {port}");
            }
        }
    }
    assert_eq!(bench.count(Counter::Seen), 65_536);
    let answered = [Counter::SynAck, Counter::Reset, Counter::Prohibited, Counter::Silent];
    assert_eq!(answered.map(|counter| bench.count(counter)).iter().sum::<u64>(), 65_536);
}

#[test]
fn the_kernel_and_the_truth_agree_about_many_hosts() {
    let Some(bench) = Bench::new("the_kernel_and_the_truth_agree_about_many_hosts", MIXED) else { return };
    for number in 0..20_000_u32 {
        // Both prefixes, near addresses and far ones.
        let bits = if number % 2 == 0 { 0x0a00_0000 + number * 797 } else { 0xc612_0000 + number };
        let (host, port) = (Ipv4Addr::from_bits(bits), (number * 31 % 65_536) as u16);
        for transport in [Transport::Tcp, Transport::Udp] {
            let probe = match transport {
                Transport::Tcp => syn(host, port),
                Transport::Udp => datagram(host, port, b"?"),
            };
            let state = bench.truth.of(transport, host, port);
            let answers = match transport {
                Transport::Tcp => state != State::Silent,
                Transport::Udp => matches!(state, State::Closed | State::Prohibited),
            };
            assert_eq!(bench.answer(&probe).is_some(), answers, "{transport:?} {host} {port}: {state:?}");
        }
    }
}

#[test]
fn options_and_what_is_behind_them_are_not_sent_back() {
    let shares = Shares { open: WHOLE / 2, prohibited: WHOLE / 2, ..Shares::default() };
    let Some(bench) = Bench::new("options_and_what_is_behind_them_are_not_sent_back", shares) else { return };
    let options = TcpOptions {
        maximum_segment_size: Some(1460),
        window_scale: Some(7),
        sack_permitted: true,
        timestamps: Some((1, 0)),
    };
    for port in 0..100 {
        let mut probe = segment(HOST, port, TcpFlags::SYN | TcpFlags::ECE | TcpFlags::CWR, options);
        probe.extend([0; 16]);
        let answer = bench.answer(&probe).unwrap();
        match bench.truth.of(Transport::Tcp, HOST, port) {
            State::Open => assert_eq!(told(&answer, HOST, port).0, TcpFlags::SYN | TcpFlags::ACK),
            _ => assert_eq!(refusal(&answer, ROUTER, HOST).0, 13),
        }
    }
}

#[test]
fn what_does_not_begin_a_connection_is_counted_and_dropped() {
    let shares = Shares { open: WHOLE, ..Shares::default() };
    let Some(bench) = Bench::new("what_does_not_begin_a_connection_is_counted_and_dropped", shares) else {
        return;
    };
    let others = [TcpFlags::RST, TcpFlags::ACK, TcpFlags::SYN | TcpFlags::ACK, TcpFlags::FIN, TcpFlags(0)];
    for flags in others {
        assert_eq!(bench.answer(&segment(HOST, 80, flags, TcpOptions::default())), None);
    }
    assert_eq!(bench.count(Counter::Ignored), others.len() as u64);
}

#[test]
fn a_datagram_to_a_closed_port_is_refused_by_the_host() {
    let Some(bench) =
        Bench::new("a_datagram_to_a_closed_port_is_refused_by_the_host", Shares { alive: WHOLE, ..MIXED })
    else {
        return;
    };
    for port in 0..2000 {
        let payload = vec![7; usize::from(port % 1000)];
        let answer = bench.answer(&datagram(HOST, port, &payload));
        let from = match bench.truth.of(Transport::Udp, HOST, port) {
            State::Closed => Some((HOST, 3)),
            State::Prohibited => Some((ROUTER, 13)),
            State::Open | State::Silent => None,
        };
        assert_eq!(answer.is_some(), from.is_some(), "port {port}");
        if let (Some(answer), Some((from, expected))) = (answer, from) {
            let (code, quoted) = refusal(&answer, from, HOST);
            assert_eq!(code, expected);
            let QuotedTransport::Udp { source_port, destination_port, length, .. } = quoted else {
                panic!("{quoted:?}")
            };
            assert_eq!((source_port, destination_port), (50_000, port));
            assert_eq!(usize::from(length), 8 + payload.len());
        }
    }
}

#[test]
fn a_ping_comes_back_whatever_it_carries() {
    let Some(bench) = Bench::new("a_ping_comes_back_whatever_it_carries", Shares::default()) else { return };
    for (identifier, sequence) in [(0, 0), (1, 0xf7ff), (0xffff, 0xffff), (0xf7ff, 0), (0x1234, 0x5678)] {
        for data in [&[][..], &[0xff], &[1, 2, 3, 4, 5, 6, 7], &[0; 1400]] {
            let mut buffer = [0; 1500];
            let request = Icmpv4Repr::EchoRequest { identifier, sequence, data };
            let length = request.emit(&mut buffer).unwrap();
            let answer = bench.answer(&frame(HOST, protocol::ICMP, &buffer[..length])).unwrap();
            let view = Icmpv4View::new_checked(checked(&answer, protocol::ICMP, HOST)).unwrap();
            assert!(view.has_valid_checksum());
            assert_eq!(Icmpv4Repr::parse(&view), Icmpv4Repr::EchoReply { identifier, sequence, data });
        }
    }
    let dead = Bench::new("", Shares { alive: 0, ..Shares::default() }).unwrap();
    let mut buffer = [0; 8];
    Icmpv4Repr::EchoRequest { identifier: 1, sequence: 1, data: &[] }.emit(&mut buffer).unwrap();
    assert_eq!(dead.answer(&frame(HOST, protocol::ICMP, &buffer)), None);
}

fn arp(operation: u8, sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let header = [&[0xff; 6][..], &THEIRS, &[8, 6, 0, 1, 8, 0, 6, 4, 0, operation]].concat();
    [&header[..], &THEIRS, &sender.octets(), &[0; 6], &target.octets()].concat()
}

#[test]
fn the_addresses_of_a_prefix_are_found_at_the_interface() {
    let Some(bench) = Bench::new("the_addresses_of_a_prefix_are_found_at_the_interface", MIXED) else {
        return;
    };
    for target in [HOST, ROUTER, Ipv4Addr::new(198, 19, 255, 255)] {
        let expected = [
            &THEIRS[..],
            &OURS,
            &[8, 6, 0, 1, 8, 0, 6, 4, 0, 2],
            &OURS,
            &target.octets(),
            &THEIRS,
            &SCANNER.octets(),
        ];
        let run = bench.run(&arp(1, SCANNER, target));
        assert_eq!(run, TestRun { verdict: REDIRECT, frame: expected.concat() });
    }
    for left in [
        arp(2, SCANNER, HOST),
        arp(1, SCANNER, Ipv4Addr::new(11, 0, 0, 0)),
        arp(1, SCANNER, SCANNER),
        arp(1, SCANNER, HOST)[..41].to_vec(),
    ] {
        let unchanged = TestRun { verdict: PASS, frame: left.clone() };
        assert_eq!(bench.run(&left), unchanged);
    }
    assert_eq!((bench.count(Counter::Arp), bench.count(Counter::Passed)), (3, 4));
}

#[test]
fn whatever_else_comes_is_left_to_the_kernel_as_it_is() {
    let shares = Shares { open: WHOLE, ..Shares::default() };
    let Some(bench) = Bench::new("whatever_else_comes_is_left_to_the_kernel_as_it_is", shares) else {
        return;
    };
    let good = syn(HOST, 80);
    let with = |at: usize, byte: u8| {
        let mut frame = good.clone();
        frame[at] = byte;
        frame
    };
    let others = [
        ("not in a prefix", syn(Ipv4Addr::new(198, 20, 0, 0), 80)),
        ("IPv6", with(12, 0x86)),
        ("version 6", with(14, 0x65)),
        ("IP options", with(14, 0x46)),
        ("more fragments", with(20, 0x20)),
        ("a later fragment", with(21, 1)),
        ("SCTP", with(23, 132)),
        ("cut within the segment", good[..53].to_vec()),
        ("cut within the packet", good[..33].to_vec()),
        ("an echo reply", frame(HOST, protocol::ICMP, &[0; 8])),
        ("half a datagram", frame(HOST, protocol::UDP, &[0; 7])),
        ("nothing but an Ethernet header", good[..14].to_vec()),
    ];
    for (what, frame) in others {
        assert_eq!(bench.run(&frame), TestRun { verdict: PASS, frame: frame.clone() }, "{what}");
    }
    assert!(bench.answer(&good).is_some());
    assert!(bench.answer(&with(20, 0x40)).is_some(), "not to be fragmented is no fragment");
}

#[test]
fn what_is_asked_for_is_read_as_it_is_written() {
    let asked = Asked {
        interface: "to-scanner".to_owned(),
        prefixes: vec!["198.18.0.0/15".parse().unwrap(), "10.0.0.0/8".parse().unwrap()],
        router: ROUTER,
        seed: 7,
        shares: MIXED,
    };
    let words = asked.words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    assert_eq!(Asked::read(&words), Ok(asked));
    let least = Asked::read(&["--interface", "x", "--prefix", "10.1.2.3/8"]).unwrap();
    assert_eq!((least.router, least.shares), (Ipv4Addr::new(10, 0, 0, 0), Shares::default()));
    for wrong in [
        &["--interface", "x"][..],
        &["--prefix", "10.0.0.0/8"],
        &["--interface", "x", "--prefix"],
        &["--interface", "x", "--prefix", "10.0.0.0/8", "--ports", "1"],
        &["--interface", "x", "--prefix", "10.0.0.0/8", "--open", "many"],
    ] {
        assert!(Asked::read(wrong).is_err(), "{wrong:?}");
    }
    let much = Asked { shares: Shares { open: WHOLE, silent: 1, ..MIXED }, ..least };
    assert!(much.truth().is_err());
}

#[test]
fn an_ethernet_address_is_six_bytes() {
    assert_eq!(read_hardware("02:11:22:33:44:ff\n"), Ok([2, 0x11, 0x22, 0x33, 0x44, 0xff]));
    for wrong in ["", "02:11:22:33:44", "02:11:22:33:44:55:66", "02:11:22:33:44:100"] {
        assert!(read_hardware(wrong).is_err(), "{wrong:?}");
    }
}
