use std::fmt;
use std::ops::RangeInclusive;

/// A set of port numbers, kept as sorted ranges that neither touch nor overlap.
///
/// It is written as people write it: `22,80-90,443`.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct PortSet {
    ranges: Vec<(u16, u16)>,
}

impl PortSet {
    /// The empty set.
    pub const fn new() -> Self {
        PortSet { ranges: Vec::new() }
    }

    /// Every port but 0, which TCP and UDP reserve (RFC 6335 section 6).
    pub fn all() -> Self {
        PortSet { ranges: vec![(1, u16::MAX)] }
    }

    /// How many ports.
    pub fn len(&self) -> usize {
        self.ranges.iter().map(|(first, last)| usize::from(last - first) + 1).sum()
    }

    /// Whether no port is in the set.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The `n`th port in ascending order.
    pub fn nth(&self, mut n: usize) -> Option<u16> {
        for (first, last) in &self.ranges {
            let len = usize::from(last - first) + 1;
            if n < len {
                return u16::try_from(usize::from(*first) + n).ok();
            }
            n -= len;
        }
        None
    }

    /// Whether `port` is in the set.
    pub fn contains(&self, port: u16) -> bool {
        let after = self.ranges.partition_point(|(first, _)| *first <= port);
        after > 0 && self.ranges[after - 1].1 >= port
    }

    /// The ports in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        self.ranges.iter().flat_map(|(first, last)| *first..=*last)
    }

    /// The ranges in ascending order, both ends included.
    pub fn ranges(&self) -> impl Iterator<Item = RangeInclusive<u16>> + '_ {
        self.ranges.iter().map(|(first, last)| *first..=*last)
    }

    /// The ports of either set.
    pub fn union(&self, other: &PortSet) -> PortSet {
        self.ranges().chain(other.ranges()).collect()
    }

    /// The ports of this set that are not in `other`.
    pub fn difference(&self, other: &PortSet) -> PortSet {
        self.iter().filter(|port| !other.contains(*port)).collect()
    }
}

impl FromIterator<RangeInclusive<u16>> for PortSet {
    fn from_iter<I: IntoIterator<Item = RangeInclusive<u16>>>(iter: I) -> Self {
        let mut ranges: Vec<(u16, u16)> = iter
            .into_iter()
            .filter(|range| !range.is_empty())
            .map(|range| (*range.start(), *range.end()))
            .collect();
        ranges.sort_unstable();
        let mut merged: Vec<(u16, u16)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(before) if u32::from(first) <= u32::from(before.1) + 1 => before.1 = before.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        PortSet { ranges: merged }
    }
}

impl FromIterator<u16> for PortSet {
    fn from_iter<I: IntoIterator<Item = u16>>(iter: I) -> Self {
        iter.into_iter().map(|port| port..=port).collect()
    }
}

impl fmt::Display for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (first, last)) in self.ranges.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            if first == last {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}-{last}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_merge_count_and_index() {
        let set: PortSet = [80..=90, 22..=22, 85..=100, 101..=101].into_iter().collect();
        assert_eq!(set.to_string(), "22,80-101");
        assert_eq!(set.len(), 23);
        assert_eq!((set.nth(0), set.nth(1), set.nth(22), set.nth(23)), (Some(22), Some(80), Some(101), None));
        assert!(set.contains(101) && !set.contains(79));
        assert_eq!(set.difference(&[81..=101].into_iter().collect()).to_string(), "22,80");
    }

    #[test]
    fn the_whole_space_is_65535_ports() {
        assert_eq!(PortSet::all().len(), 65_535);
        assert_eq!(PortSet::all().nth(65_534), Some(65_535));
        assert!(!PortSet::all().contains(0));
    }
}
