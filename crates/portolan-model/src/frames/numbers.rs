use std::hash::Hasher;
use std::net::IpAddr;

use siphasher::sip::SipHasher13;

use crate::endpoint::Endpoint;

/// Which sequence numbers the SYNs of one scan bear: nobody can tell them who has not seen the SYN, or the key.
///
/// A number is a keyed hash of the SYN's ends, exclusive-or the place of its attempt. So whoever has the key sees by an
/// answer alone whether it answers a SYN of ours, and which: that takes no memory.
#[derive(Copy, Clone, PartialEq, Eq)]
pub struct Numbers {
    key: (u64, u64),
}

impl Numbers {
    /// Places are below two to the power of this.
    pub const PLACE_BITS: u32 = 16;

    /// The numbers of this key, which is to be used for one scan only.
    pub const fn new(key: (u64, u64)) -> Self {
        Numbers { key }
    }

    /// The key, for who looks at answers where this code does not run.
    pub const fn key(&self) -> (u64, u64) {
        self.key
    }

    /// The number of a SYN from this port of ours.
    pub fn number(&self, to: Endpoint, port: u16, place: u32) -> u32 {
        self.mask(to, port) ^ place
    }

    /// The place of the SYN from this port of ours that bore this number. If there is no such place, it was none of ours.
    pub fn place(&self, to: Endpoint, port: u16, number: u32) -> u32 {
        self.mask(to, port) ^ number
    }

    /// SipHash-1-3 of what follows, each number with its low byte first; of the hash, the low half.
    ///
    /// - the address, 4 or 16 bytes as one number,
    /// - the port at the address, times 2^16, and our own port: 4 bytes.
    fn mask(&self, to: Endpoint, port: u16) -> u32 {
        let mut hasher = SipHasher13::new_with_keys(self.key.0, self.key.1);
        match to.address.ip() {
            IpAddr::V4(ip) => hasher.write_u32(ip.to_bits().to_le()),
            IpAddr::V6(ip) => hasher.write(&ip.to_bits().to_le_bytes()),
        }
        hasher.write_u32((u32::from(to.port) << 16 | u32::from(port)).to_le());
        // The low half of the hash is as good as the whole.
        (hasher.finish() & u64::from(u32::MAX)) as u32
    }
}

/// The key is nobody's business.
impl std::fmt::Debug for Numbers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Numbers")
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    #[test]
    fn a_number_leads_to_its_place_and_no_other_end_to_any() {
        let numbers = Numbers::new((1, 2));
        let ends = [IpAddr::from(Ipv4Addr::new(192, 0, 2, 1)), Ipv6Addr::LOCALHOST.into()];
        for to in ends.map(|ip| Endpoint::tcp(ip.into(), 443)) {
            let number = numbers.number(to, 61_000, 7);
            assert_eq!(numbers.place(to, 61_000, number), 7);
            let elsewhere = Endpoint { port: 444, ..to };
            for place in [
                numbers.place(elsewhere, 61_000, number),
                numbers.place(to, 61_001, number),
                Numbers::new((1, 3)).place(to, 61_000, number),
            ] {
                assert!(place >> Numbers::PLACE_BITS != 0, "{place}");
            }
        }
        assert_eq!(format!("{numbers:?}"), "Numbers", "the key is not shown");
    }
}
