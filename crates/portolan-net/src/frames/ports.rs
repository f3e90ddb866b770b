//! Which TCP ports of ours no socket has, or will be given.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// Below are the ports of services.
const LOWEST: u16 = 1024;

/// So many are enough: of several runs with as many the highest is taken, where no service is looked for.
const ENOUGH: usize = 1024;

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

#[cfg(test)]
mod tests {
    use super::*;

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
