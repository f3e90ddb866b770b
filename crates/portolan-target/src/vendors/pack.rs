use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::packed::{BLOCK, ESCAPE, MAGIC, NUMBER, VALUE_BYTES};
use super::registry::Registry;
use super::{LENGTHS, Prefix};

/// A listing in the packed form that portolan brings; `as_of` is its time in seconds since 1970-01-01 UTC.
///
/// None if it is too large for the form: more than 65,536 names, or 16 MiB of them.
pub fn pack(registry: &Registry, as_of: u64) -> Option<Vec<u8>> {
    let names: BTreeSet<&str> = registry.iter().map(|(_, name)| name).collect();
    let numbers: BTreeMap<&str, u16> = numbers(&names)?;
    let tokens = Tokens::of(&names);
    let (blocks, texts) = blocks(&names, &tokens)?;

    let of_length = |bits: u8| registry.iter().filter(move |(prefix, _)| prefix.bits == bits);
    let mut packed = MAGIC.to_vec();
    packed.extend_from_slice(&as_of.to_be_bytes());
    let counts = LENGTHS.map(|bits| of_length(bits).count());
    let token_bytes = tokens.texts.iter().map(String::len).sum();
    for count in counts.into_iter().chain([names.len(), tokens.texts.len(), token_bytes]) {
        packed.extend_from_slice(&u32::try_from(count).ok()?.to_be_bytes());
    }
    for (bits, bytes) in LENGTHS.into_iter().zip(VALUE_BYTES) {
        for (Prefix { value, .. }, name) in of_length(bits) {
            packed.extend_from_slice(&value.to_be_bytes()[8 - bytes..]);
            packed.extend_from_slice(&numbers.get(name)?.to_be_bytes()[2 - NUMBER..]);
        }
    }
    let mut end = 0_u16;
    for text in &tokens.texts {
        end = end.checked_add(u16::try_from(text.len()).ok()?)?;
        packed.extend_from_slice(&end.to_be_bytes());
    }
    packed.extend(tokens.texts.iter().flat_map(|text| text.bytes()));
    packed.extend(blocks);
    packed.extend(texts);
    Some(packed)
}

fn numbers<'a>(names: &BTreeSet<&'a str>) -> Option<BTreeMap<&'a str, u16>> {
    names.iter().zip(0_usize..).map(|(name, number)| Some((*name, u16::try_from(number).ok()?))).collect()
}

/// Where each block begins, and the texts of all names.
fn blocks(names: &BTreeSet<&str>, tokens: &Tokens<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
    let (mut starts, mut texts) = (Vec::new(), Vec::new());
    let mut before: Vec<u8> = Vec::new();
    for (name, number) in names.iter().zip(0_usize..) {
        let text = tokens.packed(name);
        if number.is_multiple_of(BLOCK) {
            before.clear();
            let start = u32::try_from(texts.len()).ok().filter(|start| *start < 1 << 24)?;
            starts.extend_from_slice(&start.to_be_bytes()[1..]);
        }
        let shared = text.iter().zip(&before).take_while(|(one, other)| one == other).count();
        let shared = shared.min(usize::from(u8::MAX));
        texts.push(u8::try_from(shared).ok()?);
        texts.push(u8::try_from(text.len() - shared).ok()?);
        texts.extend_from_slice(&text[shared..]);
        before = text;
    }
    Some((starts, texts))
}

/// Frequent words, each with the blank before it; the number of one is shorter than it is.
struct Tokens<'a> {
    texts: Vec<String>,
    numbers: BTreeMap<&'a str, u16>,
}

impl<'a> Tokens<'a> {
    fn of(names: &BTreeSet<&'a str>) -> Self {
        const MOST: usize = (ESCAPE as usize) << 8;
        let mut uses: BTreeMap<&'a str, usize> = BTreeMap::new();
        for word in names.iter().flat_map(|name| words(name)) {
            *uses.entry(word).or_default() += 1;
        }
        // What it spares, less its own text and the place of its end.
        let gain =
            |word: &str, uses: usize| (word.len().saturating_sub(1) * uses).saturating_sub(word.len() + 3);
        let mut best: Vec<(usize, &str)> = uses
            .into_iter()
            .map(|(word, uses)| (gain(word, uses), word))
            .filter(|(gain, _)| *gain > 0)
            .collect();
        best.sort_by_key(|(gain, word)| (Reverse(*gain), *word));
        best.truncate(MOST);
        let numbers = best.iter().zip(0..).map(|((_, word), number)| (*word, number)).collect();
        Tokens { texts: best.into_iter().map(|(_, word)| format!(" {word}")).collect(), numbers }
    }

    fn packed(&self, name: &str) -> Vec<u8> {
        let first = name.split(' ').next().unwrap_or_default();
        let mut text = first.as_bytes().to_vec();
        for word in words(name) {
            match self.numbers.get(word) {
                Some(number) => text.extend_from_slice(&number.to_be_bytes()),
                None => {
                    text.push(b' ');
                    text.extend_from_slice(word.as_bytes());
                }
            }
        }
        text
    }
}

/// Every word but the first.
fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(' ').skip(1)
}
