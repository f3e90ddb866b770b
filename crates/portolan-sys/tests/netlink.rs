//! What the client reads, held against what `ip` says of the same namespace. Nothing leaves the namespaces made here.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]
#![expect(clippy::print_stdout, reason = "a skipped test is seen")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::os::fd::AsFd;
use std::process::Command;
use std::thread;

use portolan_sys::Errno;
use portolan_sys::limits::bound_tcp_ports;
use portolan_sys::netlink::{Neighbour, Netlink, Route, RouteKind};
use portolan_sys::tun::Tun;
use rustix::fs::{Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;

/// An Ethernet with an address of each family, a gateway for each behind it, and routes of every kind. No address waits
/// for the detection of duplicates: sources would change while the test runs.
const CABLE: &str = "link set lo up
link add left type veth peer name right
link set left address 02:00:00:00:00:0a mtu 1400 addrgenmode none
link set right addrgenmode none
link set left up
link set right up
addr add fe80::a/64 dev left nodad
addr add fe80::b/64 dev right nodad
addr add 198.18.0.1/24 broadcast 198.18.0.255 dev left
addr add 2001:db8::1/64 dev left nodad
route add 203.0.113.0/24 via 198.18.0.254
route add 203.0.113.128/25 via inet6 fe80::9 dev left
route add 2001:db8:1::/48 via fe80::9 dev left
route add unreachable 198.51.100.1
route add prohibit 198.51.100.2
route add blackhole 198.51.100.3
route add unreachable 2001:db8:2::1
route add prohibit 2001:db8:2::2
route add blackhole 2001:db8:2::3";

#[test]
fn routes_are_what_ip_says() {
    in_namespace("routes", || {
        CABLE.lines().for_each(ip);
        let tun = Tun::create("tunnel").unwrap();
        ip("link set tunnel up");
        ip("addr add 192.0.2.1 peer 192.0.2.2 dev tunnel");
        let mut netlink = Netlink::open().unwrap();
        let names: BTreeMap<String, u32> = netlink
            .links()
            .unwrap()
            .into_iter()
            .map(|link| (link.name.into_string().unwrap(), link.index))
            .collect();
        let left = names["left"];

        for to in [
            "127.0.0.1",
            "198.18.0.1",
            "198.18.0.2",
            "198.18.0.255",
            "203.0.113.9",
            "203.0.113.129",
            "192.0.2.2",
            "::1",
            "2001:db8::1",
            "2001:db8::2",
            "2001:db8:1::2",
        ] {
            same_route(&mut netlink, to, None, &names);
        }
        for to in ["198.18.0.2", "224.0.0.1", "fe80::9", "2001:db8::2", "2001:db8:1::2", "ff02::1"] {
            same_route(&mut netlink, to, Some("left"), &names);
        }
        same_route(&mut netlink, "fe80::9", Some("right"), &names);

        // That both agree is not enough: what some of them have to be.
        let mut ask = |to: &str| netlink.route(address(to), None);
        let source = |source| Some(address(source));
        let (kind, interface) = (RouteKind::Unicast, left);
        let on_link = Route { kind, interface, source: source("198.18.0.1"), gateway: None };
        assert_eq!(ask("198.18.0.2"), Ok(on_link));
        assert_eq!(ask("203.0.113.9"), Ok(Route { gateway: source("198.18.0.254"), ..on_link }));
        assert_eq!(ask("203.0.113.129"), Ok(Route { gateway: source("fe80::9"), ..on_link }));
        assert_eq!(ask("2001:db8:1::2").unwrap().gateway, source("fe80::9"));
        let at_the_other_end = Route { interface: names["tunnel"], source: source("192.0.2.1"), ..on_link };
        assert_eq!(ask("192.0.2.2"), Ok(at_the_other_end));
        for (to, errno) in [
            ("198.51.100.1", Errno::HOSTUNREACH),
            ("198.51.100.2", Errno::ACCESS),
            ("198.51.100.3", Errno::INVAL),
            ("2001:db8:2::1", Errno::HOSTUNREACH),
            ("2001:db8:2::2", Errno::ACCESS),
            ("2001:db8:2::3", Errno::INVAL),
            ("192.0.2.77", Errno::NETUNREACH),
            ("2001:db8:77::1", Errno::NETUNREACH),
        ] {
            assert_eq!(ask(to), Err(errno), "{to}");
            assert_eq!(ip_json(&format!("route get {to}")), None, "{to}: ip says that there is a way");
        }
        let assumed = netlink.route(address("192.0.2.77"), Some(left));
        assert_eq!(assumed, Ok(on_link), "a zone stands in for a route of IPv4");
        assert_eq!(netlink.route(address("2001:db8:77::1"), Some(left)), Err(Errno::NETUNREACH));
        drop(tun);
        assert_eq!(
            netlink.route(address("192.0.2.2"), None),
            Err(Errno::NETUNREACH),
            "nothing is remembered"
        );
    });
}

#[test]
fn links_are_what_ip_says() {
    in_namespace("links", || {
        CABLE.lines().for_each(ip);
        ip("link set right down");
        let _tun = Tun::create("tunnel").unwrap();
        ip("link set tunnel up");
        // More than fit into one datagram.
        for number in 0..40 {
            ip(&format!("link add many{number} type veth peer name peer{number}"));
        }
        let links = Netlink::open().unwrap().links().unwrap();
        let theirs = ip_json("link show").unwrap();
        assert_eq!((links.len(), theirs.len()), (84, 84));
        for theirs in theirs {
            let ours = links.iter().find(|link| theirs["ifname"] == link.name.to_str().unwrap()).unwrap();
            assert_eq!(theirs["ifindex"], ours.index);
            assert_eq!(theirs["mtu"], ours.mtu);
            let flag = |flag: &str| theirs["flags"].as_array().unwrap().iter().any(|set| set == flag);
            assert_eq!(flag("UP"), ours.is_up, "{theirs}");
            assert_eq!(flag("LOWER_UP"), ours.has_carrier, "{theirs}");
            assert_eq!(flag("LOOPBACK"), ours.is_loopback, "{theirs}");
            assert_eq!(flag("NOARP"), ours.no_arp, "{theirs}");
            assert_eq!(flag("POINTOPOINT"), ours.point_to_point, "{theirs}");
            assert_eq!(theirs["address"].as_str().map(str::to_owned), ours.address.map(mac), "{theirs}");
            let hardware = match theirs["link_type"].as_str().unwrap() {
                "ether" => 1,
                "loopback" => 772,
                "none" => 65534,
                other => panic!("{other}"),
            };
            assert_eq!(ours.hardware, hardware, "{theirs}");
        }
        let named = |name: &str| links.iter().find(|link| link.name == name).unwrap();
        assert_eq!((named("left").address, named("left").mtu), (Some([2, 0, 0, 0, 0, 0x0a]), 1400));
        assert!(named("left").is_up && !named("left").has_carrier && !named("right").is_up);
        let tun = named("tunnel");
        assert!(tun.is_up && tun.no_arp && tun.point_to_point && tun.address.is_none());
    });
}

#[test]
fn neighbours_are_what_ip_says() {
    in_namespace("neighbours", || {
        CABLE.lines().for_each(ip);
        ip("neigh add 198.18.0.9 dev left lladdr 02:00:00:00:00:09 nud permanent");
        ip("neigh add 198.18.0.10 dev left lladdr 02:00:00:00:00:10 nud stale");
        ip("neigh add 198.18.0.11 dev left nud failed");
        ip("neigh add 2001:db8::9 dev left lladdr 02:00:00:00:00:09 nud stale");
        ip("neigh add 2001:db8::11 dev left nud failed");
        // A proxied one is nobody's link-layer address.
        ip("neigh add proxy 198.18.0.12 dev left");
        let mut netlink = Netlink::open().unwrap();
        let index = |name: &Value| portolan_sys::interfaces::index_of(name.as_str().unwrap()).unwrap();
        // The kernel joins multicast groups in its own time: both are asked until they agree.
        let agree = (0..50).any(|_| {
            let ours: BTreeSet<String> =
                netlink.neighbours().unwrap().iter().map(|neighbour| format!("{neighbour:?}")).collect();
            let theirs = ip_json("neigh show nud all").unwrap().into_iter().map(|theirs| {
                let state = theirs["state"][0].as_str().unwrap();
                let neighbour = Neighbour {
                    interface: index(&theirs["dev"]),
                    address: address(theirs["dst"].as_str().unwrap()),
                    link_address: theirs["lladdr"].as_str().map(from_mac),
                    is_usable: ["REACHABLE", "STALE", "DELAY", "PROBE", "PERMANENT", "NOARP"]
                        .contains(&state),
                    is_written: ["PERMANENT", "NOARP"].contains(&state),
                };
                format!("{neighbour:?}")
            });
            ours == theirs.collect()
        });
        assert!(agree, "{:?}", netlink.neighbours());

        let neighbours = netlink.neighbours().unwrap();
        let find = |ip: &str| neighbours.iter().find(|neighbour| neighbour.address == address(ip));
        let told = |ip| find(ip).map(|neighbour| (neighbour.link_address, neighbour.is_usable));
        assert_eq!(told("198.18.0.9"), Some((Some([2, 0, 0, 0, 0, 9]), true)));
        assert_eq!(told("198.18.0.10"), Some((Some([2, 0, 0, 0, 0, 0x10]), true)));
        assert_eq!(told("198.18.0.11"), Some((None, false)));
        assert_eq!(told("2001:db8::9"), Some((Some([2, 0, 0, 0, 0, 9]), true)));
        assert_eq!(told("2001:db8::11"), Some((None, false)));
        assert_eq!(told("198.18.0.12"), None);
    });
}

#[test]
fn a_socket_stays_in_its_namespace_and_ports_are_those_of_the_thread() {
    let mut outside = Netlink::open().unwrap();
    in_namespace("ports", || {
        ip("link set lo up");
        ip("link add inside type veth peer name peer");
        let sees = |netlink: &mut Netlink| netlink.links().unwrap().iter().any(|link| link.name == "inside");
        assert!(sees(&mut Netlink::open().unwrap()) && !sees(&mut outside));
        assert_eq!(bound_tcp_ports(), BTreeSet::new());
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let v6 = TcpListener::bind("[::1]:0").unwrap();
        let ports = [&v4, &v6].map(|listener| listener.local_addr().unwrap().port());
        assert_eq!(bound_tcp_ports(), BTreeSet::from(ports));
    });
}

/// Runs `test` on a thread of its own in a new network namespace, or says why not.
///
/// The name of the namespace is taken away as soon as the thread is inside: the thread alone keeps it alive, and
/// however the test ends, nothing is left.
fn in_namespace(label: &str, test: impl FnOnce() + Send) {
    let why = if !rustix::process::geteuid().is_root() {
        "needs root for network namespaces"
    } else if Command::new("ip").arg("-V").output().is_err() {
        "ip is not installed (cargo xtask setup)"
    } else {
        ""
    };
    if !why.is_empty() {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "netlink {label}: {why}; in CI nothing may be skipped"
        );
        println!("SKIPPED netlink {label}: {why}");
        return;
    }
    let name = format!("portolan-sys-{label}-{}", std::process::id());
    ip(&format!("netns add {name}"));
    let open =
        rustix::fs::open(format!("/run/netns/{name}"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    ip(&format!("netns del {name}"));
    let namespace = open.unwrap();
    thread::scope(|scope| {
        let inside = || {
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(namespace.as_fd(), kind).unwrap();
            test();
        };
        thread::Builder::new().spawn_scoped(scope, inside).unwrap().join()
    })
    .unwrap();
}

/// `ip -j route get` and we say the same of the way to `to`.
fn same_route(netlink: &mut Netlink, to: &str, zone: Option<&str>, names: &BTreeMap<String, u32>) {
    let oif = zone.map(|name| format!(" oif {name}")).unwrap_or_default();
    let theirs = &ip_json(&format!("route get {to}{oif}")).unwrap()[0];
    let ours = netlink.route(address(to), zone.map(|name| names[name])).unwrap();
    let kind = match theirs["type"].as_str() {
        None => RouteKind::Unicast,
        Some("local") => RouteKind::Local,
        Some("broadcast") => RouteKind::Broadcast,
        Some("multicast") => RouteKind::Multicast,
        Some(other) => panic!("{other}"),
    };
    let text = |value: &Value| value.as_str().map(address);
    let expected = Route {
        kind,
        interface: names[theirs["dev"].as_str().unwrap()],
        source: text(&theirs["prefsrc"]),
        gateway: text(&theirs["gateway"]).or_else(|| text(&theirs["via"]["host"])),
    };
    assert_eq!(ours, expected, "{to}{oif}: {theirs}");
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn mac(bytes: [u8; 6]) -> String {
    bytes.map(|byte| format!("{byte:02x}")).join(":")
}

fn from_mac(text: &str) -> [u8; 6] {
    let bytes: Vec<u8> = text.split(':').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
    bytes.try_into().unwrap()
}

/// A command that has to succeed, in the namespace of the thread.
fn ip(words: &str) {
    let output = Command::new("ip").args(words.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "ip {words}: {}", String::from_utf8_lossy(&output.stderr));
}

/// What `ip -j` says; nothing if it fails.
fn ip_json(words: &str) -> Option<Vec<Value>> {
    let output = Command::new("ip").arg("-j").args(words.split_whitespace()).output().unwrap();
    output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
}
