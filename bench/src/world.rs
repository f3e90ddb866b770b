use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Child;

use portolan_lab::namespace::{Namespace, cable, run};
use portolan_lab::respond::{Asked, Counter, Counts, Prefix, Shares, State, Transport, WHOLE};
use portolan_lab::server::{End, Server};

use crate::scenario::{Change, User};
use crate::score::Truth;

/// Where the host is.
#[derive(Copy, Clone)]
pub(crate) enum Place {
    Loopback,
    OnePort,
    Veth,
    Behind {
        one_way_ms: u64,
    },
    Responder,
    ResponderBehind {
        one_way_ms: u64,
    },
    Bottleneck,
    /// The same, wide, then narrow, then wide again while it is scanned.
    Changing,
}

/// A scanner's namespace and the host in or beside it.
pub(crate) struct World {
    place: Place,
    // Before the namespaces that they are in: what is first here is removed first.
    forwarder: Option<Server>,
    pulse: Option<Server>,
    host: Server,
    pub(crate) scanner: Namespace,
    /// What the scanner's cable leads to, and what is behind that.
    others: Vec<Namespace>,
    pub(crate) address: &'static str,
    pub(crate) truth: Truth,
}

impl World {
    /// `helper` is the program `portolan-lab`. Fails if anything but this world could be reached from it.
    pub(crate) fn new(place: Place, user: User, helper: &Path) -> Result<Self, String> {
        let mut world = match place {
            Place::OnePort => alone(place, Truth::one(22), helper),
            Place::Loopback => alone(place, Truth::of_a_thousand(0), helper),
            Place::Veth | Place::Behind { .. } => neighbours(place, helper),
            Place::Responder => beside_a_responder(helper)?,
            Place::ResponderBehind { one_way_ms } => far_from_a_responder(one_way_ms, helper)?,
            Place::Bottleneck | Place::Changing => behind_a_bottleneck(place, helper),
        };
        world.namespaces().try_for_each(is_closed)?;
        if user == User::Root {
            let pulse = |neighbour| Server::pulse(neighbour, helper, SCANNER);
            world.pulse = world.others.first().map(pulse);
        }
        Ok(world)
    }

    /// The hardware address at the other end of the scanner's cable.
    pub(crate) fn router(&self) -> Option<String> {
        let file = format!("/sys/class/net/{TO_SCANNER}/address");
        Some(run(self.others.first()?.command("cat").arg(file)).trim().to_owned())
    }

    /// Takes it all down; what was counted in it, if something was.
    pub(crate) fn finish(self) -> Vec<String> {
        let mut counts = Vec::new();
        if let Some(forwarder) = self.forwarder {
            let ends = [(Some(&self.scanner), TO_TARGET), (self.others.first(), TO_SCANNER)];
            let ends = ends.into_iter().filter_map(|(namespace, device)| Some((namespace?, device)));
            counts.extend(ends.map(|(namespace, device)| dropped(namespace, device)));
            counts.extend(forwarder.finish().lines().map(str::to_owned));
        }
        match self.place {
            Place::Loopback | Place::OnePort | Place::Veth | Place::Behind { .. } => {}
            Place::Responder | Place::ResponderBehind { .. } => {
                counts.extend(Counts::read(&self.host.finish()).iter().map(answered));
            }
            Place::Bottleneck | Place::Changing => counts.extend(self.others.first().map(narrowed)),
        }
        counts
    }

    /// Begins what happens to the path while it is scanned; it goes on until it is dropped.
    pub(crate) fn begin_changes(&self) -> Option<Changing> {
        let router = self.others.first().filter(|_| matches!(self.place, Place::Changing))?;
        narrow(router, "change", CHANGING_BITS_PER_SECOND);
        let mut script = String::new();
        let mut at = 0;
        for change in CHANGES {
            let wait = f64::from(change.after_ms - at) / 1000.0;
            script += &format!("sleep {wait}; tc {}; ", narrowing("change", change.bits_per_second));
            at = change.after_ms;
        }
        router.command("sh").arg("-c").arg(script).spawn().ok().map(Changing)
    }

    fn namespaces(&self) -> impl Iterator<Item = &Namespace> {
        std::iter::once(&self.scanner).chain(&self.others)
    }
}

/// A path that changes.
pub(crate) struct Changing(Child);

impl Drop for Changing {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether nothing but other namespaces of ours can be reached from here. What writes raw packets asks no route, so it
/// is the devices that count.
fn is_closed(namespace: &Namespace) -> Result<(), String> {
    let refused = |why: &str| Err(format!("{}: {why}: no scanner is started here", namespace.name()));
    let own = std::fs::read_link(OWN).map_err(|error| format!("{OWN}: {error}"))?;
    if run(namespace.command("readlink").arg(OWN)).trim() == own.to_string_lossy() {
        return refused("the machine's own network");
    }
    let devices = run(namespace.command("ip").args(["-o", "link", "show", "up"]));
    if let Some(device) = strange_device(&devices) {
        return refused(&format!("{device} leads elsewhere"));
    }
    let routes = run(namespace.command("ip").args(["-4", "route", "show"]));
    routes.lines().find(|route| !is_inside(route)).map_or(Ok(()), refused)
}

/// The first device, of those that `ip -o link` shows, that is not of this file.
fn strange_device(links: &str) -> Option<&str> {
    // "2: to-target@if3: <BROADCAST,…"
    let names = links.lines().map(|line| line.split(": ").nth(1).unwrap_or(line));
    let mut names = names.map(|name| name.split('@').next().unwrap_or(name));
    names.find(|name| !["lo", TO_TARGET, TO_SCANNER, TO_ROUTER].contains(name))
}

/// Whether a route leads to addresses for benchmarks (RFC 2544, appendix C.2.2).
fn is_inside(route: &str) -> bool {
    let to = route.split(' ').next().unwrap_or_default();
    let to: Option<Ipv4Addr> = to.split('/').next().and_then(|address| address.parse().ok());
    to.is_some_and(|to| matches!(to.octets(), [198, 18 | 19, ..]))
}

const OWN: &str = "/proc/self/ns/net";

/// The scanner is its own host.
fn alone(place: Place, truth: Truth, helper: &Path) -> World {
    let (scanner, address) = (Namespace::new("scanner"), "127.0.0.1");
    let host = listen(&scanner, helper, address, &truth);
    World { place, forwarder: None, pulse: None, host, scanner, others: Vec::new(), address, truth }
}

/// On one cable, or on a path with a delay.
fn neighbours(place: Place, helper: &Path) -> World {
    let (scanner, target) = (Namespace::new("scanner"), Namespace::new("target"));
    let (truth, address) = (Truth::of_a_thousand(3000), "198.18.0.2");
    target.firewall("input", &[drops(&truth.filtered)]);
    let mut forwarder = None;
    if let Place::Behind { one_way_ms } = place {
        forwarder = Some(late(&scanner, &target, one_way_ms, helper));
    } else {
        cable((&scanner, TO_TARGET, &["198.18.0.1/30"]), (&target, TO_SCANNER, &["198.18.0.2/30"]));
    }
    let host = listen(&target, helper, address, &truth);
    World { place, forwarder, pulse: None, host, scanner, others: vec![target], address, truth }
}

/// A path with this delay from the scanner, 198.18.0.1, to its neighbour, .2.
fn late(scanner: &Namespace, neighbour: &Namespace, one_way_ms: u64, helper: &Path) -> Server {
    let left = End { namespace: scanner, device: TO_TARGET, addresses: &["198.18.0.1/30"] };
    let right = End { namespace: neighbour, device: TO_SCANNER, addresses: &["198.18.0.2/30"] };
    Server::forwarder(helper, &["forward"], (left, right), &format!("delay={one_way_ms}ms"))
}

/// The host is one address behind the neighbour, who answers for it without waking any process.
fn beside_a_responder(helper: &Path) -> Result<World, String> {
    let (scanner, target) = (Namespace::new("scanner"), Namespace::new("target"));
    let asked = responder(TO_SCANNER, Ipv4Addr::new(198, 18, 0, 2));
    let truth = truth_of(&asked)?;
    let left = End { namespace: &scanner, device: TO_TARGET, addresses: &["198.18.0.1/30"] };
    let right = End { namespace: &target, device: TO_SCANNER, addresses: &["198.18.0.2/30"] };
    let host = Server::responder(helper, (left, right), &asked);
    let address = ANSWERED_FOR;
    Ok(World {
        place: Place::Responder,
        forwarder: None,
        pulse: None,
        host,
        scanner,
        others: vec![target],
        address,
        truth,
    })
}

/// The same behind a router and a delay: what answers in the kernel needs an Ethernet, and a path of ours is none.
fn far_from_a_responder(one_way_ms: u64, helper: &Path) -> Result<World, String> {
    let (scanner, router, target) =
        (Namespace::new("scanner"), Namespace::new("router"), Namespace::new("target"));
    let asked = responder(TO_ROUTER, Ipv4Addr::new(198, 18, 0, 6));
    let truth = truth_of(&asked)?;
    let forwarder = late(&scanner, &router, one_way_ms, helper);
    let left = End { namespace: &router, device: TO_TARGET, addresses: &["198.18.0.5/30"] };
    let right = End { namespace: &target, device: TO_ROUTER, addresses: &["198.18.0.6/30"] };
    let host = Server::responder(helper, (left, right), &asked);
    router.sysctl("net.ipv4.ip_forward", "1");
    let address = ANSWERED_FOR;
    scanner.ip(&format!("route add {address} via 198.18.0.2"));
    Ok(World {
        place: Place::ResponderBehind { one_way_ms },
        forwarder: Some(forwarder),
        pulse: None,
        host,
        scanner,
        others: vec![router, target],
        address,
        truth,
    })
}

const ANSWERED_FOR: &str = "198.18.1.7";
const AT: Ipv4Addr = Ipv4Addr::new(198, 18, 1, 7);

/// What answers for that address; `router` is who prohibits.
fn responder(interface: &str, router: Ipv4Addr) -> Asked {
    Asked {
        interface: interface.to_owned(),
        prefixes: Prefix::new(AT, 32).into_iter().collect(),
        router,
        seed: 7,
        // 3 %, 5 % and 2 % of all ports.
        shares: Shares { open: 1966, silent: 3277, prohibited: 1311, alive: WHOLE },
    }
}

fn truth_of(asked: &Asked) -> Result<Truth, String> {
    let known = asked.truth()?;
    Ok(Truth::new(1..=u16::MAX, |port| match known.of(Transport::Tcp, AT, port) {
        State::Open => crate::told::State::Open,
        State::Closed => crate::told::State::Closed,
        State::Silent | State::Prohibited => crate::told::State::Filtered,
    }))
}

/// Frames that a scanner writes past the queue of its own device would not meet a queue there: it is the router's.
fn behind_a_bottleneck(place: Place, helper: &Path) -> World {
    let (scanner, router, target) =
        (Namespace::new("scanner"), Namespace::new("router"), Namespace::new("target"));
    cable((&scanner, TO_TARGET, &["198.18.0.1/30"]), (&router, TO_SCANNER, &["198.18.0.2/30"]));
    cable((&router, TO_TARGET, &["198.18.0.5/30"]), (&target, TO_ROUTER, &["198.18.0.6/30"]));
    scanner.ip("route add 198.18.0.4/30 via 198.18.0.2");
    target.ip("route add 198.18.0.0/30 via 198.18.0.5");
    router.sysctl("net.ipv4.ip_forward", "1");
    let (ports, rate) = match place {
        Place::Changing => (u16::MAX, CHANGING_BITS_PER_SECOND),
        _ => (20_000, BOTTLENECK_BITS_PER_SECOND),
    };
    narrow(&router, "add", rate);
    let (truth, address) = (Truth::spread(ports, 300, 0), "198.18.0.6");
    let host = listen(&target, helper, address, &truth);
    World { place, forwarder: None, pulse: None, host, scanner, others: vec![router, target], address, truth }
}

/// So much passes the router from now on, and 50 ms of it wait.
fn narrow(router: &Namespace, how: &str, bits_per_second: u32) {
    let words = narrowing(how, bits_per_second);
    run(router.command("tc").args(words.split(' ')));
}

/// What `tc` is told for that.
fn narrowing(how: &str, bits_per_second: u32) -> String {
    format!(
        "qdisc {how} dev {TO_TARGET} root tbf rate {bits_per_second}bit burst {BOTTLENECK_BURST} latency 50ms"
    )
}

pub(crate) const BOTTLENECK_BITS_PER_SECOND: u32 = 5_000_000;
pub(crate) const BOTTLENECK_BURST: u32 = 10_240;

/// What passes a changing bottleneck at first, and later.
pub(crate) const CHANGING_BITS_PER_SECOND: u32 = 20_000_000;
pub(crate) const CHANGES: [Change; 2] = [
    Change { after_ms: 1000, bits_per_second: 5_000_000 },
    Change { after_ms: 3000, bits_per_second: CHANGING_BITS_PER_SECOND },
];

fn listen(namespace: &Namespace, helper: &Path, address: &str, truth: &Truth) -> Server {
    Server::listen(namespace, helper, &["listen"], "accept", &[address], &truth.open)
}

/// What the device's own queue had no room for.
fn dropped(namespace: &Namespace, device: &str) -> String {
    let file = format!("/sys/class/net/{device}/statistics/tx_dropped");
    format!("{device}: {} dropped before the path", run(namespace.command("cat").arg(file)).trim())
}

/// A lost answer would make the truth a lie.
fn answered(counts: &Counts) -> String {
    let [seen, ignored, failed] =
        [Counter::Seen, Counter::Ignored, Counter::Failed].map(|counter| counts.of(counter));
    format!("responder: {seen} frames came, {ignored} of them TCP but no SYN; {failed} answers were lost")
}

/// What passed the bottleneck, and what did not.
fn narrowed(router: &Namespace) -> String {
    let said = run(router.command("tc").args(["-s", "qdisc", "show", "dev", TO_TARGET]));
    // " Sent 1234 bytes 20 pkt (dropped 3, overlimits 4 requeues 0)"
    let sent = said.lines().find_map(|line| line.trim().strip_prefix("Sent ")).unwrap_or_default();
    let numbers: Vec<&str> = sent.split(|letter: char| !letter.is_ascii_digit()).collect();
    let numbers: Vec<&str> = numbers.into_iter().filter(|number| !number.is_empty()).collect();
    match numbers.as_slice() {
        [bytes, packets, dropped, ..] => {
            format!("bottleneck: {packets} frames of {bytes} bytes passed, {dropped} dropped")
        }
        _ => format!("bottleneck: not understood: {said}"),
    }
}

/// Where there is a cable.
const SCANNER: &str = "198.18.0.1";

const TO_TARGET: &str = "to-target";
const TO_SCANNER: &str = "to-scanner";
const TO_ROUTER: &str = "to-router";

fn drops(ports: &[u16]) -> String {
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    format!("tcp dport {{ {} }} drop", ports.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_of_others_is_found() {
        let own = "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue\n\
                   2: to-target@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500";
        assert_eq!(strange_device(own), None);
        assert_eq!(strange_device(&format!("{own}\n3: eth0: <BROADCAST,UP> mtu 1500")), Some("eth0"));
        assert_eq!(strange_device(""), None);
    }

    #[test]
    fn a_route_out_is_found() {
        assert!(is_inside("198.18.0.0/30 dev to-target proto kernel scope link src 198.18.0.1"));
        assert!(is_inside("198.18.1.7 via 198.18.0.2 dev to-target"));
        assert!(!is_inside("default via 198.18.0.2 dev to-target"));
        assert!(!is_inside("198.20.0.0/16 via 198.18.0.2 dev to-target"));
        assert!(!is_inside("0.0.0.0/1 via 198.18.0.2"));
        assert!(!is_inside("unreachable 198.18.0.0/15"));
    }
}
