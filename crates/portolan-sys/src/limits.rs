//! How much this machine lets us do: descriptors, ports.
//!
//! Files that are missing (a container, a hardened /proc) mean "not known", never a failure.

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

#[cfg(test)]
mod tests {
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
