//! How what was found in an answer is written.

use super::{Form, LONGEST};
use crate::extract::seek::number;

impl Form {
    pub(super) fn render(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        match self {
            Form::Text => Some(trim(bytes).to_vec()),
            Form::Number { bits, names } => {
                let number = (number(bytes)? & bits) >> bits.trailing_zeros();
                Some(named(number, names).into_bytes())
            }
            Form::Hex => Some(
                bytes.iter().take(LONGEST / 2).map(|byte| format!("{byte:02x}")).collect::<String>().into(),
            ),
            Form::Dotted => {
                let parts: Vec<String> = bytes.iter().take(LONGEST).map(u8::to_string).collect();
                Some(parts.join(".").into())
            }
            Form::QuicVersions { names } => Some(quic_versions(bytes, names).into_bytes()),
        }
    }
}

/// Fixed fields are padded with zeros (NTP) or spaces (NetBIOS).
fn trim(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte != 0 && !byte.is_ascii_whitespace());
    bytes.get(..=end.unwrap_or_default()).filter(|_| end.is_some()).unwrap_or(&[]).trim_ascii_start()
}

fn named(number: u64, names: &[(u64, &str)]) -> String {
    match names.iter().find(|(other, _)| *other == number) {
        Some((_, name)) => format!("{number} ({name})"),
        None => number.to_string(),
    }
}

fn quic_versions(bytes: &[u8], names: &[(u64, &str)]) -> String {
    let versions = bytes.chunks_exact(4).take(LONGEST / 4).filter_map(number);
    let known = versions.filter(|version| version & 0x0f0f_0f0f != 0x0a0a_0a0a);
    let shown: Vec<String> = known
        .map(|version| match names.iter().find(|(other, _)| *other == version) {
            Some((_, name)) => (*name).to_owned(),
            None => format!("{version:08x}"),
        })
        .collect();
    shown.join(" ")
}
