//! Searches for hosts that nobody made, and a scan whose hosts told their hardware addresses.

use portolan_model::{Begin, Counts, HostReport, HostState, Mac, Observation, Ping, Pong, Reason, Untrusted};

use super::*;

const INTEL: Mac = Mac([0x00, 0x1b, 0x21, 0x0a, 0xff, 0x09]);
const STRANGE: Mac = Mac([0x00, 0x11, 0x22, 0x33, 0x44, 0x55]);
const UNLISTED: Mac = Mac([0x00, 0x50, 0xc2, 1, 2, 3]);
const CHOSEN: Mac = Mac([0x52, 0x54, 0x00, 1, 2, 3]);

fn found(target: Address, state: HostState, reason: Option<Reason>, mac: Option<Mac>) -> HostReport {
    let evidence = mac.map(|mac| {
        let asked = Observation { at: at(100), fact: Fact::Pinged { ping: Ping::Neighbour, attempt: 1 } };
        vec![asked, Observation { at: at(740), fact: Fact::Pong(Pong::Neighbour { mac }) }]
    });
    HostReport {
        reason,
        evidence: evidence.unwrap_or_default(),
        mac,
        ..host(target, state, Counts::default())
    }
}

fn search(targets: &[&'static str], addresses: u128, hosts: Vec<HostReport>) -> Vec<Event> {
    let ups = hosts.iter().filter(|host| host.state == HostState::Up).count() as u64;
    let begin = Begin {
        argv: ["portolan", "-sn"].iter().chain(targets).map(|word| Untrusted::from(*word)).collect(),
        targets: targets.iter().map(|target| Untrusted::from(*target)).collect(),
        excluded: vec![],
        authorised: None,
        ports: String::new(),
        addresses,
        endpoints: 0,
        hosts_only: true,
        pings: vec![Ping::Neighbour, Ping::Echo, Ping::Syn(443), Ping::Ack(80), Ping::Timestamp],
        methods: vec![],
        why: None,
        ..begin()
    };
    let finish = Finish {
        hosts_up: ups,
        hosts_down: 240,
        hosts_silent: u64::try_from(addresses).expect("a small search") - 240 - ups,
        loss: 0.0,
        unknown_local: 0,
        ..finish(Counts::default())
    };
    let hosts = hosts.into_iter().map(Event::Host);
    [Event::Begin(begin)].into_iter().chain(hosts).chain([Event::Finish(finish)]).collect()
}

/// A network of IPv4, with every way in which a host can be found.
pub(crate) fn v4_search() -> Vec<Event> {
    let up = |last, reason, mac| found(v4(last), HostState::Up, Some(reason), mac);
    search(
        &["192.0.2.0/24", "198.51.100.7"],
        257,
        vec![
            up(1, Reason::ArpResponse, Some(INTEL)),
            up(7, Reason::ArpResponse, Some(STRANGE)),
            up(8, Reason::ArpResponse, Some(UNLISTED)),
            up(10, Reason::ArpResponse, Some(CHOSEN)),
            up(20, Reason::EchoReply, None),
            up(21, Reason::TimestampReply, None),
            up(22, Reason::SynAck, None),
            up(23, Reason::Reset, None),
            up(24, Reason::PortUnreach, None),
            HostReport { rtt: None, ..up(25, Reason::LocalhostResponse, None) },
            found(v4(66), HostState::Down, Some(Reason::NoNeighbour), None),
            found(v4(77), HostState::Unknown, None, None),
        ],
    )
}

/// Addresses of IPv6, which are long.
pub(crate) fn v6_search() -> Vec<Event> {
    let long = "2001:db8:1234:5678:21b:21ff:fe0a:ff09".parse().expect("an address");
    let up = |target, mac| found(target, HostState::Up, Some(Reason::NdResponse), Some(mac));
    search(
        &["2001:db8:1234:5678::/64"],
        260,
        vec![up(Address::with_zone(long, 0), INTEL), up(v6(1), STRANGE), up(v6(2), CHOSEN)],
    )
}

/// A scan of ports whose hosts are on our link.
pub(crate) fn scanned() -> Vec<Event> {
    scan()
        .into_iter()
        .map(|event| match event {
            Event::Host(host) if !host.target.is_ipv6() => {
                Event::Host(HostReport { mac: Some(INTEL), ..host })
            }
            Event::Host(host) => Event::Host(HostReport { mac: Some(CHOSEN), ..host }),
            other => other,
        })
        .collect()
}
