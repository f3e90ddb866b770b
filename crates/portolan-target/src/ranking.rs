//! Which ports to ask when nobody said which: our own rankings, a thousand of TCP and fewer of UDP.
//!
//! They are judged by what listens where, category by category, and published with their reasons as
//! `data/ports-tcp.csv` and `data/ports-udp.csv` (CC0); `data/README.md` tells how. The order is that of
//! likelihood, so the first ports of [`TCP`] and [`UDP`] are the ones to send first to a host that may not
//! be there.

use portolan_model::PortSet;

pub use crate::ranking_table::{TCP, UDP};

/// The `n` likeliest TCP ports; all thousand if `n` is larger. `-F` is the first hundred.
pub fn top_tcp(n: usize) -> PortSet {
    TCP.iter().take(n).copied().collect()
}

/// The `n` UDP ports likeliest to answer; all of the ranking if `n` is larger.
pub fn top_udp(n: usize) -> PortSet {
    UDP.iter().take(n).copied().collect()
}

/// The place of a TCP port in the ranking, zero the likeliest; `None` if it is not among the thousand.
pub fn rank_tcp(port: u16) -> Option<usize> {
    TCP.iter().position(|ranked| *ranked == port)
}

/// The place of a UDP port in the ranking, zero the likeliest; `None` if it is not ranked.
pub fn rank_udp(port: u16) -> Option<usize> {
    UDP.iter().position(|ranked| *ranked == port)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::ops::RangeInclusive;

    use super::*;
    use crate::services_table::IANA;

    const TCP_LIST: &str = include_str!("../data/ports-tcp.csv");
    const UDP_LIST: &str = include_str!("../data/ports-udp.csv");

    /// Port, tier, category, service and source of every row of a published list.
    fn rows(list: &str) -> impl Iterator<Item = [&str; 5]> {
        let mut lines = list.lines();
        assert_eq!(lines.next(), Some("port,tier,category,service,source"));
        lines.map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            assert!(fields.iter().all(|field| !field.is_empty()), "{line}");
            fields.try_into().unwrap()
        })
    }

    /// Port and tier of every row of a published list.
    fn published(list: &str) -> Vec<(u16, u8)> {
        rows(list).map(|[port, tier, ..]| (port.parse().unwrap(), tier.parse().unwrap())).collect()
    }

    fn ports(list: &str) -> Vec<u16> {
        published(list).into_iter().map(|(port, _)| port).collect()
    }

    #[test]
    fn the_tables_are_the_published_lists() {
        assert_eq!(ports(TCP_LIST), TCP);
        assert_eq!(top_tcp(1000).len(), 1000, "no port twice");
        assert_eq!(ports(UDP_LIST), UDP);
        assert_eq!(top_udp(usize::MAX).len(), UDP.len(), "no port twice");
        assert!((250..=400).contains(&UDP.len()));
        assert!(!TCP.contains(&0) && !UDP.contains(&0));
    }

    #[test]
    fn tiers_ascend_and_break_where_the_flags_do() {
        for list in [TCP_LIST, UDP_LIST] {
            let rows = published(list);
            assert!(rows.windows(2).all(|pair| pair[0].1 <= pair[1].1));
            assert_eq!(rows.iter().filter(|(_, tier)| *tier == 1).count(), 12);
            assert_eq!(rows.iter().filter(|(_, tier)| *tier <= 2).count(), 100);
        }
        assert!(published(UDP_LIST).iter().all(|(_, tier)| *tier <= 4), "UDP is judged, none is filled in");
    }

    #[test]
    fn ties_are_in_order_of_number() {
        for list in [TCP_LIST, UDP_LIST] {
            // Rows of one tier and category stand together, so that a tie is never torn apart.
            let mut seen = HashSet::new();
            let mut last: Option<(&str, &str, u16)> = None;
            for [port, tier, category, _, _] in rows(list) {
                let port = port.parse().unwrap();
                match last {
                    Some((same, also, before)) if (same, also) == (tier, category) => {
                        assert!(before < port, "{port} stands after {before}");
                    }
                    _ => assert!(seen.insert((tier, category)), "{category} of tier {tier} at {port}"),
                }
                last = Some((tier, category, port));
            }
        }
    }

    #[test]
    fn sources_are_of_the_kinds_that_the_readme_names() {
        const SOURCES: [&str; 6] = [
            "IANA",
            "vendor documentation",
            "operating system default",
            "Debian default",
            "security advisory",
            "common practice",
        ];
        for list in [TCP_LIST, UDP_LIST] {
            for [port, tier, _, _, source] in rows(list) {
                let judged = tier.parse::<u8>().unwrap() <= 4;
                let known = if judged { SOURCES.contains(&source) } else { source.starts_with("rule: ") };
                assert!(known, "{port}: {source}");
            }
        }
    }

    #[test]
    fn what_is_said_to_be_of_the_registry_is_in_it() {
        // Registered as a range, which our table leaves out: ircu.
        const RANGE: RangeInclusive<u16> = 6665..=6669;
        for (list, bit) in [(TCP_LIST, 1), (UDP_LIST, 2)] {
            for [port, tier, _, _, _] in rows(list).filter(|row| row[4] == "IANA") {
                let port: u16 = port.parse().unwrap();
                let entry = IANA.iter().any(|row| row.0 == port && row.1 & bit != 0);
                let in_range = bit == 1 && RANGE.contains(&port) && tier == "4";
                assert!(entry || in_range, "{port} is not registered for that transport");
            }
        }
    }

    #[test]
    fn what_people_look_for_is_in() {
        for port in [22, 80, 443, 445, 3389] {
            assert!(rank_tcp(port).is_some_and(|rank| rank < 12), "{port}");
        }
        for port in [2379, 6443, 8123, 9200, 10250, 11211, 32400, 27017] {
            assert!(rank_tcp(port).is_some(), "{port}");
        }
        assert_eq!(rank_tcp(4), None);
        assert_eq!(top_tcp(0).len(), 0);
        assert_eq!(top_tcp(100).len(), 100);
        assert_eq!(top_tcp(usize::MAX).len(), 1000);
    }

    #[test]
    fn udp_ports_that_answer_are_in() {
        for port in [53, 123, 137, 161, 500, 1900, 5353] {
            assert!(rank_udp(port).is_some_and(|rank| rank < 12), "{port}");
        }
        // The protocols that the probe catalogue knows how to ask, from its first day.
        for port in [
            7, 53, 69, 111, 123, 137, 161, 443, 500, 623, 853, 1194, 1434, 1900, 3478, 4433, 4500, 5060,
            5349, 5353, 5355, 5683, 5684, 11211,
        ] {
            assert!(rank_udp(port).is_some_and(|rank| rank < 100), "{port}");
        }
        assert_eq!(rank_udp(4), None);
        assert_eq!((top_udp(0).len(), top_udp(100).len()), (0, 100));
    }
}
