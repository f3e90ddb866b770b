//! Which ports of ours no socket has, or will be given, and those that are held for datagrams.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::ops::RangeInclusive;

use portolan_sys::datagram::HeldPort;

/// Below are the ports of services.
const LOWEST: u16 = 1024;

/// So many are enough: of several runs with as many the highest is taken, where no service is looked for.
const ENOUGH: usize = 1024;

/// From so many ports datagrams leave: boxes on the way that share out exchanges by their ends share out these.
const HELD: usize = 8;

/// Those are some of so many: what a box on the way remembers of the scan before must not often meet this one.
const AMONG: u16 = 256;

/// A run of ports outside `ephemeral`, from which the kernel gives to sockets, without any of `bound`; `None` if there is
/// no such port at all.
pub(super) fn free(
    ephemeral: Option<&RangeInclusive<u16>>,
    bound: &BTreeSet<u16>,
) -> Option<RangeInclusive<u16>> {
    let is_taken = |port: &u16| bound.contains(port) || ephemeral.is_some_and(|range| range.contains(port));
    let mut runs: Vec<RangeInclusive<u16>> = Vec::new();
    for port in (LOWEST..=u16::MAX).filter(|port| !is_taken(port)) {
        match runs.last_mut() {
            Some(run) if run.end() + 1 == port => *run = *run.start()..=port,
            _ => runs.push(port..=port),
        }
    }
    let high = runs.iter().rev().find(|run| run.len() >= ENOUGH).cloned();
    high.or_else(|| runs.into_iter().max_by_key(RangeInclusive::len))
}

/// Takes some UDP ports off the end of a run that has enough of them; what is left. None can be had where each of them meets
/// a socket: then datagrams leave by sockets only.
pub(super) fn hold(run: RangeInclusive<u16>) -> (RangeInclusive<u16>, Vec<HeldPort>) {
    if run.len() < ENOUGH {
        return (run, Vec::new());
    }
    let last = run.end() - AMONG;
    #[expect(clippy::cast_possible_truncation, reason = "any 16 bits do")]
    let first = RandomState::new().hash_one(last) as u16 % AMONG;
    let among = (0..AMONG).map(|turn| last + 1 + (first + turn) % AMONG);
    let held = among.filter_map(|port| HeldPort::open(port).ok()).take(HELD).collect();
    (*run.start()..=last, held)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_taken_off_the_run() {
        let (left, held) = hold(61000..=65535);
        let ports: BTreeSet<u16> = held.iter().map(HeldPort::port).collect();
        assert_eq!((left, ports.len()), (61000..=65279, HELD));
        assert!(ports.iter().all(|port| *port > 65279), "{ports:?}");
        let (_, others) = hold(61000..=65535);
        assert!(others.iter().all(|other| !ports.contains(&other.port())), "a port is held once");
        assert_eq!(others.len(), HELD);
        let (left, held) = hold(65001..=65535);
        assert_eq!((left, held.len()), (65001..=65535, 0), "too few to take any");
    }

    #[test]
    fn a_high_run_that_nobody_uses() {
        let usual = 32768..=60999;
        assert_eq!(free(Some(&usual), &BTreeSet::new()), Some(61000..=65535));
        assert_eq!(free(Some(&usual), &[62000, 64000].into()), Some(64001..=65535));
        assert_eq!(free(Some(&usual), &(61000..=65535).step_by(9).collect()), Some(1024..=32767));
        assert_eq!(free(Some(&(1024..=65000)), &BTreeSet::new()), Some(65001..=65535));
        assert_eq!(free(Some(&(1024..=65535)), &BTreeSet::new()), None);
        assert_eq!(free(None, &BTreeSet::new()), Some(1024..=65535));
    }
}
