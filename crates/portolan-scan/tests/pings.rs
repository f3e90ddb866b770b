//! Whether a host is there, asked through a door of packets: every kind of ping, of either family, over a simulated network
//! that loses, doubles and forges.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use portolan_model::sockets::{Completion, Event, Outcome, ProbeId, Request, Sockets};
use portolan_model::{Address, LocalFault, Mac, Ping, Pong};
use portolan_scan::Framed;
use portolan_sim::{Counters, SimSockets, WorldSpec};

const HOST: &str = "192.0.2.1";
const HOST6: &str = "2001:db8::1";

const ALL: [Ping; 6] =
    [Ping::Neighbour, Ping::Echo, Ping::Timestamp, Ping::Syn(443), Ping::Ack(80), Ping::Udp(40_125)];

fn door(address: &str, path: &str, host: &str, machine: &str) -> Framed<SimSockets> {
    let text = format!(
        "about = 'a test'\nports = '1-1000'\ntargets = [{{ addresses = '{address}', named = true }}]\n\
         path = [{path}]\n[[hosts]]\naddresses = '{address}'\n{host}\n[machine]\n{machine}\n"
    );
    let world = WorldSpec::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    Framed::new(world.build(3).sockets(), (0x5eed, 0xdead_beef))
}

fn address(text: &str) -> Address {
    Address::new(text.parse().unwrap())
}

fn name(slot: u32) -> ProbeId {
    ProbeId { slot, tag: slot ^ 0x1234_5678 }
}

/// Asks all of them at once, and hears for five seconds; then the door's counters.
fn ask(mut door: Framed<SimSockets>, asked: &[(Address, Ping)]) -> (Vec<Event>, Counters) {
    let mut outbox =
        (0..).zip(asked).map(|(slot, (to, ping))| Request::Ping { probe: name(slot), to: *to, ping: *ping });
    door.transmit(&mut outbox.by_ref().collect());
    let (mut told, end) = (Vec::new(), door.now() + Duration::from_secs(5));
    while door.now() < end {
        door.wait_until(Some(end));
        door.receive(&mut told);
    }
    let counters = *door.into_inner().counters();
    (told, counters)
}

/// How each of `pings` ended, in their order, if it did.
fn ends(told: &[Event], number: usize) -> Vec<Option<Outcome>> {
    let mut ends = vec![None; number];
    for event in told {
        if let Event::Connect(Completion { probe, sent, at, outcome }) = event {
            assert!(sent <= at, "{event:?}");
            assert_eq!(name(probe.slot), *probe);
            let place = &mut ends[probe.slot as usize];
            assert_eq!(place.replace(*outcome), None, "{probe:?} ended twice: {told:?}");
        }
    }
    ends
}

fn all(to: &str) -> Vec<(Address, Ping)> {
    ALL.map(|ping| (address(to), ping)).to_vec()
}

fn is_port_unreachable(outcome: Option<Outcome>) -> bool {
    matches!(outcome, Some(Outcome::Icmp(icmp)) if matches!((icmp.icmp_type, icmp.code), (3, 3) | (1, 4)))
}

#[test]
fn a_host_behind_a_router_answers_every_kind() {
    for host in [HOST, HOST6] {
        let (told, counters) = ask(door(host, "{ node = 'delay', ms = 10 }", "", ""), &all(host));
        let ends = ends(&told, 6);
        let v6 = host == HOST6;
        assert_eq!(ends[0], Some(Outcome::OffLink));
        assert_eq!(ends[1], Some(Outcome::Pong(Pong::Echo { ttl: 57 })));
        let timestamp = Outcome::Pong(Pong::Timestamp { ttl: 57 });
        assert_eq!(ends[2], Some(if v6 { Outcome::Local(LocalFault::NoRoute) } else { timestamp }));
        assert!(matches!(ends[3], Some(Outcome::Reset(_))) && matches!(ends[4], Some(Outcome::Reset(_))));
        assert!(is_port_unreachable(ends[5]), "{ends:?}");
        assert_eq!(counters.pings, if v6 { 2 } else { 3 });
        for event in &told {
            let Event::Connect(Completion { sent, at, .. }) = event else { panic!("{event:?}") };
            assert!(at.since(*sent) >= Duration::from_millis(20) || counters.neighbours == 1);
        }
    }
}

#[test]
fn ports_answer_as_they_do() {
    let rules = "rules = [{ answer = 'open', ports = '443' }]\nudp = { rest = 'echo' }";
    let (told, _) = ask(door(HOST, "", rules, ""), &all(HOST));
    let ends = ends(&told, 6);
    assert!(matches!(ends[3], Some(Outcome::SynAck(_))), "{ends:?}");
    assert!(matches!(ends[4], Some(Outcome::Reset(_))));
    assert_eq!(ends[5], Some(Outcome::Pong(Pong::Datagram { ttl: 57 })));
    let open = "rules = [{ answer = 'open', ports = '80' }]\necho = false\ntimestamp = false\nudp = { rest = 'silent' }";
    let (told, _) = ask(door(HOST, "", open, ""), &all(HOST));
    let ends = self::ends(&told, 6);
    assert!(matches!(ends[4], Some(Outcome::Reset(_))), "an ACK is refused by an open port too");
    assert_eq!((ends[1], ends[2], ends[5]), (None, None, None), "{ends:?}");
}

#[test]
fn on_the_link_a_neighbour_tells_its_hardware_address() {
    for (host, presence) in [(HOST, "present"), (HOST6, "present"), (HOST, "silent")] {
        let world = format!("presence = '{presence}'\nmac = '02:00:5e:00:53:fe'");
        let (told, counters) = ask(door(host, "", &world, ""), &all(host)[..1]);
        let mac = Mac([2, 0, 0x5e, 0, 0x53, 0xfe]);
        assert_eq!(told[0], Event::Held(name(0)));
        assert_eq!(ends(&told, 1), [Some(Outcome::Pong(Pong::Neighbour { mac }))]);
        assert_eq!(counters.packets, 0, "no packet is needed to know it");
    }
    let range = "192.0.2.1-192.0.2.9";
    let asked: Vec<_> = ["192.0.2.1", "192.0.2.3"].map(|ip| (address(ip), Ping::Neighbour)).to_vec();
    let (told, _) = ask(door(range, "", "mac = '02:00:5e:00:53:fe'", ""), &asked);
    let mac = |mac| Some(Outcome::Pong(Pong::Neighbour { mac: Mac(mac) }));
    assert_eq!(ends(&told, 2), [mac([2, 0, 0x5e, 0, 0x53, 0xfe]), mac([2, 0, 0x5e, 0, 0x54, 0])]);
}

#[test]
fn nobody_on_the_link_is_told_after_a_while() {
    for host in ["presence = 'no-neighbour'", "presence = 'absent'\nmac = '02:00:5e:00:53:01'"] {
        let (told, _) = ask(door(HOST, "", host, ""), &all(HOST)[..1]);
        assert_eq!(told[0], Event::Held(name(0)));
        let Event::Connect(Completion { at, outcome, .. }) = told[1] else { panic!("{told:?}") };
        assert_eq!(outcome, Outcome::Local(LocalFault::NoNeighbour { on_link: true }));
        assert!(at >= portolan_model::Instant::ZERO + Duration::from_secs(1));
    }
    let no_way = "no_route = ['192.0.2.0-192.0.2.255']";
    let (told, _) = ask(door(HOST, "", "", no_way), &all(HOST));
    assert!(ends(&told, 6).iter().all(|end| matches!(end, Some(Outcome::Local(_)))), "{told:?}");
    // A gateway that is silent is not the neighbour that was asked for.
    let (told, _) = ask(door(HOST, "", "", "no_gateway = ['192.0.2.0-192.0.2.255']"), &all(HOST)[..2]);
    let silent = Outcome::Local(LocalFault::NoNeighbour { on_link: false });
    assert_eq!(ends(&told, 2), [Some(Outcome::OffLink), Some(silent)]);
}

#[test]
fn what_nobody_earned_is_not_believed() {
    // Each of many hosts once: of many questions to one, the answer to one may be guessed for another.
    for (hosts, first) in [("192.0.2.0-192.0.3.255", "192.0.2.0"), ("2001:db8::-2001:db8::1ff", "2001:db8::")]
    {
        let nth = |n: u32| match address(first).ip() {
            IpAddr::V4(ip) => Address::from(Ipv4Addr::from_bits(ip.to_bits() + n)),
            IpAddr::V6(ip) => Address::new(Ipv6Addr::from_bits(ip.to_bits() + u128::from(n)).into()),
        };
        let asked: Vec<_> = (0..400).flat_map(|n| ALL[1..].iter().map(move |ping| (nth(n), *ping))).collect();
        let quiet = "presence = 'silent'";
        let forger = "{ node = 'forger', probability = 1.0, ms = 20 }";
        let (told, counters) = ask(door(hosts, forger, quiet, ""), &asked);
        let ended = ends(&told, asked.len()).into_iter().flatten();
        // A timestamp over IPv6 never leaves.
        assert!(ended.into_iter().all(|end| matches!(end, Outcome::Local(LocalFault::NoRoute))));
        assert_eq!(counters.forged_packets, counters.packets - counters.no_route, "{counters:?}");
        assert!(counters.packets_queued > 1500, "{counters:?}");
    }
}

#[test]
fn what_comes_twice_is_told_once_and_what_is_lost_not_at_all() {
    let twice = "{ node = 'duplicate', probability = 1.0, ms = 30, way = 'back' }";
    let (told, counters) = ask(door(HOST, twice, "", ""), &all(HOST));
    assert!(ends(&told, 6).iter().all(Option::is_some), "{told:?}");
    assert_eq!(counters.duplicates, 5);
    let asked: Vec<_> = (0..200).map(|_| (address(HOST), Ping::Echo)).collect();
    let (told, counters) = ask(door(HOST, "{ node = 'loss', probability = 0.5 }", "", ""), &asked);
    let heard = ends(&told, 200).iter().flatten().count();
    assert!((20..90).contains(&heard), "{heard} of 200: a quarter");
    assert_eq!(heard as u64, counters.packets_queued);
}

#[test]
fn a_box_that_stops_everything_stops_pings_and_one_that_minds_ports_does_not() {
    let asked = all(HOST);
    for (wall, silent) in [
        ("{ node = 'firewall' }", vec![1, 2, 3, 4, 5]),
        ("{ node = 'firewall', except = '443' }", vec![1, 2, 4, 5]),
        ("{ node = 'firewall', ports = '80' }", vec![4]),
        ("{ node = 'firewall', transport = 'tcp' }", vec![3, 4]),
    ] {
        let (told, _) = ask(door(HOST, wall, "", ""), &asked);
        let ends = ends(&told, 6);
        let unheard: Vec<_> = (0..6).filter(|n| ends[*n].is_none()).collect();
        assert_eq!(unheard, silent, "{wall}");
    }
    let refuses = "{ node = 'firewall', reject = { with = 'admin-prohibited', by = '198.18.7.7' } }";
    let (told, _) = ask(door(HOST, refuses, "", ""), &asked);
    for end in &ends(&told, 6)[1..] {
        let Some(Outcome::Icmp(icmp)) = end else { panic!("{end:?}") };
        assert_eq!((icmp.icmp_type, icmp.code, icmp.from), (3, 13, Some(address("198.18.7.7"))));
    }
    let away = "presence = { unreachable = { by = '198.18.7.8', ms = 900 } }";
    let (told, _) = ask(door(HOST, "", away, ""), &asked);
    for end in &ends(&told, 6)[1..] {
        let Some(Outcome::Icmp(icmp)) = end else { panic!("{end:?}") };
        assert_eq!((icmp.icmp_type, icmp.code, icmp.from), (3, 1, Some(address("198.18.7.8"))));
    }
}

#[test]
fn who_gave_up_is_not_told() {
    let mut door = door(HOST, "{ node = 'delay', ms = 50 }", "mac = '02:00:5e:00:53:fe'", "");
    let mut outbox: Vec<_> = (0..)
        .zip(all(HOST))
        .map(|(slot, (to, ping))| Request::Ping { probe: name(slot), to, ping })
        .collect();
    outbox.extend((0..6).map(|slot| Request::Abandon(name(slot))));
    door.transmit(&mut outbox);
    let mut told = Vec::new();
    for _ in 0..10 {
        door.wait_until(Some(door.now() + Duration::from_millis(100)));
        door.receive(&mut told);
    }
    assert_eq!(told, []);
    assert_eq!(door.into_inner().counters().answers, 5);
}
