//! A probe file as it is written. Keys that are not here are mistakes; what they mean is in `probes/README.md`.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) title: String,
    pub(crate) service: String,
    pub(crate) ports: Vec<u16>,
    pub(crate) source: String,
    pub(crate) polite: String,
    #[serde(default)]
    pub(crate) generic: bool,
    #[serde(default)]
    pub(crate) elsewhere: bool,
    #[serde(default)]
    pub(crate) patience_ms: u16,
    pub(crate) payload: Vec<Piece>,
    pub(crate) answer: Vec<Check>,
    #[serde(default)]
    pub(crate) extract: Vec<Extract>,
    #[serde(default)]
    pub(crate) sample: Vec<Sample>,
}

/// Exactly one key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Piece {
    pub(crate) hex: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) cookie: Option<[u8; 2]>,
    pub(crate) cookie_hex: Option<[u8; 2]>,
    pub(crate) fill: Option<(u8, u16)>,
    pub(crate) any: Option<u16>,
}

/// `at_least`, or `at` with `is`, or `at` with `bits` and `value`, or `within`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Check {
    pub(crate) at_least: Option<u16>,
    pub(crate) at: Option<u16>,
    pub(crate) is: Option<Vec<Piece>>,
    pub(crate) bits: Option<u8>,
    pub(crate) value: Option<u8>,
    pub(crate) within: Option<Vec<Piece>>,
}

/// Where to look (at most one of `after`, `header`, `attribute`, `ber`), which part of it, how to write it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Extract {
    pub(crate) field: String,
    #[serde(default)]
    pub(crate) when: Vec<Check>,
    pub(crate) after: Option<Piece>,
    pub(crate) until: Option<Piece>,
    pub(crate) header: Option<String>,
    pub(crate) attribute: Option<Attribute>,
    pub(crate) ber: Option<Vec<u8>>,
    #[serde(default)]
    pub(crate) at: u16,
    pub(crate) len: Option<u16>,
    #[serde(default, rename = "as")]
    pub(crate) form: Form,
    pub(crate) bits: Option<u64>,
    #[serde(default)]
    pub(crate) names: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attribute {
    pub(crate) from: u16,
    pub(crate) kind: u8,
    pub(crate) size: u8,
    #[serde(default = "one")]
    pub(crate) pad: u8,
    pub(crate) is: u32,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Form {
    #[default]
    Text,
    Number,
    Hex,
    Dotted,
    QuicVersions,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sample {
    pub(crate) origin: Origin,
    pub(crate) from: String,
    pub(crate) cookie: Option<String>,
    pub(crate) reply: Reply,
    #[serde(default)]
    pub(crate) tells: BTreeMap<String, String>,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Origin {
    Recorded,
    Composed,
}

/// Hex, or pieces where text is easier to read.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Reply {
    Hex(String),
    Pieces(Vec<Piece>),
}

const fn one() -> u8 {
    1
}
