use std::hash::Hasher;
use std::net::IpAddr;

use portolan_model::{Address, PlanHash};
use portolan_target::AddressSet;
use siphasher::sip128::{Hasher128, SipHasher24};

use super::Plan;

impl Plan {
    /// What a checkpoint of this plan is bound to.
    ///
    /// How hosts are asked and how hard is no part of it: the same visits may be made by other means. The hash is SipHash-2-4
    /// with 128 bits and a fixed key over fixed bytes, so it is the same on every machine; it tells plans apart that differ
    /// by a slip, not by intent.
    pub fn hash(&self) -> PlanHash {
        PlanHash {
            targets: hashed(|bytes| {
                for (hosts, _) in &self.spec.products {
                    addresses(bytes, hosts);
                }
                addresses(bytes, &self.spec.named);
            }),
            ports: hashed(|bytes| {
                for (_, ports) in &self.spec.products {
                    for set in [&ports.tcp, &ports.udp] {
                        let ranges: Vec<_> = set.ranges().collect();
                        number(bytes, ranges.len() as u64);
                        for range in ranges {
                            bytes.write(&range.start().to_le_bytes());
                            bytes.write(&range.end().to_le_bytes());
                        }
                    }
                }
            }),
            excluded: hashed(|bytes| addresses(bytes, self.spec.excluded.addresses())),
            order: hashed(|bytes| {
                number(bytes, self.spec.seed);
                number(bytes, self.shard.index.into());
                number(bytes, self.shard.count.into());
                // A version that shuffles otherwise visits other hosts under the same numbers.
                for position in [0, self.hosts / 3, self.hosts / 2, self.hosts.saturating_sub(1)] {
                    number(bytes, self.order.index(position));
                }
            }),
        }
    }
}

fn hashed(write: impl FnOnce(&mut SipHasher24)) -> u128 {
    let mut hasher = SipHasher24::new_with_keys(0x706f_7274_6f6c_616e, 0x6368_6563_6b70_6f74);
    write(&mut hasher);
    hasher.finish128().as_u128()
}

fn number(bytes: &mut SipHasher24, number: u64) {
    bytes.write(&number.to_le_bytes());
}

fn addresses(bytes: &mut SipHasher24, set: &AddressSet) {
    let ranges: Vec<_> = set.ranges().collect();
    number(bytes, ranges.len() as u64);
    for range in ranges {
        address(bytes, range.first);
        address(bytes, range.last);
    }
}

fn address(bytes: &mut SipHasher24, address: Address) {
    match address.ip() {
        IpAddr::V4(ip) => {
            bytes.write(&[4]);
            bytes.write(&ip.octets());
        }
        IpAddr::V6(ip) => {
            bytes.write(&[6]);
            bytes.write(&ip.octets());
            bytes.write(&address.zone().to_le_bytes());
        }
    }
}
