//! Who made the network card behind a hardware address: the public listing of the IEEE (MA-L, MA-M, MA-S and the older
//! IAB), by the first 24, 28 or 36 bits of the address.
//!
//! The listing comes packed (`data/vendors.bin`, made by [`pack`], see `data/README.md`): nothing is built at start, and
//! looking a name up is a binary search and the reading of at most 16 names. A newer listing may be read from the IEEE's
//! own files ([`Registry::read_csv`]).

mod pack;
mod packed;
mod registry;
mod short;

use portolan_model::Mac;

pub use pack::pack;
pub use registry::Registry;

use packed::Packed;

/// The name by which people know the maker, from the listing that portolan brings.
///
/// None for an address that is not in it, and for one that somebody chose himself ([`Mac::is_local`]): such an address
/// says nothing of a maker, whatever prefix it happens to have.
pub fn name(mac: Mac) -> Option<String> {
    Packed::new(BUNDLED)?.name(mac)
}

/// When the listing that portolan brings was fetched from the IEEE, in seconds since 1970-01-01 UTC.
pub fn as_of() -> u64 {
    Packed::new(BUNDLED).map_or(0, |packed| packed.as_of())
}

const BUNDLED: &[u8] = include_bytes!("../data/vendors.bin");

/// An assignment: so many leading bits of an address, right-aligned.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
struct Prefix {
    bits: u8,
    value: u64,
}

/// The lengths of assignments in bits (MA-S and IAB, MA-M, MA-L), the longest first: it is the one that counts.
const LENGTHS: [u8; 3] = [36, 28, 24];

impl Prefix {
    fn of(mac: Mac, bits: u8) -> Prefix {
        let whole = mac.0.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        Prefix { bits, value: whole >> (48 - u32::from(bits.min(48))) }
    }
}

#[cfg(test)]
mod tests;
