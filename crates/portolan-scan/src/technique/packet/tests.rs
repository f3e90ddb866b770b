use super::*;
use portolan_model::{Pong, Segment};
use portolan_wire::{Icmpv4Repr, Icmpv6Repr, TcpFlags, TcpOptions, TcpRepr, TcpView, UdpRepr, UdpView, ipv4};
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

fn syn(v6: bool, ours: u16, theirs: u16, number: u32) -> Question {
    let (source, target) = ends(v6);
    Question { kind: Kind::Syn, source, to: Address::new(target), ours, theirs, number, proof: 0 }
}

fn ack(v6: bool, ours: u16, theirs: u16, number: u32) -> Question {
    Question { kind: Kind::Ack, ..syn(v6, ours, theirs, number) }
}

/// A question without ports.
fn ping(v6: bool, kind: Kind, number: u32, proof: u64) -> Question {
    let proof = if kind == Kind::Timestamp { icmp_timestamp::originate(proof) } else { proof };
    Question { kind, proof, ..syn(v6, 0, kind.theirs(), number) }
}

/// A datagram.
fn udp(v6: bool, ours: u16, theirs: u16) -> Question {
    Question { kind: Kind::Udp, ..syn(v6, ours, theirs, 0) }
}

fn written(question: &Question) -> Vec<u8> {
    let mut buffer = [0; LONGEST];
    let length = emit(question, &mut buffer).expect("it fits");
    buffer[..length].to_vec()
}

/// [`super::parse`] of bytes that nothing frees, so that an answer outlives the line that made them.
fn parse(packet: &[u8], checksummed: bool) -> Option<Answer<'static>> {
    super::parse(packet.to_vec().leak(), checksummed)
}

/// A datagram that carries something.
fn written_with(question: &Question, payload: &[u8]) -> Vec<u8> {
    let mut buffer = vec![0; udp_packet::LONGEST];
    let length = udp_packet::emit(question, payload, &mut buffer).expect("it fits");
    buffer.truncate(length);
    buffer
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
fn says(syn: &Question, flags: TcpFlags, acknowledgment: u32) -> Vec<u8> {
    segment(syn, flags, (99, acknowledgment))
}

fn segment(syn: &Question, flags: TcpFlags, (sequence, acknowledgment): (u32, u32)) -> Vec<u8> {
    let (source, target) = (syn.source, syn.to.ip());
    let segment = TcpRepr {
        source_port: syn.theirs,
        destination_port: syn.ours,
        sequence,
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
fn error(syn: &Question, from: IpAddr, length: usize) -> Vec<u8> {
    error_about(&written(syn), syn, from, length)
}

fn error_about(sent: &[u8], syn: &Question, from: IpAddr, length: usize) -> Vec<u8> {
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

/// What IP carries.
fn payload(packet: &[u8]) -> &[u8] {
    &packet[if packet[0] >> 4 == 6 { 40 } else { 20 }..]
}

/// What comes back of an ICMP `message` of ours: its type is the answer's, and it is summed up anew.
fn reply(asked: &Question, message: &[u8]) -> Vec<u8> {
    let (source, target) = (asked.source, asked.to.ip());
    let rest = message[4..8].try_into().unwrap();
    let (payload, mut bytes) = (message[8..].to_vec(), vec![0; message.len()]);
    let (protocol, written) = if target.is_ipv6() {
        let message = Icmpv6Repr::Other { icmp_type: 129, code: 0, rest, payload: &payload };
        (protocol::ICMPV6, message.emit(&pseudo(target, source), &mut bytes))
    } else {
        let icmp_type = if asked.kind == Kind::Timestamp { 14 } else { 0 };
        let message = Icmpv4Repr::Other { icmp_type, code: 0, rest, payload: &payload };
        (protocol::ICMP, message.emit(&mut bytes))
    };
    written.unwrap();
    packet(target, source, protocol, 63, &bytes)
}

/// A datagram from a port of the target to a port of ours.
fn datagram(asked: &Question, from: u16, to: u16) -> Vec<u8> {
    let (source, target) = (asked.source, asked.to.ip());
    let datagram = UdpRepr { source_port: from, destination_port: to, payload: b"any" };
    let mut bytes = vec![0; datagram.length()];
    datagram.emit(&pseudo(target, source), &mut bytes).unwrap();
    packet(target, source, protocol::UDP, 63, &bytes)
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
            // Simultaneous open, a challenge ACK, and nonsense.
            (TcpFlags::SYN, None),
            (TcpFlags::ACK, None),
            (TcpFlags::SYN | TcpFlags::RST | TcpFlags::ACK, None),
        ];
        for (flags, outcome) in table {
            let answer = parse(&says(&syn, flags, next), true);
            prop_assert_eq!(answer.map(|answer| answer.outcome), outcome);
            prop_assert!(answer.is_none_or(|answer| answer.is_about(&syn)));
            let other = self::syn(v6, port, to, sequence.wrapping_add(1));
            prop_assert!(answer.is_none_or(|answer| !answer.is_about(&other)));
        }
        // It bears the number that an ACK would have named: to a SYN that is nothing.
        let bare = parse(&segment(&syn, TcpFlags::RST, (sequence, 0)), true).unwrap();
        prop_assert!(!bare.is_about(&syn) && bare.is_about(&ack(v6, port, to, sequence)));
    }

    #[test]
    fn an_ack_is_sound_and_only_its_number_answers_it(v6: bool, port: u16, to: u16, number: u32) {
        let ack = ack(v6, port, to, number);
        let bytes = written(&ack);
        let payload = payload(&bytes);
        let segment = TcpView::new_checked(payload).unwrap();
        prop_assert!(segment.has_valid_checksum(&pseudo(ack.source, ack.to.ip())));
        prop_assert_eq!((segment.flags(), segment.acknowledgment()), (TcpFlags::ACK, number));
        let reset = |number| parse(&self::segment(&ack, TcpFlags::RST, (number, 0)), true).unwrap();
        prop_assert!(reset(number).is_about(&ack) && !reset(number ^ 1).is_about(&ack));
        let accepted = parse(&says(&ack, TcpFlags::SYN | TcpFlags::ACK, number.wrapping_add(1)), true).unwrap();
        prop_assert!(!accepted.is_about(&ack), "nobody accepts an ACK");
    }

    #[test]
    fn an_echo_reply_bears_numbers_and_data(v6: bool, number: u32, proof: u64, bit in 0usize..96) {
        let echo = ping(v6, Kind::Echo, number, proof);
        let bytes = written(&echo);
        let mut message = payload(&bytes).to_vec();
        let wanted = Some(Outcome::Pong(Pong::Echo { ttl: 63 }));
        let answer = parse(&reply(&echo, &message), true);
        prop_assert_eq!(answer.map(|answer| answer.outcome), wanted);
        prop_assert!(answer.unwrap().is_about(&echo));
        // Identifier, sequence number, data: each bit counts.
        message[4 + bit / 8] ^= 1 << (bit % 8);
        let answer = parse(&reply(&echo, &message), true);
        prop_assert!(!answer.unwrap().is_about(&echo));
        // A byte too few, or too many, is not what was sent.
        message.push(0);
        prop_assert_eq!(parse(&reply(&echo, &message), true), None);
        message.truncate(15);
        prop_assert_eq!(parse(&reply(&echo, &message), true), None);
        prop_assert_eq!(parse(&bytes, true), None, "our own question is no answer");
    }

    #[test]
    fn a_timestamp_reply_bears_numbers_and_our_time(number: u32, proof: u64, bit in 0usize..64) {
        let asked = ping(false, Kind::Timestamp, number, proof);
        let bytes = written(&asked);
        let mut message = payload(&bytes).to_vec();
        prop_assert!(message[8] & 0x80 != 0, "it is no time of day");
        message[12..].fill(7);
        let answer = parse(&reply(&asked, &message), true);
        prop_assert!(answer.unwrap().is_about(&asked));
        message[4 + bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!parse(&reply(&asked, &message), true).unwrap().is_about(&asked));
        message.truncate(19);
        prop_assert_eq!(parse(&reply(&asked, &message), true), None);
        let nobody = ping(true, Kind::Timestamp, number, proof);
        prop_assert_eq!(emit(&nobody, &mut [0; LONGEST]), None, "IPv6 has none");
    }

    #[test]
    fn a_datagram_answers_from_the_port_that_was_asked(v6: bool, port: u16, to in 1u16.., other: u16) {
        let asked = udp(v6, port, to);
        let bytes = written(&asked);
        let view = UdpView::new_checked(payload(&bytes)).unwrap();
        prop_assert!(view.payload().is_empty() && view.has_valid_checksum(&pseudo(asked.source, asked.to.ip())));
        for (from, local) in [(to, port), (other, port), (to, other)] {
            let answer = parse(&datagram(&asked, from, local), true).unwrap();
            prop_assert_eq!(answer.is_about(&asked), (from, local) == (to, port));
        }
    }

    #[test]
    fn a_datagram_carries_its_question_and_an_answer_its_own(
        v6: bool,
        port: u16,
        to in 1u16..,
        payload in prop::collection::vec(any::<u8>(), 0..udp_packet::MOST_PAYLOAD),
    ) {
        let question = Question { proof: payload.len() as u64, ..udp(v6, port, to) };
        let mut bytes = written_with(&question, &payload);
        let ours = parse(&bytes, true).unwrap();
        prop_assert_eq!((ours.carried, ours.theirs, ours.ours), (&payload[..], port, to), "as the other end sees it");
        // Padding of the link is no payload.
        bytes.resize(bytes.len() + 6, 0);
        prop_assert_eq!(parse(&bytes, true).unwrap().carried, &payload[..]);
        let header = if v6 { 40 } else { 20 };
        bytes[header] ^= 1;
        prop_assert_eq!(parse(&bytes, true), None);
        prop_assert!(parse(&bytes, false).is_some());
        let answer = datagram(&question, to, port);
        let answer = parse(&answer, true).unwrap();
        prop_assert_eq!((answer.carried, answer.outcome), (&b"any"[..], Outcome::Pong(Pong::Datagram { ttl: 63 })));
    }

    #[test]
    fn an_error_about_a_datagram_tells_what_it_quotes_of_it(v6: bool, port: u16, quoted in 0usize..40) {
        let payload = b"a question of ours";
        let question = Question { proof: payload.len() as u64, ..udp(v6, port, 53) };
        let header = if v6 { 48 } else { 28 };
        let bytes = error_about(&written_with(&question, payload), &question, ends(v6).0, header + quoted);
        let answer = parse(&bytes, true).unwrap();
        prop_assert_eq!(answer.carried, &payload[..quoted.min(payload.len())]);
        prop_assert!(answer.is_about(&question));
        prop_assert!(!answer.is_about(&udp(v6, port, 53)), "an empty one was not so long");
        let short = error_about(&written_with(&question, payload), &question, ends(v6).0, header - 1);
        prop_assert_eq!(parse(&short, true), None);
    }

    #[test]
    fn an_icmp_error_leads_back_by_what_it_quotes(v6: bool, port: u16, to: u16, sequence: u32) {
        let syn = syn(v6, port, to, sequence);
        let header = if v6 { 40 } else { 20 };
        let (router, _) = ends(v6);
        for length in [header + 8, header + 20, 200] {
            let answer = parse(&error(&syn, router, length), true).unwrap();
            prop_assert!(answer.is_about(&syn) && !answer.is_about(&self::syn(v6, port, to, sequence ^ 1)));
            let Outcome::Icmp(icmp) = answer.outcome else { panic!("{answer:?}") };
            prop_assert_eq!((icmp.from, icmp.ttl), (Some(Address::new(router)), Some(61)));
        }
        prop_assert_eq!(parse(&error(&syn, router, header + 7), true), None);
    }

    #[test]
    fn an_icmp_error_is_about_the_ping_that_it_quotes(v6: bool, port: u16, number: u32, proof: u64) {
        let mut asked = vec![ack(v6, port, 80, number), udp(v6, port, 80), ping(v6, Kind::Echo, number, proof)];
        asked.extend((!v6).then(|| ping(v6, Kind::Timestamp, number, proof)));
        let header = if v6 { 40 } else { 20 };
        for one in &asked {
            for length in [header + 8, 200] {
                let answer = parse(&error(one, ends(v6).0, length), true).unwrap();
                let about: Vec<_> = asked.iter().filter(|other| answer.is_about(other)).collect();
                prop_assert_eq!(about, [one]);
            }
        }
        let other = Question { number: number ^ 1, ..ping(v6, Kind::Echo, number, proof) };
        prop_assert!(!parse(&error(&other, ends(v6).0, 200), true).unwrap().is_about(&asked[2]));
        let other = udp(v6, port ^ 1, 80);
        prop_assert!(!parse(&error(&other, ends(v6).0, 200), true).unwrap().is_about(&asked[1]));
    }

    #[test]
    fn whatever_comes_is_borne(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0usize..120) {
        let _ = (parse(&bytes, true), parse(&bytes, false));
        let v6 = bytes.len() % 2 == 0;
        let whole = says(&syn(v6, 1, 2, 3), TcpFlags::SYN | TcpFlags::ACK, 4);
        let cut = cut.min(whole.len() - 1);
        prop_assert_eq!(parse(&whole[..cut], false), None);
        for asked in [ping(v6, Kind::Echo, 1, 2), ping(false, Kind::Timestamp, 1, 2)] {
            let mut whole = payload(&written(&asked)).to_vec();
            whole.truncate(cut);
            whole.extend(&bytes);
            if whole.len() >= 8 {
                let _ = parse(&reply(&asked, &whole), true);
            }
        }
    }
}

/// The first piece of a long answer is an answer: what makes it one stands in front. Of anything else a piece is nothing.
#[test]
fn the_first_piece_of_a_datagram_is_enough() {
    let question = udp(false, 40_000, 53);
    let piece = |mut packet: Vec<u8>, flags: [u8; 2]| {
        packet[6..8].copy_from_slice(&flags);
        packet[ipv4::field::CHECKSUM].fill(0);
        let sum = portolan_wire::checksum::of(&packet[..20]);
        packet[ipv4::field::CHECKSUM].copy_from_slice(&sum.to_be_bytes());
        packet
    };
    let mut long = written_with(&question, &[7; 600]);
    // The length of a piece's own UDP header is that of the whole.
    long[24..26].copy_from_slice(&1500_u16.to_be_bytes());
    let carried = |flags| parse(&piece(long.clone(), flags), true).map(|answer| answer.carried.len());
    assert_eq!([carried([0x20, 0]), carried([0x20, 8]), carried([0, 8])], [Some(600), None, None]);
    let syn = syn(false, 40_000, 80, 7);
    let reset = says(&syn, TcpFlags::RST | TcpFlags::ACK, 8);
    assert!(
        parse(&piece(reset.clone(), [0, 0]), true).is_some()
            && parse(&piece(reset, [0x20, 0]), true).is_none()
    );
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
    for kind in [Kind::Syn, Kind::Ack, Kind::Echo, Kind::Timestamp, Kind::Udp] {
        assert_eq!(emit(&Question { kind, ..mixed }, &mut [0; LONGEST]), None);
    }
    assert_eq!(emit(&syn(true, 1, 2, 3), &mut [0; LONGEST - 21]), None);
}
