//! The IPv4 forms: addresses, prefixes, ranges, octet patterns.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use portolan_model::{AddressRange, PortSet};

use super::error::{TargetError, shown};
use super::{What, is_ipv4_like, single_or_range};
use crate::addresses::{AddressSet, Plane, Span};

/// The most ranges one octet pattern may fall into: 2^20, some 64 MB of them.
const MAX_RANGES: u64 = 1 << 20;

/// `host` is made of digits, dots, commas, hyphens and asterisks.
pub(super) fn parse(text: &str, host: &str) -> Result<What, TargetError> {
    if let Some((first, last)) = host.split_once('-')
        && first.matches('.').count() == 3
        && last.contains('.')
    {
        return range(text, address(text, first)?, address(text, last)?);
    }
    Ok(single_or_range(pattern(text, host)?))
}

/// `address/length`.
pub(super) fn parse_prefix(text: &str, before: &str, length: &str) -> Result<What, TargetError> {
    if !is_ipv4_like(before) || before.contains([',', '-', '*']) {
        return Err(TargetError::PrefixNeedsAddress { text: shown(text) });
    }
    let address = address(text, before)?.to_bits();
    let host_bits = u32::MAX.checked_shr(prefix_length(text, length, "IPv4", 32)?).unwrap_or(0);
    range(text, Ipv4Addr::from_bits(address & !host_bits), Ipv4Addr::from_bits(address | host_bits))
}

/// The number after a slash; also for IPv6.
pub(super) fn prefix_length(
    text: &str,
    length: &str,
    family: &'static str,
    max: u32,
) -> Result<u32, TargetError> {
    if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(TargetError::PrefixNotNumber { text: shown(text) });
    }
    match length.parse() {
        Ok(length) if length <= max => Ok(length),
        _ => Err(TargetError::PrefixTooLong { text: shown(text), family, max }),
    }
}

fn range(text: &str, first: Ipv4Addr, last: Ipv4Addr) -> Result<What, TargetError> {
    if first > last {
        return Err(TargetError::Reversed { text: shown(text) });
    }
    Ok(single_or_range(AddressRange { first: first.into(), last: last.into() }.into()))
}

fn address(text: &str, written: &str) -> Result<Ipv4Addr, TargetError> {
    let parts: Vec<&str> = written.split('.').collect();
    let &[a, b, c, d] = parts.as_slice() else {
        return Err(TargetError::OctetCount { text: shown(text), count: parts.len() });
    };
    Ok(Ipv4Addr::new(octet(text, a)?, octet(text, b)?, octet(text, c)?, octet(text, d)?))
}

fn octet(text: &str, digits: &str) -> Result<u8, TargetError> {
    if digits.len() > 1 && digits.starts_with('0') {
        return Err(TargetError::LeadingZero { text: shown(text), octet: shown(digits) });
    }
    digits.parse().map_err(|_| TargetError::Octet { text: shown(text), octet: shown(digits) })
}

/// Four octets, each a list of numbers, ranges (an end left out is 0 or 255) and asterisks.
fn pattern(text: &str, host: &str) -> Result<AddressSet, TargetError> {
    let parts: Vec<&str> = host.split('.').collect();
    let &[a, b, c, d] = parts.as_slice() else {
        return Err(TargetError::OctetCount { text: shown(text), count: parts.len() });
    };
    let octets = [octets(text, a)?, octets(text, b)?, octets(text, c)?, octets(text, d)?];
    let count = range_count(&octets);
    if count > MAX_RANGES {
        return Err(TargetError::TooManyRanges { text: shown(text), count, max: MAX_RANGES });
    }
    // From the last octet to the first: where everything behind is whole, a run of octets is one range.
    let mut behind: Vec<(u32, u32)> = vec![(0, 0)];
    for (set, shift) in octets.iter().rev().zip([0, 8, 16, 24]) {
        let whole = [(0, u32::MAX.checked_shr(32 - shift).unwrap_or(0))];
        behind = if behind == whole {
            let size = whole[0].1;
            octet_runs(set).map(|(first, last)| (first << shift, (last << shift) | size)).collect()
        } else {
            let octets = set.iter().map(|octet| u32::from(octet) << shift);
            octets
                .flat_map(|octet| behind.iter().map(move |(first, last)| (octet | first, octet | last)))
                .collect()
        };
    }
    let spans = behind.into_iter().map(|(first, last)| Span {
        plane: Plane::V4,
        first: u128::from(first),
        last: u128::from(last),
    });
    Ok(AddressSet::from_spans(spans.collect()))
}

/// How many ranges the pattern falls into, before any is made.
fn range_count(octets: &[PortSet; 4]) -> u64 {
    let mut count = 1_u64;
    let mut all_whole = true;
    for set in octets.iter().rev() {
        count = if all_whole { set.ranges().count() as u64 } else { count * set.len() as u64 };
        all_whole &= set.len() == 256;
    }
    count
}

/// The runs of one octet.
fn octet_runs(set: &PortSet) -> impl Iterator<Item = (u32, u32)> + '_ {
    set.ranges().map(|run| (u32::from(*run.start()), u32::from(*run.end())))
}

/// The values of one octet. [`PortSet`] is a set of small numbers, and that is all it is here.
fn octets(text: &str, part: &str) -> Result<PortSet, TargetError> {
    part.split(',').map(|item| octet_item(text, item)).collect()
}

fn octet_item(text: &str, item: &str) -> Result<RangeInclusive<u16>, TargetError> {
    if item == "*" {
        return Ok(0..=255);
    }
    let (first, last) = match item.split_once('-') {
        None => (octet(text, item)?, octet(text, item)?),
        Some((first, last)) => (
            if first.is_empty() { 0 } else { octet(text, first)? },
            if last.is_empty() { 255 } else { octet(text, last)? },
        ),
    };
    if first > last {
        return Err(TargetError::OctetReversed { text: shown(text), octet: shown(item) });
    }
    Ok(u16::from(first)..=u16::from(last))
}
