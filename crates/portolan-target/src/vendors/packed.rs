use portolan_model::Mac;

use super::{LENGTHS, Prefix};

/// A listing as `pack` writes it. All numbers are big-endian.
///
/// ```text
/// MAGIC, time in seconds (8 bytes)
/// how many: prefixes of 36, 28 and 24 bits, names, tokens (4 bytes each); bytes of the tokens (4 bytes)
/// prefixes in order, each followed by its name's number (5 + 2, 4 + 2 and 3 + 2 bytes)
/// tokens: the end of each (2 bytes each), then their texts
/// names in order, in blocks of 16: where each block begins (3 bytes each), then their texts
/// ```
///
/// A name's text is: how many bytes it shares with the name before it, how many bytes follow, and these. A byte below
/// 16 and the one behind it are the number of a token, which stands for a frequent word.
pub(super) struct Packed<'a> {
    as_of: u64,
    prefixes: [&'a [u8]; 3],
    token_ends: &'a [u8],
    tokens: &'a [u8],
    blocks: &'a [u8],
    names: &'a [u8],
}

pub(super) const MAGIC: &[u8] = b"portolan vendors 1\n";
/// Names of a block, which are read one after the other.
pub(super) const BLOCK: usize = 16;
/// A byte below this is the first half of a token's number.
pub(super) const ESCAPE: u8 = 16;
/// The bytes of a prefix's value, in the order of `LENGTHS`.
pub(super) const VALUE_BYTES: [usize; 3] = [5, 4, 3];
/// The bytes of a name's number.
pub(super) const NUMBER: usize = 2;

impl<'a> Packed<'a> {
    /// The parts of a packed listing, if these bytes are one.
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(MAGIC)?;
        let as_of = number(take(&mut rest, 8)?)?;
        let mut counts = [0; 6];
        for count in &mut counts {
            *count = usize::try_from(number(take(&mut rest, 4)?)?).ok()?;
        }
        let [of_36, of_28, of_24, names, tokens, token_bytes] = counts;
        let mut prefixes: [&[u8]; 3] = [&[]; 3];
        for ((part, count), value) in prefixes.iter_mut().zip([of_36, of_28, of_24]).zip(VALUE_BYTES) {
            *part = take(&mut rest, count.checked_mul(value + NUMBER)?)?;
        }
        let token_ends = take(&mut rest, tokens.checked_mul(2)?)?;
        let tokens = take(&mut rest, token_bytes)?;
        let blocks = take(&mut rest, names.div_ceil(BLOCK).checked_mul(3)?)?;
        Some(Packed { as_of, prefixes, token_ends, tokens, blocks, names: rest })
    }

    pub(super) const fn as_of(&self) -> u64 {
        self.as_of
    }

    pub(super) fn name(&self, mac: Mac) -> Option<String> {
        if mac.is_local() {
            return None;
        }
        let mut tables = LENGTHS.into_iter().zip(VALUE_BYTES).zip(self.prefixes);
        let found =
            tables.find_map(|((bits, bytes), rows)| find(rows, bytes, Prefix::of(mac, bits).value))?;
        self.nth(found)
    }

    /// The name of that number.
    fn nth(&self, number_of: usize) -> Option<String> {
        let at = number_of / BLOCK * 3;
        let start = usize::try_from(number(self.blocks.get(at..at + 3)?)?).ok()?;
        let mut rest = self.names.get(start..)?;
        let mut packed: Vec<u8> = Vec::new();
        for _ in 0..=number_of % BLOCK {
            let [shared, length]: [u8; 2] = take(&mut rest, 2)?.try_into().ok()?;
            packed.truncate(usize::from(shared));
            packed.extend_from_slice(take(&mut rest, usize::from(length))?);
        }
        self.unpacked(&packed)
    }

    fn unpacked(&self, mut packed: &[u8]) -> Option<String> {
        let mut name = Vec::new();
        while let [byte, rest @ ..] = packed {
            packed = rest;
            if *byte >= ESCAPE {
                name.push(*byte);
                continue;
            }
            let [low, rest @ ..] = packed else { return None };
            packed = rest;
            name.extend_from_slice(self.token(usize::from(*byte) << 8 | usize::from(*low))?);
        }
        String::from_utf8(name).ok()
    }

    fn token(&self, number_of: usize) -> Option<&'a [u8]> {
        let end = |nth: usize| {
            let bytes = self.token_ends.get(nth * 2..nth * 2 + 2)?;
            usize::try_from(number(bytes)?).ok()
        };
        let start = if number_of == 0 { 0 } else { end(number_of - 1)? };
        self.tokens.get(start..end(number_of)?)
    }
}

/// The name's number behind this prefix, by binary search over rows of equal length.
fn find(rows: &[u8], value_bytes: usize, value: u64) -> Option<usize> {
    let length = value_bytes + NUMBER;
    let row = |nth: usize| rows.get(nth * length..(nth + 1) * length);
    let (mut low, mut high) = (0, rows.len() / length);
    while low < high {
        let middle = low + (high - low) / 2;
        let (found, name) = row(middle)?.split_at_checked(value_bytes)?;
        match number(found)?.cmp(&value) {
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
            std::cmp::Ordering::Equal => return usize::try_from(number(name)?).ok(),
        }
    }
    None
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(count)?;
    *rest = after;
    Some(taken)
}

fn number(bytes: &[u8]) -> Option<u64> {
    (bytes.len() <= 8).then(|| bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

#[cfg(test)]
impl Packed<'_> {
    pub(super) fn names_in_order(&self) -> Vec<String> {
        (0..self.blocks.len() / 3 * BLOCK).map_while(|number| self.nth(number)).collect()
    }

    pub(super) fn prefixes_in_order(&self) -> Vec<(Vec<&[u8]>, usize)> {
        self.prefixes
            .iter()
            .zip(VALUE_BYTES)
            .map(|(rows, bytes)| (rows.chunks(bytes + NUMBER).map(|row| &row[..bytes]).collect(), bytes))
            .collect()
    }
}
