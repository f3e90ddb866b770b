//! How much this machine lets us do: descriptors, ports.
//!
//! Files that are missing (a container, a hardened /proc) mean "not known", never a failure.

use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit of open descriptors as far as is allowed without privilege (the soft limit to the
/// hard one) and gives the limit that holds from now on; `u64::MAX` if there is none.
pub fn raise_open_files() -> u64 {
    let before = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: before.maximum, maximum: before.maximum };
    // A refusal is no failure: the old limit holds.
    let after = if setrlimit(Resource::Nofile, wanted).is_ok() { wanted } else { before };
    after.current.unwrap_or(u64::MAX)
}

/// How many descriptors this process has open, if /proc says so.
pub fn open_files() -> Option<usize> {
    // One of them is the directory being read.
    Some(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1))
}

/// The ports from which the kernel picks the local port of a connection, if /proc says so.
pub fn ephemeral_ports() -> Option<RangeInclusive<u16>> {
    port_range(&fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?)
}

/// How many connections of this network namespace linger in TIME_WAIT, if /proc says so.
pub fn time_wait() -> Option<usize> {
    sockstat(&fs::read_to_string("/proc/net/sockstat").ok()?)
}

/// The local TCP ports that sockets of this network namespace have, in whatever state, TIME_WAIT included, as far as
/// /proc says so. A socket that was bound and neither listens nor connects is not in there.
pub fn bound_tcp_ports() -> BTreeSet<u16> {
    bound_ports(["tcp", "tcp6"])
}

/// The same of UDP; a socket that was bound is in there.
pub fn bound_udp_ports() -> BTreeSet<u16> {
    bound_ports(["udp", "udp6"])
}

fn bound_ports(tables: [&str; 2]) -> BTreeSet<u16> {
    let mut ports = BTreeSet::new();
    for table in tables {
        // /proc/net would be that of the first thread, and threads may be in different namespaces.
        let table = format!("/proc/thread-self/net/{table}");
        ports.extend(fs::read_to_string(table).iter().flat_map(|text| local_ports(text)));
    }
    ports
}

fn port_range(text: &str) -> Option<RangeInclusive<u16>> {
    let mut words = text.split_whitespace();
    let first = words.next()?.parse().ok()?;
    let last = words.next()?.parse().ok()?;
    Some(first..=last)
}

/// The line is `TCP: inuse 5 orphan 0 tw 3 alloc 8 mem 1`.
fn sockstat(text: &str) -> Option<usize> {
    let line = text.lines().find(|line| line.starts_with("TCP:"))?;
    line.split_whitespace().skip_while(|word| *word != "tw").nth(1)?.parse().ok()
}

/// The lines are `0: 0100007F:0277 00000000:0000 0A ...`, local address first, below a line of headings.
fn local_ports(text: &str) -> impl Iterator<Item = u16> {
    text.lines().skip(1).filter_map(|line| {
        let (_, port) = line.split_whitespace().nth(1)?.rsplit_once(':')?;
        u16::from_str_radix(port, 16).ok()
    })
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_kernels_texts_are_understood_and_others_are_not_known() {
        assert_eq!(port_range("32768\t60999\n"), Some(32768..=60999));
        assert_eq!(port_range("32768"), None);
        assert_eq!(port_range("1 70000"), None);
        let text = "sockets: used 90\nTCP: inuse 5 orphan 0 tw 3 alloc 8 mem 1\nUDP: inuse 1 mem 0\n";
        assert_eq!(sockstat(text), Some(3));
        assert_eq!(sockstat("TCP: inuse 5 tw"), None);
        assert_eq!(sockstat(""), None);
    }

    #[test]
    fn local_ports_are_read_from_both_tables() {
        let text = "  sl  local_address rem_address   st tx_queue rx_queue\n   \
                    0: 0100007F:0277 00000000:0000 0A 00000000:00000000 00:00000000\n   \
                    1: 0B0B0B0A:D37E 040C0C0C:01BB 06 00000000:00000000 03:00000DDC\n";
        assert_eq!(local_ports(text).collect::<Vec<_>>(), [631, 54142]);
        let text = "  sl  local_address                         remote_address\n   \
                    0: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A\n";
        assert_eq!(local_ports(text).collect::<Vec<_>>(), [22]);
        assert_eq!(local_ports("headings\n 0: nothing\n 1: 0100007F:10000 2:\n").count(), 0);
        assert_eq!(local_ports("").count(), 0);
    }

    #[test]
    fn a_listener_and_both_ends_of_a_connection_are_bound() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let name = listener.local_addr().unwrap();
        let client = TcpStream::connect(name).unwrap();
        let ports = bound_tcp_ports();
        // Without /proc nothing is known.
        let expected = [name.port(), client.local_addr().unwrap().port()];
        assert!(ports.is_empty() || expected.iter().all(|port| ports.contains(port)));
    }

    #[test]
    fn a_socket_of_datagrams_is_bound() {
        let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (ports, port) = (bound_udp_ports(), socket.local_addr().unwrap().port());
        assert!(ports.is_empty() || ports.contains(&port));
    }

    #[test]
    fn raising_twice_changes_nothing_more() {
        assert_eq!(raise_open_files(), raise_open_files());
        let before = open_files();
        let file = fs::File::open("/dev/null").unwrap();
        // Other tests of this process open and close at the same time.
        assert!(before.is_none_or(|count| count >= 3));
        drop(file);
    }

    #[test]
    fn this_machine_has_ephemeral_ports() {
        assert!(ephemeral_ports().is_none_or(|ports| !ports.is_empty()));
        assert!(time_wait().is_none_or(|count| count < 10_000_000));
    }
}
