use std::ops::RangeInclusive;

use portolan_model::{PortSet, Transport, Untrusted};
use thiserror::Error;

use crate::{ranking, services};

/// Ports as written for `-p`, by protocol.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PortSpec {
    /// TCP ports: those after `T:` and those before any letter.
    pub tcp: PortSet,
    /// UDP ports: those after `U:` and those before any letter.
    pub udp: PortSet,
    /// SCTP ports: those after `S:` only.
    pub sctp: PortSet,
    /// Of the TCP ports, those after `T:`: a scan that asks no TCP leaves out something only then.
    pub after_t: PortSet,
    /// Of the UDP ports, those after `U:`. Those before any letter nobody meant for UDP in particular.
    pub after_u: PortSet,
}

/// Reads a list of ports in nmap's grammar.
///
/// Items are separated by commas. An item is a port (`22`), a range (`80-90`, `-100` from 1, `60000-` up
/// to 65535, `-` all), a service name (`https`) in which `*` and `?` stand for others (`http*`), or a
/// list in brackets, of which only ports with a known service are kept (`[1-1024]`: those in the table of
/// services and those of our ranking, of the protocol in question). `T:`, `U:` and `S:` set the protocol of their item and of
/// all that follow; items before the first letter belong to both TCP and UDP.
pub fn parse_ports(text: &str) -> Result<PortSpec, PortsError> {
    let (mut tcp, mut udp, mut sctp) = (Vec::new(), Vec::new(), Vec::new());
    let (mut after_t, mut after_u) = (Vec::new(), Vec::new());
    let mut scope: &[Transport] = &[Transport::Tcp, Transport::Udp];
    for written in split_items(text)? {
        let item = match written.split_once(':') {
            None => written,
            Some((letter, rest)) => {
                scope = scope_of(letter)?;
                rest.trim()
            }
        };
        if item.is_empty() {
            return Err(PortsError::EmptyProtocol { letter: shown(written) });
        }
        let item = Item::parse(item)?;
        item.require_some(scope)?;
        match scope {
            [Transport::Tcp] => item.ports(Transport::Tcp, &mut after_t),
            [Transport::Udp] => item.ports(Transport::Udp, &mut after_u),
            [Transport::Sctp] => item.ports(Transport::Sctp, &mut sctp),
            _ => {
                item.ports(Transport::Tcp, &mut tcp);
                item.ports(Transport::Udp, &mut udp);
            }
        }
    }
    let (after_t, after_u) = (PortSet::from_iter(after_t), PortSet::from_iter(after_u));
    Ok(PortSpec {
        tcp: PortSet::from_iter(tcp).union(&after_t),
        udp: PortSet::from_iter(udp).union(&after_u),
        sctp: sctp.into_iter().collect(),
        after_t,
        after_u,
    })
}

/// Reads the ports of one target (`host:ports`): the grammar of [`parse_ports`] without protocol
/// letters. A name stands for its ports in TCP and UDP.
pub fn parse_port_list(text: &str) -> Result<PortSet, PortsError> {
    const SCOPE: &[Transport] = &[Transport::Tcp, Transport::Udp];
    let mut ports = Vec::new();
    for written in split_items(text)? {
        if written.contains(':') {
            return Err(PortsError::ProtocolHere { text: shown(written) });
        }
        let item = Item::parse(written)?;
        item.require_some(SCOPE)?;
        for transport in SCOPE {
            item.ports(*transport, &mut ports);
        }
    }
    Ok(ports.into_iter().collect())
}

/// Why a text is no list of ports.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum PortsError {
    /// Nothing was written.
    #[error("no port is named")]
    Empty,
    /// Two commas with nothing between, or a comma at an end.
    #[error("{text}: a comma with no port beside it")]
    EmptyItem {
        /// The whole list.
        text: String,
    },
    /// A protocol letter with nothing behind.
    #[error("{letter} is followed by no port")]
    EmptyProtocol {
        /// The letter and its colon.
        letter: String,
    },
    /// A port above 65535.
    #[error("port {text}: the highest port is 65535")]
    TooHigh {
        /// The number as written.
        text: String,
    },
    /// Port 0.
    #[error("port 0: TCP and UDP reserve it (RFC 6335 section 6), ports start at 1")]
    Zero,
    /// A range that runs backwards.
    #[error("ports {text}: the first is higher than the last")]
    Reversed {
        /// The range as written.
        text: String,
    },
    /// Digits and dashes that are no range.
    #[error("ports {text}: a range is written first-last")]
    Range {
        /// As written.
        text: String,
    },
    /// Neither digits nor a name of the table.
    #[error("{text}: neither a port nor the name of a known service{}", suggestion(.near))]
    UnknownName {
        /// As written.
        text: String,
        /// A name of the table that is spelt alike.
        near: Option<&'static str>,
    },
    /// Something else than T, U or S before a colon.
    #[error("{text}: no protocol letter, they are T: (TCP), U: (UDP) and S: (SCTP)")]
    UnknownProtocol {
        /// What stands before the colon, with it.
        text: String,
    },
    /// A protocol letter where a target's ports are listed.
    #[error("{text}: the ports of a target are written without a protocol letter")]
    ProtocolHere {
        /// The item as written.
        text: String,
    },
    /// A bracket without its partner, or one inside another.
    #[error("{text}: the brackets do not pair")]
    Brackets {
        /// As written.
        text: String,
    },
    /// Brackets that leave no port.
    #[error("{text}: no port of these has a known service")]
    NoneKnown {
        /// As written.
        text: String,
    },
}

fn suggestion(near: &Option<&'static str>) -> String {
    near.map(|name| format!(" (did you mean {name}?)")).unwrap_or_default()
}

fn shown(text: &str) -> String {
    Untrusted::from(text).escaped_short(60)
}

/// What one item between commas asks for.
struct Item<'a> {
    text: &'a str,
    parts: Vec<Part<'a>>,
    known_only: bool,
}

enum Part<'a> {
    Range(RangeInclusive<u16>),
    Name(&'a str),
}

impl<'a> Item<'a> {
    fn parse(text: &'a str) -> Result<Self, PortsError> {
        let Some(inner) = text.strip_prefix('[') else {
            return Ok(Item { text, parts: vec![Part::parse(text)?], known_only: false });
        };
        let inner = inner.strip_suffix(']').ok_or_else(|| PortsError::Brackets { text: shown(text) })?;
        let parts = split_items(inner)?.into_iter().map(Part::parse).collect::<Result<_, _>>()?;
        Ok(Item { text, parts, known_only: true })
    }

    /// Adds the ports that the item has for one protocol.
    fn ports(&self, transport: Transport, out: &mut Vec<RangeInclusive<u16>>) {
        for part in &self.parts {
            match part {
                Part::Range(range) if self.known_only => {
                    out.extend(
                        range.clone().filter(|port| is_known(transport, *port)).map(|port| port..=port),
                    );
                }
                Part::Range(range) => out.push(range.clone()),
                Part::Name(name) => out.extend(services::matching(transport, name).ranges()),
            }
        }
    }

    /// A name that no table knows, or brackets that keep nothing, are a mistake and not an empty set.
    fn require_some(&self, scope: &[Transport]) -> Result<(), PortsError> {
        for part in &self.parts {
            if let Part::Name(name) = part
                && scope.iter().all(|transport| services::matching(*transport, name).is_empty())
            {
                return Err(PortsError::UnknownName {
                    text: shown(name),
                    near: services::nearest(scope, name),
                });
            }
        }
        let mut ports = Vec::new();
        scope.iter().for_each(|transport| self.ports(*transport, &mut ports));
        if ports.is_empty() { Err(PortsError::NoneKnown { text: shown(self.text) }) } else { Ok(()) }
    }
}

impl<'a> Part<'a> {
    fn parse(text: &'a str) -> Result<Self, PortsError> {
        if text.contains(['[', ']']) {
            return Err(PortsError::Brackets { text: shown(text) });
        }
        if !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
            return Ok(Part::Name(text));
        }
        let (first, last) = match text.split_once('-') {
            None => (port(text)?, port(text)?),
            Some((_, last)) if last.contains('-') => return Err(PortsError::Range { text: shown(text) }),
            Some((first, last)) => {
                let first = if first.is_empty() { 1 } else { port(first)? };
                (first, if last.is_empty() { u16::MAX } else { port(last)? })
            }
        };
        if first > last {
            return Err(PortsError::Reversed { text: shown(text) });
        }
        Ok(Part::Range(first..=last))
    }
}

/// A port of digits alone: what does not fit is too high.
fn port(digits: &str) -> Result<u16, PortsError> {
    match digits.parse() {
        Ok(0) => Err(PortsError::Zero),
        Ok(port) => Ok(port),
        Err(_) => Err(PortsError::TooHigh { text: shown(digits) }),
    }
}

fn is_known(transport: Transport, port: u16) -> bool {
    let rank = match transport {
        Transport::Tcp => ranking::rank_tcp(port),
        Transport::Udp => ranking::rank_udp(port),
        Transport::Sctp => None,
    };
    rank.is_some() || services::name(transport, port).is_some()
}

fn scope_of(letter: &str) -> Result<&'static [Transport], PortsError> {
    match letter.trim() {
        "T" | "t" => Ok(&[Transport::Tcp]),
        "U" | "u" => Ok(&[Transport::Udp]),
        "S" | "s" => Ok(&[Transport::Sctp]),
        other => Err(PortsError::UnknownProtocol { text: shown(&format!("{other}:")) }),
    }
}

/// The items between commas, those in brackets whole; none of them empty.
fn split_items(text: &str) -> Result<Vec<&str>, PortsError> {
    if text.trim().is_empty() {
        return Err(PortsError::Empty);
    }
    let mut inside = false;
    let items: Vec<&str> = text
        .split(|character| {
            inside = (inside || character == '[') && character != ']';
            character == ',' && !inside
        })
        .map(str::trim)
        .collect();
    if items.iter().any(|item| item.is_empty()) {
        return Err(PortsError::EmptyItem { text: shown(text) });
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(text: &str) -> String {
        parse_ports(text).unwrap_err().to_string()
    }

    #[test]
    fn letters_hold_until_the_next() {
        let spec = parse_ports("22,80-90,T:1-3,5,U:53,161,S:9").unwrap();
        assert_eq!(spec.tcp.to_string(), "1-3,5,22,80-90");
        assert_eq!(spec.udp.to_string(), "22,53,80-90,161");
        assert_eq!(spec.sctp.to_string(), "9");
        assert_eq!((spec.after_t.to_string(), spec.after_u.to_string()), ("1-3,5".into(), "53,161".into()));
        let plain = parse_ports("22").unwrap();
        assert!(plain.after_t.is_empty() && plain.after_u.is_empty() && plain.sctp.is_empty());
    }

    #[test]
    fn open_ends() {
        assert_eq!(parse_ports("-").unwrap().tcp, PortSet::all());
        assert_eq!(parse_ports("-100").unwrap().udp.to_string(), "1-100");
        assert_eq!(parse_ports("60000-").unwrap().tcp.to_string(), "60000-65535");
        assert_eq!(parse_ports("T:-").unwrap().udp, PortSet::new());
        assert_eq!(parse_ports(" 22, 80 ").unwrap().tcp.to_string(), "22,80");
    }

    #[test]
    fn names_and_wildcards() {
        assert_eq!(parse_ports("T:SSH").unwrap().tcp.to_string(), "22");
        let web = parse_ports("http*").unwrap().tcp;
        assert!([80, 443, 8080, 8008].iter().all(|port| web.contains(*port)) && !web.contains(22));
        assert_eq!(parse_port_list("22,https").unwrap().to_string(), "22,443");
        assert_eq!(parse_ports("U:mongodb").unwrap_err().to_string().lines().count(), 1);
        assert_eq!(parse_ports("mongodb").unwrap().tcp.to_string(), "27017");
    }

    #[test]
    fn brackets_keep_what_is_known() {
        let known = parse_ports("T:[-100]").unwrap().tcp;
        assert!(known.contains(22) && !known.contains(4), "4 is unassigned");
        assert!(parse_ports("T:[32400,8123-8124,ssh],9").unwrap().tcp.contains(8123), "ranked, with no name");
        let udp = parse_ports("U:[20560-20562,4]").unwrap().udp;
        assert_eq!(udp.to_string(), "20561", "ranked, with no name");
        assert!(!parse_ports("T:[-65535]").unwrap().tcp.contains(20561), "ranked for UDP alone");
        assert_eq!(refused("U:[4,6]"), "[4,6]: no port of these has a known service");
        assert_eq!(refused("[1-100"), "[1-100: the brackets do not pair");
        assert_eq!(refused("1]"), "1]: the brackets do not pair");
        assert_eq!(refused("[[1]]"), "[1]: the brackets do not pair");
    }

    #[test]
    fn refused_in_one_sentence() {
        assert_eq!(refused(""), "no port is named");
        assert_eq!(refused("70000"), "port 70000: the highest port is 65535");
        assert_eq!(refused("1-99999999999999999999"), "port 99999999999999999999: the highest port is 65535");
        assert_eq!(refused("0-10"), "port 0: TCP and UDP reserve it (RFC 6335 section 6), ports start at 1");
        assert_eq!(refused("90-80"), "ports 90-80: the first is higher than the last");
        assert_eq!(refused("1-2-3"), "ports 1-2-3: a range is written first-last");
        assert_eq!(refused("U:"), "U: is followed by no port");
        assert_eq!(refused("T:1,U:"), "U: is followed by no port");
        assert_eq!(refused("22,,80"), "22,,80: a comma with no port beside it");
        assert_eq!(refused("X:80"), "X:: no protocol letter, they are T: (TCP), U: (UDP) and S: (SCTP)");
        assert_eq!(
            refused("htpp"),
            "htpp: neither a port nor the name of a known service (did you mean http?)"
        );
        assert_eq!(refused("80;90"), "80;90: neither a port nor the name of a known service");
        assert_eq!(
            parse_port_list("T:80").unwrap_err().to_string(),
            "T:80: the ports of a target are written without a protocol letter"
        );
        assert!(!refused("\x1b[2J\u{202e}").contains(['\x1b', '\u{202e}']));
    }

    proptest! {
        #[test]
        fn what_a_set_shows_is_read_back(ranges in prop::collection::vec((1..=u16::MAX, 0..2000_u16), 1..9)) {
            let set: PortSet = ranges.iter().map(|(first, more)| *first..=first.saturating_add(*more)).collect();
            prop_assert_eq!(&parse_ports(&set.to_string()).unwrap().tcp, &set);
            prop_assert_eq!(parse_port_list(&set.to_string()).unwrap(), set);
        }

        #[test]
        fn no_text_panics(text in "[-0-9,:TUS\\[\\]*?a-h ]{0,24}|\\PC*|[\\x00-\\u{10ffff}]*") {
            if let Err(error) = parse_ports(&text) {
                prop_assert!(!error.to_string().chars().any(char::is_control));
            }
            if let Ok(set) = parse_port_list(&text) {
                prop_assert!(!set.is_empty() && !set.contains(0));
            }
        }
    }
}
