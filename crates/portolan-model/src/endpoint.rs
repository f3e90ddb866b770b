use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::str::FromStr;

/// An IP address of a host, with the zone that makes a link-local IPv6 address mean something.
///
/// The zone is the interface's index (RFC 4007 section 6); it is zero for every other address.
/// IPv4 sorts before IPv6.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    ip: IpAddr,
    zone: u32,
}

impl Address {
    /// An address without a zone. An IPv4-mapped IPv6 address is the IPv4 address it stands for, so
    /// that no exclusion can be passed by writing an address in another form.
    pub fn new(ip: IpAddr) -> Self {
        Address { ip: ip.to_canonical(), zone: 0 }
    }

    /// An IPv6 address in a zone (an interface's index).
    pub fn with_zone(ip: Ipv6Addr, zone: u32) -> Self {
        match ip.to_ipv4_mapped() {
            Some(v4) => Address { ip: IpAddr::V4(v4), zone: 0 },
            None => Address { ip: IpAddr::V6(ip), zone },
        }
    }

    /// The IP address alone.
    pub const fn ip(self) -> IpAddr {
        self.ip
    }

    /// The interface's index, zero if none is needed.
    pub const fn zone(self) -> u32 {
        self.zone
    }

    /// Whether this is an IPv6 address.
    pub const fn is_ipv6(self) -> bool {
        self.ip.is_ipv6()
    }

    /// The same address with a port, as the kernel's sockets want it.
    pub fn socket(self, port: u16) -> SocketAddr {
        match self.ip {
            IpAddr::V4(ip) => SocketAddr::from((ip, port)),
            IpAddr::V6(ip) => SocketAddr::V6(SocketAddrV6::new(ip, port, 0, self.zone)),
        }
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        Address::new(ip)
    }
}

impl From<Ipv4Addr> for Address {
    fn from(ip: Ipv4Addr) -> Self {
        Address::new(IpAddr::V4(ip))
    }
}

impl From<SocketAddr> for Address {
    fn from(socket: SocketAddr) -> Self {
        match socket {
            SocketAddr::V4(v4) => Address::new(IpAddr::V4(*v4.ip())),
            SocketAddr::V6(v6) => Address::with_zone(*v6.ip(), v6.scope_id()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.zone == 0 {
            return f.pad(&self.ip.to_string());
        }
        f.pad(&format!("{}%{}", self.ip, self.zone))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Addresses from `first` to `last`, both included, of one family and zone.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AddressRange {
    /// The lowest address.
    pub first: Address,
    /// The highest address.
    pub last: Address,
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            return write!(f, "{}", self.first);
        }
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// A transport protocol, and nothing else: how it is asked is a method.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Transport {
    /// RFC 9293.
    Tcp,
    /// RFC 768.
    Udp,
    /// RFC 9260.
    Sctp,
}

impl Transport {
    /// The token used in every output.
    pub const fn name(self) -> &'static str {
        match self {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
            Transport::Sctp => "sctp",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no transport protocol.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct ParseTransportError;

impl FromStr for Transport {
    type Err = ParseTransportError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "tcp" => Ok(Transport::Tcp),
            "udp" => Ok(Transport::Udp),
            "sctp" => Ok(Transport::Sctp),
            _ => Err(ParseTransportError),
        }
    }
}

/// What is asked: an address, a transport and a port.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// The host.
    pub address: Address,
    /// The protocol.
    pub transport: Transport,
    /// The port number.
    pub port: u16,
}

impl Endpoint {
    /// A TCP endpoint.
    pub const fn tcp(address: Address, port: u16) -> Self {
        Endpoint { address, transport: Transport::Tcp, port }
    }

    /// A UDP endpoint.
    pub const fn udp(address: Address, port: u16) -> Self {
        Endpoint { address, transport: Transport::Udp, port }
    }

    /// `address:port`, the address of IPv6 in brackets, as other tools read it.
    pub fn host_port(self) -> String {
        if self.address.is_ipv6() {
            return format!("[{}]:{}", self.address, self.port);
        }
        format!("{}:{}", self.address, self.port)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host_port(), self.transport)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_addresses_are_the_address_they_stand_for() {
        let mapped: Ipv6Addr = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(Address::with_zone(mapped, 3), Address::from(Ipv4Addr::new(192, 0, 2, 1)));
    }

    #[test]
    fn endpoints_read_as_other_tools_write_them() {
        let v6 = Address::with_zone("fe80::1".parse().unwrap(), 2);
        assert_eq!(Endpoint::tcp(v6, 22).to_string(), "[fe80::1%2]:22/tcp");
        assert_eq!(Endpoint::tcp(Ipv4Addr::LOCALHOST.into(), 80).host_port(), "127.0.0.1:80");
    }
}
