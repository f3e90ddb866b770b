mod error;
mod ipv4;
mod ipv6;
mod name;

use std::net::Ipv6Addr;

use portolan_model::{Address, PortSet, Untrusted};

pub use error::TargetError;
pub(crate) use error::shown;

use crate::addresses::AddressSet;
use crate::ports::parse_port_list;

/// One target as the user wrote it, understood but not yet resolved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// The text as written.
    pub text: Untrusted,
    /// What it names.
    pub what: What,
    /// The ports written with it (`host:ports`), which stand in for those of `-p`.
    pub ports: Option<PortSet>,
}

/// What a target names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// One address: a host named singly.
    Single(Address),
    /// One link-local IPv6 address in the zone of an interface, whose name the door has to look up.
    Zoned(Ipv6Addr, String),
    /// Several addresses.
    Range(AddressSet),
    /// A host name, which the door has to resolve.
    Name(String),
}

/// Understands one target.
///
/// - `192.0.2.1`, `2001:db8::1`, `fe80::1%2` and `fe80::1%eth0` (RFC 4007 section 11);
/// - prefixes (`192.0.2.0/24`, `2001:db8::/112`; bits behind the prefix are ignored);
/// - ranges of whole addresses (`192.0.2.10-192.0.3.20`);
/// - octet ranges, lists and wildcards (`10.0.0-3.1-254`, `10.0.0.1,3,7`, `10.0.*.1`);
/// - host names (RFC 1123 section 2.1, and underscores);
/// - each with ports of its own: `192.0.2.1:22,80-90`, `[2001:db8::1]:22`, `host.example:https`.
///
/// What looks like an IPv4 address and is none (`300.1.2.3`, `1.2.3`) is an error and never looked up as
/// a name: RFC 1123 section 2.1 has no name end in a number.
///
/// A range may have any size: whole networks may be excluded. Whether it can be scanned is the door's question.
pub fn parse_target(text: &str) -> Result<Target, TargetError> {
    let (host, ports) = split_ports(text)?;
    let what = parse_host(text, host)?;
    let ports = ports
        .map(|ports| {
            parse_port_list(ports).map_err(|source| TargetError::Ports { text: shown(text), source })
        })
        .transpose()?;
    Ok(Target { text: Untrusted::from(text), what, ports })
}

/// Whether the characters allow nothing but an IPv4 address, prefix, range or octet pattern.
pub(crate) fn is_ipv4_like(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || b".,-*".contains(&byte))
        && text.contains(|character: char| character.is_ascii_digit() || character == '*')
}

/// Host and ports. A colon separates them; an IPv6 address needs brackets to have ports.
fn split_ports(text: &str) -> Result<(&str, Option<&str>), TargetError> {
    if text.is_empty() {
        return Err(TargetError::Empty);
    }
    if let Some((_, rest)) = text.split_once("://") {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        return Err(TargetError::Url { text: shown(text), host: shown(host) });
    }
    if let Some(rest) = text.strip_prefix('[') {
        let brackets = || TargetError::Brackets { text: shown(text) };
        let (host, after) = rest.split_once(']').ok_or_else(brackets)?;
        return match after.strip_prefix(':') {
            _ if !host.contains(':') => Err(brackets()),
            Some(ports) => Ok((host, Some(ports))),
            None if after.is_empty() => Ok((host, None)),
            None => Err(brackets()),
        };
    }
    match text.split_once(':') {
        // More colons are IPv6, unless it begins as no IPv6 address does (`10.0.0.1:T:80`).
        Some((host, ports)) if !ports.contains(':') || (host.contains('.') && !host.contains('-')) => {
            Ok((host, Some(ports)))
        }
        _ => Ok((text, None)),
    }
}

fn parse_host(text: &str, host: &str) -> Result<What, TargetError> {
    if host.contains(':') {
        return ipv6::parse(text, host);
    }
    if let Some((before, length)) = host.split_once('/') {
        return ipv4::parse_prefix(text, before, length);
    }
    if is_ipv4_like(host) {
        return ipv4::parse(text, host);
    }
    name::check(text, host)?;
    Ok(What::Name(host.to_owned()))
}

/// A set of one address is a host named singly, however it was written.
fn single_or_range(addresses: AddressSet) -> What {
    match addresses.nth(0) {
        Some(only) if addresses.len() == 1 => What::Single(only),
        _ => What::Range(addresses),
    }
}

#[cfg(test)]
mod tests;
