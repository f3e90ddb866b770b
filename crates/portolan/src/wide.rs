//! IPv6 ranges that are too large to be asked address by address. A subnet has 2^64 addresses and a handful of hosts, so
//! that most of what is asked would be nobody, for longer than anybody waits (RFC 7707 section 4).

use std::fmt;

use portolan_explain::{Lang, number};
use portolan_model::{Address, AddressRange, Untrusted, Warning};
use portolan_sys::interfaces;
use portolan_target::{AddressSet, Ports};

/// So many IPv6 addresses of one target are asked one by one.
const MOST: u128 = 1 << 16;

/// The IPv6 addresses of a target, if they are too many.
pub(crate) fn of(set: &AddressSet) -> Option<u128> {
    let v6: AddressSet = set.ranges().filter(|range| range.first.is_ipv6()).collect();
    (v6.len() > MOST).then_some(v6.len())
}

/// A range of which too many addresses would be nobody's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TooWide {
    /// The target as written.
    pub(crate) target: Untrusted,
    /// How many addresses it has.
    pub(crate) addresses: u128,
    /// It is on a link of ours, whose nodes could be found by packets.
    pub(crate) on_link: bool,
}

/// A range on a link of ours that is to be replaced by those of its addresses that can be found.
#[derive(Clone, Debug)]
pub(crate) struct Wide {
    /// As written.
    target: Untrusted,
    /// What of it may be asked.
    set: AddressSet,
    ports: Ports,
}

impl Wide {
    /// One target, if it is on a link of ours; it is refused if it is not.
    pub(crate) fn new(target: Untrusted, set: AddressSet, ports: Ports) -> Result<Self, TooWide> {
        let wide = Wide { target, set, ports };
        if wide.is_on_link() { Ok(wide) } else { Err(wide.refused(false)) }
    }

    /// From its first address to its last.
    pub(crate) fn range(&self) -> Option<AddressRange> {
        let mut ranges = self.set.ranges();
        let first = ranges.next()?;
        Some(AddressRange { first: first.first, last: ranges.last().unwrap_or(first).last })
    }

    /// What is asked in its place, and what is said of that.
    pub(crate) fn found(self, nodes: &[Address]) -> ((AddressSet, Ports), Warning) {
        let found: AddressSet = nodes.iter().copied().filter(|node| self.set.contains(*node)).collect();
        let count = usize::try_from(found.len()).unwrap_or(usize::MAX);
        ((found, self.ports), Warning::FoundOnLink { target: self.target, count })
    }

    /// Why it is not asked.
    pub(crate) fn refused(&self, on_link: bool) -> TooWide {
        TooWide { target: self.target.clone(), addresses: of(&self.set).unwrap_or(self.set.len()), on_link }
    }

    fn is_on_link(&self) -> bool {
        let Some(range) = self.range() else { return false };
        let zone = range.first.zone();
        // Without the list of interfaces no link is ours.
        interfaces::addresses().unwrap_or_default().iter().any(|own| {
            (zone == 0 || zone == own.index)
                && own.shares_prefix(range.first.ip())
                && own.shares_prefix(range.last.ip())
        })
    }
}

impl TooWide {
    /// What is wrong.
    pub(crate) fn message(&self, lang: Lang) -> String {
        let target = self.target.escaped_short(60);
        let (addresses, most) = (number(lang, self.addresses), number(lang, MOST));
        let years = self.addresses / (1_000_000 * 31_557_600);
        match (years, lang) {
            (0, Lang::En) => format!(
                "{target}: {addresses} IPv6 addresses are too many to be asked one by one ({most} at most)"
            ),
            (0, Lang::Fr) => format!(
                "{target}\u{a0}: {addresses} adresses IPv6 sont trop pour être interrogées une à une ({most} au plus)"
            ),
            (years, Lang::En) => format!(
                "{target}: {addresses} IPv6 addresses are too many to be asked one by one: a million a second take {} years",
                number(lang, years)
            ),
            (years, Lang::Fr) => format!(
                "{target}\u{a0}: {addresses} adresses IPv6 sont trop pour être interrogées une à une\u{a0}: à un million par seconde, \
                 il faut {} ans",
                number(lang, years)
            ),
        }
    }

    /// What can be done.
    pub(crate) const fn advice(&self, lang: Lang) -> &'static str {
        match (self.on_link, lang) {
            (true, Lang::En) => {
                "it is on a link of this machine, whose hosts are found by packets: without -sT, and with CAP_NET_RAW"
            }
            (true, Lang::Fr) => {
                "elle est sur un lien de cette machine, dont les hôtes se trouvent par paquets\u{a0}: sans -sT, et avec CAP_NET_RAW"
            }
            (false, Lang::En) => "name hosts, or smaller ranges (/112 or longer) in which there are some",
            (false, Lang::Fr) => "nommez des hôtes, ou des plages plus petites (/112 ou plus) où il y en a",
        }
    }
}

impl fmt::Display for TooWide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message(Lang::En))
    }
}

impl std::error::Error for TooWide {}

#[cfg(test)]
mod tests {
    use portolan_target::{What, parse_target};

    use super::*;

    fn addresses(text: &str) -> Option<u128> {
        let What::Range(set) = parse_target(text).unwrap().what else { panic!("{text} is no range") };
        of(&set)
    }

    #[test]
    fn only_ranges_of_ipv6_are_too_wide() {
        for text in ["2001:db8::/112", "2001:db8::-2001:db8::ffff", "10.0.0.0/8", "0.0.0.0/0"] {
            assert_eq!(addresses(text), None, "{text}");
        }
        assert_eq!(addresses("2001:db8::/111"), Some(1 << 17));
        assert_eq!(addresses("2001:db8::-2001:db8::1:0"), Some((1 << 16) + 1));
        assert_eq!(addresses("fe80::/64"), Some(1 << 64));
    }

    #[test]
    fn it_says_what_cannot_work() {
        let told = |text: &str, lang| {
            let addresses = addresses(text).unwrap();
            TooWide { target: Untrusted::from(text), addresses, on_link: false }.message(lang)
        };
        let spaces = |text: String| text.replace(['\u{202f}', '\u{a0}'], " ");
        assert_eq!(
            spaces(told("2001:db8::/64", Lang::En)),
            "2001:db8::/64: 18 446 744 073 709 551 616 IPv6 addresses are too many to be asked one by one: \
             a million a second take 584 542 years"
        );
        assert_eq!(
            spaces(told("2001:db8::/100", Lang::Fr)),
            "2001:db8::/100 : 268 435 456 adresses IPv6 sont trop pour être interrogées une à une (65 536 au plus)"
        );
        assert!(told("::/0", Lang::En).contains("years"));
    }
}
