use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use portolan_lab::ndjson::Report;

/// What a program told of a host.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Told {
    /// Of every port.
    All(BTreeMap<u16, State>),
    /// Which ports are open.
    Open(BTreeSet<u16>),
    /// How many ports are open.
    Count(usize),
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Open,
    Closed,
    Filtered,
    Other,
}

impl State {
    /// The word is the same in nmap and in portolan.
    fn of(word: &str) -> Self {
        match word {
            "open" => State::Open,
            "closed" => State::Closed,
            "filtered" => State::Filtered,
            _ => State::Other,
        }
    }
}

/// portolan's NDJSON.
pub(crate) fn by_portolan(text: &str, address: &str) -> Told {
    let ports = Report::parse(text).ports(address);
    let state = |verdict: &str| State::of(verdict.split('/').next().unwrap_or_default());
    Told::All(ports.into_iter().map(|(port, told)| (port, state(&told.verdict))).collect())
}

/// nmap's XML: a `port` with a `state` in it each, the states that most ports are in by ranges in `extraports`.
pub(crate) fn by_nmap(text: &str) -> Result<Told, String> {
    let mut told = BTreeMap::new();
    let mut port = None;
    let mut extra = State::Other;
    for tag in text.split('<').filter_map(|piece| piece.split('>').next()) {
        let value = |name| attribute(tag, name).ok_or_else(|| format!("no {name} in <{tag}>"));
        match tag.split_whitespace().next().unwrap_or_default() {
            "port" => port = Some(number(value("portid")?)?),
            "state" => {
                if let Some(port) = port.take() {
                    told.insert(port, State::of(value("state")?));
                }
            }
            "extraports" => extra = State::of(value("state")?),
            "extrareasons" => {
                for range in value("ports")?.split(',') {
                    told.extend(ports(range)?.map(|port| (port, extra)));
                }
            }
            _ => {}
        }
    }
    Ok(Told::All(told))
}

/// portolan's `-q`, a line `127.0.0.1:22` a port.
pub(crate) fn by_portolan_quiet(text: &str) -> Result<Told, String> {
    let ports = text.lines().map(|line| number(line.rsplit(':').next().unwrap_or_default()));
    Ok(Told::Open(ports.collect::<Result<_, _>>()?))
}

/// nmap's table, a line `22/tcp open  ssh` a port.
pub(crate) fn by_nmap_table(text: &str) -> Result<Told, String> {
    let ports = text.lines().filter_map(|line| {
        let (port, rest) = line.split_once("/tcp ")?;
        (rest.split_whitespace().next() == Some("open")).then(|| number(port))
    });
    Ok(Told::Open(ports.collect::<Result<_, _>>()?))
}

/// rustscan's greppable line, `127.0.0.1 -> [22,80]`; it writes nothing if no port is open.
pub(crate) fn by_rustscan(text: &str) -> Result<Told, String> {
    let lists = text.lines().filter_map(|line| line.split_once("-> [")?.1.split(']').next());
    let ports = lists.flat_map(|list| list.split(',')).map(|port| number(port.trim()));
    Ok(Told::Open(ports.collect::<Result<_, _>>()?))
}

/// masscan's list, a line `open tcp 80 198.18.0.2 1795616960` a port, the last number the time.
pub(crate) fn by_masscan(text: &str) -> Result<Told, String> {
    let lines = text.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let ports = lines.filter_map(|words| match words.as_slice() {
        ["open", "tcp", port, ..] => Some(number(port)),
        _ => None,
    });
    Ok(Told::Open(ports.collect::<Result<_, _>>()?))
}

/// The bare loop's `1000 open`.
pub(crate) fn by_bare_loop(text: &str) -> Result<Told, String> {
    let count = text.trim().strip_suffix(" open").and_then(|count| count.parse().ok());
    count.map(Told::Count).ok_or_else(|| format!("not a count of open ports: {text}"))
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    tag[start..].split('"').next()
}

fn ports(range: &str) -> Result<RangeInclusive<u16>, String> {
    let (low, high) = range.split_once('-').unwrap_or((range, range));
    Ok(number(low)?..=number(high)?)
}

fn number(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("not a port: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nmaps_ports_and_ranges_are_read() {
        let xml = r#"<?xml version="1.0"?>
<host><status state="up" reason="user-set"/><address addr="198.18.0.2"/>
<ports><extraports state="closed" count="3">
<extrareasons reason="conn-refused" count="3" proto="tcp" ports="1-2,9"/>
</extraports><extraports state="filtered" count="1">
<extrareasons reason="no-response" count="1" proto="tcp" ports="7"/>
</extraports>
<port protocol="tcp" portid="22"><state state="open" reason="syn-ack"/><service name="x"/></port>
<port protocol="tcp" portid="23"><state state="open|filtered" reason="y"/></port></ports></host>"#;
        let expected = [
            (1, State::Closed),
            (2, State::Closed),
            (7, State::Filtered),
            (9, State::Closed),
            (22, State::Open),
            (23, State::Other),
        ];
        assert_eq!(by_nmap(xml), Ok(Told::All(expected.into())));
        assert!(by_nmap(r#"<extrareasons count="1">"#).is_err());
        assert!(by_nmap(r#"<port portid="70000">"#).is_err());
    }

    #[test]
    fn portolans_last_word_on_a_port_is_read() {
        let ndjson = r#"{"event":"ports","target":"198.18.0.2","proto":"tcp","state":"closed","reason":"conn-refused","ports":"1-2","count":2}
{"event":"verdict","target":"198.18.0.2","port":22,"proto":"tcp","state":"open","reason":"syn-ack"}
{"event":"verdict","target":"198.18.0.9","port":23,"proto":"tcp","state":"open","reason":"syn-ack"}"#;
        let expected = [(1, State::Closed), (2, State::Closed), (22, State::Open)];
        assert_eq!(by_portolan(ndjson, "198.18.0.2"), Told::All(expected.into()));
    }

    #[test]
    fn masscans_list_is_read() {
        // As masscan 1.3.2 wrote it, shortened.
        let list = "#masscan
open tcp 7272 198.18.1.7 1795616960
open tcp 37755 198.18.1.7 1795616960
open tcp 5148 198.18.1.7 1795616961
# end
";
        assert_eq!(by_masscan(list), Ok(Told::Open([7272, 37755, 5148].into())));
        // An answer that it took in twice stands in it twice.
        assert_eq!(
            by_masscan("open tcp 1 198.18.1.7 1\nopen tcp 1 198.18.1.7 2"),
            Ok(Told::Open([1].into()))
        );
        assert_eq!(by_masscan(""), Ok(Told::Open(BTreeSet::new())));
        assert!(by_masscan("open tcp 70000 198.18.1.7 1795616960").is_err());
    }

    #[test]
    fn lists_and_counts_are_read() {
        assert_eq!(by_portolan_quiet("127.0.0.1:22\n[::1]:80\n"), Ok(Told::Open([22, 80].into())));
        assert!(by_portolan_quiet("127.0.0.1:22/udp").is_err());
        let table =
            "PORT   STATE    SERVICE\n22/tcp open     ssh\n23/tcp filtered telnet\n\nNmap done: 1 IP address";
        assert_eq!(by_nmap_table(table), Ok(Told::Open([22].into())));
        assert_eq!(by_rustscan("127.0.0.1 -> [22,80]\n"), Ok(Told::Open([22, 80].into())));
        assert_eq!(by_rustscan(""), Ok(Told::Open(BTreeSet::new())));
        assert!(by_rustscan("127.0.0.1 -> [x]").is_err());
        assert_eq!(by_bare_loop("1000 open\n"), Ok(Told::Count(1000)));
        assert!(by_bare_loop("").is_err());
    }
}
