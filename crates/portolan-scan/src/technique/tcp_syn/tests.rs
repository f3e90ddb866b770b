use super::*;
use portolan_wire::{Icmpv4Repr, Icmpv6Repr};
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};

fn ends(v6: bool) -> (IpAddr, IpAddr) {
    if v6 {
        let ip = |last| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last));
        (ip(1), ip(2))
    } else {
        (Ipv4Addr::new(198, 18, 0, 1).into(), Ipv4Addr::new(198, 18, 0, 2).into())
    }
}

fn syn(v6: bool, port: u16, to: u16, sequence: u32) -> Syn {
    let (source, target) = ends(v6);
    Syn { source, port, to: Endpoint::tcp(Address::new(target), to), sequence }
}

fn written(syn: &Syn) -> Vec<u8> {
    let mut buffer = [0; LONGEST];
    let length = emit(syn, &mut buffer).expect("it fits");
    buffer[..length].to_vec()
}

/// A packet of `protocol` from one end to the other.
fn packet(from: IpAddr, to: IpAddr, protocol: u8, ttl: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; ipv6::HEADER_LENGTH + payload.len()];
    let payload_length = payload.len();
    let header = match (from, to) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => Ipv4Repr {
            source,
            destination,
            protocol,
            ttl,
            identification: 7,
            dont_fragment: false,
            traffic_class: 0,
            payload_length,
        }
        .emit(&mut bytes),
        (IpAddr::V6(source), IpAddr::V6(destination)) => Ipv6Repr {
            source,
            destination,
            protocol,
            hop_limit: ttl,
            traffic_class: 0,
            flow_label: 0,
            payload_length,
        }
        .emit(&mut bytes),
        _ => panic!("two families"),
    }
    .unwrap();
    bytes.truncate(header);
    bytes.extend(payload);
    bytes
}

fn pseudo(from: IpAddr, to: IpAddr) -> PseudoHeader {
    match (from, to) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => PseudoHeader::V4 { source, destination },
        (IpAddr::V6(source), IpAddr::V6(destination)) => PseudoHeader::V6 { source, destination },
        _ => panic!("two families"),
    }
}

/// What the target says to `syn`.
fn says(syn: &Syn, flags: TcpFlags, acknowledgment: u32) -> Vec<u8> {
    let (source, target) = (syn.source, syn.to.address.ip());
    let segment = TcpRepr {
        source_port: syn.to.port,
        destination_port: syn.port,
        sequence: 99,
        acknowledgment,
        flags,
        window: 65160,
        urgent: 0,
        options: TcpOptions::default(),
        payload: &[],
    };
    let mut bytes = vec![0; segment.length()];
    segment.emit(&pseudo(target, source), &mut bytes).unwrap();
    packet(target, source, protocol::TCP, 63, &bytes)
}

/// An error of `from` that quotes the first `length` bytes of what was sent.
fn error(syn: &Syn, from: IpAddr, length: usize) -> Vec<u8> {
    let sent = written(syn);
    let quote = &sent[..length.min(sent.len())];
    let mut bytes = vec![0; 8 + quote.len()];
    let protocol = if from.is_ipv6() {
        let message = Icmpv6Repr::Other { icmp_type: 1, code: 1, rest: [0; 4], payload: quote };
        message.emit(&pseudo(from, syn.source), &mut bytes).unwrap();
        protocol::ICMPV6
    } else {
        let message = Icmpv4Repr::Other { icmp_type: 3, code: 13, rest: [0; 4], payload: quote };
        message.emit(&mut bytes).unwrap();
        protocol::ICMP
    };
    packet(from, syn.source, protocol, 61, &bytes)
}

proptest! {
    #[test]
    fn a_syn_is_sound_and_bears_its_numbers(v6: bool, port: u16, to: u16, sequence: u32) {
        let syn = syn(v6, port, to, sequence);
        let bytes = written(&syn);
        let (payload, pseudo) = if v6 {
            let ip = Ipv6View::new_checked(&bytes).unwrap();
            (ip.payload(), pseudo(ip.source().into(), ip.destination().into()))
        } else {
            let ip = Ipv4View::new_checked(&bytes).unwrap();
            prop_assert!(ip.has_valid_checksum() && ip.dont_fragment());
            (ip.payload(), pseudo(ip.source().into(), ip.destination().into()))
        };
        let segment = TcpView::new_checked(payload).unwrap();
        prop_assert!(segment.has_valid_checksum(&pseudo));
        let numbers = (segment.source_port(), segment.destination_port(), segment.sequence());
        prop_assert_eq!(numbers, (port, to, sequence));
        prop_assert_eq!(segment.flags(), TcpFlags::SYN);
        // An option less, and some hosts do not answer.
        let options = TcpOptions::parse(segment.options());
        prop_assert!(options.maximum_segment_size.is_some() && options.window_scale.is_some());
        prop_assert!(options.sack_permitted && options.timestamps.is_some_and(|(value, _)| value != 0));
    }

    #[test]
    fn an_answer_leads_back_to_its_syn(v6: bool, port: u16, to: u16, sequence: u32) {
        let syn = syn(v6, port, to, sequence);
        let seen = Segment { ttl: 63, window: 65160 };
        let next = sequence.wrapping_add(1);
        let table = [
            (TcpFlags::SYN | TcpFlags::ACK, Some(Outcome::SynAck(seen))),
            (TcpFlags::RST | TcpFlags::ACK, Some(Outcome::Reset(seen))),
            // Simultaneous open, a challenge ACK, a RST that acknowledges nothing, and nonsense.
            (TcpFlags::SYN, None),
            (TcpFlags::ACK, None),
            (TcpFlags::RST, None),
            (TcpFlags::SYN | TcpFlags::RST | TcpFlags::ACK, None),
        ];
        for (flags, outcome) in table {
            let answer = parse(&says(&syn, flags, next), true);
            let source = syn.source;
            prop_assert_eq!(
                answer,
                outcome.map(|outcome| Answer { to: syn.to, source, port, sequence, outcome })
            );
        }
    }

    #[test]
    fn an_icmp_error_leads_back_by_what_it_quotes(v6: bool, port: u16, to: u16, sequence: u32) {
        let syn = syn(v6, port, to, sequence);
        let header = if v6 { 40 } else { 20 };
        let (router, _) = ends(v6);
        for length in [header + 8, header + 20, 200] {
            let answer = parse(&error(&syn, router, length), true).unwrap();
            prop_assert_eq!((answer.to, answer.port, answer.sequence), (syn.to, port, sequence));
            let Outcome::Icmp(icmp) = answer.outcome else { panic!("{answer:?}") };
            prop_assert_eq!((icmp.from, icmp.ttl), (Some(Address::new(router)), Some(61)));
        }
        prop_assert_eq!(parse(&error(&syn, router, header + 7), true), None);
    }

    #[test]
    fn whatever_comes_is_borne(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0usize..120) {
        let _ = (parse(&bytes, true), parse(&bytes, false));
        let whole = says(&syn(bytes.len() % 2 == 0, 1, 2, 3), TcpFlags::SYN | TcpFlags::ACK, 4);
        let cut = cut.min(whole.len() - 1);
        prop_assert_eq!(parse(&whole[..cut], false), None);
    }
}

/// A bit that fell on the way is no answer; where checksums are not there yet, the numbers decide alone.
#[test]
fn a_broken_checksum_is_no_answer() {
    for v6 in [false, true] {
        let syn = syn(v6, 40_000, 80, 7);
        let whole = says(&syn, TcpFlags::RST | TcpFlags::ACK, 8);
        let header = if v6 { 40 } else { 20 };
        let mut bent = whole.clone();
        bent[header + tcp::field::FLAGS] = (TcpFlags::SYN | TcpFlags::ACK).0;
        assert!(parse(&whole, true).is_some() && parse(&bent, true).is_none(), "{v6}");
        assert!(matches!(parse(&bent, false).unwrap().outcome, Outcome::SynAck(_)));
        let (router, _) = ends(v6);
        let mut bent = error(&syn, router, 200);
        bent[header + 1] ^= 8;
        assert!(parse(&bent, true).is_none() && parse(&bent, false).is_some(), "{v6}");
    }
}

#[test]
fn two_families_make_no_packet() {
    let mut mixed = syn(false, 1, 2, 3);
    mixed.source = ends(true).0;
    assert_eq!(emit(&mixed, &mut [0; LONGEST]), None);
    assert_eq!(emit(&syn(true, 1, 2, 3), &mut [0; LONGEST - 21]), None);
}

#[test]
fn a_box_before_the_host_is_nearer() {
    let nearer = |reset_ttl, host| {
        let claim = reset(Segment { ttl: reset_ttl, window: 0 }, host);
        claim.confidence.because.contains(&Because::ResetFromNearer)
    };
    assert!(nearer(64, Some(63)) && nearer(254, Some(60)) && nearer(127, Some(61)));
    // As far as the host, from further away, with another system's number, and where nothing is known of the host.
    assert!(!nearer(63, Some(63)) && !nearer(62, Some(63)) && !nearer(252, Some(61)) && !nearer(64, None));
}
