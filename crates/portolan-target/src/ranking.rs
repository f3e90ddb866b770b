//! Which TCP ports to ask when nobody said which: our own ranking of a thousand.
//!
//! It is judged by what listens where, category by category, and published with its reasons as
//! `data/ports-tcp.csv` (CC0); `data/README.md` tells how. The order is that of likelihood, so the first
//! ports of [`TCP`] are the ones to send first to a host that may not be there.

use portolan_model::PortSet;

pub use crate::ranking_table::TCP;

/// The `n` likeliest TCP ports; all thousand if `n` is larger. `-F` is the first hundred.
pub fn top_tcp(n: usize) -> PortSet {
    TCP.iter().take(n).copied().collect()
}

/// The place of a TCP port in the ranking, zero the likeliest; `None` if it is not among the thousand.
pub fn rank_tcp(port: u16) -> Option<usize> {
    TCP.iter().position(|ranked| *ranked == port)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Port and tier of every row of the published list.
    fn published() -> Vec<(u16, u8)> {
        let mut lines = include_str!("../data/ports-tcp.csv").lines();
        assert_eq!(lines.next(), Some("port,tier,category,service,source"));
        lines
            .map(|line| {
                let fields: Vec<&str> = line.split(',').collect();
                assert!(fields.len() == 5 && fields.iter().all(|field| !field.is_empty()), "{line}");
                (fields[0].parse().unwrap(), fields[1].parse().unwrap())
            })
            .collect()
    }

    #[test]
    fn the_table_is_the_published_list() {
        let ports: Vec<u16> = published().into_iter().map(|(port, _)| port).collect();
        assert_eq!(ports, TCP);
        assert_eq!(top_tcp(1000).len(), 1000, "no port twice");
        assert!(!TCP.contains(&0));
    }

    #[test]
    fn tiers_ascend_and_break_where_the_flags_do() {
        let rows = published();
        assert!(rows.windows(2).all(|pair| pair[0].1 <= pair[1].1));
        assert_eq!(rows.iter().filter(|(_, tier)| *tier == 1).count(), 12);
        assert_eq!(rows.iter().filter(|(_, tier)| *tier <= 2).count(), 100);
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
}
