//! The IPv6 forms: addresses (RFC 4291 section 2.2), zones (RFC 4007 section 11), prefixes, ranges.

use std::net::Ipv6Addr;

use portolan_model::{Address, AddressRange};

use super::error::{TargetError, shown};
use super::{What, ipv4, single_or_range};

/// `host` holds a colon.
pub(super) fn parse(text: &str, host: &str) -> Result<What, TargetError> {
    if let Some((before, length)) = host.split_once('/') {
        let (ip, zone) = address(text, before)?;
        let host_bits = u128::MAX.checked_shr(ipv4::prefix_length(text, length, "IPv6", 128)?).unwrap_or(0);
        let (first, last) = (ip.to_bits() & !host_bits, ip.to_bits() | host_bits);
        return range(text, Ipv6Addr::from_bits(first), Ipv6Addr::from_bits(last), zone);
    }
    if let Some((first, last)) = split_range(host) {
        let ((first, zone), (last, last_zone)) = (address(text, first)?, address(text, last)?);
        if zone != last_zone && last_zone != Zone::None {
            return Err(TargetError::MixedRange { text: shown(text) });
        }
        return range(text, first, last, zone);
    }
    match address(text, host)? {
        (ip, Zone::Name(name)) => Ok(What::Zoned(ip, name.to_owned())),
        (ip, zone) => Ok(What::Single(Address::with_zone(ip, zone.index()))),
    }
}

#[derive(Copy, Clone, PartialEq, Eq)]
enum Zone<'a> {
    None,
    Index(u32),
    Name(&'a str),
}

impl Zone<'_> {
    fn index(self) -> u32 {
        if let Zone::Index(index) = self { index } else { 0 }
    }
}

/// The place of a range's hyphen: the one behind which nothing but an address and its zone stands.
/// Others belong to the name of an interface.
fn split_range(host: &str) -> Option<(&str, &str)> {
    host.match_indices('-').map(|(at, _)| (&host[..at], &host[at + 1..])).find(|(_, last)| {
        let ip = last.split('%').next().unwrap_or_default();
        ip.contains([':', '.'])
            && ip.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':' || byte == b'.')
    })
}

fn range(text: &str, first: Ipv6Addr, last: Ipv6Addr, zone: Zone<'_>) -> Result<What, TargetError> {
    if let Zone::Name(name) = zone {
        return Err(TargetError::ZoneNameInRange { text: shown(text), zone: shown(name) });
    }
    if first > last {
        return Err(TargetError::Reversed { text: shown(text) });
    }
    let range = AddressRange {
        first: Address::with_zone(first, zone.index()),
        last: Address::with_zone(last, zone.index()),
    };
    // One end is IPv4-mapped, the other is not.
    if range.first.is_ipv6() != range.last.is_ipv6() {
        return Err(TargetError::MixedRange { text: shown(text) });
    }
    Ok(single_or_range(range.into()))
}

fn address<'a>(text: &str, written: &'a str) -> Result<(Ipv6Addr, Zone<'a>), TargetError> {
    let (ip, zone) = match written.split_once('%') {
        None => (written, None),
        Some((ip, zone)) => (ip, Some(zone)),
    };
    if super::is_ipv4_like(ip) {
        return Err(TargetError::MixedRange { text: shown(text) });
    }
    let ip: Ipv6Addr = ip.parse().map_err(|_| TargetError::Ipv6 { text: shown(text), part: shown(ip) })?;
    let Some(zone) = zone else { return Ok((ip, Zone::None)) };
    let zone_of =
        parse_zone(zone).ok_or_else(|| TargetError::Zone { text: shown(text), zone: shown(zone) })?;
    if !ip.is_unicast_link_local() {
        return Err(TargetError::ZoneWithoutNeed { text: shown(text), zone: shown(zone) });
    }
    Ok((ip, zone_of))
}

/// A number is an interface's index, anything else its name as Linux allows it: fewer than IFNAMSIZ (16)
/// bytes, no slash, no colon, no space.
fn parse_zone(zone: &str) -> Option<Zone<'_>> {
    if zone.bytes().all(|byte| byte.is_ascii_digit()) {
        return zone.parse().ok().map(|index| if index == 0 { Zone::None } else { Zone::Index(index) });
    }
    let is_name = zone.len() < 16
        && !matches!(zone, "." | "..")
        && zone.bytes().all(|byte| byte.is_ascii_graphic() && !b"/:%".contains(&byte));
    is_name.then_some(Zone::Name(zone))
}
