use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// Addresses that begin with the same bits.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct Prefix {
    first: Ipv4Addr,
    length: u8,
}

impl Prefix {
    /// All addresses that share so many bits with this one; `None` if no address has as many.
    pub fn new(address: Ipv4Addr, length: u8) -> Option<Self> {
        let first = Ipv4Addr::from_bits(address.to_bits() & mask(length)?);
        Some(Prefix { first, length })
    }

    /// The first of them.
    pub fn first(&self) -> Ipv4Addr {
        self.first
    }

    /// How many bits they share.
    pub fn length(&self) -> u8 {
        self.length
    }

    /// Whether an address is one of them.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        address.to_bits() & self.mask() == self.first.to_bits()
    }

    /// The bits that they share.
    pub(crate) fn mask(&self) -> u32 {
        mask(self.length).unwrap_or(u32::MAX)
    }
}

fn mask(length: u8) -> Option<u32> {
    let others = 32_u32.checked_sub(length.into())?;
    Some(u32::MAX.checked_shl(others).unwrap_or(0))
}

impl FromStr for Prefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text
            .split_once('/')
            .and_then(|(address, length)| Prefix::new(address.parse().ok()?, length.parse().ok()?));
        parts.ok_or_else(|| format!("not a prefix: {text}"))
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_may_end_at_any_bit() {
        let prefix: Prefix = "198.19.5.1/15".parse().unwrap();
        assert_eq!(prefix.to_string(), "198.18.0.0/15");
        assert!(prefix.contains(Ipv4Addr::new(198, 19, 255, 255)));
        assert!(!prefix.contains(Ipv4Addr::new(198, 20, 0, 0)));
        let all: Prefix = "10.0.0.0/0".parse().unwrap();
        assert!(all.contains(Ipv4Addr::BROADCAST));
        let one: Prefix = "10.0.0.1/32".parse().unwrap();
        assert!(one.contains(Ipv4Addr::new(10, 0, 0, 1)) && !one.contains(Ipv4Addr::new(10, 0, 0, 0)));
        for wrong in ["10.0.0.0", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/-1", "2001:db8::/32"] {
            assert!(wrong.parse::<Prefix>().is_err(), "{wrong}");
        }
    }
}
