use portolan_model::Untrusted;
use thiserror::Error;

use crate::ports::PortsError;

/// Why a text is no target. Every variant holds the target as written, escaped and cut for a message.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are those of each sentence; `text` is the target as written")]
pub enum TargetError {
    /// Nothing was written.
    #[error("an empty target")]
    Empty,
    /// A prefix longer than the address.
    #[error("{text}: the prefix length of {family} is at most {max}")]
    PrefixTooLong { text: String, family: &'static str, max: u32 },
    /// Behind the slash is no number.
    #[error("{text}: the prefix length after / must be a number")]
    PrefixNotNumber { text: String },
    /// Before the slash is no address.
    #[error("{text}: a prefix length needs one whole address before the /")]
    PrefixNeedsAddress { text: String },
    /// Not four octets.
    #[error("{text}: an IPv4 address has four octets, this has {count}")]
    OctetCount { text: String, count: usize },
    /// An octet that is no number from 0 to 255.
    #[error("{text}: '{octet}' is no octet, each is a number from 0 to 255")]
    Octet { text: String, octet: String },
    /// `010` is 10 to some programs and 8 to others (RFC 6943 section 3.1.1).
    #[error("{text}: '{octet}' has a leading zero, which some read as octal")]
    LeadingZero { text: String, octet: String },
    /// An octet range that runs backwards.
    #[error("{text}: the octet range {octet} runs backwards")]
    OctetReversed { text: String, octet: String },
    /// A pattern of too many separate ranges.
    #[error("{text}: this pattern makes {count} separate ranges, at most {max} are taken")]
    TooManyRanges { text: String, count: u64, max: u64 },
    /// An address range that runs backwards.
    #[error("{text}: the range's first address is higher than its last")]
    Reversed { text: String },
    /// A range from one family or zone to another.
    #[error("{text}: both ends of a range must be of one family and zone")]
    MixedRange { text: String },
    /// Not an IPv6 address.
    #[error("{text}: '{part}' is not an IPv6 address")]
    Ipv6 { text: String, part: String },
    /// A zone that is neither a number nor a possible name of an interface.
    #[error("{text}: '{zone}' is neither the number nor the name of an interface")]
    Zone { text: String, zone: String },
    /// A zone where it means nothing (RFC 4007 section 6).
    #[error("{text}: only link-local addresses (fe80::/10) have a zone, leave '%{zone}' out")]
    ZoneWithoutNeed { text: String, zone: String },
    /// An interface's name with several addresses.
    #[error("{text}: several addresses need the zone as a number, here the index of {zone}")]
    ZoneNameInRange { text: String, zone: String },
    /// Brackets around something else than IPv6.
    #[error("{text}: brackets hold an IPv6 address, and ports may follow as in [2001:db8::1]:22")]
    Brackets { text: String },
    /// The ports are wrong.
    #[error("{text}: {source}")]
    Ports { text: String, source: PortsError },
    /// A URL.
    #[error("{text}: this is a URL, name the host alone: {host}")]
    Url { text: String, host: String },
    /// A name with a character outside ASCII.
    #[error("{text}: a host name is of ASCII letters, write this one in its xn-- form")]
    NameNotAscii { text: String },
    /// A name with a character that no name has.
    #[error("{text}: '{character}' cannot be in a host name{}", separator_hint(character))]
    NameCharacter { text: String, character: String },
    /// A name that is too long.
    #[error("{text}: a host name has at most 253 characters, this has {length}")]
    NameTooLong { text: String, length: usize },
    /// A part between dots that is empty, too long or begins or ends with a hyphen.
    #[error(
        "{text}: '{label}' cannot be a part of a host name: each has 1 to 63 characters and no hyphen at its ends"
    )]
    NameLabel { text: String, label: String },
    /// A name that ends in a number, as only addresses do.
    #[error("{text}: neither an IPv4 address nor a host name, which cannot end in the number '{label}'")]
    NameEndsInNumber { text: String, label: String },
    /// `--exclude` with nothing to exclude.
    #[error("no exclusion is named")]
    NoExclusion,
    /// Ports in an exclusion.
    #[error("{text}: an exclusion holds for all ports of a host, leave the ports out")]
    ExcludedPorts { text: String },
}

/// Text from outside, as messages show it.
pub(crate) fn shown(text: &str) -> String {
    Untrusted::from(text).escaped_short(60)
}

fn separator_hint(character: &str) -> &'static str {
    if character == "," { "; targets are separated by spaces" } else { "" }
}
