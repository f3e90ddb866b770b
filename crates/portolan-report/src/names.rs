use std::collections::BTreeMap;

use portolan_model::{Address, Mac, Transport, Untrusted};

/// Finds the name that a table lists for a port.
pub type ServiceName = fn(Transport, u16) -> Option<&'static str>;

/// Finds who made what has a hardware address.
pub type VendorName = fn(Mac) -> Option<Untrusted>;

/// Which address was asked by which name.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Names(BTreeMap<Address, Untrusted>);

impl Names {
    /// The name that `address` was asked by, if it was asked by one.
    pub fn get(&self, address: Address) -> Option<&Untrusted> {
        self.0.get(&address)
    }

    /// Each address with its name, in the order of addresses.
    pub fn iter(&self) -> impl Iterator<Item = (Address, &Untrusted)> {
        self.0.iter().map(|(address, name)| (*address, name))
    }

    /// How many addresses have a name.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no address has one.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<BTreeMap<Address, Untrusted>> for Names {
    fn from(names: BTreeMap<Address, Untrusted>) -> Self {
        Names(names)
    }
}

impl FromIterator<(Address, Untrusted)> for Names {
    fn from_iter<I: IntoIterator<Item = (Address, Untrusted)>>(iter: I) -> Self {
        Names(iter.into_iter().collect())
    }
}
