//! Names of services by port: the IANA registry (RFC 6335), with a few corrections of our own.
//!
//! The registry's table (`services_table.rs`) is generated, see `data/README.md`. It is constant data in
//! order of port: looking a name up is a binary search, and nothing is built at start.

use portolan_model::{PortSet, Transport};

use crate::ranking;
use crate::services_table::IANA;

/// The service a port is known for; a convention, never a finding.
pub fn name(transport: Transport, port: u16) -> Option<&'static str> {
    let correction =
        OVERLAY.iter().find(|entry| entry.0 <= port && port <= entry.1 && covers(entry.2, transport));
    if let Some((_, _, _, name)) = correction {
        return Some(name);
    }
    let start = IANA.partition_point(|row| row.0 < port);
    let rows = IANA.get(start..)?.iter().take_while(|row| row.0 == port);
    rows.filter(|row| covers(row.1, transport)).map(|row| row.2).next()
}

/// The ports whose name is `pattern`, in which `*` stands for any text and `?` for one character.
/// Case does not count. A port that goes by two names is found by both.
pub fn matching(transport: Transport, pattern: &str) -> PortSet {
    let pattern = pattern.to_ascii_lowercase();
    rows(transport)
        .filter(|(_, _, name)| glob(pattern.as_bytes(), name.as_bytes()))
        .map(|(a, b, _)| a..=b)
        .collect()
}

/// The name of the table that is spelt most alike, if one differs by a slip or two.
pub(crate) fn nearest(scope: &[Transport], name: &str) -> Option<&'static str> {
    if name.contains(['*', '?']) {
        return None;
    }
    let slips = if name.len() < 6 { 1 } else { 2 };
    let name = name.to_ascii_lowercase();
    let all = scope.iter().flat_map(|transport| rows(*transport));
    // Comparing lengths first spares most of the work.
    all.filter(|(_, _, known)| known.len().abs_diff(name.len()) <= slips)
        .map(|(port, _, known)| (distance(name.as_bytes(), known.as_bytes()), port, known))
        .filter(|(distance, _, _)| *distance <= slips)
        // Of names as near, the one of the likelier port is the one meant.
        .min_by_key(|(distance, port, _)| {
            let rank = ranking::rank_tcp(*port).or_else(|| ranking::rank_udp(*port));
            (*distance, rank.unwrap_or(usize::MAX))
        })
        .map(|(_, _, known)| known)
}

/// One row: first port, last port, protocols, name.
type Correction = (u16, u16, u8, &'static str);

const TCP: u8 = 1;
const UDP: u8 = 2;
const SCTP: u8 = 4;

/// Where we say something else than the generated table. Three reasons, and no other:
///
/// 1. the registry has several names for the port and the source kept a less usual one;
/// 2. the registry has a range, which the source leaves out;
/// 3. the registry has nothing, or a name that hardly any machine of today means by this port.
const OVERLAY: &[Correction] = &[
    // 1. Several names.
    (80, 80, TCP | UDP | SCTP, "http"),
    (631, 631, TCP, "ipp"),
    (3478, 3478, TCP | UDP, "stun"),
    (5349, 5349, TCP | UDP, "stuns"),
    // 2. Ranges.
    (6000, 6063, TCP | UDP, "x11"),
    (6665, 6669, TCP, "irc"),
    // 3. What the port means today, by protocol.
    (1521, 1521, TCP, "oracle"),
    (1645, 1645, UDP, "radius"),
    (1646, 1646, UDP, "radius-acct"),
    (1700, 1700, UDP, "lorawan-gateway"),
    (1716, 1716, UDP, "kdeconnect"),
    (1740, 1740, UDP, "codesys"),
    (2003, 2003, UDP, "graphite"),
    (2055, 2055, UDP, "netflow"),
    (2181, 2181, TCP, "zookeeper"),
    (2302, 2302, UDP, "arma"),
    (3128, 3128, TCP, "http-proxy"),
    (3391, 3391, UDP, "rd-gateway"),
    (3671, 3671, UDP, "knxnet-ip"),
    (4001, 4001, UDP, "ipfs"),
    (4222, 4222, TCP, "nats"),
    (4242, 4242, UDP, "nebula"),
    (5006, 5006, UDP, "melsec"),
    (5405, 5405, UDP, "corosync"),
    (5555, 5555, TCP, "adb"),
    (5601, 5601, TCP, "kibana"),
    (5678, 5678, UDP, "mndp"),
    (5900, 5910, TCP, "vnc"),
    (5938, 5938, TCP | UDP, "teamviewer"),
    (6443, 6443, TCP, "kubernetes-api"),
    (6454, 6454, UDP, "art-net"),
    (6831, 6831, UDP, "jaeger"),
    (6881, 6881, UDP, "bittorrent-dht"),
    (7359, 7359, UDP, "jellyfin-discovery"),
    (7474, 7474, TCP, "neo4j"),
    (7777, 7777, UDP, "unreal"),
    (7946, 7946, UDP, "memberlist"),
    (8006, 8006, TCP, "proxmox"),
    (8009, 8009, TCP, "ajp13"),
    (8086, 8086, TCP, "influxdb"),
    (8123, 8123, TCP, "home-assistant"),
    (8125, 8125, UDP, "statsd"),
    (8291, 8291, TCP, "winbox"),
    (8301, 8302, UDP, "consul-gossip"),
    (8388, 8388, UDP, "shadowsocks"),
    (8443, 8443, TCP | UDP, "https-alt"),
    (8472, 8472, UDP, "vxlan"),
    (8500, 8500, TCP, "consul"),
    (8600, 8600, UDP, "consul-dns"),
    (8649, 8649, UDP, "ganglia"),
    (9042, 9042, TCP, "cassandra"),
    (9090, 9090, TCP, "prometheus"),
    (9092, 9092, TCP, "kafka"),
    (9093, 9093, TCP, "alertmanager"),
    (9100, 9100, TCP, "jetdirect"),
    (9200, 9200, TCP, "elasticsearch"),
    (9300, 9300, TCP, "elasticsearch-node"),
    (9600, 9600, UDP, "omron-fins"),
    (9777, 9777, UDP, "kodi"),
    (9987, 9987, UDP, "teamspeak"),
    (9993, 9993, UDP, "zerotier"),
    (9995, 9996, UDP, "netflow"),
    (9999, 9999, UDP, "kasa"),
    (10001, 10001, UDP, "ubiquiti-discovery"),
    (10250, 10250, TCP, "kubelet"),
    (12201, 12201, UDP, "gelf"),
    (14550, 14550, UDP, "mavlink"),
    (15672, 15672, TCP, "rabbitmq-admin"),
    (17185, 17185, UDP, "vxworks-wdb"),
    (19132, 19133, UDP, "minecraft-bedrock"),
    (19302, 19302, UDP, "stun"),
    (21027, 21027, UDP, "syncthing-discovery"),
    (21116, 21116, UDP, "rustdesk"),
    (22000, 22000, UDP, "syncthing"),
    (25565, 25565, TCP | UDP, "minecraft"),
    (25826, 25826, UDP, "collectd"),
    (27015, 27017, UDP, "source-engine"),
    (27036, 27036, UDP, "steam-discovery"),
    (27960, 27960, UDP, "quake3"),
    (28015, 28015, UDP, "rust-game"),
    (28960, 28960, UDP, "call-of-duty"),
    (29810, 29810, UDP, "omada-discovery"),
    (30303, 30303, UDP, "ethereum"),
    (30718, 30718, UDP, "lantronix"),
    (32414, 32414, UDP, "plex-discovery"),
    (33848, 33848, UDP, "jenkins-discovery"),
    (34197, 34197, UDP, "factorio"),
    (37020, 37020, UDP, "hikvision-sadp"),
    (37810, 37810, UDP, "dahua-discovery"),
    (38899, 38899, UDP, "wiz"),
    (41641, 41641, UDP, "tailscale"),
    (47809, 47809, UDP, "bacnet"),
    (50000, 50000, TCP, "db2"),
    (50001, 50001, UDP, "anydesk-discovery"),
    (51413, 51413, UDP, "transmission"),
    (51820, 51821, UDP, "wireguard"),
    (52311, 52311, UDP, "bigfix"),
    (53317, 53317, UDP, "localsend"),
    (54321, 54321, UDP, "miio"),
    (56700, 56700, UDP, "lifx"),
    (57621, 57621, UDP, "spotify-connect"),
    (60001, 60001, UDP, "mosh"),
    (62078, 62078, TCP, "iphone-sync"),
    (64738, 64738, UDP, "mumble"),
    (65001, 65001, UDP, "hdhomerun"),
];

fn covers(protocols: u8, transport: Transport) -> bool {
    let bit = match transport {
        Transport::Tcp => TCP,
        Transport::Udp => UDP,
        Transport::Sctp => SCTP,
    };
    protocols & bit != 0
}

/// Every row for a protocol: first port, last port, name.
fn rows(transport: Transport) -> impl Iterator<Item = (u16, u16, &'static str)> {
    let iana = IANA.iter().filter(move |row| covers(row.1, transport)).map(|row| (row.0, row.0, row.2));
    let overlay = OVERLAY.iter().filter(move |row| covers(row.2, transport)).map(|row| (row.0, row.1, row.3));
    iana.chain(overlay)
}

/// Whether a lower-case pattern fits a name. On a mismatch only the last `*` is tried again, one
/// character longer, so the time is bounded by the product of both lengths.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = name.get(n) {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, n));
                p += 1;
            }
            Some(want) if *want == b'?' || *want == byte.to_ascii_lowercase() => {
                p += 1;
                n += 1;
            }
            _ => match star {
                None => return false,
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    (p, n) = (after, from + 1);
                }
            },
        }
    }
    pattern.get(p..).is_none_or(|rest| rest.iter().all(|byte| *byte == b'*'))
}

/// Levenshtein's distance: how many characters to add, drop or change.
fn distance(left: &[u8], right: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(i + 1);
        for ((b, pair), before) in right.iter().zip(row.windows(2)).zip(1..) {
            let [diagonal, above] = pair else { continue };
            let left_of: usize = next.get(before - 1).copied().unwrap_or(usize::MAX);
            let change = diagonal + usize::from(*a != b.to_ascii_lowercase());
            next.push(change.min(above + 1).min(left_of.saturating_add(1)));
        }
        row = next;
    }
    row.last().copied().unwrap_or(left.len())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_table_is_sorted_and_clean() {
        assert!(IANA.len() > 6000);
        assert!(IANA.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        assert!(IANA.iter().all(|row| row.0 != 0 && (1..8).contains(&row.1) && !row.2.is_empty()));
        assert!(IANA.iter().all(|row| row.2.bytes().all(|byte| byte.is_ascii_graphic())));
        let mut seen: HashMap<u16, u8> = HashMap::new();
        for row in IANA {
            let bits = seen.entry(row.0).or_default();
            assert_eq!(*bits & row.1, 0, "port {} has two names for one protocol", row.0);
            *bits |= row.1;
        }
        assert!(
            OVERLAY.windows(2).filter(|pair| pair[0].0 > pair[1].0).count() <= 2,
            "sorted in three parts"
        );
    }

    #[test]
    fn names_people_expect() {
        use Transport::{Sctp, Tcp, Udp};
        for (transport, port, expected) in [
            (Tcp, 22, "ssh"),
            (Tcp, 80, "http"),
            (Tcp, 443, "https"),
            (Tcp, 445, "microsoft-ds"),
            (Tcp, 631, "ipp"),
            (Tcp, 3389, "ms-wbt-server"),
            (Tcp, 6379, "redis"),
            (Tcp, 8080, "http-alt"),
            (Tcp, 27017, "mongodb"),
            (Tcp, 6003, "x11"),
            (Tcp, 6443, "kubernetes-api"),
            (Tcp, 2379, "etcd-client"),
            (Udp, 53, "domain"),
            (Udp, 514, "syslog"),
            (Tcp, 514, "shell"),
            (Sctp, 179, "bgp"),
        ] {
            assert_eq!(name(transport, port), Some(expected), "{transport} {port}");
        }
        assert_eq!((name(Tcp, 4), name(Tcp, 0), name(Tcp, 65_535)), (None, None, None));
    }

    #[test]
    fn names_people_expect_of_udp() {
        for (port, expected) in [
            (7, "echo"),
            (69, "tftp"),
            (80, "http"),
            (111, "sunrpc"),
            (123, "ntp"),
            (137, "netbios-ns"),
            (161, "snmp"),
            (443, "https"),
            (500, "isakmp"),
            (623, "asf-rmcp"),
            (853, "domain-s"),
            (1194, "openvpn"),
            (1434, "ms-sql-m"),
            (1645, "radius"),
            (1812, "radius"),
            (1900, "ssdp"),
            (2055, "netflow"),
            (3478, "stun"),
            (4500, "ipsec-nat-t"),
            (4789, "vxlan"),
            (5060, "sip"),
            (5349, "stuns"),
            (5353, "mdns"),
            (5355, "llmnr"),
            (5540, "matter"),
            (5683, "coap"),
            (5684, "coaps"),
            (8443, "https-alt"),
            (8472, "vxlan"),
            (9993, "zerotier"),
            (11211, "memcache"),
            (17185, "vxworks-wdb"),
            (19132, "minecraft-bedrock"),
            (25565, "minecraft"),
            (27015, "source-engine"),
            (41641, "tailscale"),
            (44818, "EtherNet/IP-2"),
            (47808, "bacnet"),
            (51820, "wireguard"),
            (51821, "wireguard"),
            (64738, "mumble"),
        ] {
            assert_eq!(name(Transport::Udp, port), Some(expected), "{port}");
        }
        // What a UDP port means does not rename the TCP port of its number.
        assert_eq!(name(Transport::Tcp, 8600), Some("asterix"));
        assert_eq!(name(Transport::Tcp, 64_738), None);
    }

    #[test]
    fn two_names_are_both_found() {
        assert_eq!(matching(Transport::Tcp, "Kafka").to_string(), "9092");
        assert_eq!(matching(Transport::Tcp, "xmlipcregsvc").to_string(), "9092");
        assert_eq!(matching(Transport::Tcp, "x11").to_string(), "6000-6063");
        assert_eq!(matching(Transport::Tcp, "ss?").iter().filter(|port| *port == 22).count(), 1);
        assert!(matching(Transport::Tcp, "").is_empty());
    }

    #[test]
    fn slips_are_recognised() {
        assert_eq!(nearest(&[Transport::Tcp], "htpp"), Some("http"));
        assert_eq!(nearest(&[Transport::Tcp], "postgreslq"), Some("postgresql"));
        assert_eq!(nearest(&[Transport::Tcp], "something-else"), None);
        assert_eq!((distance(b"", b"abc"), distance(b"kitten", b"sitting"), distance(b"a", b"")), (3, 3, 1));
    }

    fn naive(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), None) => naive(rest, name),
            (Some((b'*', rest)), Some((_, tail))) => naive(rest, name) || naive(pattern, tail),
            (Some((p, rest)), Some((n, tail))) => (*p == b'?' || p == n) && naive(rest, tail),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn patterns_fit_as_defined(pattern in "[ab*?]{0,8}", name in "[ab]{0,8}") {
            prop_assert_eq!(glob(pattern.as_bytes(), name.as_bytes()), naive(pattern.as_bytes(), name.as_bytes()));
        }
    }
}
