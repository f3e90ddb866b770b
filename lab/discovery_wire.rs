//! Pings through the real door of packets, before real kernels: what the flags of the binary come to, one layer below them.

use std::net::IpAddr;
use std::os::fd::AsFd;
use std::time::Duration;

use portolan_lab::namespace::{Namespace, behind_a_router, cable, neighbours};
use portolan_lab::server::End;
use portolan_model::sockets::{Completion, Event, Outcome, ProbeId, Request, Sockets};
use portolan_model::{Address, AddressRange, Endpoint, LocalFault, Ping, Pong};
use portolan_net::{Interface, NetError, PacketDoor, SocketDoor};
use portolan_scan::Framed;
use portolan_target::AddressSet;
use rustix::fs::{Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::require::require;
use crate::scanner::User;
use crate::server;

const ALL: [Ping; 6] =
    [Ping::Neighbour, Ping::Echo, Ping::Timestamp, Ping::Syn(443), Ping::Ack(80), Ping::Udp(40_125)];

#[test]
fn a_neighbour_answers_every_kind_and_an_absent_one_none() {
    let Some(_lab) = require("pings of a neighbour", &[]) else { return };
    let (scanner, target) = neighbours();
    scanner.ip("addr add 198.18.1.1/24 dev to-target");
    target.ip("addr add 198.18.1.2/24 dev to-scanner");
    let mac = mac(&target, "to-scanner");
    for (host, absent) in [("198.18.0.2", "198.18.1.9"), ("2001:db8::2", "2001:db8::9")] {
        let told = ask(&scanner, None, &every(host));
        let Some(Outcome::Pong(Pong::Neighbour { mac: said })) = told[0] else { panic!("{host}: {told:?}") };
        assert_eq!(said.to_string(), mac, "{host}");
        everything_answers(host, &told);
        let told = ask(&scanner, None, &[(absent, Ping::Neighbour), (absent, Ping::Echo)]);
        let nobody = Some(Outcome::Local(LocalFault::NoNeighbour { on_link: true }));
        assert_eq!(told, [nobody, nobody], "{absent}");
        println!("pings of a neighbour: {host} is {said}, and nobody is {absent}");
    }
}

#[test]
fn a_host_behind_a_router_is_off_the_link_and_answers_the_rest() {
    let Some(_lab) = require("pings behind a router", &[]) else { return };
    let (scanner, _router, _target) = behind_a_router();
    for host in ["198.18.0.6", "2001:db8:0:2::2"] {
        let told = ask(&scanner, None, &every(host));
        assert_eq!(told[0], Some(Outcome::OffLink), "{host}: {told:?}");
        everything_answers(host, &told);
    }
}

#[test]
fn a_link_without_hardware_addresses_has_no_neighbours_and_carries_pings() {
    let Some(_lab) = require("pings over tun", &[]) else { return };
    let (scanner, target) = (Namespace::new("scanner"), Namespace::new("target"));
    let left =
        End { namespace: &scanner, device: "tun-here", addresses: &["198.18.4.1/30", "2001:db8:4::1/64"] };
    let right =
        End { namespace: &target, device: "tun-there", addresses: &["198.18.4.2/30", "2001:db8:4::2/64"] };
    let _path = server::path(left, right, "delay=0ms");
    for host in ["198.18.4.2", "2001:db8:4::2"] {
        let told = ask(&scanner, None, &every(host));
        assert_eq!(told[0], Some(Outcome::OffLink), "{host}: {told:?}");
        everything_answers(host, &told);
    }
}

#[test]
fn two_links_in_one_run_and_each_of_them_alone() {
    let Some(lab) = require("pings by two links", &[]) else { return };
    let (scanner, left) = neighbours();
    let right = Namespace::new("right");
    cable(
        (&scanner, "to-right", &["198.18.2.1/24", "2001:db8:2::1/64"]),
        (&right, "to-scanner", &["198.18.2.2/24", "2001:db8:2::2/64"]),
    );
    let hosts = ["198.18.0.2", "2001:db8::2", "198.18.2.2", "2001:db8:2::2"];
    let asked: Vec<_> =
        hosts.iter().flat_map(|host| [(*host, Ping::Neighbour), (*host, Ping::Echo)]).collect();
    let is_there = |told: &Option<Outcome>| matches!(told, Some(Outcome::Pong(_)));
    let told = ask(&scanner, None, &asked);
    assert!(told.iter().all(is_there), "{told:?}");
    for (only, first) in [("to-target", 0), ("to-right", 4)] {
        let told = ask(&scanner, Some(only), &asked);
        for (n, told) in told.iter().enumerate() {
            match (first..first + 4).contains(&n) {
                true => assert!(is_there(told), "{only}: {told:?}"),
                false => {
                    assert_eq!(*told, Some(Outcome::Local(LocalFault::NoRoute)), "{only}: {}", hosts[n / 2])
                }
            }
        }
    }
    // The kernel's own sockets keep to it too: it would look for the others, and for itself, on that link.
    let connects =
        |only| connect(&scanner, only, &["198.18.0.2", "198.18.2.2", "2001:db8:2::2", "127.0.0.1"]);
    let (refused, none) = (Outcome::Refused, Outcome::Local(LocalFault::NoRoute));
    assert_eq!(connects(None), [refused; 4]);
    assert_eq!(connects(Some("to-target")), [refused, none, none, none]);
    assert_eq!(connects(Some("to-right")), [none, refused, refused, none]);
    assert_eq!(connects(Some("lo")), [none, none, none, refused]);
    // So does a scan, without privilege and with the right to capture.
    for (method, user, closed) in
        [("-sT", User::Nobody, "closed/conn-refused"), ("-sS", User::MayCapture, "closed/reset")]
    {
        let words =
            [method, "198.18.0.2", "198.18.2.2", "-p", "9", "-Pn", "-e", "to-right", "--json", "--all"];
        let outcome = lab.scan(&scanner, &words).by(user).run(Duration::from_secs(60));
        outcome.assert_code(3);
        let report = outcome.report();
        let told = |host| report.ports(host).remove(&9).map(|told| told.verdict);
        assert_eq!(told("198.18.2.2").as_deref(), Some(closed), "{method}");
        assert_eq!(told("198.18.0.2").as_deref(), Some("unknown/local-no-route"), "{method}");
    }
    let outcome = lab.scan(&scanner, &["198.18.0.2", "-p", "9", "-e", "eth9"]).run(Duration::from_secs(60));
    outcome.assert_code(2);
    scanner.ip("link set to-right down");
    inside(&scanner, || {
        assert!(matches!(Interface::find("to-right"), Err(NetError::InterfaceDown(_))));
        let Err(NetError::NoSuchInterface { others, .. }) = Interface::find("eth9") else {
            panic!("there is no eth9")
        };
        assert_eq!(others, "lo, to-right, to-target");
    });
    drop(left);
}

#[test]
fn all_nodes_of_a_link_are_asked_unless_one_of_them_may_not_be() {
    let Some(_lab) = require("all nodes", &[]) else { return };
    let (scanner, target) = neighbours();
    for more in ["2001:db8::a:1/64", "2001:db8:7::9/64"] {
        target.ip(&format!("addr add {more} dev to-scanner"));
    }
    let mac = mac(&target, "to-scanner");
    let range = |first: &str, last: &str| AddressRange { first: address(first), last: address(last) };
    let link = range("2001:db8::", "2001:db8::ffff:ffff:ffff:ffff");
    let listen = |wanted, forbidden: &[AddressRange]| {
        let forbidden: AddressSet = forbidden.iter().copied().collect();
        inside(&scanner, || door(None, forbidden).listeners(wanted, 0x5eed_5eed_5eed_5eed))
    };
    // Whoever is excluded on the link, by whichever family, is sent nothing, and so is everybody.
    for excluded in ["2001:db8::77", "198.18.0.3", "fe80::1"] {
        let before = echoes(&target);
        assert_eq!(listen(link, &[range(excluded, excluded)]), [], "{excluded}");
        assert_eq!(echoes(&target), before, "{excluded}");
    }
    assert_eq!(listen(range("2001:db8:9::", "2001:db8:9::ff"), &[]), [], "no link of ours");

    let before = echoes(&target);
    let told = listen(link, &[]);
    assert_eq!(told.len(), 1, "one node, which answers from one address: {told:?}");
    let theirs = [address("2001:db8::2"), address("2001:db8::a:1")];
    assert!(theirs.contains(&told[0].0) && told[0].1.to_string() == mac, "{told:?}");
    assert_eq!(echoes(&target) - before, 3);
    // What the kernel knows is known without asking, as far as it is wanted and allowed.
    scanner.ip(&format!("neigh add 2001:db8::b:1 lladdr {mac} dev to-target"));
    scanner.ip(&format!("neigh add 2001:db8::c:1 lladdr {mac} dev to-target"));
    let before = echoes(&target);
    let few = listen(range("2001:db8::b:0", "2001:db8::c:ffff"), &[range("2001:db8::c:1", "2001:db8::c:1")]);
    let few: Vec<_> = few.into_iter().map(|(address, _)| address).collect();
    assert_eq!((few, echoes(&target)), (vec![address("2001:db8::b:1")], before));
}

/// Everything but the neighbour answered as a host without listeners does.
fn everything_answers(host: &str, told: &[Option<Outcome>]) {
    assert!(matches!(told[1], Some(Outcome::Pong(Pong::Echo { ttl: 1.. }))), "{host}: {told:?}");
    match told[2] {
        Some(Outcome::Pong(Pong::Timestamp { ttl: 1.. })) => assert!(!host.contains(':')),
        other => assert!(host.contains(':') && matches!(other, Some(Outcome::Local(_))), "{host}: {told:?}"),
    }
    assert!(
        matches!((told[3], told[4]), (Some(Outcome::Reset(_)), Some(Outcome::Reset(_)))),
        "{host}: {told:?}"
    );
    let Some(Outcome::Icmp(icmp)) = told[5] else { panic!("{host}: {told:?}") };
    assert_eq!(icmp.from, Some(address(host)));
    assert!(matches!((icmp.icmp_type, icmp.code), (3, 3) | (1, 4)), "{icmp:?}");
}

fn every(host: &str) -> Vec<(&str, Ping)> {
    ALL.map(|ping| (host, ping)).to_vec()
}

/// How each ends, if it does within five seconds.
fn ask(place: &Namespace, only: Option<&str>, asked: &[(&str, Ping)]) -> Vec<Option<Outcome>> {
    inside(place, || {
        let mut door = Framed::new(door(only, AddressSet::new()), (0x5eed, 0xdead_beef));
        let requests = (0..).zip(asked);
        let requests =
            requests.map(|(n, (to, ping))| Request::Ping { probe: name(n), to: address(to), ping: *ping });
        ends(&mut door, requests.collect())
    })
}

/// The same of connects to port 9, where nobody listens.
fn connect(place: &Namespace, only: Option<&str>, to: &[&str]) -> Vec<Outcome> {
    let told = inside(place, || {
        let requests = (0..).zip(to);
        let requests =
            requests.map(|(n, to)| Request::Connect { probe: name(n), to: Endpoint::tcp(address(to), 9) });
        ends(&mut sockets(only, AddressSet::new()), requests.collect())
    });
    told.into_iter().map(|told| told.expect("it ended")).collect()
}

fn ends(door: &mut impl Sockets, mut requests: Vec<Request>) -> Vec<Option<Outcome>> {
    let (mut told, mut inbox) = (vec![None; requests.len()], Vec::new());
    door.transmit(&mut requests);
    let end = door.now() + Duration::from_secs(5);
    while door.now() < end && told.contains(&None) {
        door.wait_until(Some(end));
        door.receive(&mut inbox);
        for event in inbox.drain(..) {
            if let Event::Connect(Completion { probe, sent, at, outcome }) = event {
                assert!(sent <= at, "{probe:?}: {outcome:?}");
                assert_eq!(told[probe.slot as usize].replace(outcome), None, "{probe:?} ended twice");
            }
        }
    }
    told
}

fn name(slot: u32) -> ProbeId {
    ProbeId { slot, tag: slot ^ 0x7a9 }
}

fn address(text: &str) -> Address {
    Address::new(text.parse::<IpAddr>().expect("an address"))
}

fn door(only: Option<&str>, forbidden: AddressSet) -> PacketDoor {
    PacketDoor::open(sockets(only, forbidden.clone()), forbidden).expect("root may")
}

fn sockets(only: Option<&str>, forbidden: AddressSet) -> SocketDoor {
    let door = SocketDoor::open(forbidden).expect("a door");
    match only {
        Some(name) => door.only_by(Interface::find(name).expect("it is up")).expect("the routes can be read"),
        None => door,
    }
}

/// How many echo requests over IPv6 its kernel has met.
fn echoes(place: &Namespace) -> u64 {
    place.counters().get("Icmp6InEchos").copied().unwrap_or(0)
}

/// The hardware address of a device.
fn mac(place: &Namespace, device: &str) -> String {
    let path = format!("/sys/class/net/{device}/address");
    portolan_lab::namespace::run(place.command("cat").arg(path)).trim().to_owned()
}

/// Does something in a namespace, on a thread of its own.
fn inside<T: Send>(place: &Namespace, act: impl FnOnce() -> T + Send) -> T {
    let path = format!("/run/netns/{}", place.name());
    let there = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).expect("it exists");
    let act = || {
        move_into_link_name_space(there.as_fd(), Some(LinkNameSpaceType::Network)).expect("root may");
        act()
    };
    std::thread::scope(|scope| scope.spawn(act).join())
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
