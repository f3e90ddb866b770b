use std::collections::BTreeMap;

use portolan_model::Mac;

use super::short::short;
use super::{LENGTHS, Prefix};

/// A listing as it was read: which prefix is whose.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Registry(BTreeMap<Prefix, String>);

impl Registry {
    /// Adds what a file of the IEEE lists: `oui.csv` (MA-L), `mam.csv` (MA-M), `oui36.csv` (MA-S) or `iab.csv`.
    ///
    /// Rows that are none are passed over, whatever the bytes are. So are `Private`, and the blocks that the IEEE itself
    /// holds to give out in parts: neither tells who made a card. A prefix that is listed twice is the first one's.
    pub fn read_csv(&mut self, bytes: &[u8]) {
        for row in Rows(bytes) {
            let [_, assignment, organisation] = &row;
            let Some(prefix) = prefix(assignment) else { continue };
            let organisation = String::from_utf8_lossy(organisation);
            let name = short(&organisation);
            if !name.is_empty() && !NOBODY.contains(&organisation.trim()) {
                self.0.entry(prefix).or_insert(name);
            }
        }
    }

    /// The name by which people know the maker; see [`name`](super::name).
    pub fn name(&self, mac: Mac) -> Option<&str> {
        if mac.is_local() {
            return None;
        }
        LENGTHS.iter().find_map(|bits| self.0.get(&Prefix::of(mac, *bits))).map(String::as_str)
    }

    /// How many prefixes are listed.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Prefix, &str)> {
        self.0.iter().map(|(prefix, name)| (*prefix, name.as_str()))
    }

    #[cfg(test)]
    pub(super) fn insert(&mut self, prefix: Prefix, name: &str) {
        self.0.insert(prefix, name.to_owned());
    }
}

/// Who holds a prefix without being anybody's maker.
const NOBODY: [&str; 2] = ["Private", "IEEE Registration Authority"];

/// `70B3D5F2F`: six, seven or nine hexadecimal digits.
fn prefix(assignment: &[u8]) -> Option<Prefix> {
    let digits = std::str::from_utf8(assignment).ok()?;
    let bits = LENGTHS.into_iter().find(|bits| usize::from(*bits) == digits.len() * 4)?;
    let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let value = u64::from_str_radix(digits, 16).ok().filter(|_| plain)?;
    Some(Prefix { bits, value })
}

/// The first three fields of each row that has as many (RFC 4180).
struct Rows<'a>(&'a [u8]);

impl Iterator for Rows<'_> {
    type Item = [Vec<u8>; 3];

    fn next(&mut self) -> Option<Self::Item> {
        while !self.0.is_empty() {
            let mut fields = Vec::new();
            while let Some(field) = self.field() {
                if fields.len() < 3 {
                    fields.push(field);
                }
            }
            if let Ok(row) = fields.try_into() {
                return Some(row);
            }
        }
        None
    }
}

impl Rows<'_> {
    /// The next field of this row, with the comma or line end behind it; none after the line's end.
    fn field(&mut self) -> Option<Vec<u8>> {
        match self.0 {
            [] => return None,
            [b'\n', rest @ ..] => {
                self.0 = rest;
                return None;
            }
            _ => {}
        }
        let mut field = Vec::new();
        let mut quoted = false;
        while let [byte, rest @ ..] = self.0 {
            match byte {
                b'"' if quoted && rest.first() == Some(&b'"') => {
                    field.push(b'"');
                    self.0 = &rest[1..];
                    continue;
                }
                b'"' => quoted = !quoted,
                b'\n' if !quoted => break,
                b',' if !quoted => {
                    self.0 = rest;
                    return Some(field);
                }
                b'\r' if !quoted => {}
                // An address, or a name that never ends, is not kept whole.
                _ if field.len() < LONGEST_FIELD => field.push(*byte),
                _ => {}
            }
            self.0 = rest;
        }
        Some(field)
    }
}

const LONGEST_FIELD: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Registry {
        let mut registry = Registry::default();
        registry.read_csv(text.as_bytes());
        registry
    }

    #[test]
    fn rows_are_read_as_the_ieee_writes_them() {
        let registry = read(
            "Registry,Assignment,Organization Name,Organization Address\r\n\
             MA-L,001B21,Intel Corporate,Lot 8 Penang MY 11900 \r\n\
             MA-S,70B3D5F2F,TELEPLATFORMS,\"Polbina st., 3/1 Moscow  RU 109388 \"\r\n\
             MA-M,208593B,\"Q, \"\"R\"\" Inc.\",\"two\nlines\"\n\
             MA-L,70B3D5,IEEE Registration Authority,x\n\
             MA-M,741AE09,Private,\n\
             MA-L,00D0EF,IGT",
        );
        let name = |mac| registry.name(Mac(mac));
        assert_eq!(registry.len(), 4);
        assert_eq!(name([0, 0x1b, 0x21, 1, 2, 3]), Some("Intel"));
        assert_eq!(name([0x70, 0xb3, 0xd5, 0xf2, 0xf9, 0]), Some("Teleplatforms"));
        assert_eq!(name([0x70, 0xb3, 0xd5, 0xf3, 0xf9, 0]), None, "the IEEE made no card");
        assert_eq!(name([0x20, 0x85, 0x93, 0xb1, 2, 3]), Some("Q \"R\""));
        assert_eq!(name([0x74, 0x1a, 0xe0, 0x91, 2, 3]), None);
        assert_eq!(name([0, 0xd0, 0xef, 0, 0, 0]), Some("IGT"));
    }

    #[test]
    fn what_is_no_row_is_passed_over() {
        for text in [
            "",
            "\n\n\n",
            ",",
            ",,",
            ",,,\n",
            "\"",
            "a,+01B21,x\n",
            "a,001B2,x\n",
            "a,001B2G,x\n",
            "a,001B21\n",
            "a,001B21,\n",
            "a,00\u{e9}21,x",
            "\"a,001B21,x\nb,001B22,y\n",
        ] {
            assert!(read(text).is_empty(), "{text:?}");
        }
    }
}
