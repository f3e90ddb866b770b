use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use portolan_model::{Address, AddressRange};

/// A set of addresses, kept as sorted ranges that neither touch nor overlap.
///
/// IPv4 comes before IPv6, and a zone before the next higher one. IPv4-mapped IPv6 addresses
/// (RFC 4291 section 2.5.5.2) are IPv4 addresses in [`Address`]; an IPv6 range around them is cut.
///
/// Counting and indexing saturate at `u128::MAX`, which only several whole IPv6 spaces can reach.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct AddressSet {
    spans: Vec<Span>,
    /// How many addresses stand before each span: what makes indexing a binary search.
    before: Vec<u128>,
    len: u128,
}

impl AddressSet {
    /// The empty set.
    pub const fn new() -> Self {
        AddressSet { spans: Vec::new(), before: Vec::new(), len: 0 }
    }

    /// How many addresses.
    pub const fn len(&self) -> u128 {
        self.len
    }

    /// Whether no address is in the set.
    pub const fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The `n`th address in ascending order, in logarithmic time.
    pub fn nth(&self, n: u128) -> Option<Address> {
        let index = self.before.partition_point(|before| *before <= n).checked_sub(1)?;
        let span = self.spans.get(index)?;
        let offset = n - self.before.get(index)?;
        (offset <= span.last - span.first).then(|| span.plane.address(span.first + offset))
    }

    /// The index of `address`, the inverse of [`AddressSet::nth`], in logarithmic time.
    pub fn position(&self, address: Address) -> Option<u128> {
        let (plane, value) = Plane::of(address);
        let index = self.span_from(plane, value)?;
        Some(self.before.get(index)?.saturating_add(value - self.spans.get(index)?.first))
    }

    /// Whether `address` is in the set.
    pub fn contains(&self, address: Address) -> bool {
        let (plane, value) = Plane::of(address);
        self.span_from(plane, value).is_some()
    }

    /// The addresses of either set.
    #[must_use]
    pub fn union(&self, other: &AddressSet) -> AddressSet {
        if other.is_empty() {
            return self.clone();
        }
        // Two sorted runs one after the other: the sort merges them in linear time.
        Self::from_spans(self.spans.iter().chain(&other.spans).copied().collect())
    }

    /// The addresses of this set that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &AddressSet) -> AddressSet {
        let mut kept = Vec::with_capacity(self.spans.len());
        let mut holes = other.spans.iter().peekable();
        for span in &self.spans {
            let mut rest = Some(*span);
            while let (Some(left), Some(hole)) = (rest, holes.peek()) {
                if hole.ends_before(&left) {
                    holes.next();
                    continue;
                }
                if left.ends_before(hole) {
                    break;
                }
                // They overlap. What stands before the hole is kept, what stands behind is looked at again.
                if let Some(end) = hole.first.checked_sub(1).filter(|end| *end >= left.first) {
                    kept.push(Span { last: end, ..left });
                }
                rest = (hole.last < left.last).then(|| Span { first: hole.last + 1, ..left });
            }
            kept.extend(rest);
        }
        Self::from_disjoint(kept)
    }

    /// The addresses of both sets.
    #[must_use]
    pub fn intersection(&self, other: &AddressSet) -> AddressSet {
        self.difference(&self.difference(other))
    }

    /// This set, and its IPv6 addresses without a zone in each zone of `other` as well.
    pub(crate) fn in_zones_of(&self, other: &AddressSet) -> Cow<'_, AddressSet> {
        let zoned = |plane: &Plane| matches!(plane, Plane::V6 { zone } if *zone != 0);
        let zones: BTreeSet<Plane> = other.spans.iter().map(|span| span.plane).filter(zoned).collect();
        if zones.is_empty() {
            return Cow::Borrowed(self);
        }
        let everywhere = self.spans.iter().filter(|span| span.plane == Plane::V6 { zone: 0 });
        let copies = everywhere.flat_map(|span| zones.iter().map(|plane| Span { plane: *plane, ..*span }));
        Cow::Owned(self.union(&AddressSet::from_spans(copies.collect())))
    }

    /// The ranges in ascending order.
    pub fn ranges(&self) -> impl Iterator<Item = AddressRange> + '_ {
        self.spans.iter().map(|span| span.range())
    }

    /// The addresses in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = Address> + '_ {
        self.spans.iter().flat_map(|span| (span.first..=span.last).map(|value| span.plane.address(value)))
    }

    pub(crate) fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// A set of any spans, in any order.
    pub(crate) fn from_spans(spans: Vec<Span>) -> Self {
        let mut spans: Vec<Span> = spans.into_iter().flat_map(Span::without_mapped).flatten().collect();
        // Stable, since it is the stable sort that finds the runs of `union`.
        spans.sort();
        let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
        for span in spans {
            match merged.last_mut() {
                Some(before) if before.touches(&span) => before.last = before.last.max(span.last),
                _ => merged.push(span),
            }
        }
        Self::from_disjoint(merged)
    }

    fn from_disjoint(spans: Vec<Span>) -> Self {
        let mut len = 0_u128;
        let before = spans
            .iter()
            .map(|span| {
                let before = len;
                len = len.saturating_add((span.last - span.first).saturating_add(1));
                before
            })
            .collect();
        AddressSet { spans, before, len }
    }

    fn span_from(&self, plane: Plane, value: u128) -> Option<usize> {
        self.spans
            .binary_search_by(|span| match span.plane.cmp(&plane) {
                Ordering::Equal if span.last < value => Ordering::Less,
                Ordering::Equal if span.first > value => Ordering::Greater,
                order => order,
            })
            .ok()
    }
}

impl FromIterator<AddressRange> for AddressSet {
    /// A range whose ends are of two families or zones, or in the wrong order, holds no address.
    fn from_iter<I: IntoIterator<Item = AddressRange>>(iter: I) -> Self {
        Self::from_spans(iter.into_iter().filter_map(Span::new).collect())
    }
}

impl FromIterator<Address> for AddressSet {
    fn from_iter<I: IntoIterator<Item = Address>>(iter: I) -> Self {
        iter.into_iter().map(|address| AddressRange { first: address, last: address }).collect()
    }
}

impl From<AddressRange> for AddressSet {
    fn from(range: AddressRange) -> Self {
        AddressSet::from_iter([range])
    }
}

impl From<Address> for AddressSet {
    fn from(address: Address) -> Self {
        AddressSet::from_iter([address])
    }
}

impl fmt::Debug for AddressSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.ranges().map(|range| range.to_string())).finish()
    }
}

/// A number line of addresses: IPv4, or IPv6 in one zone. What a range cannot leave.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Plane {
    V4,
    V6 { zone: u32 },
}

impl Plane {
    pub(crate) fn of(address: Address) -> (Plane, u128) {
        match address.ip() {
            IpAddr::V4(ip) => (Plane::V4, u128::from(ip.to_bits())),
            IpAddr::V6(ip) => (Plane::V6 { zone: address.zone() }, ip.to_bits()),
        }
    }

    fn address(self, value: u128) -> Address {
        match self {
            Plane::V4 => Ipv4Addr::from_bits(u32::try_from(value).unwrap_or(u32::MAX)).into(),
            Plane::V6 { zone } => Address::with_zone(Ipv6Addr::from_bits(value), zone),
        }
    }
}

/// A range on a plane, both ends included; never empty.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Span {
    pub(crate) plane: Plane,
    pub(crate) first: u128,
    pub(crate) last: u128,
}

impl Span {
    fn new(range: AddressRange) -> Option<Span> {
        let (plane, first) = Plane::of(range.first);
        let (last_plane, last) = Plane::of(range.last);
        (plane == last_plane && first <= last).then_some(Span { plane, first, last })
    }

    fn range(&self) -> AddressRange {
        AddressRange { first: self.plane.address(self.first), last: self.plane.address(self.last) }
    }

    fn ends_before(&self, other: &Span) -> bool {
        (self.plane, self.last) < (other.plane, other.first)
    }

    /// Whether both are one range; `self` starts no later than `other`.
    fn touches(&self, other: &Span) -> bool {
        self.plane == other.plane && other.first <= self.last.saturating_add(1)
    }

    /// No [`Address`] of IPv6 stands in `::ffff:0:0/96`, so no span may count one there.
    fn without_mapped(self) -> [Option<Span>; 2] {
        const MAPPED: (u128, u128) = (0xffff_0000_0000, 0xffff_ffff_ffff);
        if self.plane == Plane::V4 || self.last < MAPPED.0 || self.first > MAPPED.1 {
            return [Some(self), None];
        }
        [
            (self.first < MAPPED.0).then_some(Span { last: MAPPED.0 - 1, ..self }),
            (self.last > MAPPED.1).then_some(Span { first: MAPPED.1 + 1, ..self }),
        ]
    }
}

#[cfg(test)]
mod tests;
