//! What an answer tells of the service behind it: rules of the probe files, applied to bytes of a stranger.
//!
//! Nothing in here may panic or grow with the answer, whatever the bytes: every slice is checked, every text is cut.

mod render;
mod seek;

use portolan_model::{Check, Service, Untrusted, Verdict};

use crate::catalogue::entry;

/// Fills in what the answer tells of the service that showed itself: product, version and details. A verdict without a
/// service, or without an answer, stays as it is.
pub fn describe(verdict: &mut Verdict) {
    let (Some(service), Some(answer)) = (verdict.service.as_deref_mut(), verdict.answer.as_deref()) else {
        return;
    };
    if let Some(entry) = entry(service.matched) {
        fill(service, entry.extracts, answer);
    }
}

/// The first rule of a field that yields something gives it; later ones are for other forms of the answer.
pub(crate) fn fill(service: &mut Service, rules: &[Extract], answer: &[u8]) {
    for rule in rules {
        if has(service, rule.field) {
            continue;
        }
        let Some(text) = rule.apply(answer) else { continue };
        match rule.field {
            Field::Product => service.product = Some(text),
            Field::Version => service.version = Some(text),
            Field::Detail(name) => service.details.push((name, text)),
        }
    }
}

/// One thing that an answer may tell.
#[derive(Debug)]
pub(crate) struct Extract {
    pub(crate) field: Field,
    /// All of this must hold of the answer.
    pub(crate) when: &'static [Check],
    /// Where to look.
    pub(crate) find: Find,
    /// Which part of what was found: from this byte,
    pub(crate) at: u16,
    /// this many bytes of it, or all the rest.
    pub(crate) len: Option<u16>,
    /// How it is written.
    pub(crate) form: Form,
}

/// What a rule gives.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Field {
    Product,
    Version,
    Detail(&'static str),
}

/// Where in an answer to look.
#[derive(Debug)]
pub(crate) enum Find {
    /// All of it.
    Whole,
    /// What stands after the first `after`, up to `until` or the end; an empty `until` is the end.
    Between { after: &'static [u8], until: &'static [u8] },
    /// The value of the header line of this name, in any case (RFC 3261 section 7.3.1, RFC 9110 section 5).
    Header(&'static str),
    /// The value of the first attribute of a type: attributes stand one after the other from `from`, each a type of
    /// `kind` bytes, a length of `size` bytes and a value padded to a multiple of `pad`.
    Attribute { from: u16, kind: u8, size: u8, pad: u8, is: u32 },
    /// The contents of one BER element (ITU-T X.690): which of the elements side by side, then which of those in it, and
    /// so on; an OCTET STRING is entered like a SEQUENCE.
    Ber(&'static [u8]),
}

/// How what was found is written.
#[derive(Debug)]
pub(crate) enum Form {
    /// As it is, without padding at its ends.
    Text,
    /// An unsigned number, big-endian; of it the bits that count, moved down to the lowest.
    Number { bits: u64, names: &'static [(u64, &'static str)] },
    /// Lowercase hexadecimal digits.
    Hex,
    /// Bytes in decimal with dots between, as IPv4 addresses are.
    Dotted,
    /// Versions of QUIC, four bytes each, without those that are reserved to be unknown (RFC 9000 section 15).
    QuicVersions { names: &'static [(u64, &'static str)] },
}

impl Extract {
    fn apply(&self, answer: &[u8]) -> Option<Untrusted> {
        if !self.when.iter().all(|check| check.holds(answer, None)) {
            return None;
        }
        let rest = self.find.seek(answer)?.get(usize::from(self.at)..)?;
        let part = match self.len {
            Some(len) => rest.get(..usize::from(len))?,
            None => rest,
        };
        let mut text = self.form.render(part)?;
        text.truncate(LONGEST);
        (!text.is_empty()).then(|| Untrusted::new(text))
    }
}

/// How many bytes of a text are kept: a line of a terminal, and more than any product's name.
const LONGEST: usize = 120;

fn has(service: &Service, field: Field) -> bool {
    match field {
        Field::Product => service.product.is_some(),
        Field::Version => service.version.is_some(),
        Field::Detail(name) => service.details.iter().any(|(other, _)| *other == name),
    }
}

#[cfg(test)]
mod tests;
