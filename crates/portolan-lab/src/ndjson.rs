//! What the scanner writes with `--json` and `-oJ`, read as any consumer would.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use serde_json::Value;

/// What `--json` wrote, read as any consumer would: line by line, the last record of a port holds.
pub struct Report {
    events: Vec<Value>,
}

/// What was told of one port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// `state/reason`, such as `open/syn-ack`.
    pub verdict: String,
    /// Who answered, when it was not the target.
    pub from: Option<IpAddr>,
}

impl Report {
    /// Every line must be one event.
    pub fn parse(text: &str) -> Self {
        let events = text.lines().map(|line| {
            let event: Value =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON ({error}): {line}"));
            assert!(event["event"].is_string(), "no event: {line}");
            event
        });
        Report { events: events.collect() }
    }

    /// The last event, which a scan that could end by itself always writes.
    pub fn finish(&self) -> &Value {
        let last = self.events.last().expect("some event was written");
        assert_eq!(last["event"], "finish", "the last event is no finish: {last}");
        last
    }

    /// What was told of every TCP port of a target.
    pub fn ports(&self, target: &str) -> BTreeMap<u16, Told> {
        self.ports_over("tcp", target)
    }

    /// The first event, which every scan writes.
    pub fn begin(&self) -> &Value {
        let first = self.events.first().expect("some event was written");
        assert_eq!(first["event"], "begin", "the first event is no begin: {first}");
        first
    }

    /// The last whole record of every TCP port of a target that was told alone, as each is with `--all`.
    pub fn records(&self, target: &str) -> BTreeMap<u16, &Value> {
        let target: IpAddr = target.parse().expect("an address");
        let alone = |event: &&Value| ["verdict", "update"].contains(&text(event, "event"));
        let records = self.events.iter().filter(alone).filter(|event| event["proto"] == "tcp");
        let of_target = records.filter(|event| names(event, target));
        of_target.filter_map(|event| Some((port(event)?, event))).collect()
    }

    /// Every event of this kind: `host`, `warning` and so on.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.events.iter().filter(move |event| event["event"] == kind)
    }

    /// Every event, samples of groups included, that tells a port to be in this state.
    pub fn events(&self, state: &str) -> impl Iterator<Item = &Value> {
        self.events.iter().filter(move |event| event["state"] == state && event["proto"].is_string())
    }

    /// The ids of the warnings, in their order.
    pub fn warnings(&self) -> impl Iterator<Item = &str> {
        let warnings = self.events.iter().filter(|event| event["event"] == "warning");
        warnings.filter_map(|event| event["id"].as_str())
    }

    /// The service that showed itself at a UDP port.
    pub fn service(&self, target: &str, port: u16) -> Option<String> {
        let target: IpAddr = target.parse().expect("an address");
        let verdict = self.events.iter().rfind(|event| {
            event["event"] == "verdict"
                && names(event, target)
                && event["proto"] == "udp"
                && event["port"] == port
                && event["service"]["method"] == "probed"
        })?;
        verdict["service"]["name"].as_str().map(str::to_owned)
    }

    /// What was told of every port of a target over one protocol.
    pub fn ports_over(&self, proto: &str, target: &str) -> BTreeMap<u16, Told> {
        let target: IpAddr = target.parse().expect("an address");
        let mut ports = BTreeMap::new();
        for event in self.events.iter().filter(|event| names(event, target) && event["proto"] == proto) {
            let told = Told {
                verdict: format!("{}/{}", text(event, "state"), text(event, "reason")),
                from: event["from"].as_str().map(|from| address(from).expect("from is an address")),
            };
            match text(event, "event") {
                "verdict" | "update" => {
                    ports.insert(port(event).expect("a verdict has a port"), told);
                }
                "ports" => {
                    let listed: Vec<u16> = ranges(text(event, "ports")).into_iter().flatten().collect();
                    assert_eq!(event["count"].as_u64(), Some(count(event, listed.len())), "{event}");
                    ports.extend(listed.into_iter().map(|port| (port, told.clone())));
                }
                _ => {}
            }
        }
        ports
    }

    /// Demands a verdict for each of `asked` and no other port, as `truth` says. Lists what differs.
    pub fn assert_truth(
        &self,
        target: &str,
        asked: impl IntoIterator<Item = u16>,
        truth: impl Fn(u16, &str) -> bool,
    ) {
        self.assert_truth_over("tcp", target, asked, truth);
    }

    /// The same over one protocol.
    pub fn assert_truth_over(
        &self,
        proto: &str,
        target: &str,
        asked: impl IntoIterator<Item = u16>,
        truth: impl Fn(u16, &str) -> bool,
    ) {
        let mut told = self.ports_over(proto, target);
        let mut wrong = Vec::new();
        for port in asked {
            match told.remove(&port) {
                None => wrong.push(format!("{port} missing")),
                Some(told) if !truth(port, &told.verdict) => wrong.push(format!("{port} {}", told.verdict)),
                Some(_) => {}
            }
        }
        wrong.extend(told.into_iter().map(|(port, told)| format!("{port} {} never asked for", told.verdict)));
        let some = &wrong[..wrong.len().min(20)];
        assert!(wrong.is_empty(), "{target}: {} ports are wrong: {}", wrong.len(), some.join(", "));
    }
}

/// The usual truth of a host without a filter: these are open, all others refuse.
pub fn open_or_refused(open: &[u16]) -> impl Fn(u16, &str) -> bool + '_ {
    |port, verdict| verdict == if open.contains(&port) { "open/syn-ack" } else { "closed/conn-refused" }
}

/// `target` is one address, `targets` are ranges of addresses where hosts are alike.
fn names(event: &Value, target: IpAddr) -> bool {
    let several = event["targets"].as_array().into_iter().flatten();
    several.chain([&event["target"]]).filter_map(Value::as_str).any(|range| {
        let (low, high) = range.split_once('-').unwrap_or((range, range));
        match (address(low), address(high)) {
            (Some(low), Some(high)) => low.is_ipv4() == target.is_ipv4() && (low..=high).contains(&target),
            _ => panic!("not an address or a range of them: {range}"),
        }
    })
}

/// A `ports` event of several hosts counts each port once a host.
fn count(event: &Value, ports: usize) -> u64 {
    let hosts = match event["targets"].as_array() {
        None => 1,
        Some(ranges) => ranges.iter().filter_map(Value::as_str).map(hosts).sum(),
    };
    ports as u64 * hosts
}

fn hosts(range: &str) -> u64 {
    let bits = |text: &str| match address(text) {
        Some(IpAddr::V4(v4)) => u128::from(v4.to_bits()),
        Some(IpAddr::V6(v6)) => v6.to_bits(),
        None => panic!("not an address: {text}"),
    };
    let (low, high) = range.split_once('-').unwrap_or((range, range));
    u64::try_from(bits(high) - bits(low) + 1).expect("the lab is small")
}

fn port(event: &Value) -> Option<u16> {
    event["port"].as_u64().and_then(|port| u16::try_from(port).ok())
}

fn address(text: &str) -> Option<IpAddr> {
    text.split('%').next().and_then(|text| text.parse().ok())
}

/// `1-21,23`.
fn ranges(text: &str) -> Vec<RangeInclusive<u16>> {
    let number = |text: &str| text.parse::<u16>().unwrap_or_else(|_| panic!("not a port: {text}"));
    let range = |part: &str| {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        number(low)..=number(high)
    };
    text.split(',').map(range).collect()
}

fn text<'a>(event: &'a Value, field: &str) -> &'a str {
    event[field].as_str().unwrap_or_else(|| panic!("no {field}: {event}"))
}

#[test]
fn the_last_record_of_a_port_holds() {
    let report = Report::parse(
        r#"{"event":"begin"}
{"event":"verdict","target":"::1","port":22,"proto":"tcp","state":"filtered","reason":"no-response"}
{"event":"ports","targets":["127.0.0.1-127.0.0.2","::1"],"proto":"tcp","state":"closed","reason":"conn-refused","ports":"1-2,9","count":9}
{"event":"update","target":"::1","port":22,"proto":"tcp","state":"filtered","reason":"port-unreach","from":"2001:db8::1"}
{"event":"finish"}"#,
    );
    assert_eq!(report.finish()["event"], "finish");
    report.assert_truth("127.0.0.2", [1, 2, 9], open_or_refused(&[]));
    let told = &report.ports("::1")[&22];
    assert_eq!((told.verdict.as_str(), told.from), ("filtered/port-unreach", address("2001:db8::1")));
    assert_eq!(report.ports("127.0.0.3").len(), 0);
}
