//! Randomness that is the same everywhere and for ever: SplitMix64 and xoshiro256**, written from the
//! descriptions their authors placed in the public domain (Steele, Lea and Flood 2014; Blackman and Vigna
//! 2018). Good for simulation; not for secrets.

use std::net::IpAddr;
use std::time::Duration;

use portolan_model::{Endpoint, Transport};

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Random {
    state: [u64; 4],
}

impl Random {
    /// The same seed gives the same stream.
    pub fn new(seed: u64) -> Self {
        let mut splitmix = seed;
        let state = std::array::from_fn(|_| {
            splitmix = splitmix.wrapping_add(GOLDEN);
            mix(splitmix)
        });
        Random { state }
    }

    pub(crate) fn next(&mut self) -> u64 {
        let result = self.state[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = self.state[1] << 17;
        self.state[2] ^= self.state[0];
        self.state[3] ^= self.state[1];
        self.state[1] ^= self.state[2];
        self.state[0] ^= self.state[3];
        self.state[2] ^= shifted;
        self.state[3] = self.state[3].rotate_left(45);
        result
    }

    /// From 0 up to, but not including, 1.
    pub(crate) fn unit(&mut self) -> f64 {
        to_unit(self.next())
    }

    /// True with this probability. Draws nothing where the outcome is certain.
    pub fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && (probability >= 1.0 || self.unit() < probability)
    }

    /// Below `bound`; 0 for an empty range. The multiplication's bias is far below what a test could see.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let product = u128::from(self.next()) * bound as u128;
        usize::try_from(product >> 64).unwrap_or(0)
    }

    /// From zero to `longest`, uniformly.
    pub fn up_to(&mut self, longest: Duration) -> Duration {
        longest.mul_f64(self.unit())
    }

    /// With this mean, exponentially: the time between events that know nothing of each other.
    pub(crate) fn exponential(&mut self, mean: Duration) -> Duration {
        mean.mul_f64(-(1.0 - self.unit()).ln())
    }
}

/// The hash of a port of a host, by which its truth is drawn: a pure function, in any order.
pub(crate) fn port_hash(seed: u64, to: Endpoint) -> u64 {
    let seed = match to.transport {
        Transport::Tcp => seed,
        Transport::Udp | Transport::Sctp => mix(seed ^ u64::MAX),
    };
    let (high, low) = match to.address.ip() {
        IpAddr::V4(ip) => (4, u64::from(ip.to_bits())),
        IpAddr::V6(ip) => {
            let bits = ip.to_bits();
            ((bits >> 64) as u64, (bits & u128::from(u64::MAX)) as u64)
        }
    };
    let host = mix(mix(mix(seed ^ GOLDEN).wrapping_add(high)).wrapping_add(low));
    mix(host.wrapping_add(GOLDEN.wrapping_mul(u64::from(to.port) + 1)))
}

/// A hash as a number from 0 up to, but not including, 1.
pub(crate) fn to_unit(hash: u64) -> f64 {
    // The upper 53 bits are what a double can hold.
    (hash >> 11) as f64 / (1u64 << 53) as f64
}

/// SplitMix64's finaliser.
pub(crate) const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// 2^64 divided by the golden ratio, SplitMix64's increment.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_as_published() {
        // The first output of SplitMix64 seeded with 0, as every implementation of it gives.
        assert_eq!(mix(GOLDEN), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn means_are_what_they_should_be() {
        let mut random = Random::new(1);
        let n = 100_000;
        let mean = (0..n).map(|_| random.unit()).sum::<f64>() / f64::from(n);
        assert!((mean - 0.5).abs() < 0.005, "{mean}");
        let hits = (0..n).filter(|_| random.chance(0.2)).count();
        assert!((19_500..20_500).contains(&hits), "{hits}");
        let total: Duration = (0..n).map(|_| random.exponential(Duration::from_millis(10))).sum();
        assert!((980..1020).contains(&total.as_secs()), "{total:?}");
        assert!((0..n).all(|_| random.below(7) < 7));
    }
}
