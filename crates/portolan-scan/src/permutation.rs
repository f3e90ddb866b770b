/// A keyed permutation of `0..len` that can be walked back: a position gives an index and the index its
/// position, with no table.
///
/// A balanced Feistel network over the next even number of bits, walked until the result falls inside
/// the domain (cycle walking: Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002). It orders;
/// it hides nothing, so a fast mixer serves as its round function.
#[derive(Clone, Debug)]
pub struct Permutation {
    len: u64,
    half_bits: u32,
    keys: [u64; 4],
}

impl Permutation {
    /// The permutation of `0..len` under `key`.
    pub fn new(len: u64, key: u64) -> Self {
        let bits = u64::BITS - len.saturating_sub(1).leading_zeros();
        let half_bits = bits.div_ceil(2).max(1);
        let keys = [1, 2, 3, 4].map(|round: u64| mix(key ^ mix(round)));
        Permutation { len, half_bits, keys }
    }

    /// How many indices.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The index at `position`, which must be below `len`.
    pub fn index(&self, position: u64) -> u64 {
        self.walk(position, Self::forth)
    }

    /// The position of `index`, which must be below `len`.
    pub fn position(&self, index: u64) -> u64 {
        self.walk(index, Self::back)
    }

    fn walk(&self, mut value: u64, step: fn(&Self, u64) -> u64) -> u64 {
        if value >= self.len {
            return value;
        }
        loop {
            value = step(self, value);
            if value < self.len {
                return value;
            }
        }
    }

    fn forth(&self, value: u64) -> u64 {
        let (mut left, mut right) = self.split(value);
        for key in self.keys {
            (left, right) = (right, left ^ self.round(right, key));
        }
        left << self.half_bits | right
    }

    fn back(&self, value: u64) -> u64 {
        let (mut left, mut right) = self.split(value);
        for key in self.keys.iter().rev() {
            (left, right) = (right ^ self.round(left, *key), left);
        }
        left << self.half_bits | right
    }

    fn split(&self, value: u64) -> (u64, u64) {
        (value >> self.half_bits, value & self.mask())
    }

    fn round(&self, half: u64, key: u64) -> u64 {
        mix(half ^ key) & self.mask()
    }

    fn mask(&self) -> u64 {
        (1 << self.half_bits) - 1
    }
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014): every input bit reaches every output bit.
pub(crate) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn visits_each_index_once_and_inverts(len in 0u64..5000, key: u64) {
            let permutation = Permutation::new(len, key);
            let mut seen = vec![false; usize::try_from(len).unwrap()];
            for position in 0..len {
                let index = permutation.index(position);
                prop_assert!(!std::mem::replace(&mut seen[usize::try_from(index).unwrap()], true));
                prop_assert_eq!(permutation.position(index), position);
            }
        }

        #[test]
        fn inverts_on_large_domains(len in 1u64..1 << 48, at: u64, key: u64) {
            let permutation = Permutation::new(len, key);
            prop_assert_eq!(permutation.position(permutation.index(at % len)), at % len);
        }
    }

    #[test]
    fn another_key_is_another_order() {
        let order = |key| (0..100).map(|at| Permutation::new(100, key).index(at)).collect::<Vec<_>>();
        assert_ne!(order(1), order(2));
        assert_ne!(order(1), (0..100).collect::<Vec<_>>());
    }
}
