//! The real door of packets keeps the same contract as the simulated one. Nothing leaves the namespaces made here.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]
#![expect(clippy::print_stdout, reason = "a skipped test is seen")]

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use portolan_model::{Address, Endpoint};
use portolan_net::{PacketDoor, SocketDoor};
use portolan_sim::conformance::{frames_conform, neighbours_conform};
use portolan_target::AddressSet;
use rustix::fs::{Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Two machines on one cable, and a third behind the second of them.
const CABLES: &str = "-n HERE link set lo up
-n HERE link add left type veth peer name right netns THERE
-n THERE link add inner type veth peer name outer netns BEHIND
-n HERE addr add 198.18.0.1/30 dev left
-n HERE addr add 198.18.1.1/24 dev left
-n HERE addr add 2001:db8:0:1::1/64 dev left nodad
-n THERE addr add 198.18.0.2/30 dev right
-n THERE addr add 2001:db8:0:1::2/64 dev right nodad
-n THERE addr add 198.18.0.5/30 dev inner
-n THERE addr add 2001:db8:0:2::1/64 dev inner nodad
-n BEHIND addr add 198.18.0.6/30 dev outer
-n BEHIND addr add 2001:db8:0:2::2/64 dev outer nodad
-n HERE link set left up
-n THERE link set right up
-n THERE link set inner up
-n BEHIND link set outer up
-n HERE route add default via 198.18.0.2
-n HERE route add default via 2001:db8:0:1::2
-n BEHIND route add default via 198.18.0.5
-n BEHIND route add default via 2001:db8:0:2::1";

#[test]
fn the_real_door_conforms_with_packets() {
    let Some(places) = places() else { return };
    let [here, there, behind] = &places;
    inside(there, || {
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
        std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1").unwrap();
    });
    // IPv4 first: a link that has just been laid answers no question of IPv6 for a second, and the suite is not that
    // patient.
    for (place, host) in [
        (there, "198.18.0.2"),
        (there, "2001:db8:0:1::2"),
        (behind, "198.18.0.6"),
        (behind, "2001:db8:0:2::2"),
    ] {
        let ip: IpAddr = host.parse().unwrap();
        let (_listener, _bound, open, closed) = inside(place, || ports(ip));
        let at = |port| Endpoint::tcp(Address::new(ip), port);
        inside(here, || frames_conform(door, at(open), at(closed)));
        println!("packets: the real door conforms with {host}");
    }
}

#[test]
fn its_neighbours_conform() {
    let Some(places) = places() else { return };
    for hosts in [
        ["198.18.0.2", "198.18.1.9", "198.18.0.6"],
        ["2001:db8:0:1::2", "2001:db8:0:1::9", "2001:db8:0:2::2"],
    ] {
        let hosts = hosts.map(|ip| Address::new(ip.parse().unwrap()));
        inside(&places[0], || neighbours_conform(door, hosts));
        println!("packets: the neighbours of the real door conform, {} among them", hosts[0].ip());
    }
}

fn door() -> PacketDoor {
    PacketDoor::open(SocketDoor::open(AddressSet::new()).unwrap(), AddressSet::new()).unwrap()
}

/// A port that listens and one that is bound and does not: closed, and nobody else can take it.
fn ports(ip: IpAddr) -> (TcpListener, OwnedFd, u16, u16) {
    let family =
        if ip.is_ipv4() { rustix::net::AddressFamily::INET } else { rustix::net::AddressFamily::INET6 };
    let listener = TcpListener::bind((ip, 0)).unwrap();
    let bound = rustix::net::socket(family, rustix::net::SocketType::STREAM, None).unwrap();
    rustix::net::bind(&bound, &SocketAddr::from((ip, 0))).unwrap();
    let closed: SocketAddr = rustix::net::getsockname(&bound).unwrap().try_into().unwrap();
    let open = listener.local_addr().unwrap().port();
    (listener, bound, open, closed.port())
}

/// Three namespaces with [`CABLES`] between them, or `None` after saying why not.
///
/// Their names are taken away at once: the descriptors alone keep them alive, and however the test ends, nothing is
/// left.
fn places() -> Option<[OwnedFd; 3]> {
    let why = if !rustix::process::geteuid().is_root() {
        "needs root for network namespaces"
    } else if Command::new("ip").arg("-V").output().is_err() {
        "ip is not installed (cargo xtask setup)"
    } else {
        ""
    };
    if !why.is_empty() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "packets: {why}; in CI nothing may be skipped");
        println!("SKIPPED packets: {why}");
        return None;
    }
    let names = ["HERE", "THERE", "BEHIND"];
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let real = |name: &str| format!("portolan-net-{}-{number}-{name}", std::process::id());
    let places = names.map(|name| {
        ip(&format!("netns add {}", real(name)));
        let path = format!("/run/netns/{}", real(name));
        rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).unwrap()
    });
    // Names are whole words of the lines.
    let rename = |word: &str| if names.contains(&word) { real(word) } else { word.to_owned() };
    let laid = std::panic::catch_unwind(|| {
        for line in CABLES.lines() {
            ip(&line.split(' ').map(rename).collect::<Vec<_>>().join(" "));
        }
    });
    names.iter().for_each(|name| ip(&format!("netns del {}", real(name))));
    laid.unwrap();
    Some(places)
}

/// Does something in a namespace, on a thread of its own.
fn inside<T: Send>(place: &OwnedFd, act: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let there = || {
            move_into_link_name_space(place.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            act()
        };
        thread::Builder::new().spawn_scoped(scope, there).unwrap().join()
    })
    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn ip(words: &str) {
    let output = Command::new("ip").args(words.split(' ')).output().unwrap();
    assert!(output.status.success(), "ip {words}: {}", String::from_utf8_lossy(&output.stderr));
}
