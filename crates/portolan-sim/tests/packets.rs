//! What the simulated door does with packets, one clause a test.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

#[path = "packets/kept.rs"]
mod kept;
#[path = "packets/worlds.rs"]
mod worlds;

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use portolan_model::frames::{Batch, Frames, Heard, Numbers};
use portolan_model::sockets::{Event, Outcome, ProbeId, Request, Sockets};
use portolan_model::{Address, Endpoint, Instant, LocalFault, PortState, Reason};
use portolan_sim::{Judgement, SimSockets, Told, WorldSpec};
use portolan_wire::{
    Icmpv4View, Icmpv6View, Ipv4Repr, Ipv4View, Ipv6Repr, Ipv6View, PseudoHeader, Quote, QuotedTransport,
    TcpFlags, TcpOptions, TcpRepr, TcpView,
};

const HOST: &str = "192.0.2.1";
const HOST6: &str = "2001:db8::1";

/// A world of one host, in few words.
fn world(address: &str, path: &str, host: &str, machine: &str) -> Result<WorldSpec, String> {
    let text = format!(
        "about = 'a test'\nports = '1-1000'\ntargets = [{{ addresses = '{address}', named = true }}]\n\
         path = [{path}]\n[[hosts]]\naddresses = '{address}'\n{host}\n[machine]\n{machine}\n"
    );
    WorldSpec::parse(&text).map_err(|error| error.to_string())
}

fn door(path: &str, host: &str, machine: &str) -> SimSockets {
    world(HOST, path, host, machine).unwrap().build(1).sockets()
}

fn to(address: &str, port: u16) -> Endpoint {
    Endpoint::tcp(Address::new(address.parse().unwrap()), port)
}

fn name(port: u16) -> ProbeId {
    ProbeId { slot: port.into(), tag: 77 }
}

/// Our SYN to `port`: from which port of ours, and with which number.
const OURS: u16 = 61_000;

fn sequence(port: u16) -> u32 {
    0xffff_fff0_u32.wrapping_add(port.into())
}

const OPTIONS: TcpOptions = TcpOptions {
    maximum_segment_size: Some(1460),
    window_scale: Some(10),
    sack_permitted: true,
    timestamps: Some((0xdead_beef, 0)),
};

fn syn(source: IpAddr, to: Endpoint) -> Vec<u8> {
    let segment = TcpRepr {
        source_port: OURS + to.port,
        destination_port: to.port,
        sequence: sequence(to.port),
        acknowledgment: 0,
        flags: TcpFlags::SYN,
        window: 1024,
        urgent: 0,
        options: OPTIONS,
        payload: &[],
    };
    let mut packet = vec![0; 100];
    let start = match (source, to.address.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let header = Ipv4Repr {
                source,
                destination,
                protocol: 6,
                ttl: 64,
                identification: 7,
                dont_fragment: false,
                traffic_class: 0,
                payload_length: segment.length(),
            };
            let start = header.emit(&mut packet).unwrap();
            segment.emit(&PseudoHeader::V4 { source, destination }, &mut packet[start..]).unwrap();
            start
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let header = Ipv6Repr {
                source,
                destination,
                protocol: 6,
                hop_limit: 64,
                traffic_class: 0,
                flow_label: 0,
                payload_length: segment.length(),
            };
            let start = header.emit(&mut packet).unwrap();
            segment.emit(&PseudoHeader::V6 { source, destination }, &mut packet[start..]).unwrap();
            start
        }
        ends => panic!("{ends:?}"),
    };
    packet.truncate(start + segment.length());
    packet
}

/// Sends a SYN to each.
fn ask(door: &mut SimSockets, to: impl IntoIterator<Item = Endpoint>) {
    let mut batch = Batch::default();
    for to in to {
        // What has no source is handed over all the same.
        let source = if to.address.is_ipv6() { "2001:db8:ffff::1" } else { "198.18.0.1" }.parse().unwrap();
        assert!(door.source(to.address).is_err() || door.source(to.address) == Ok(source));
        let packet = syn(source, to);
        batch.push(name(to.port), to.address, packet.len(), |buffer| {
            buffer.copy_from_slice(&packet);
            Some(packet.len())
        });
    }
    door.send(&mut batch);
    assert!(batch.is_empty());
}

fn knock(door: &mut SimSockets, ports: impl IntoIterator<Item = u16>) {
    ask(door, ports.into_iter().map(|port| to(HOST, port)));
}

#[derive(Clone, PartialEq, Debug)]
enum Noted {
    Held(u32),
    Sent(u32, Instant),
    Unsent(u32, Instant, LocalFault),
    Packet(Instant, Vec<u8>),
    Lost(u64),
}

/// Everything that is heard within so many milliseconds.
fn listen(door: &mut SimSockets, ms: u64) -> Vec<Noted> {
    let mut inbox = Vec::new();
    let told = listen_to_all(door, ms, &mut inbox);
    assert!(inbox.is_empty(), "{inbox:?}");
    told
}

/// The same, and what sockets have to tell.
fn listen_to_all(door: &mut SimSockets, ms: u64, inbox: &mut Vec<Event>) -> Vec<Noted> {
    let end = door.now() + Duration::from_millis(ms);
    let mut told = Vec::new();
    while door.now() < end {
        door.wait_until(Some(end));
        door.receive(inbox);
        door.hear(&mut |heard| {
            told.push(match heard {
                Heard::Held { probe } => Noted::Held(probe.slot),
                Heard::Sent { probe, at } => Noted::Sent(probe.slot, at),
                Heard::Unsent { probe, at, fault } => Noted::Unsent(probe.slot, at, fault),
                Heard::Packet { at, packet, .. } => Noted::Packet(at, packet.to_vec()),
                Heard::Lost { count, .. } => Noted::Lost(count),
                Heard::Neighbour { .. } | Heard::OffLink { .. } => panic!("nobody asked: {heard:?}"),
            });
        });
    }
    told
}

/// What came in within so many milliseconds.
fn answers(door: &mut SimSockets, ms: u64) -> Vec<Answer> {
    read(listen(door, ms))
}

fn read(told: Vec<Noted>) -> Vec<Answer> {
    let packets = told.into_iter().filter_map(|told| match told {
        Noted::Packet(at, bytes) => Some(Answer::read(at, &bytes)),
        _ => None,
    });
    packets.collect()
}

/// A sound packet that came in.
#[derive(Debug)]
struct Answer {
    at: Instant,
    from: IpAddr,
    ttl: u8,
    what: What,
}

#[derive(Debug)]
enum What {
    Segment { from: u16, to: u16, flags: TcpFlags, acknowledgment: u32, window: u16, options: TcpOptions },
    Icmp { icmp_type: u8, code: u8, quote: Quote, length: usize },
}

impl Answer {
    /// Reads a packet whose checksums all hold.
    fn read(at: Instant, packet: &[u8]) -> Answer {
        assert!(packet.len() >= 46, "what Ethernet carries at least");
        if packet[0] >> 4 == 6 {
            let ip = Ipv6View::new_checked(packet).unwrap();
            let pseudo = PseudoHeader::V6 { source: ip.source(), destination: ip.destination() };
            let what = match ip.protocol() {
                6 => segment(ip.payload(), &pseudo),
                58 => {
                    let icmp = Icmpv6View::new_checked(ip.payload()).unwrap();
                    assert!(icmp.has_valid_checksum(&pseudo));
                    let (icmp_type, code, length) = (icmp.icmp_type(), icmp.code(), icmp.payload().len());
                    What::Icmp { icmp_type, code, quote: Quote::from_icmpv6(&icmp).unwrap(), length }
                }
                other => panic!("protocol {other}"),
            };
            return Answer { at, from: ip.source().into(), ttl: ip.hop_limit(), what };
        }
        let ip = Ipv4View::new_checked(packet).unwrap();
        assert!(ip.has_valid_checksum());
        let pseudo = PseudoHeader::V4 { source: ip.source(), destination: ip.destination() };
        let what = match ip.protocol() {
            6 => segment(ip.payload(), &pseudo),
            1 => {
                let icmp = Icmpv4View::new_checked(ip.payload()).unwrap();
                assert!(icmp.has_valid_checksum());
                assert!(Ipv4View::new_quoted(icmp.payload()).unwrap().has_valid_checksum());
                let (icmp_type, code, length) = (icmp.icmp_type(), icmp.code(), icmp.payload().len());
                What::Icmp { icmp_type, code, quote: Quote::from_icmpv4(&icmp).unwrap(), length }
            }
            other => panic!("protocol {other}"),
        };
        Answer { at, from: ip.source().into(), ttl: ip.ttl(), what }
    }

    /// Whether it accepts, or refuses with a RST, the SYN to this port; `None` if its number is wrong.
    fn accepts(&self, port: u16) -> Option<bool> {
        match self.what {
            What::Segment { from, to, flags, acknowledgment, .. } if from == port && to == OURS + port => {
                assert!(flags.contains(TcpFlags::ACK));
                let right = acknowledgment == sequence(port).wrapping_add(1);
                right.then_some(flags.contains(TcpFlags::SYN))
            }
            _ => None,
        }
    }
}

fn segment(bytes: &[u8], pseudo: &PseudoHeader) -> What {
    let view = TcpView::new_checked(bytes).unwrap();
    assert!(view.has_valid_checksum(pseudo));
    let TcpRepr { source_port, destination_port, flags, acknowledgment, window, options, .. } =
        TcpRepr::parse(&view);
    What::Segment { from: source_port, to: destination_port, flags, acknowledgment, window, options }
}

#[test]
fn an_open_port_answers_as_linux_does_and_a_closed_one_with_a_reset() {
    let rules = "rules = [{ answer = 'open', ports = '2' }]";
    for (host, size, window) in [(HOST, 1460, 65160), (HOST6, 1440, 64260)] {
        let mut door = world(host, "{ node = 'delay', ms = 20 }", rules, "").unwrap().build(1).sockets();
        ask(&mut door, [to(host, 1), to(host, 2)]);
        let told = answers(&mut door, 1000);
        let times: Vec<_> = told.iter().map(|answer| answer.at.as_nanos() / 1000).collect();
        assert_eq!(times, [40_005, 40_010], "each call takes 5 µs");
        for (answer, port) in told.iter().zip([1, 2]) {
            assert_eq!((answer.from, answer.ttl), (host.parse().unwrap(), 57));
            assert_eq!(answer.accepts(port), Some(port == 2));
        }
        let segments: Vec<_> = told
            .iter()
            .map(|answer| match answer.what {
                What::Segment { window, options, .. } => (window, options),
                _ => panic!("{answer:?}"),
            })
            .collect();
        assert_eq!(segments[0], (0, TcpOptions::default()));
        let (its_window, options) = segments[1];
        assert_eq!((its_window, options.maximum_segment_size), (window, Some(size)));
        assert_eq!((options.window_scale, options.sack_permitted), (Some(7), true));
        assert_eq!(options.timestamps.unwrap().1, 0xdead_beef, "our clock is sent back");
        assert_eq!((door.counters().syns, door.counters().packets, door.counters().answers), (2, 2, 2));
        assert_eq!(door.counters().packets_queued, 2);
    }
}

#[test]
fn an_icmp_error_quotes_what_we_sent() {
    let length = 20 + OPTIONS.length();
    for (host, by, header, numbers) in
        [(HOST, "198.51.100.1", 20, (3, 13)), (HOST6, "2001:db8:ff::1", 40, (1, 1))]
    {
        for (quote, quoted) in [("full", header + length), ("none", header + 8)] {
            let path = format!(
                "{{ node = 'firewall', reject = {{ with = 'admin-prohibited', by = '{by}', ttl = 62,
                 quote = '{quote}' }} }}"
            );
            let mut door = world(host, &path, "", "").unwrap().build(1).sockets();
            ask(&mut door, [to(host, 9)]);
            let told = answers(&mut door, 100);
            let [Answer { from, ttl, what: What::Icmp { icmp_type, code, quote, length }, .. }] = &told[..]
            else {
                panic!("{told:?}")
            };
            assert_eq!((*from, *ttl, (*icmp_type, *code)), (by.parse().unwrap(), 62, numbers));
            assert_eq!(*length, quoted);
            assert_eq!(quote.destination, host.parse::<IpAddr>().unwrap());
            assert_eq!(quote.ttl, 62, "two routers on the way");
            let ours =
                QuotedTransport::Tcp { source_port: OURS + 9, destination_port: 9, sequence: sequence(9) };
            assert_eq!(quote.transport, ours);
        }
    }
    let mut late =
        door("", "rest = { reject = { with = 'time-exceeded', by = '198.51.100.1', ttl = 60 } }", "");
    knock(&mut late, [1]);
    let told = answers(&mut late, 100);
    assert!(
        matches!(told[0].what, What::Icmp { icmp_type: 11, quote: Quote { ttl: 1, .. }, .. }),
        "{told:?}"
    );
}

#[test]
fn a_box_is_nearer_than_the_host_in_whose_name_it_speaks() {
    let firewall = "{ node = 'firewall', ports = '1', reject = { with = 'reset', by = '198.51.100.1' } }";
    let rules = "rules = [{ answer = { reject = { with = 'reset', by = '198.51.100.9' } }, ports = '2' },
        { answer = { reject = { with = 'reset' } }, ports = '3' },
        { answer = { reject = { with = 'port-unreach' } }, ports = '4' }]\nttl = 50";
    let mut door1 = door(firewall, rules, "");
    knock(&mut door1, 1..=5);
    let told = answers(&mut door1, 100);
    let ttls: Vec<_> = told.iter().map(|answer| answer.ttl).collect();
    assert_eq!(ttls, [63, 51, 50, 50, 50], "{told:?}");
    assert!(told.iter().all(|answer| answer.from == HOST.parse::<IpAddr>().unwrap()));

    let mut turns = door("", "turns_open_after = 1", "");
    knock(&mut turns, 1..=2);
    let told = answers(&mut turns, 100);
    assert_eq!([&told[0], &told[1]].map(|answer| answer.ttl), [57, 58]);
    assert_eq!((told[0].accepts(1), told[1].accepts(2)), (Some(false), Some(true)));

    for (wrong, path, host) in [
        ("not nearer", "", "rest = { reject = { with = 'reset', by = '198.51.100.1', ttl = 57 } }"),
        ("not nearer", firewall, "ttl = 63"),
        ("other family", "{ node = 'firewall', reject = { with = 'net-unreach', by = '2001:db8::9' } }", ""),
        ("other family", "", "presence = { unreachable = { by = '2001:db8::9', ms = 1 } }"),
    ] {
        let refused = world(HOST, path, host, "").unwrap_err();
        assert!(refused.contains(wrong), "{refused}");
    }
}

#[test]
fn what_never_left_is_told_with_its_reason() {
    let dropped = "rest = 'drop'";
    for (host, machine, fault, late) in [
        (dropped, "no_buffers = 1.0", LocalFault::NoBuffers, false),
        (dropped, "no_route = ['192.0.2.0-192.0.2.255']", LocalFault::NoRoute, false),
        ("own = true", "", LocalFault::OwnAddress, false),
        ("presence = 'no-neighbour'", "", LocalFault::NoNeighbour { on_link: true }, true),
        ("", "no_gateway = ['192.0.2.0-192.0.2.255']", LocalFault::NoNeighbour { on_link: false }, true),
    ] {
        let mut door = door("", host, machine);
        let unsourced = matches!(fault, LocalFault::NoRoute | LocalFault::OwnAddress);
        assert_eq!(door.source(to(HOST, 1).address).is_err(), unsourced);
        knock(&mut door, 1..=3);
        let told = listen(&mut door, 4000);
        let (held, mut told): (Vec<_>, Vec<_>) =
            told.into_iter().partition(|told| matches!(told, Noted::Held(_)));
        // Whoever asks for a neighbour lets packets wait, and tells that first.
        let waits = matches!(fault, LocalFault::NoNeighbour { .. });
        assert_eq!(held, if waits { (1..=3).map(Noted::Held).collect() } else { vec![] });
        told.sort_by_key(|told| match told {
            Noted::Unsent(slot, ..) => *slot,
            other => panic!("{other:?}"),
        });
        for (told, slot) in told.iter().zip(1..=3) {
            let Noted::Unsent(name, at, why) = told else { panic!("{told:?}") };
            assert_eq!((*name, *why), (slot, fault));
            let after = at.since(Instant::ZERO);
            let known = if late { 1000..=3001 } else { 0..=0 };
            assert!(known.contains(&after.as_millis()), "{fault:?} after {after:?}");
        }
        assert_eq!((told.len(), door.counters().local_faults(), door.counters().syns), (3, 3, 0));
    }
}

#[test]
fn the_local_firewall_is_above() {
    let mut door = door("", "", "firewall = '1-10'");
    assert!(door.world().has_local_firewall() && !door.world().has_own_hosts());
    knock(&mut door, [1]);
    assert_eq!(answers(&mut door, 100)[0].accepts(1), Some(false));
    assert_eq!(door.counters().local_firewall, 0);
}

#[test]
fn a_full_ring_loses_and_says_so_once() {
    let mut door = door("", "", "ring = 4");
    assert_eq!(door.room(), 4);
    // The answers are there before anybody hears.
    knock(&mut door, 1..=9);
    let count = |told: &[Noted], what: fn(&Noted) -> bool| told.iter().filter(|told| what(told)).count();
    let told = listen(&mut door, 100);
    assert_eq!(count(&told, |told| matches!(told, Noted::Sent(..))), 9, "fates take no room");
    assert_eq!(count(&told, |told| matches!(told, Noted::Packet(..))), 4);
    assert_eq!(count(&told, |told| matches!(told, Noted::Lost(5))), 1);
    assert_eq!((door.counters().packets_queued, door.counters().packets_lost), (4, 5));
    knock(&mut door, 1..=2);
    let told = listen(&mut door, 100);
    assert_eq!(told.len(), 4, "there is room again, and the loss is told once: {told:?}");
}

#[test]
fn a_forgery_bears_a_wrong_number_and_a_copy_the_same_bytes() {
    let mut forged = door("{ node = 'forger', probability = 1.0, ms = 30 }", "rest = 'drop'", "");
    knock(&mut forged, 1..=60);
    let told = answers(&mut forged, 1000);
    assert_eq!((told.len(), forged.counters().forged_packets), (60, 60));
    let mut kinds = [0; 3];
    for answer in &told {
        assert!((1..=60).all(|port| answer.accepts(port).is_none()), "{answer:?}");
        let kind = match &answer.what {
            What::Segment { flags, .. } => usize::from(flags.contains(TcpFlags::RST)),
            What::Icmp { quote, .. } => {
                let QuotedTransport::Tcp { source_port, destination_port: port, sequence: quoted } =
                    quote.transport
                else {
                    panic!("{quote:?}")
                };
                assert_eq!(source_port, OURS + port);
                assert_ne!(quoted, sequence(port));
                2
            }
        };
        kinds[kind] += 1;
    }
    assert!(kinds.iter().all(|count| *count > 5), "{kinds:?}");

    for rest in ["open", "closed", "drop"] {
        for way in ["out", "back"] {
            let path = format!("{{ node = 'duplicate', probability = 1.0, ms = 30, way = '{way}' }}");
            let mut copies = door(&path, &format!("rest = '{rest}'"), "");
            knock(&mut copies, [1]);
            let packets: Vec<_> = listen(&mut copies, 100)
                .into_iter()
                .filter_map(|told| match told {
                    Noted::Packet(_, bytes) => Some(bytes),
                    _ => None,
                })
                .collect();
            let number = if rest == "drop" { 0 } else { 2 };
            assert_eq!(packets.len(), number, "{rest} {way}");
            assert!(packets.windows(2).all(|pair| pair[0] == pair[1]), "{rest} {way}");
            assert_eq!(copies.counters().duplicates, number as u64 / 2);
        }
    }
}

#[test]
fn nobody_repeats_our_syn_and_a_host_its_syn_ack_until_it_comes_in() {
    let mut silent = door("", "rest = 'drop'", "");
    knock(&mut silent, [1]);
    assert!(answers(&mut silent, 200_000).is_empty());
    assert_eq!((silent.counters().syns, silent.counters().syns_arrived), (1, 1));

    let mut lossy = door("{ node = 'loss', probability = 0.5, way = 'back' }", "rest = 'open'", "");
    knock(&mut lossy, 1..=200);
    let told = answers(&mut lossy, 100_000);
    let mut ports: Vec<_> =
        (1..=200).filter(|port| told.iter().any(|one| one.accepts(*port) == Some(true))).collect();
    assert_eq!(ports.len(), told.len(), "what came in is not sent again");
    ports.dedup();
    assert!(ports.len() > 190, "{} of 200 came in", ports.len());
    assert!(lossy.counters().syn_acks_again > 50, "{:?}", lossy.counters());
    let seconds: std::collections::BTreeSet<_> =
        told.iter().map(|answer| answer.at.since(Instant::ZERO).as_secs()).collect();
    assert!(seconds.is_subset(&[0, 1, 3, 7, 15, 31].into()), "{seconds:?}");

    let gone = "{ node = 'firewall', way = 'back' }";
    let mut gives_up = door(gone, "rest = 'open'", "");
    knock(&mut gives_up, [1]);
    assert!(answers(&mut gives_up, 100_000).is_empty());
    assert_eq!(gives_up.counters().syn_acks_again, 5);
    knock(&mut gives_up, [1]);
    assert!(answers(&mut gives_up, 100_000).is_empty());
    assert_eq!(gives_up.counters().syn_acks_again, 10, "and begins anew");
}

#[test]
fn an_ack_is_reset_by_its_own_number_open_port_or_closed() {
    let stateful =
        "{ node = 'firewall', stateful = true, ports = '4', reject = { with = 'reset', by = '192.0.2.9' } }";
    let mut door =
        door(stateful, "rules = [{ answer = 'open', ports = '1' }, { answer = 'drop', ports = '3' }]", "");
    let source = door.source(to(HOST, 1).address).unwrap();
    let mut batch = Batch::default();
    for port in 1..=4 {
        let mut packet = syn(source, to(HOST, port));
        resum(&mut packet, |packet| {
            packet[28..32].copy_from_slice(&(u32::from(port) << 8).to_be_bytes());
            packet[33] = 0x10;
        });
        batch.push(name(port), to(HOST, port).address, packet.len(), |buffer| {
            buffer.copy_from_slice(&packet);
            Some(packet.len())
        });
    }
    door.send(&mut batch);
    let mut heard = Vec::new();
    let end = door.now() + Duration::from_secs(3);
    while door.now() < end {
        door.wait_until(Some(end));
        door.hear(&mut |told| {
            if let Heard::Packet { packet, .. } = told {
                let ip = Ipv4View::new_checked(packet).unwrap();
                let segment = TcpView::new_checked(ip.payload()).unwrap();
                let (flags, number) = (segment.flags(), segment.sequence());
                heard.push((segment.source_port(), flags, number, segment.acknowledgment()));
            }
        });
    }
    heard.sort_unstable_by_key(|(port, ..)| *port);
    let reset = |port: u16| (port, TcpFlags::RST, u32::from(port) << 8, 0);
    assert_eq!(heard, [reset(1), reset(2), reset(4)]);
}

#[test]
fn what_is_no_sound_syn_is_a_bug() {
    type Spoil = fn(&mut Vec<u8>);
    let spoils: [(&str, Spoil); 10] = [
        ("the checksum of its IP header", |packet| packet[8] -= 1),
        ("its TCP checksum", |packet| packet[25] ^= 1),
        ("shorter than its total length", |packet| packet.truncate(50)),
        ("shorter than its header", |packet| packet.truncate(10)),
        ("followed by something", |packet| packet.push(0)),
        ("it is no SYN", |packet| resum(packet, |packet| packet[33] |= 0x10)),
        ("no ACK", |packet| resum(packet, |packet| packet[33] = 0x14)),
        ("a port that is not for packets", |packet| resum(packet, |packet| packet[20] = 80)),
        ("another address", |packet| resum(packet, |packet| packet[19] += 1)),
        ("a wrong source", |packet| resum(packet, |packet| packet[15] += 1)),
    ];
    for (why, spoil) in spoils {
        let mut door = door("", "", "");
        let source = door.source(to(HOST, 1).address).unwrap();
        let mut packet = syn(source, to(HOST, 1));
        spoil(&mut packet);
        let mut batch = Batch::default();
        batch.push(name(1), to(HOST, 1).address, packet.len(), |buffer| {
            buffer.copy_from_slice(&packet);
            Some(packet.len())
        });
        let panic = catch_unwind(AssertUnwindSafe(|| door.send(&mut batch))).unwrap_err();
        let said = panic.downcast_ref::<String>().unwrap();
        assert!(said.contains("no sound SYN") && said.contains(why), "{said}");
    }
}

/// Changes an IPv4 packet without options, and sums it up anew.
fn resum(packet: &mut [u8], change: impl FnOnce(&mut [u8])) {
    change(packet);
    packet[10..12].fill(0);
    let sum = portolan_wire::checksum::of(&packet[..20]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    let ends: [u8; 8] = packet[12..20].try_into().unwrap();
    let [a, b, c, d, rest @ ..] = ends;
    let pseudo = PseudoHeader::V4 { source: [a, b, c, d].into(), destination: rest.into() };
    packet[36..38].fill(0);
    let sum = pseudo.checksum(6, &packet[20..]);
    packet[36..38].copy_from_slice(&sum.to_be_bytes());
}

#[test]
fn the_ports_are_those_that_no_socket_is_given() {
    for (local, ports) in [
        ("32768-60999", 61_000..=65_535),
        ("1024-65000", 65_001..=65_535),
        ("20000-65535", 1024..=19_999),
        ("1024-2000,30000-62000", 2001..=29_999),
    ] {
        assert_eq!(door("", "", &format!("local_ports = '{local}'")).ports(), ports, "{local}");
    }
    assert!(world(HOST, "", "", "local_ports = '1-65535'").is_err());
    assert!(world(HOST, "", "", "ring = 0").is_err());
}

#[test]
fn sockets_and_packets_share_one_host_and_one_time() {
    let mut door = door("{ node = 'delay', ms = 10 }", "dies_after = 2", "");
    door.transmit(&mut vec![
        Request::Syn { probe: name(7), to: to(HOST, 7) },
        Request::Connect { probe: name(1), to: to(HOST, 1) },
    ]);
    knock(&mut door, 2..=3);
    let mut inbox = Vec::new();
    let told = read(listen_to_all(&mut door, 500, &mut inbox));
    let ends: Vec<_> =
        inbox.into_iter().filter_map(Event::completion).map(|end| (end.probe, end.outcome)).collect();
    let denied = Outcome::Local(LocalFault::Permission);
    assert_eq!(ends, [(name(7), denied), (name(1), Outcome::Refused)], "without packets nobody sends a SYN");
    assert_eq!((told.len(), told[0].accepts(2), door.counters().dead), (1, Some(false), 1));
}

#[test]
fn silence_of_a_host_that_only_packets_were_heard_of_is_no_excuse() {
    let mut unheard = door("", "dies_after = 1", "");
    assert_eq!(unheard.judge(to(HOST, 2), Told::SILENCE), Judgement::Undecided);
    knock(&mut unheard, 1..=2);
    assert_eq!(answers(&mut unheard, 100).len(), 1);
    assert_eq!(unheard.judge(to(HOST, 2), Told::SILENCE), Judgement::Wrong);
    let reset = Told::new(PortState::Closed, Reason::Reset);
    assert_eq!(unheard.judge(to(HOST, 1), reset), Judgement::Right, "as it is refused by connect");
    let open = Told::new(PortState::Open, Reason::SynAck);
    assert_eq!(unheard.judge(to(HOST, 1), open), Judgement::Wrong);
}
