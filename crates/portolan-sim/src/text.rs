//! How values are written in a world's file.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use portolan_model::{Address, AddressRange, Mac, PortSet};
use serde::Deserialize;

/// Ports as people write them: `22,80-90`.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Ports(pub(crate) PortSet);

/// One address, or the first and the last of a range: `192.0.2.1`, `2001:db8::1-2001:db8::ff`.
#[derive(Copy, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Range(pub(crate) AddressRange);

/// One address.
#[derive(Copy, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Ip(pub(crate) Address);

/// A hardware address: `02:00:5e:00:53:01`.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct HardwareAddress(pub(crate) Mac);

/// A number from 0 to 1.
#[derive(Copy, Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(try_from = "f64")]
pub(crate) struct Probability(pub(crate) f64);

/// Milliseconds, with a fraction if need be.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(try_from = "f64")]
pub(crate) struct Millis(pub(crate) Duration);

impl Range {
    /// How many addresses, and the `n`th of them.
    pub(crate) fn len(&self) -> u128 {
        bits(self.0.last.ip()) - bits(self.0.first.ip()) + 1
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Address> + use<> {
        let (first, last) = (self.0.first.ip(), self.0.last.ip());
        (bits(first)..=bits(last)).map(move |bits| match first {
            IpAddr::V4(_) => Address::new(IpAddr::V4(u32::try_from(bits).unwrap_or(u32::MAX).into())),
            IpAddr::V6(_) => Address::new(IpAddr::V6(bits.into())),
        })
    }

    /// How many of its addresses stand before this one of them.
    pub(crate) fn place(&self, address: Address) -> u64 {
        let before = bits(address.ip()).saturating_sub(bits(self.0.first.ip()));
        u64::try_from(before).unwrap_or(u64::MAX)
    }

    pub(crate) fn overlaps(&self, other: &Range) -> bool {
        self.0.first <= other.0.last && other.0.first <= self.0.last
    }

    pub(crate) fn contains(&self, address: Address) -> bool {
        self.0.first <= address && address <= self.0.last
    }
}

impl HardwareAddress {
    /// The `n`th after it; its first half, which names a vendor, stays.
    pub(crate) fn nth(self, n: u64) -> Mac {
        let [a, b, c, d, e, f] = self.0.0;
        let low = u64::from(u32::from_be_bytes([0, d, e, f])).wrapping_add(n);
        let [.., d, e, f] = low.to_be_bytes();
        Mac([a, b, c, d, e, f])
    }
}

impl TryFrom<String> for HardwareAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bytes: Option<Vec<u8>> = text
            .split(':')
            .map(|byte| u8::from_str_radix(byte, 16).ok().filter(|_| byte.len() == 2))
            .collect();
        let mac = bytes.and_then(|bytes| bytes.try_into().ok());
        mac.map(|mac| HardwareAddress(Mac(mac))).ok_or(format!("{text:?} is no hardware address"))
    }
}

impl TryFrom<String> for Ports {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let port = |text: &str| match text.trim().parse::<u16>() {
            Ok(0) | Err(_) => Err(format!("{text:?} is no port from 1 to 65535")),
            Ok(port) => Ok(port),
        };
        let range = |item: &str| match item.split_once('-') {
            Some((first, last)) => Ok(port(first)?..=port(last)?),
            None => port(item).map(|port| port..=port),
        };
        let ranges = text.split(',').map(range).collect::<Result<Vec<_>, String>>()?;
        match ranges.iter().find(|range| range.is_empty()) {
            Some(range) => Err(format!("the ports {}-{} run backwards", range.start(), range.end())),
            None => Ok(Ports(ranges.into_iter().collect())),
        }
    }
}

impl TryFrom<String> for Range {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (first, last) = text.split_once('-').unwrap_or((&text, &text));
        let (first, last) = (address(first)?, address(last)?);
        if first.is_ipv6() != last.is_ipv6() || first > last {
            return Err(format!("{text:?} is no range of addresses"));
        }
        Ok(Range(AddressRange { first, last }))
    }
}

impl TryFrom<String> for Ip {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        address(&text).map(Ip)
    }
}

impl TryFrom<f64> for Probability {
    type Error = String;

    fn try_from(number: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&number) {
            return Ok(Probability(number));
        }
        Err(format!("{number} is no number from 0 to 1"))
    }
}

impl TryFrom<f64> for Millis {
    type Error = String;

    fn try_from(number: f64) -> Result<Self, String> {
        match Duration::try_from_secs_f64(number / 1000.0) {
            // A year is for ever; more might not fit the clock.
            Ok(duration) if duration <= Duration::from_secs(365 * 86_400) => Ok(Millis(duration)),
            _ => Err(format!("{number} is no number of milliseconds up to a year")),
        }
    }
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for Ip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

fn address(text: &str) -> Result<Address, String> {
    let ip = text.trim().parse::<IpAddr>().map_err(|_| format!("{text:?} is no address"))?;
    Ok(Address::new(ip))
}

fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_count_and_contain() {
        let range = Range::try_from("192.0.2.254-192.0.3.1".to_owned()).unwrap();
        let all: Vec<_> = range.iter().map(|address| address.to_string()).collect();
        assert_eq!(all, ["192.0.2.254", "192.0.2.255", "192.0.3.0", "192.0.3.1"]);
        assert_eq!(range.len(), 4);
        assert!(all.iter().all(|text| range.contains(Address::new(text.parse().unwrap()))));
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for text in ["192.0.2.9-192.0.2.1", "192.0.2.1-::1", "host", ""] {
            assert!(Range::try_from(text.to_owned()).unwrap_err().contains(text));
        }
        for text in ["0", "70000", "9-1", "", "a"] {
            assert!(Ports::try_from(text.to_owned()).is_err(), "{text}");
        }
        assert!(Probability::try_from(f64::NAN).is_err() && Millis::try_from(-1.0).is_err());
    }
}
